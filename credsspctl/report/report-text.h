/* SPDX-License-Identifier: MIT */
/* Prints texts for a report without the parts that must not be published: comments, secrets, and users' names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Prints the lines of a configuration file's @text without comments and empty lines. From the value of a key whose name
 * means a secret (password, passwd, secret, authtok, pin, psk) to the end of the line, the line is left out. Control
 * characters are made visible.
 */
void report_print_configuration(FILE *out, const char *text);

/*
 * Prints the log lines of @text with the values of the fields that name users, clients and their machines replaced, in
 * the fields and wherever else they are in @text: "user-1" stands for one user throughout.
 */
void report_print_log(FILE *out, const char *text);
