/* SPDX-License-Identifier: MIT */
/*
 * One logon: a channel to the front end, a worker, and the table of logon-table.h between them. TSRequests pass
 * through unread.
 */
#include "credsspd/supervisor/logon.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/ipc/handover.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/tell.h"
#include "include/credssp/channel.h"

#define USEC_PER_SEC_ 1000000ULL

/* ---- log ---- */

struct log_logon handshake_who(const struct handshake *h)
{
	return (struct log_logon){
		.logon = h->id,
		.user = h->about.user[0] ? h->about.user : h->proof.name,
		.rhost = h->peer.rhost,
		.rport = h->peer.rport,
		.service = h->about.service,
		.mechanism = h->user_to_user ? "krb5-u2u"
			     : h->mechanism  ? mechanism_name(h->mechanism)
					     : NULL,
		.version = h->credssp_version,
		.kind = credential_kind_name(h->delegation.kind),
		.principal = h->about.principal,
	};
}

void handshake_trace(const struct handshake *h, const char *fmt, ...)
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

void handshake_free(struct handshake *h)
{
	struct supervisor *s = h->s;
	struct handshake **p = &s->handshakes;

	handshake_drop_worker(h);
	resolve_cancel(h->question);
	handshake_judged(h);
	while (*p && *p != h)
		p = &(*p)->next;
	if (*p) {
		*p = h->next;
		s->n_handshakes--;
	}
	(void)sd_event_source_disable_unref(h->channel_io);
	(void)sd_event_source_disable_unref(h->deadline);
	(void)sd_event_source_disable_unref(h->step);
	(void)packet_close(h->channel);
	(void)close_fd(h->pipe[0]);
	(void)close_fd(h->pipe[1]);
	free(h->first);
	free(h);
	handshake_first_over(s);
}

void handshake_free_all(struct supervisor *s)
{
	while (s->handshakes)
		handshake_free(s->handshakes);
}

void supervisor_states(const struct supervisor *s, unsigned ret_count[LOGON_STATES_])
{
	memset(ret_count, 0, LOGON_STATES_ * sizeof *ret_count);
	for (const struct handshake *h = s->handshakes; h; h = h->next)
		ret_count[h->state]++;
}

void handshake_uncount(struct handshake *h, unsigned weight)
{
	if (h->counted)
		backoff_end(h->s->backoff, &h->address, supervisor_now(), weight);
	h->counted = false;
}

/* Tells the front end, logs, frees. */
void handshake_refuse(struct handshake *h)
{
	unsigned refusal = h->refusal != REFUSAL_NONE ? h->refusal : REFUSAL_INTERNAL;
	enum tell_phase phase = h->confirmed ? TELL_AFTER_BINDING_REPLY : TELL_BEFORE_BINDING_REPLY;
	struct tell tell = tell_refusal(refusal, phase, h->told, h->peer.early_authorization, h->delegated);
	unsigned weight = refusal_weight(refusal);
	struct channel_failed failed = {
		.type = CHANNEL_FAILED,
		.alert = tell.alert,
		.early_result = tell.early_result,
		.failure = weight > 0,
	};
	struct log_logon who = handshake_who(h);
	bool asked;

	h->state = LOGON_FAILED;
	(void)snprintf(failed.reason, sizeof failed.reason, "%s", refusal_word(refusal));
	(void)packet_send(h->channel, &failed, sizeof failed, NULL, 0);
	who.reason = failed.reason;
	h->s->counters.refused++;
	h->s->counters.refusals[refusal < REFUSAL_MAX_ ? refusal : REFUSAL_INTERNAL]++;
	/* the KDC may not have given the client a ticket for that name */
	asked = h->asked[0] && !h->about.principal[0];
	log_logon_line(refusal == REFUSAL_CANCELLED ? LOG_INFO : LOG_WARNING, &who, "logon refused: %s%s%s%s%s",
		       refusal_text(refusal), h->detail[0] ? ": " : "", h->detail,
		       asked ? "; it began user-to-user with " : "", asked ? h->asked : "");
	handshake_uncount(h, weight);
	handshake_free(h);
}

/*
 * The answer comes late when the account was guessed at, or the domain is slow: a client that does not wait for it must
 * not guess for free.
 */
static bool is_being_judged(const struct handshake *h)
{
	return h->state == LOGON_WORKING && h->mechanism == MECHANISM_NTLM && !h->proved;
}

void handshake_fail(struct handshake *h, enum refusal refusal, const char *detail)
{
	/* the verifier's no is not taken back by a client that leaves, or a worker that says nothing more */
	bool stands = h->refusal != REFUSAL_NONE && refusal_weight(refusal) == 0;

	if (refusal == REFUSAL_CANCELLED && is_being_judged(h))
		refusal = REFUSAL_ABANDONED;
	if (!stands)
		h->refusal = refusal;
	if (detail && !stands)
		(void)snprintf(h->detail, sizeof h->detail, "%s", detail);
	handshake_refuse(h);
}

/* ---- events ---- */

/* The front end is read only when it is its turn; whose turn it is has a deadline. */
static void take_turns(struct handshake *h)
{
	bool client = logon_awaits_client(h->state);
	bool worker = h->state == LOGON_OPENING || h->state == LOGON_WORKING || h->state == LOGON_REFUSING ||
		      h->state == LOGON_CONFIRMING || h->state == LOGON_DECRYPTING;

	(void)sd_event_source_set_io_events(h->channel_io, client ? EPOLLIN : 0);
	/* whose answer was not refused may owe pubKeyAuth still: the judgement is not over */
	if (h->state != LOGON_WORKING && h->state != LOGON_CLIENT)
		handshake_judged(h);
	if (worker || client) {
		(void)sd_event_source_set_time_relative(
		    h->step, (client ? HANDSHAKE_TURN_TIMEOUT_SEC : WORKER_STEP_TIMEOUT_SEC) * USEC_PER_SEC_);
		(void)sd_event_source_set_enabled(h->step, SD_EVENT_ONESHOT);
	} else {
		(void)sd_event_source_set_enabled(h->step, SD_EVENT_OFF);
	}
}

void handshake_event(struct handshake *h, enum logon_event event, const uint8_t *p, size_t len)
{
	struct logon_step step = logon_step(h->state, event);
	enum logon_state from = h->state;
	uint64_t id = h->id;
	struct supervisor *s = h->s;

	h->state = step.next;
	if (from == LOGON_FIRST)
		handshake_first_over(s);
	if (step.action == LOGON_FAIL) {
		h->state = from;
		if (event == LOGON_GOT_END)
			handshake_worker_lost(h);
		else
			handshake_fail(h, REFUSAL_CRASHED, "the worker sent a record out of order");
		return;
	}
	handshake_act(h, step.action, p, len);
	/* the actions may have freed it: it is still there when it is still listed */
	for (struct handshake *i = s->handshakes; i; i = i->next)
		if (i == h && i->id == id)
			take_turns(h);
}
