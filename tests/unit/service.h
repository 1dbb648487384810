/* SPDX-License-Identifier: MIT */
/* The callbacks of a service in the tests of service.h and the warden: no record is allowed, and ended children are
 * counted. */
#pragma once

#include "credsspd/supervisor/service.h"

static unsigned gone;

static int on_record(struct process *p, const void *record, size_t len, void *userdata)
{
	return -1;
}

static void on_gone(struct process *p, void *userdata)
{
	gone++;
}
