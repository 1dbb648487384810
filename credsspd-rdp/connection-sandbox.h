/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/sandbox/filter.h"

/* In the listener, once. Returns 0 or -errno. */
int connection_filter(struct filter *ret_);

/* In a child: from here on it opens nothing, connects to nothing and starts nothing. Returns 0 or -errno. */
int connection_confine(const struct filter *filter);
