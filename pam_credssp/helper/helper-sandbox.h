/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * First of all: not dumpable, and no system call that reaches into other processes, runs a program, makes a process or
 * changes the system; they answer EPERM. Files, network, threads and the change to the user stay: PKCS#11 modules,
 * libkrb5 and credentials caches need them. Returns 0 or -errno.
 */
int helper_restrain(void);
