/* SPDX-License-Identifier: MIT */
/* diff(1) of two texts. */
#pragma once

#include <stdio.h>

/*
 * Runs `diff -u` on @before and @after and prints its output, with control characters made visible. @path is the
 * name in the two header lines; a NULL text stands for a missing file and is called /dev/null there. Prints nothing for
 * equal texts, and at most 64 KiB. Returns 0 or -errno: -ENOENT when there is no diff on this host, -EIO when it fails.
 */
int diff_print(FILE *out, const char *path, const char *before, const char *after);
