/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * Takes the ids and the groups of @user, for good. Returns false when there is no such user, or when this process is
 * neither root nor that user. Groups that a unit adds (SupplementaryGroups=) are not among them.
 */
bool become_user(const char *user);
