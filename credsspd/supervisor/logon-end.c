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
	/* all of them: the first may be refused, and then the others have to be refused as well */
	TAILQ_FOREACH(i, &h->logons->list, entry) {
		if (!i->queued || !backoff_key_equal(&i->address, &h->address))
			continue;
		i->queued = false;
		(void)sd_event_source_set_io_events(i->channel_io, EPOLLIN);
	}
}

/* @weight as in backoff_end(). The event loop frees the logon next: its other sources have lower priorities. */
static void end(struct logon *h, enum logon_state state, unsigned weight)
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
	end(h, LOGON_DONE, 0);
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
	end(h, LOGON_FAILED, weight);
}

/*
 * The answer to a guess comes late when the account was guessed at before, or when the domain is slow. A client that
 * leaves before the answer has still made the guess.
 */
static bool is_being_judged(const struct logon *h)
{
	return h->state == LOGON_WORKING && h->worker.mechanism == MECHANISM_NTLM && !h->proved;
}

void logon_fail(struct logon *h, enum refusal refusal, const char *detail)
{
	/* a client that leaves, or a worker that says nothing more, does not undo the verifier's no */
	bool stands = h->refusal != REFUSAL_NONE && refusal_weight(refusal) == 0;

	if (refusal == REFUSAL_CANCELLED && is_being_judged(h))
		refusal = REFUSAL_ABANDONED;
	if (!stands)
		h->refusal = refusal;
	if (detail && !stands)
		(void)snprintf(h->detail, sizeof h->detail, "%s", detail);
	logon_refuse(h);
}
