/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/log-limit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "credsspd-rdp/address-key.h"

#define CHAINS 1024U

_Static_assert((CHAINS & (CHAINS - 1)) == 0, "a power of two");

struct allowance {
	LIST_ENTRY(allowance) chain;
	TAILQ_ENTRY(allowance) order;
	struct address_key key;
	uint64_t ends; /* CLOCK_BOOTTIME in microseconds; 0: not running */
	unsigned written;
	unsigned long long left_out;
	char rhost[RHOST_MAX + 8U]; /* address of the last line; "" for the shared allowance */
};

struct log_limit {
	sd_event *event;
	sd_event_source *timer;
	struct address_hash hash;
	LIST_HEAD(limit_chain, allowance) chain[CHAINS];
	TAILQ_HEAD(limit_order, allowance) order; /* oldest first: it ends first, because all last equally long */
	struct allowance others;                  /* shared by the addresses without an entry */
	unsigned n;
};

static uint64_t now_usec(const struct log_limit *t)
{
	uint64_t now = 0;

	(void)sd_event_now(t->event, CLOCK_BOOTTIME, &now);
	return now;
}

static void write_sum(const struct allowance *a)
{
	const struct log_logon who = { .rhost = a->rhost };

	if (a->left_out)
		log_logon_line(LOG_WARNING, &who,
			       "and %llu more lines about connections that ended before CredSSP, from %s, within %u s",
			       a->left_out, *a->rhost ? "this address" : "many addresses", RDP_LOG_WINDOW_SEC);
}

static void end_allowance(struct log_limit *t, struct allowance *a)
{
	write_sum(a);
	TAILQ_REMOVE(&t->order, a, order);
	if (a == &t->others) {
		*a = (struct allowance){ .ends = 0 };
		return;
	}
	LIST_REMOVE(a, chain);
	t->n--;
	free(a);
}

static int on_window_over(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(struct log_limit *t)
{
	const struct allowance *first = TAILQ_FIRST(&t->order);

	t->timer = sd_event_source_disable_unref(t->timer);
	/* without memory for the timer the sums are written when the next line comes */
	if (first)
		(void)sd_event_add_time(t->event, &t->timer, CLOCK_BOOTTIME, first->ends, USEC_PER_SEC / 10,
					on_window_over, t);
}

static void end_old(struct log_limit *t, uint64_t now)
{
	struct allowance *a;

	if (!(a = TAILQ_FIRST(&t->order)) || a->ends > now)
		return;
	while ((a = TAILQ_FIRST(&t->order)) && a->ends <= now)
		end_allowance(t, a);
	set_timer(t);
}

static int on_window_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct log_limit *t = userdata;

	end_old(t, now_usec(t));
	return 0;
}

static struct allowance *begin_allowance(struct log_limit *t, struct limit_chain *chain, const struct address_key *key)
{
	struct allowance *a = t->n < RDP_LOG_ADDRESSES_MAX ? calloc(1, sizeof *a) : NULL;

	if (!a)
		return &t->others;
	a->key = *key;
	LIST_INSERT_HEAD(chain, a, chain);
	t->n++;
	return a;
}

static struct allowance *find_allowance(struct log_limit *t, const char *rhost, uint64_t now)
{
	struct address_key key = address_key(rhost);
	struct limit_chain *chain = &t->chain[address_hash(&t->hash, &key) & (CHAINS - 1)];
	struct allowance *a;

	LIST_FOREACH(a, chain, chain)
		if (address_key_equal(&a->key, &key))
			break;
	if (!a)
		a = begin_allowance(t, chain, &key);
	if (!a->ends) {
		bool first = TAILQ_EMPTY(&t->order);

		a->ends = now + RDP_LOG_WINDOW_SEC * USEC_PER_SEC;
		TAILQ_INSERT_TAIL(&t->order, a, order);
		if (first)
			set_timer(t);
	}
	if (a != &t->others)
		(void)snprintf(a->rhost, sizeof a->rhost, "%s", rhost);
	return a;
}

void log_limit_line(struct log_limit *t, int level, const struct log_logon *who, const char *fmt, ...)
{
	char text[512];
	struct allowance *a;
	uint64_t now;
	va_list ap;

	if (level >= LOG_DEBUG && !log_debug_enabled())
		return;
	now = now_usec(t);
	end_old(t, now);
	a = find_allowance(t, who->rhost, now);
	if (a->written >= RDP_LOG_LINES_MAX) {
		a->left_out++;
		return;
	}
	a->written++;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_logon_line(level, who, "%s", text);
}

int log_limit_new(sd_event *event, struct log_limit **ret_limit)
{
	struct log_limit *t = calloc(1, sizeof *t);
	int r = t ? address_hash_init(&t->hash) : -ENOMEM;

	if (r < 0) {
		free(t);
		return r;
	}
	t->event = event;
	TAILQ_INIT(&t->order);
	*ret_limit = t;
	return 0;
}

void log_limit_free(struct log_limit *t)
{
	if (!t)
		return;
	while (!TAILQ_EMPTY(&t->order))
		end_allowance(t, TAILQ_FIRST(&t->order));
	(void)sd_event_source_disable_unref(t->timer);
	free(t);
}
