/* SPDX-License-Identifier: MIT */
/*
 * Why a linear scan: 4096 entries of 40 bytes take about 20 us, at most 512 handshakes run at once, and a keyed hash
 * would be more code in the process that must not fail.
 */
#include "credsspd/supervisor/backoff.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

struct entry {
	struct backoff_key key;
	bool used;
	unsigned failures;
	unsigned in_flight, judging;
	uint64_t last;    /* of the last failure or attempt */
	uint64_t decayed; /* the time up to which the decay was applied */
};

struct backoff {
	unsigned free_failures, max_sec;
	size_t n; /* entries that were ever used */
	struct entry entry[BACKOFF_TABLE_MAX];
};

struct backoff *backoff_new(unsigned free_failures, unsigned max_sec)
{
	struct backoff *b = calloc(1, sizeof *b);

	if (b)
		backoff_configure(b, free_failures, max_sec);
	return b;
}

void backoff_free(struct backoff *b)
{
	free(b);
}

void backoff_configure(struct backoff *b, unsigned free_failures, unsigned max_sec)
{
	b->free_failures = free_failures;
	b->max_sec = max_sec;
}

struct backoff_key backoff_key(uid_t caller, const char *rhost)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct backoff_key k = { .caller = caller };
	struct in6_addr a6;
	struct in_addr a4;

	if (inet_pton(AF_INET, rhost, &a4) == 1) {
		k.family = 4;
		memcpy(k.address, &a4, 4);
	} else if (inet_pton(AF_INET6, rhost, &a6) == 1) {
		if (memcmp(&a6, mapped, sizeof mapped) == 0) {
			k.family = 4;
			memcpy(k.address, a6.s6_addr + 12, 4);
		} else {
			k.family = 6;
			memcpy(k.address, &a6, 8);
		}
	}
	return k;
}

bool backoff_key_equal(const struct backoff_key *a, const struct backoff_key *b)
{
	return a->caller == b->caller && a->family == b->family &&
	       memcmp(a->address, b->address, sizeof a->address) == 0;
}

static void decay(struct entry *e, uint64_t now)
{
	const uint64_t step = BACKOFF_DECAY_SEC * USEC_PER_SEC;
	uint64_t n = (now - e->decayed) / step;

	e->failures -= n < e->failures ? (unsigned)n : e->failures;
	e->decayed += n * step;
}

static struct entry *find_entry(struct backoff *b, const struct backoff_key *key)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->entry[i].used && backoff_key_equal(&b->entry[i].key, key))
			return &b->entry[i];
	return NULL;
}

/*
 * Claims an entry for @key: an idle one without failures, else the idle one with the fewest failures, oldest first.
 * Returns NULL when every entry has an attempt under way, which HANDSHAKES_MAX rules out.
 */
static struct entry *claim(struct backoff *b, const struct backoff_key *key, uint64_t now)
{
	struct entry *best = NULL;

	for (size_t i = 0; i < BACKOFF_TABLE_MAX; i++) {
		struct entry *e = &b->entry[i];

		if (e->used)
			decay(e, now);
		if (!e->used || (!e->in_flight && !e->failures)) {
			best = e;
			if (i >= b->n)
				b->n = i + 1;
			break;
		}
		if (e->in_flight)
			continue;
		if (!best || e->failures < best->failures || (e->failures == best->failures && e->last < best->last))
			best = e;
	}
	if (best)
		*best = (struct entry){ .key = *key, .used = true, .last = now, .decayed = now };
	return best;
}

static uint64_t wait_usec(const struct backoff *b, const struct entry *e)
{
	unsigned over;
	uint64_t sec;

	if (b->max_sec == 0 || e->failures < b->free_failures)
		return 0;
	over = e->failures - b->free_failures;
	sec = over >= 16 ? b->max_sec : 1ULL << over;
	return (sec < b->max_sec ? sec : b->max_sec) * USEC_PER_SEC;
}

/* Returns the seconds that the address still has to wait, rounded up. */
static unsigned left_to_wait(const struct backoff *b, const struct entry *e, uint64_t now)
{
	uint64_t wait = wait_usec(b, e);

	return wait && now - e->last < wait ? (unsigned)((e->last + wait - now + USEC_PER_SEC - 1) / USEC_PER_SEC) : 0;
}

/* Returns how many failures the address may still make before it has to wait. */
static unsigned free_failures(const struct backoff *b, const struct entry *e)
{
	if (b->max_sec == 0)
		return BACKOFF_IN_FLIGHT_MAX;
	return e->failures < b->free_failures ? b->free_failures - e->failures : 0;
}

int backoff_begin(struct backoff *b, const struct backoff_key *key, uint64_t now)
{
	struct entry *e = find_entry(b, key);
	unsigned wait;

	if (!e)
		e = claim(b, key, now);
	if (!e)
		return 1;
	decay(e, now);
	wait = left_to_wait(b, e, now);
	if (wait)
		return (int)wait;
	if (e->in_flight >= (free_failures(b, e) ? BACKOFF_IN_FLIGHT_MAX : 1))
		return -EAGAIN;
	e->in_flight++;
	return 0;
}

void backoff_end(struct backoff *b, const struct backoff_key *key, uint64_t now, unsigned weight)
{
	struct entry *e = find_entry(b, key);
	unsigned most = b->free_failures + BACKOFF_OVER_MAX;

	if (!e)
		return;
	if (e->in_flight)
		e->in_flight--;
	if (!weight)
		return;
	decay(e, now);
	if (!e->failures)
		e->decayed = now;
	e->failures = e->failures + weight < most ? e->failures + weight : most;
	e->last = now;
}

int backoff_judge(struct backoff *b, const struct backoff_key *key, uint64_t now)
{
	struct entry *e = find_entry(b, key);
	unsigned n, wait;

	if (!e) /* cannot happen while its attempt is under way */
		return 1;
	decay(e, now);
	wait = left_to_wait(b, e, now);
	if (wait)
		return (int)wait;
	n = free_failures(b, e);
	if (e->judging >= (n ? n : 1))
		return -EAGAIN;
	e->judging++;
	return 0;
}

void backoff_judged(struct backoff *b, const struct backoff_key *key)
{
	struct entry *e = find_entry(b, key);

	if (e && e->judging)
		e->judging--;
}
