/* SPDX-License-Identifier: MIT */
/*
 * That secrets are wiped, bounded and kept out of cores and children. secret.h is all inline: the calls that it makes
 * are watched by putting ours in place of the C library's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	unsigned calls;
	size_t len;
	size_t not_zero; /* octets at the time of the call */
} unmapped;
static int mlock_fails, mlock_calls;

static int watched_munmap(void *p, size_t len)
{
	const uint8_t *octet = p;

	unmapped.calls++;
	unmapped.len = len;
	unmapped.not_zero = 0;
	for (size_t i = 0; i < len; i++)
		unmapped.not_zero += octet[i] != 0;
	return munmap(p, len);
}

static int watched_mlock(const void *p, size_t len)
{
	mlock_calls++;
	return mlock_fails ? -1 : mlock(p, len);
}

#define munmap watched_munmap
#define mlock watched_mlock
#include "common/base/secret.h"
#undef munmap
#undef mlock

#define CANARY "CANARY-1f0c9d"

static struct secret make(size_t cap, const char *text)
{
	struct secret s = SECRET_NULL;

	assert_int_equal(secret_init(&s, cap), 0);
	assert_int_equal(secret_append(&s, text, strlen(text)), 0);
	return s;
}

static void test_wiped(void **state)
{
	static const size_t cap[] = { 13, 64, 4096, 4097, 65536, 1000000 };

	for (size_t i = 0; i < sizeof cap / sizeof *cap; i++) {
		struct secret s = make(cap[i], CANARY);

		memset((uint8_t *)secret_expose(&s) + secret_len(&s), 0xaa, secret_room(&s));
		unmapped.calls = 0;
		secret_done(&s);
		assert_int_equal(unmapped.calls, 1);
		assert_int_equal(unmapped.len, cap[i]);
		/* behind what is in use too: it may have been written in place */
		assert_int_equal(unmapped.not_zero, 0);
		assert_null(s.p_);
		assert_int_equal(s.len_ + s.cap_, 0);
		secret_done(&s);
		assert_int_equal(unmapped.calls, 1);
	}
}

static void use_and_leave(int how)
{
	struct secret s AUTO_SECRET = make(64, CANARY);

	if (how == 1)
		return;
	(void)secret_append(&s, "x", 1);
}

static void test_end_of_scope(void **state)
{
	for (int how = 0; how < 2; how++) {
		unmapped.calls = 0;
		unmapped.not_zero = 99;
		use_and_leave(how);
		assert_int_equal(unmapped.calls, 1);
		assert_int_equal(unmapped.not_zero, 0);
	}

	unmapped.calls = 0;
	{
		struct secret never AUTO_SECRET = SECRET_NULL;

		(void)never;
	}
	assert_int_equal(unmapped.calls, 0);
}

/* A moved secret has one owner. */
static void test_moved(void **state)
{
	struct secret from = make(64, CANARY), to = SECRET_NULL;
	const void *where = secret_expose(&from);

	unmapped.calls = 0;
	secret_move(&to, &from);
	assert_null(secret_expose(&from));
	assert_int_equal(secret_len(&from) + secret_room(&from), 0);
	assert_ptr_equal(secret_expose(&to), where);
	assert_int_equal(secret_len(&to), strlen(CANARY));
	secret_done(&from);
	assert_int_equal(unmapped.calls, 0);
	assert_memory_equal(secret_expose(&to), CANARY, strlen(CANARY));
	secret_done(&to);
	assert_int_equal(unmapped.calls, 1);
}

/* It never grows: what does not fit changes nothing. */
static void test_bounds(void **state)
{
	struct secret s AUTO_SECRET = SECRET_NULL;
	volatile size_t largest = SIZE_MAX; /* volatile: the compiler would warn of it */

	assert_int_equal(secret_append(&s, "x", 1), -ENOSPC);
	assert_int_equal(secret_set_len(&s, 1), -ENOSPC);
	assert_int_equal(secret_init(&s, 8), 0);
	assert_int_equal(secret_append(&s, "123456789", 9), -ENOSPC);
	assert_int_equal(secret_len(&s), 0);
	assert_int_equal(secret_append(&s, "12345", 5), 0);
	assert_int_equal(secret_append(&s, NULL, 0), 0);
	assert_int_equal(secret_append(&s, "6789", 4), -ENOSPC);
	assert_int_equal(secret_append(&s, "6789", largest), -ENOSPC);
	assert_int_equal(secret_append(&s, "6789", largest - 4), -ENOSPC);
	assert_int_equal(secret_len(&s), 5);
	assert_int_equal(secret_room(&s), 3);
	assert_int_equal(secret_append(&s, "678", 3), 0);
	assert_memory_equal(secret_expose(&s), "12345678", 8);
	assert_int_equal(secret_room(&s), 0);
	assert_int_equal(secret_append(&s, "9", 1), -ENOSPC);
	assert_int_equal(secret_set_len(&s, 9), -ENOSPC);
	assert_int_equal(secret_len(&s), 8);
	assert_int_equal(secret_set_len(&s, 8), 0);
	assert_int_equal(secret_set_len(&s, 0), 0);
	assert_int_equal(secret_room(&s), 8);
}

