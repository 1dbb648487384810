/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/wire/ntlm.h"

/*
 * The names of this host as Windows makes them, for the CHALLENGE. @nb_domain is its domain, NULL for a host without
 * one, which then is its own domain. Returns 0 or -errno.
 */
int ntlm_host_names(const char *nb_domain, struct ntlm_names *ret_);
