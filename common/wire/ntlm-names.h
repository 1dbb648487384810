/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/wire/ntlm.h"

/*
 * Makes the names of this host for the CHALLENGE, as Windows does. @nb_domain is the host's domain; NULL for a host
 * without a domain, which is its own domain. Returns 0 or -errno.
 */
int ntlm_host_names(const char *nb_domain, struct ntlm_names *ret_);