static void test_no_memory(void **state)
{
	struct secret s = SECRET_NULL;

	assert_int_equal(secret_init(&s, SIZE_MAX / 2), -ENOMEM);
	assert_null(s.p_);
	secret_done(&s);
	/* a secret of no octets is one */
	assert_int_equal(secret_init(&s, 0), 0);
	assert_non_null(secret_expose(&s));
	assert_int_equal(secret_len(&s), 0);
	secret_done(&s);
}

/* RLIMIT_MEMLOCK is often small: the secret is made all the same. */
static void test_not_locked(void **state)
{
	struct secret s AUTO_SECRET = SECRET_NULL;

	mlock_calls = 0;
	mlock_fails = 1;
	assert_int_equal(secret_init(&s, 64), 0);
	mlock_fails = 0;
	assert_int_equal(mlock_calls, 1);
	assert_int_equal(secret_append(&s, CANARY, strlen(CANARY)), 0);
}

/* VmFlags of the mapping at @p: proc(5). */
static void vm_flags(const void *p, char out[512])
{
	FILE *f AUTO_FCLOSE = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	int here = 0;
	char line[512];

	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (uintptr_t)p >= start && (uintptr_t)p < end;
		if (here && strncmp(line, "VmFlags:", 8) == 0)
			memcpy(out, line, sizeof line);
	}
}

static void test_kept_out_of_cores(void **state)
{
	struct secret s AUTO_SECRET = make(64, CANARY);
	char flags[512];

	vm_flags(secret_expose(&s), flags);
	if (!strstr(flags, " dd") || !strstr(flags, " wf"))
		fail_msg("not left out of dumps (dd) or of children (wf): %s", flags);
#ifndef __SANITIZE_ADDRESS__ /* which makes mlock() do nothing */
	if (!strstr(flags, " lo"))
		fail_msg("not locked (lo): %s", flags);
#endif
}

static void test_not_inherited(void **state)
{
	struct secret s AUTO_SECRET = make(64, CANARY);
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const uint8_t *p = secret_expose(&s);
		size_t not_zero = 0;

		for (size_t i = 0; i < 64; i++)
			not_zero += p[i] != 0;
		_exit(not_zero ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_memory_equal(secret_expose(&s), CANARY, strlen(CANARY));
}

static void test_wipe(void **state)
{
	char text[] = CANARY "tail";

	secret_wipe(text, strlen(CANARY));
	for (size_t i = 0; i < strlen(CANARY); i++)
		assert_int_equal(text[i], 0);
	assert_string_equal(text + strlen(CANARY), "tail");
	secret_wipe(NULL, 5);
	secret_wipe(text, 0);
}

static void test_equal(void **state)
{
	uint8_t a[64], b[64];

	memset(a, 0x5a, sizeof a);
	memset(b, 0x5a, sizeof b);
	assert_int_equal(secret_equal(a, b, sizeof a), 1);
	assert_int_equal(secret_equal(a, b, 0), 1);
	for (size_t i = 0; i < sizeof a; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b[i] = (uint8_t)(b[i] ^ 1U << bit);
			assert_int_equal(secret_equal(a, b, sizeof a), 0);
			assert_int_equal(secret_equal(a, b, i), 1);
			b[i] = (uint8_t)(b[i] ^ 1U << bit);
		}
	}
	/* two differences do not cancel out */
	b[0] ^= 1;
	b[1] ^= 1;
	assert_int_equal(secret_equal(a, b, sizeof a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_end_of_scope),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_not_locked),
		cmocka_unit_test(test_kept_out_of_cores),
		cmocka_unit_test(test_not_inherited),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
