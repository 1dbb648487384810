/* SPDX-License-Identifier: MIT */
/* Reads passwords for credsspctl: from a terminal or standard input, not from arguments or the environment. */
#pragma once

#include <stdbool.h>

#include "common/base/secret.h"

/*
 * On a terminal asks for the password of @user with echo off, with @twice two times; otherwise reads exactly the first
 * line of @fd. Returns 0 and the password in @ret_password (SECRET_NULL before), or -errno and a sentence in
 * *@ret_problem: empty, longer than PASSWORD_MAX, not UTF-8, a NUL inside, two different passwords, interrupted.
 */
int password_read(int fd, const char *user, bool twice, struct secret *ret_password, const char **ret_problem);
