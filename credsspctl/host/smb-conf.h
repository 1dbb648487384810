/* SPDX-License-Identifier: MIT */
/* Samba's smb.conf(5): sets or removes one key of [global] without changing the rest of the text. */
#pragma once

#include <stdbool.h>

/*
 * Sets the last line of @key in [global] of @text to @value; with @append adds it to the present value after a space. A
 * missing key is added after the last line of the section. Section and keys are compared as Samba
 * does, without regard to case and blanks; a line that ends in a backslash continues. Returns 0 with the text in *@ret
 * (malloc'ed), -ENOENT without a [global], -ENOMEM.
 */
int smb_conf_set(const char *text, const char *key, const char *value, bool append, char **ret);

/*
 * Removes the last line of @key from [global]. Returns 0 with the text in *@ret (malloc'ed), -ENOENT when [global] has
 * no such line, -ENOMEM.
 */
int smb_conf_unset(const char *text, const char *key, char **ret);
