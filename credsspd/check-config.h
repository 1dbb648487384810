/* SPDX-License-Identifier: MIT */
/* credsspd --check-config: what a configuration without mistakes needs of this host. */
#pragma once

#include "common/config/config.h"

/*
 * Tries what @config asks for: the keytab and the enctypes that krb5.conf permits, the algorithms and the store of NTLM,
 * and the PAM stacks of the front ends. Root tries with the ids of the process that will do it; another user does not
 * try what belongs to a process of another id. Prints a line to stderr for each thing that does not work, which begins
 * with @path. Returns their number.
 */
unsigned check_config_on_host(const struct config *config, const char *path);
