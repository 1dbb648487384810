/* SPDX-License-Identifier: MIT */
/*
 * SANITIZED marks test builds with gcc's address sanitizer (make check-sanitize-suites). Its runtime maps terabytes and
 * makes system calls that the programs do not make. So the sandbox is wider in these builds, in three places: system
 * calls in common/sandbox/filter.c, RLIMIT_AS in common/sandbox/sandbox.c and pam_credssp/helper-run.c. The heap is left
 * alone (common/base/heap.c).
 */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
