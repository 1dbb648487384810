/* SPDX-License-Identifier: MIT */
/* Recognises questions for the user's password by their words. */
#pragma once

#include <stdbool.h>

/*
 * Returns whether @prompt asks only for the password of the logon: "Password: ", "Password for alice@REALM: ",
 * "(current) UNIX password: ". Returns false for a new password, a code or a PIN.
 */
bool prompt_asks_password(const char *prompt);
