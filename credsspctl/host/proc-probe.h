/* SPDX-License-Identifier: MIT */
/* Reads the state of files, sockets and processes, as root and as other users. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Calls @work in a new process that becomes @user, with the user's groups and those of process @like (0: no process):
 * SupplementaryGroups= of a unit adds groups. @work returns 0 or -errno (above -256) within five seconds. Returns the
 * result of @work, or -errno: -ESRCH without the user, -EIO when the process was killed.
 */
int proc_probe_as(const char *user, pid_t like, int (*work)(void *userdata), void *userdata);

/* Asks the kernel as proc_probe_as() whether @path can be opened for @mode (R_OK, W_OK). Returns 0, or -errno as
 * access(2). */
int proc_probe_access(const char *user, pid_t like, const char *path, int mode);

/*
 * Returns the first directory above the absolute @path that such a process cannot enter, malloc'ed; NULL when it can
 * enter all of them, or without memory.
 */
char *proc_probe_closed_directory(const char *user, pid_t like, const char *path);

/* Connects to the unix socket @path as such a process and closes the connection. Returns 0, or -errno as connect(2). */
int proc_probe_connect(const char *user, pid_t like, const char *path);

/* Return whether the name service has no account, or no group, of exactly this name; false when it fails. */
bool proc_probe_no_user(const char *name);
bool proc_probe_no_group(const char *name);

/* Returns the first process that runs as @uid ((uid_t)-1: any user) and is called @comm, or 0. */
pid_t proc_probe_process(const char *comm, uid_t uid);

/* Returns the first process of the account @user that is called @comm; 0 without account or process. */
pid_t proc_probe_process_of(const char *user, const char *comm);

/*
 * Counts the processes with a name that begins with @prefix, a parent named in @parents (which ends with NULL), and a
 * grandparent named @grandparent. Zombies are not counted.
 */
unsigned proc_probe_grandchildren(const char *prefix, const char *const *parents, const char *grandparent);

/*
 * Returns the addresses on which processes called @comm, of @uid ((uid_t)-1: any user), listen for TCP connections:
 * "[::]:3389, 0.0.0.0:3390", malloc'ed; or NULL.
 */
char *proc_probe_tcp_listeners(const char *comm, uid_t uid);

/* Returns whether a process listens on the unix socket @path. */
bool proc_probe_unix_listening(const char *path);

/* Returns whether process @pid has @gid among its groups. */
bool proc_probe_in_group(pid_t pid, gid_t gid);
