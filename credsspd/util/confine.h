/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For processes that call modules of the host (NSS, libkrb5's plugins), whose system calls nobody knows: no filter that
 * kills, but they need no ptrace, no exec and no other privileges. The process ends with its parent. @name is shown by
 * ps(1). Returns 0 or -errno.
 */
int confine_helper(int control_fd, const char *name);
