/* SPDX-License-Identifier: MIT */
/* Confines the verifier. */
#pragma once

/*
 * The first step: the process is killed when its parent ends, cannot be dumped or traced, gets no new privileges, and
 * has limits of core, descriptors and file size. Makes @control_fd close-on-exec, ignores SIGPIPE and SIGXFSZ (a write
 * fails in their place), and names the process "verifier". Returns 0 or -errno; -ESRCH when the parent has ended.
 */
int confine_early(int control_fd);

/*
 * The second step with ntlm = local, irrevocable, after everything was opened. Leaves files in the directory of @path
 * only (where the kernel has Landlock), and the system calls of the event loop, OpenSSL and the store: no new sockets,
 * no programs. Returns 0 or -errno.
 */
int confine_store(const char *path);

/*
 * The second step with ntlm = winbind, irrevocable: no files; the system calls of the event loop, of OpenSSL and of a
 * forked process that asks winbind over a unix socket. No other sockets, no programs. Returns 0 or -errno.
 */
int confine_winbind(void);
