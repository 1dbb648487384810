/* SPDX-License-Identifier: MIT */
/*
 * Writes the temporary credentials cache without libkrb5, which opens caches by name only: the file is opened while the
 * process has the right to, and written after it has given that up.
 */
#pragma once

#include <krb5.h>

#include "pam_credssp/helper/mode.h"

/*
 * Creates the file at @path, in a directory of root's; it must not exist. With "" for @path it creates no file, and
 * @ret_fd is -1. Returns HELPER_SUCCESS or HELPER_CCACHE. The caller removes a file that stays empty.
 */
unsigned ticket_file_open(const char *path, int *ret_fd, struct helper_result *result);

/*
 * Writes a FILE cache of @creds, without authorization data and second ticket, which a TGT does not have. With @fd -1
 * it writes nothing. Returns HELPER_SUCCESS and sets result->has_ccache, or HELPER_CCACHE.
 */
unsigned ticket_file_write(int fd, const krb5_creds *creds, struct helper_result *result);
