/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/admission.h"

#include <errno.h>

#include "common/base/clock.h"
#include "common/base/words.h"

static unsigned logons_of(const struct logons *l, uid_t caller)
{
	const struct logon *h;
	unsigned n = 0;

	TAILQ_FOREACH(h, &l->list, entry)
		n += h->caller == caller && !logon_is_over(h->state);
	return n;
}

static unsigned logons_from(const struct logons *l, const struct backoff_key *address)
{
	const struct logon *h;
	unsigned n = 0;

	TAILQ_FOREACH(h, &l->list, entry)
		n += backoff_key_equal(&h->address, address) && !logon_is_over(h->state);
	return n;
}

bool admission_waits(const struct logons *l, uid_t caller)
{
	const struct logon *h;
	unsigned n = 0;

	TAILQ_FOREACH(h, &l->list, entry)
		n += h->caller == caller && h->state == LOGON_FIRST;
	return n >= HANDSHAKES_BEGUN_MAX;
}

/* ---- eviction ---- */

static unsigned silent_sec(const struct logon *h)
{
	return (unsigned)((clock_usec() - h->turn_began) / USEC_PER_SEC);
}

/*
 * Picks a logon of @caller to evict: of the busiest address, the logon that has waited longest for its client. A logon
 * qualifies when its address has at least two logons more than @newcomer, or when its client has been silent for
 * HANDSHAKE_PATIENCE_SEC. @same: only logons of the address @newcomer qualify. Returns NULL when no logon qualifies.
 */
static struct logon *pick_victim(const struct logons *l, uid_t caller, const struct backoff_key *newcomer, bool same)
{
	unsigned enough = logons_from(l, newcomer) + 2, most = 0;
	struct logon *h, *found = NULL;

	TAILQ_FOREACH(h, &l->list, entry) {
		unsigned n;

		if (h->caller != caller || !logon_awaits_client(h->state) || h->judging ||
		    (same && !backoff_key_equal(&h->address, newcomer)))
			continue;
		n = logons_from(l, &h->address);
		if (n < enough && (h->queued || silent_sec(h) < HANDSHAKE_PATIENCE_SEC))
			continue;
		if (!found || n > most || (n == most && h->turn_began <= found->turn_began)) {
			found = h;
			most = n;
		}
	}
	return found;
}

/* Ends a logon in favour of @newcomer. Returns false when no logon qualifies. */
static bool evict(struct logons *l, uid_t caller, const struct backoff_key *newcomer, bool same)
{
	struct logon *h = pick_victim(l, caller, newcomer, same);

	if (h)
		logon_fail(h, REFUSAL_LIMIT,
			   logons_from(l, &h->address) >= logons_from(l, newcomer) + 2
			       ? "evicted in favour of an address with fewer handshakes"
			       : "evicted in favour of another client, because this one was silent");
	return h;
}

/* ---- Begin ---- */

static void count_refusal(struct logons *l, struct log_logon *who, enum refusal refusal)
{
	who->reason = refusal_word(refusal);
	l->refusals[refusal]++;
	l->refused++;
}

/* Returns 0, or -errno after logging the reason. *@ret_counted: the back-off counts the attempt. */
static int admit(struct logons *l, uid_t caller, const struct logon_peer *peer, struct log_logon *who,
		 bool *ret_counted)
{
	struct backoff_key address = backoff_key(caller, peer->rhost);
	int r;

	*ret_counted = !words_have(l->config->backoff_exempt, peer->rhost);
	if ((l->live >= HANDSHAKES_MAX || logons_of(l, caller) >= HANDSHAKES_PER_CALLER_MAX) &&
	    !evict(l, caller, &address, false)) {
		count_refusal(l, who, REFUSAL_LIMIT);
		log_logon_line(LOG_WARNING, who, "logon refused: %u handshakes are under way", l->live);
		return -EBUSY;
	}
	r = *ret_counted ? backoff_begin(l->backoff, &address, clock_usec()) : 0;
	if (r == -EAGAIN && evict(l, caller, &address, true))
		r = backoff_begin(l->backoff, &address, clock_usec());
	if (r == 0)
		return 0;
	count_refusal(l, who, REFUSAL_BACKOFF);
	if (r < 0)
		log_logon_line(LOG_WARNING, who, "logon refused: too many handshakes of this address are under way");
	else
		log_logon_line(LOG_WARNING, who, "logon refused: %s (%d s)", refusal_text(REFUSAL_BACKOFF), r);
	return -EAGAIN;
}

int admission_begin(struct logons *l, uid_t caller, const char *service, const void *public_key, size_t public_key_len,
		    const struct logon_peer *peer, uint64_t *ret_logon, int *ret_channel)
{
	struct log_logon who = { .rhost = peer->rhost, .rport = peer->rport, .service = service };
	struct backoff_key address;
	struct logon *h;
	bool counted;
	int r;

	if (!words_have(config_services_of(l->config, caller), service)) {
		log_logon_line(LOG_WARNING, &who, "uid %u may not begin logons for this service (front_ends)", caller);
		return -EACCES;
	}
	if (public_key_len == 0 || public_key_len > SUBJECT_PUBLIC_KEY_MAX || strlen(service) > PAM_SERVICE_MAX)
		return -EINVAL;
	r = admit(l, caller, peer, &who, &counted);
	if (r < 0)
		return r;
	r = logon_new(l, caller, service, public_key, public_key_len, peer, counted, &h, ret_channel);
	if (r < 0) {
		address = backoff_key(caller, peer->rhost);
		if (counted)
			backoff_end(l->backoff, &address, clock_usec(), 0);
		return r;
	}
	*ret_logon = h->id;
	return 0;
}
