/* SPDX-License-Identifier: MIT */
#pragma once

#include "credsspd/auth/acceptor.h"

/*
 * Loads, in the template, what a worker could not load any more behind the filter. Returns 0, or -errno and one
 * sentence in
 * *@ret_error (malloc'ed, may be NULL).
 */
int preload(enum mechanism mechanism, struct acceptor *acceptor, char **ret_error);
