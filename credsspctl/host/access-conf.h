/* SPDX-License-Identifier: MIT */
/* The rules of pam_access, access.conf(5). */
#pragma once

#include <stdbool.h>

#define ACCESS_CONF "/etc/security/access.conf"
#define ACCESS_CONF_MORE "/etc/security/access.d/*.conf"

/*
 * Returns whether the rules in @path deny all users except root from all other hosts: there is a rule that denies ALL
 * from ALL, and no rule before it can grant access to a user from a host, a network or ALL. @path NULL: ACCESS_CONF,
 * then ACCESS_CONF_MORE. Returns false without the file, and when the result depends on the user or the address.
 */
bool access_conf_denies_remote(const char *path);
