/* SPDX-License-Identifier: MIT */
#pragma once

#include "credsspd/mech/acceptor.h"

/*
 * Loads, in the template, what a worker cannot load any more after it has entered its filter. Returns 0, or -errno and
 * one sentence in *@ret_error (malloc'ed, may be NULL).
 */
int preload(struct acceptor *acceptor, char **ret_error);
