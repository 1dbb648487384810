/* SPDX-License-Identifier: MIT */
/* The Kerberos keys of the acceptor, copied into memory once, so that workers need no file. */
#pragma once

#define KEYS_KEYTAB_NAME "MEMORY:credsspd"

/*
 * Copies the TERMSRV/... keys of AES enctypes from the file @path to KEYS_KEYTAB_NAME. Returns 0, -ENOENT when there
 * is none, or another -errno, with a sentence in *@ret_error (malloc'ed).
 */
int keys_load(const char *path, char **ret_error);
