/* SPDX-License-Identifier: MIT */
/* Questions for the user's password, by their words. */
#pragma once

#include <stdbool.h>

/*
 * Whether @prompt asks for the password of the logon and for nothing else: "Password: ", "Password for alice@REALM: ",
 * "(current) UNIX password: ". A question for a new password, a code or a PIN does not.
 */
bool prompt_asks_password(const char *prompt);
