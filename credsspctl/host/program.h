/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs a program, found by PATH, with these arguments (NULL at the end), without standard input. Returns its exit
 * status with what it printed on both outputs in *@ret_output (malloc'ed, at most 64 KiB), or -errno. Without @ret_output
 * it prints to the outputs of this process.
 */
int program_run(const char *const *argv, char **ret_output);
