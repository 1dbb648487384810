/* SPDX-License-Identifier: MIT */
/* The rules of pam_access, access.conf(5). */
#pragma once

#include <stdbool.h>

#define ACCESS_CONF "/etc/security/access.conf"

/*
 * Whether the rules in @path deny every user who comes from another host: a rule that denies everybody from everywhere
 * is reached, and no rule before it can grant anything to a host, a network or ALL. False without the file, and where
 * the answer depends on the user or on the address.
 */
bool access_conf_denies_remote(const char *path);
