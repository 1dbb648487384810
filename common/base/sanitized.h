/* SPDX-License-Identifier: MIT */
/*
 * Programs built with gcc's address sanitizer (make check-sanitize-suites), which are for tests: its runtime maps
 * terabytes and makes system calls that nothing of ours makes. What such a build allows beyond any other goes by this
 * macro, and is in three places: system calls in common/sandbox/filter.c, RLIMIT_AS in common/sandbox/sandbox.c and
 * pam_credssp/helper-run.c.
 */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
