/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* Writes all @len bytes at @p to @fd, which blocks. Makes no system call but write(2). Returns 0, or -errno when only a
 * part may have been written. */
int io_write_all(int fd, const void *p, size_t len);
