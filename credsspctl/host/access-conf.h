/* SPDX-License-Identifier: MIT */
/* The rules of pam_access, access.conf(5). */
#pragma once

#include <stdbool.h>

#define ACCESS_CONF "/etc/security/access.conf"
#define ACCESS_CONF_MORE "/etc/security/access.d/*.conf"

/*
 * Whether the rules in @path deny every user but root who comes from another host: a rule that denies everybody from
 * everywhere is reached, and no rule before it can grant anything to a user from a host, a network or ALL. NULL:
 * ACCESS_CONF, then ACCESS_CONF_MORE. False without the file, and where the answer depends on the user or on the
 * address.
 */
bool access_conf_denies_remote(const char *path);
