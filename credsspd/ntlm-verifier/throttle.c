/* SPDX-License-Identifier: MIT */
/*
 * Two tables of counters of fixed size; a keyed hash of the name selects the counter. No counter is evicted, so an
 * attacker cannot make the table forget an account by filling it, and cannot select another account's counter without
 * the key. Names without a record have a table of their own, so that guesses at invented names delay no account.
 */
#include "credsspd/ntlm-verifier/throttle.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"

#define COUNTERS 4096U /* a power of two */
#define FIRST_DELAY_MSEC 250U
#define COUNT_MAX 64U /* more failures are not counted, so that the decay takes a limited time */
#define KEY_LEN 16U
#define USEC_PER_MSEC_ 1000ULL

struct counter {
	uint32_t failures;
	uint64_t since; /* the time that decay is counted from */
};

struct throttle {
	uint8_t key[KEY_LEN];
	struct counter counter[2][COUNTERS];
};

static struct counter *counter_of(struct throttle *t, bool known, const char *name)
{
	uint8_t lower[ACCOUNT_NAME_MAX], digest[EVP_MAX_MD_SIZE] = { 0 };
	size_t len = strnlen(name, sizeof lower);
	uint32_t n;

	for (size_t i = 0; i < len; i++)
		lower[i] = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
	/* on failure all names share one counter: answers come late, but guessing is not faster */
	(void)HMAC(EVP_sha256(), t->key, KEY_LEN, lower, len, digest, NULL);
	memcpy(&n, digest, sizeof n);
	return &t->counter[known][n % COUNTERS];
}

struct throttle *throttle_new(void)
{
	struct throttle *t = calloc(1, sizeof *t);

	if (t && getrandom(t->key, sizeof t->key, 0) != (ssize_t)sizeof t->key) {
		free(t);
		t = NULL;
	}
	if (t)
		(void)counter_of(t, false, ""); /* OpenSSL reads its configuration now: later no file is in reach */
	return t;
}

void throttle_free(struct throttle *t)
{
	free(t);
}

static void decay(struct counter *c, uint64_t now)
{
	uint64_t gone = now > c->since ? (now - c->since) / (THROTTLE_DECAY_SEC * USEC_PER_SEC) : 0;

	if (c->failures == 0 || gone >= c->failures)
		*c = (struct counter){ .since = now };
	else if (gone > 0)
		*c = (struct counter){ c->failures - (uint32_t)gone,
				       c->since + gone * THROTTLE_DECAY_SEC * USEC_PER_SEC };
}

uint64_t throttle_charge(struct throttle *t, bool known, const char *name, uint64_t now)
{
	struct counter *c = counter_of(t, known, name);
	uint64_t msec = 0;

	decay(c, now);
	if (c->failures >= ACCOUNT_DELAY_FREE_FAILURES) {
		unsigned doubled = c->failures - ACCOUNT_DELAY_FREE_FAILURES;

		msec = doubled < 16 ? (uint64_t)FIRST_DELAY_MSEC << doubled : ACCOUNT_DELAY_MAX_MSEC;
	}
	if (c->failures < COUNT_MAX)
		c->failures++;
	return (msec < ACCOUNT_DELAY_MAX_MSEC ? msec : ACCOUNT_DELAY_MAX_MSEC) * USEC_PER_MSEC_;
}

void throttle_clear(struct throttle *t, bool known, const char *name)
{
	counter_of(t, known, name)->failures = 0;
}
