/* SPDX-License-Identifier: MIT */
/* What dpkg knows of the configuration files of packages. */
#pragma once

#include <stdbool.h>

#include "credsspctl/host/atomic-file.h"

/*
 * Whether @t is what the installed version of a package ships as the configuration file @path (relative to @root), by
 * dpkg's database. False where dpkg does not know the file, or is not what this system has.
 */
bool conffile_is_shipped(int root, const char *path, const struct file_text *t);
