/* SPDX-License-Identifier: MIT */
/* How a logon ends. */
#include "credsspd/supervisor/logon.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/ipc/packet.h"
#include "include/credssp/channel.h"

/* ---- log ---- */

struct log_logon logon_who(const struct logon *h)
{
	return (struct log_logon){
		.logon = h->id,
		.user = h->about.user[0] ? h->about.user : h->proof.name,
		.rhost = h->peer.rhost,
		.rport = h->peer.rport,
		.service = h->about.service,
		.mechanism = h->user_to_user       ? "krb5-u2u"
			     : h->worker.mechanism ? mechanism_name(h->worker.mechanism)
						   : NULL,
		.version = h->credssp_version,
		.kind = credential_kind_name(h->delegation.kind),
		.principal = h->about.principal,
	};
}

void logon_trace(const struct logon *h, const char *fmt, ...)
{
	struct log_logon who = { .logon = h->id, .rhost = h->peer.rhost, .rport = h->peer.rport };
	char text[256];
	va_list ap;

	if (!log_debug_enabled())
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_logon_line(LOG_DEBUG, &who, "%s", text);
}

/* ---- end ---- */

void logon_judged(struct logon *h)
{
	struct logon *i;

	if (!h->judging)
		return;
	h->judging = false;
	backoff_judged(h->logons->backoff, &h->address);
	/* wakes all of them: when the first is refused because the address must wait, the others must be refused,
	 * too */
	TAILQ_FOREACH(i, &h->logons->list, entry) {
		if (!i->queued || !backoff_key_equal(&i->address, &h->address))
			continue;
		i->queued = false;
		(void)sd_event_source_set_io_events(i->channel_io, EPOLLIN);
	}
}

/* @weight as in backoff_end(). The event loop frees the logon next: its other sources have lower priorities. */
static void logon_end(struct logon *h, enum logon_state state, unsigned weight)
{
	struct logons *l = h->logons;

	h->state = state;
	h->queued = false;
	l->live--;
	if (h->counted)
		backoff_end(l->backoff, &h->address, clock_usec(), weight);
	h->counted = false;
	logon_judged(h);
	(void)sd_event_source_set_enabled(l->reap, SD_EVENT_ONESHOT);
	if (l->first_over)
		l->first_over(l->userdata);
}

void logon_end_granted(struct logon *h)
{
	h->logons->granted++;
	logon_end(h, LOGON_DONE, 0);
}

void logon_refuse(struct logon *h)
{
	unsigned refusal = h->refusal != REFUSAL_NONE ? h->refusal : REFUSAL_INTERNAL;
	struct refusal_signal signal =
	    logon_refusal_signal(refusal, h->confirmed, h->told, h->peer.early_authorization, h->delegated);
	unsigned weight = refusal_weight(refusal);
	struct channel_failed failed = {
		.type = CHANNEL_FAILED,
		.alert = signal.alert,
		.early_result = signal.early_result,
		.failure = weight > 0,
	};
	struct log_logon who = logon_who(h);
	/* the KDC may not have given the client a ticket for that name */
	bool asked = h->asked[0] && !h->about.principal[0];

	(void)snprintf(failed.reason, sizeof failed.reason, "%s", refusal_word(refusal));
	(void)packet_send(h->channel, &failed, sizeof failed, NULL, 0);
	who.reason = failed.reason;
	h->logons->refused++;
	h->logons->refusals[refusal < REFUSAL_MAX_ ? refusal : REFUSAL_INTERNAL]++;
	log_logon_line(refusal == REFUSAL_CANCELLED ? LOG_INFO : LOG_WARNING, &who, "logon refused: %s%s%s%s%s",
		       refusal_text(refusal), h->detail[0] ? ": " : "", h->detail,
		       asked ? "; it began user-to-user with " : "", asked ? h->asked : "");
	logon_end(h, LOGON_FAILED, weight);
}

/*
 * Returns whether an NTLM response is being judged. The answer comes late for an account with failures, or when the
 * domain is slow; a client that leaves before it must still be counted.
 */
static bool is_being_judged(const struct logon *h)
{
	return h->state == LOGON_WORKING && h->worker.mechanism == MECHANISM_NTLM && !h->proved;
}

void logon_fail(struct logon *h, enum refusal refusal, const char *detail)
{
	/* the verifier's refusal stays the reason when the client leaves or the worker ends without a message */
	bool stands = h->refusal != REFUSAL_NONE && refusal_weight(refusal) == 0;

	if (refusal == REFUSAL_CANCELLED && is_being_judged(h))
		refusal = REFUSAL_ABANDONED;
	if (!stands)
		h->refusal = refusal;
	if (detail && !stands)
		(void)snprintf(h->detail, sizeof h->detail, "%s", detail);
	logon_refuse(h);
}
