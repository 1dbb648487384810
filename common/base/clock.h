/* SPDX-License-Identifier: MIT */
/* The clock of all deadlines. It counts while the machine sleeps; changes of the time of day do not affect it. */
#pragma once

#include <stdint.h>
#include <time.h>

#define USEC_PER_SEC 1000000ULL

/* Returns CLOCK_BOOTTIME in microseconds. */
static inline uint64_t clock_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* The same in milliseconds: what poll(2) and the socket's deadlines count in. */
static inline int64_t clock_msec(void)
{
	return (int64_t)(clock_usec() / 1000);
}
