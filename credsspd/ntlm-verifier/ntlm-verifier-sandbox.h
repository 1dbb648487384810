/* SPDX-License-Identifier: MIT */
/* Confines the verifier. */
#pragma once

/* The first step: the process ends with its parent, cannot be dumped or traced, and has limits. Returns 0 or -errno. */
int confine_early(int control_fd);

/*
 * The second step with ntlm = local, irrevocable, after everything was opened. Leaves files in the directory of @path
 * only (where the kernel has Landlock), and the system calls of the event loop, OpenSSL and the store: no new sockets,
 * no programs. Returns 0 or -errno.
 */
int confine(const char *path);

/*
 * The second step with ntlm = winbind, irrevocable: no files; the system calls of the event loop, of OpenSSL and of a
 * forked process that asks winbind over a unix socket. No other sockets, no programs. Returns 0 or -errno.
 */
int confine_winbind(void);
