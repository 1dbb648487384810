/* SPDX-License-Identifier: MIT */
/* Where credsspctl gets a password from: never the command line, never the environment. */
#pragma once

#include <stdbool.h>

#include "common/base/secret.h"

/*
 * On a terminal asks for the password of @user with echo off, with @twice two times; otherwise takes the first line of
 * @fd and reads not a byte further. Returns 0 and the password in @ret_password (SECRET_NULL before), or -errno and a
 * sentence in *@ret_problem: empty, longer than PASSWORD_MAX, no UTF-8, a NUL inside, not the same twice, interrupted.
 */
int password_read(int fd, const char *user, bool twice, struct secret *ret_password, const char **ret_problem);
