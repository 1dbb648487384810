/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Confines the helper; called before anything else. The process is not dumpable. System calls that reach into other
 * processes, run a program, make a process or change the system return EPERM. Files, network, threads and the change to
 * the user stay allowed: PKCS#11 modules, libkrb5 and credentials caches need them. Returns 0 or -errno.
 */
int helper_restrain(void);
