/* SPDX-License-Identifier: MIT */
#pragma once

#include "credsspd/mech/acceptor.h"

/*
 * Loads, in the template, everything that a worker needs and cannot load under its filter. Returns 0, or -errno and one
 * sentence in *@ret_error (malloc'ed, may be NULL).
 */
int preload(struct acceptor *acceptor, char **ret_error);
