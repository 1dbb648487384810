/* SPDX-License-Identifier: MIT */
/* What a change of a text file changes, line by line. */
#pragma once

#include <stdio.h>

/*
 * Prints the lines that @after does not have any more (`- `) and those that it has instead (`+ `), in order; control
 * characters are made visible. Texts whose differing parts are too long to be compared are shown whole.
 */
void textdiff_show(FILE *out, const char *before, const char *after);
