/* SPDX-License-Identifier: MIT */
/*
 * Errors for the sanitizers to find, in programs that tests/sanitized/reports alone builds: linked with --wrap, a
 * function of ours makes one while its row is armed, in whatever process that is and behind whatever filter.
 */
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/sanitizer.h"

/* ---- errors ---- */

static volatile int eight = 8, most = INT_MAX;
static volatile char octet;
static int *volatile nowhere = (int *)64; /* of NULL the compiler asks first */
static void *volatile lost;

static void read_too_far(void)
{
	char *p = calloc(1, (size_t)eight);

	octet = p ? p[eight] : 0;
	free(p);
}

static void read_freed(void)
{
	char *volatile p = calloc(1, (size_t)eight);

	free(p);
	octet = p[1];
}

static void overflow(void)
{
	most = most + 1;
}

static void read_nothing(void)
{
	octet = (char)*nowhere;
}

static void lose(void)
{
	lost = malloc(123);
	lost = NULL;
}

/* tests/sanitized/reports has the same rows */
static const struct {
	const char *function;
	void (*error)(void);
} row[] = {
	{ "", NULL },
	{ "exchange_take", read_too_far },
	{ "exchange_take", overflow },
	{ "exchange_take", read_nothing },
	{ "worker_main", read_freed },
	{ "store_find", read_too_far },
	{ "identity_answer", read_freed },
	{ "client_info_rewrite", read_too_far },
	{ "client_info_rewrite", overflow },
	{ "bus_redeem", read_too_far },
	{ "vault_put", read_freed },
	{ "bus_redeem", lose },
	{ "helper_restrain", read_too_far },
	{ "privileges_for_tickets", overflow },
};

static struct sanitizer_board *board;

static __attribute__((constructor)) void find_board(void)
{
	int fd = open(SANITIZER_BOARD, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		(void)close(fd);
	if (p != MAP_FAILED)
		board = p;
}

/* Once: what is started in the place of the process that ends is not to end the same way. */
static void err(const char *function)
{
	unsigned n = board ? board->armed : 0;

	if (n < sizeof row / sizeof *row && row[n].error && strcmp(row[n].function, function) == 0 &&
	    atomic_compare_exchange_strong(&board->armed, &n, 0))
		row[n].error();
}

/* ---- functions: none has more arguments than there are registers for them, and not every program has all ---- */

#define WRAP(f, before, after) \
	long __real_##f(long a, long b, long c, long d, long e, long g) __attribute__((weak)); \
	long __wrap_##f(long a, long b, long c, long d, long e, long g); \
	long __wrap_##f(long a, long b, long c, long d, long e, long g) \
	{ \
		long r; \
		if (before) \
			err(#f); \
		r = __real_##f(a, b, c, d, e, g); \
		if (after) \
			err(#f); \
		return r; \
	}

WRAP(exchange_take, 1, 0)
WRAP(worker_main, 1, 0)
WRAP(store_find, 1, 0)
WRAP(identity_answer, 1, 0)
WRAP(client_info_rewrite, 1, 0)
WRAP(bus_redeem, 1, 0)
WRAP(vault_put, 1, 0)
WRAP(helper_restrain, 0, 1)
WRAP(privileges_for_tickets, 0, 1)
