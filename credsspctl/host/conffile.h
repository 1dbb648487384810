/* SPDX-License-Identifier: MIT */
/* dpkg's database of the configuration files of packages. */
#pragma once

#include <stdbool.h>

#include "credsspctl/host/atomic-file.h"

/*
 * Returns whether @t is the configuration file @path (relative to @root) as the installed version of its package ships
 * it, by dpkg's database. Returns false when dpkg does not know the file or is not used on this system.
 */
bool conffile_is_shipped(int root, const char *path, const struct file_text *t);
