/* SPDX-License-Identifier: MIT */
/* What the verifier may still do once it is running. */
#pragma once

/* First: dies with the parent, no core, no ptrace, limits. Returns 0 or -errno. */
int confine_early(int control_fd);

/*
 * For good, when everything is open: files only in the directory @path is in (where
 * the kernel has Landlock), the system calls that the event loop, OpenSSL and the store
 * need, nothing else: no sockets, no programs. Returns 0 or -errno.
 */
int confine(const char *path);

/*
 * For good, with ntlm = winbind: no files at all; besides the event loop and OpenSSL's the system calls that a fork
 * that asks winbind over a unix socket needs. No other sockets, no programs. Returns 0 or -errno.
 */
int confine_winbind(void);
