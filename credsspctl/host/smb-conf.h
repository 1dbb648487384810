/* SPDX-License-Identifier: MIT */
/* Samba's smb.conf(5): one key of [global] set, and nothing else of the text touched. */
#pragma once

#include <stdbool.h>

/*
 * In [global] of @text the last line of @key gets @value: instead of its own, or, with @append, after it, separated by
 * a space. A key that is not there is added after the last line of the section. Section and keys are compared as Samba
 * does, without regard to case and blanks; a line that ends in a backslash continues. Returns 0 with the text in *@ret
 * (malloc'ed), -ENOENT without a [global], -ENOMEM.
 */
int smb_conf_set(const char *text, const char *key, const char *value, bool append, char **ret);
