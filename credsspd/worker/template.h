/* SPDX-License-Identifier: MIT */
#pragma once

#include "credsspd/config/config.h"
#include "credsspd/worker/filter.h"
#include "credsspd/worker/record.h"

/*
 * The process from which workers of one mechanism are forked: serves its
 * control socket until end of file. Returns 0 or -errno, having logged why.
 */
int template_main(enum mechanism mechanism, const struct config *config, int control_fd);

/*
 * In a forked process: closes everything but the standard descriptors, @keep_a and @keep_b (-1 for none), sets limits, draws
 * fresh randomness, loads the filter. Returns 0 or -errno, after which the process must end.
 */
int template_enter_worker(const struct filter *filter, int keep_a, int keep_b);
