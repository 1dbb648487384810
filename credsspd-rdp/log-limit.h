/* SPDX-License-Identifier: MIT */
/*
 * Limits the log lines about connections that end before CredSSP, for each address, because any client can cause
 * thousands of them in a second. The first RDP_LOG_LINES_MAX lines of an address in RDP_LOG_WINDOW_SEC are written. The
 * others are counted, and one line reports their number at the end of that time. Addresses beyond the first
 * RDP_LOG_ADDRESSES_MAX share one such allowance.
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/base/log.h"

struct log_limit;

/* Returns 0 or -errno. @event must outlive it. */
int log_limit_new(sd_event *event, struct log_limit **ret_limit);

/* Logs the numbers of the lines that were left out so far, and frees. NULL is allowed. */
void log_limit_free(struct log_limit *t);

/* As log_logon_line(), for the address who->rhost. */
__attribute__((format(printf, 4, 5))) void log_limit_line(struct log_limit *t, int level, const struct log_logon *who,
							  const char *fmt, ...);
