/* SPDX-License-Identifier: MIT */
/* What the supervisor does in answer to an event of a logon. */
#include "credsspd/supervisor/logon.h"
#include "credsspd/supervisor/tickets.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"
#include "common/wire/name.h"
#include "credsspd/supervisor/policy.h"
#include "include/credssp/channel.h"

static unsigned elapsed_msec(const struct handshake *h)
{
	return (unsigned)((supervisor_now() - h->began) / 1000);
}

static void do_spawn(struct handshake *h, const uint8_t *p, size_t len)
{
	h->first = malloc(len);
	if (!h->first) {
		handshake_fail(h, REFUSAL_INTERNAL, "out of memory");
		return;
	}
	memcpy(h->first, p, len);
	h->first[0] = WORKER_TSREQUEST;
	h->first_len = len;
	handshake_spawn_next(h);
}

static void drop_first(struct handshake *h)
{
	free(h->first);
	h->first = NULL;
	h->first_len = 0;
}

static void do_forward(struct handshake *h, const uint8_t *p, size_t len)
{
	uint8_t type = WORKER_TSREQUEST;
	int r = packet_send2(h->worker, &type, 1, p + 1, len - 1, NULL, 0);

	/* when the worker has just ended, its last record or end of file says why */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		handshake_fail(h, REFUSAL_INTERNAL, strerror(-r));
}

static int send_reply(struct handshake *h, const uint8_t *tsrequest, size_t len)
{
	const uint8_t type = CHANNEL_REPLY;

	return packet_send2(h->channel, &type, 1, tsrequest, len, NULL, 0);
}

static void do_reply(struct handshake *h, const uint8_t *p, size_t len)
{
	int r;

	drop_first(h);
	if (h->state == LOGON_AUTHINFO)
		h->confirmed = true;
	if (len == 1)
		return;
	r = send_reply(h, p + 1, len - 1);
	if (r == -EPIPE || r == -ECONNRESET)
		handshake_fail(h, REFUSAL_CANCELLED, NULL);
	else if (r < 0)
		handshake_fail(h, REFUSAL_INTERNAL, strerror(-r));
}

/* Before the client is confirmed, and so before it sends credentials that policy would not take. */
static bool negotiated_in_vain(struct handshake *h)
{
	const char *why = NULL;
	enum refusal refusal = policy_check_negotiated(&h->s->config, &h->peer, h->mechanism, &why);

	if (refusal == REFUSAL_NONE)
		return false;
	h->refusal = refusal;
	(void)snprintf(h->detail, sizeof h->detail, "%s", why);
	return true;
}

/* The resolver says which kind of trouble it is, by number; the names are the supervisor's own copies. */
static void explain_name(struct handshake *h, const struct resolver_answer *answer)
{
	const struct worker_delegated *d = &h->delegation;

	if (answer->refusal == REFUSAL_NAME && answer->trouble != NAME_FINE)
		(void)name_trouble_text((enum name_trouble)answer->trouble, h->delegated ? d->domain : "",
					h->delegated ? d->user : "", h->detail, sizeof h->detail);
}

static void on_account(const struct resolver_answer *answer, void *userdata)
{
	struct handshake *h = userdata;

	h->question = NULL;
	if (!answer) {
		h->refusal = REFUSAL_UNAVAILABLE;
		(void)snprintf(h->detail, sizeof h->detail, "no answer from the name service");
		handshake_event(h, LOGON_GOT_NO_ACCOUNT, NULL, 0);
	} else if (answer->refusal != REFUSAL_NONE || negotiated_in_vain(h)) {
		if (answer->refusal != REFUSAL_NONE)
			h->refusal = answer->refusal < REFUSAL_MAX_ ? (enum refusal)answer->refusal : REFUSAL_INTERNAL;
		explain_name(h, answer);
		if (!h->about.user[0])
			memcpy(h->about.user, answer->name, sizeof h->about.user);
		handshake_event(h, LOGON_GOT_NO_ACCOUNT, NULL, 0);
	} else {
		handshake_event(h, LOGON_GOT_ACCOUNT, (const uint8_t *)answer, sizeof *answer);
	}
}

static void ask(struct handshake *h, const struct resolver_request *question)
{
	int r = resolve(h->s->resolvers, question, on_account, h, &h->question);

	if (r < 0)
		handshake_fail(h, r == -EBUSY ? REFUSAL_LIMIT : REFUSAL_INTERNAL, "too many names to look up");
}

static void do_resolve(struct handshake *h, const uint8_t *p, size_t len)
{
	struct resolver_request q = { .type = RESOLVE_PRINCIPAL };
	struct worker_authenticated a;

	(void)len;
	memcpy(&a, p, sizeof a);
	drop_first(h);
	if (!record_terminated(a.principal, sizeof a.principal) || !record_terminated(a.account, sizeof a.account) ||
	    a.mechanism != h->mechanism || a.version < 2 || a.version > 6) {
		handshake_fail(h, REFUSAL_CRASHED, "the worker sent a malformed record");
		return;
	}
	h->credssp_version = a.version;
	h->user_to_user = h->mechanism == MECHANISM_KRB5 && a.user_to_user == 1;
	handshake_trace(h, "%s authenticated %s and bound it to the TLS key", mechanism_name(h->mechanism),
			a.principal);
	if (h->mechanism == MECHANISM_KRB5)
		policy_principal(a.principal, a.account);
	memcpy(h->about.principal, a.principal, sizeof h->about.principal);
	if (h->mechanism == MECHANISM_NTLM) {
		/* what the worker says counts for nothing here: the verifier knows whose response it checked */
		if (!h->proved) {
			handshake_fail(h, REFUSAL_CRASHED, "the worker claims what the verifier did not prove");
			return;
		}
		q.type = h->proof.by_domain ? RESOLVE_DOMAIN_ACCOUNT : RESOLVE_ACCOUNT;
		q.uid = h->proof.uid;
		memcpy(q.user, h->proof.name, sizeof q.user);
	} else {
		q.from_domain = a.from_domain;
		memcpy(q.user, a.account, sizeof q.user);
	}
	q.mechanism = h->mechanism;
	memcpy(q.principal, a.principal, sizeof q.principal);
	ask(h, &q);
}

static int make_pipe(struct handshake *h)
{
	int size;

	if (pipe2(h->pipe, O_CLOEXEC) < 0) {
		h->pipe[0] = h->pipe[1] = -1;
		return -errno;
	}
	/* beyond the limit of the uid a pipe holds 8 KiB: refuse it rather than let a writer block */
	size = fcntl(h->pipe[0], F_GETPIPE_SZ);
	if (size < (int)HANDOVER_MAX)
		size = fcntl(h->pipe[0], F_SETPIPE_SZ, HANDOVER_MAX);
	return size >= (int)HANDOVER_MAX ? 0 : -EMFILE;
}

static int send_verdict(struct handshake *h, bool granted)
{
	struct worker_verdict v = {
		.type = WORKER_VERDICT,
		.granted = granted,
		.refusal = granted ? REFUSAL_NONE : (uint16_t)h->refusal,
	};

	return packet_send(h->worker, &v, sizeof v, &h->pipe[1], granted ? 1 : 0);
}

static void do_grant(struct handshake *h, const uint8_t *p, size_t len)
{
	struct resolver_answer a;
	int r;

	(void)len;
	memcpy(&a, p, sizeof a);
	memcpy(h->about.user, a.name, sizeof h->about.user);
	h->about.uid = a.uid;
	handshake_trace(h, "account %s, uid %u, may log on", a.name, a.uid);
	r = make_pipe(h);
	if (r < 0) {
		handshake_fail(h, REFUSAL_LIMIT, "no pipe for the credentials");
		return;
	}
	r = send_verdict(h, true);
	h->pipe[1] = close_fd(h->pipe[1]);
	if (r < 0)
		handshake_worker_lost(h);
}

static void do_deny(struct handshake *h, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	if (send_verdict(h, false) < 0)
		handshake_refuse(h);
}

static bool delegated_record_ok(const struct worker_delegated *d)
{
	return record_terminated(d->domain, sizeof d->domain) && record_terminated(d->user, sizeof d->user) &&
	       credential_kind_name(d->kind) && d->handover_len <= HANDOVER_MAX;
}

/* The name that the client claims beside the one that it authenticated with; false when it claims none. */
static bool claimed_name(const struct handshake *h, struct resolver_request *q)
{
	const struct worker_delegated *d = &h->delegation;
	const char *realm = strrchr(h->about.principal, '@');
	size_t n = realm ? (size_t)(realm - h->about.principal) : strlen(h->about.principal);

	memcpy(q->domain, d->domain, sizeof q->domain);
	memcpy(q->user, d->user, sizeof q->user);
	if (d->kind != CREDENTIAL_SMARTCARD)
		return d->kind == CREDENTIAL_PASSWORD;
	/* hints: a domain alone must be one that the authenticated name can be of */
	if (!d->user[0] && d->domain[0] && n < sizeof q->user)
		memcpy(q->user, h->about.principal, n);
	return d->user[0] || d->domain[0];
}

static void do_compare(struct handshake *h, const uint8_t *p, size_t len)
{
	struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = h->mechanism };
	struct worker_delegated *d = &h->delegation;
	const char *why = NULL;
	enum refusal refusal;

	(void)len;
	memcpy(d, p, sizeof *d);
	h->delegated = true;
	if (!delegated_record_ok(d)) {
		d->kind = CREDENTIAL_NONE;
		handshake_fail(h, REFUSAL_CRASHED, "the worker sent a malformed record");
		return;
	}
	refusal = policy_check_kind(&h->s->config, &h->peer, h->mechanism, d->kind, &why);
	if (refusal != REFUSAL_NONE) {
		handshake_fail(h, refusal, why);
		return;
	}
	handshake_trace(h, "%s decrypted into the pipe by the worker", credential_kind_name(d->kind));
	q.kind = d->kind;
	q.uid = h->about.uid;
	if (h->mechanism == MECHANISM_NTLM)
		(void)snprintf(q.principal, sizeof q.principal, "%s", h->about.user);
	else
		memcpy(q.principal, h->about.principal, sizeof q.principal);
	if (!claimed_name(h, &q)) {
		/* the authenticated name is the proof and the claim */
		q.type = RESOLVE_ACCOUNT;
		memcpy(q.user, h->about.user, sizeof q.user);
	}
	ask(h, &q);
}

static void send_done(struct handshake *h, char *ticket)
{
	struct channel_done done = {
		.type = CHANNEL_DONE,
		.kind = h->delegation.kind,
		.version = h->credssp_version,
	};
	int r;

	(void)snprintf(done.mechanism, sizeof done.mechanism, "%s", mechanism_name(h->mechanism));
	memcpy(done.ticket, ticket, TICKET_LEN);
	memcpy(done.user, h->about.user, sizeof done.user);
	memcpy(done.principal, h->about.principal, sizeof done.principal);
	r = packet_send(h->channel, &done, sizeof done, NULL, 0);
	secret_wipe(&done, sizeof done);
	h->channel_io = sd_event_source_disable_unref(h->channel_io); /* a descriptor has one source */
	if (r == 0)
		r = grant_new(h->s, h->id, &h->channel);
	if (r < 0)
		supervisor_revoke(h->s, h->id);
}

static void do_finish(struct handshake *h, const uint8_t *p, size_t len)
{
	char ticket[TICKET_LEN + 1];
	struct log_logon who;
	struct resolver_answer a;
	int r;

	(void)len;
	memcpy(&a, p, sizeof a);
	if (a.uid != h->about.uid || strcmp(a.name, h->about.user) != 0) {
		char detail[WORKER_DETAIL_MAX];

		(void)snprintf(detail, sizeof detail, "authenticated %.80s, delegated %.80s", h->about.user, a.name);
		handshake_fail(h, REFUSAL_MISMATCH, detail);
		return;
	}
	h->about.kind = h->delegation.kind;
	h->about.mechanism = h->mechanism;
	h->about.version = h->credssp_version;
	h->about.proof = (uint8_t)policy_proof(&h->s->config, h->delegation.kind);
	r = supervisor_put_ticket(h->s, &h->about, h->pipe[0], ticket);
	if (r < 0) {
		handshake_fail(h, r == -EMFILE ? REFUSAL_LIMIT : REFUSAL_INTERNAL,
			       "too many tickets of this account are outstanding");
		return;
	}
	h->pipe[0] = -1; /* the vault's */
	who = handshake_who(h);
	h->s->counters.granted++;
	log_logon_line(LOG_NOTICE, &who, "logon granted after %u ms, ticket issued", elapsed_msec(h));
	send_done(h, ticket); /* revokes it, with a line, when the front end is gone */
	secret_wipe(ticket, sizeof ticket);
	handshake_uncount(h, 0);
	handshake_free(h);
}

/* What the worker says about credentials that it did not take: their kind, for the log and for the client. */
static void take_refused_kind(struct handshake *h, const struct worker_failed *f)
{
	const char *why = NULL;

	if (!h->confirmed || !credential_kind_name(f->kind))
		return;
	h->delegation.kind = f->kind;
	h->delegated = true;
	if (f->refusal == REFUSAL_CREDENTIAL_KIND &&
	    policy_check_kind(&h->s->config, &h->peer, h->mechanism, f->kind, &why) != REFUSAL_NONE)
		(void)snprintf(h->detail, sizeof h->detail, "%s", why);
}

static void do_refuse(struct handshake *h, const uint8_t *p, size_t len)
{
	struct worker_failed f = { .refusal = REFUSAL_NONE };
	const size_t head = offsetof(struct worker_failed, reply);

	if (p && len >= head) { /* from the worker; else the resolver's refusal stands */
		memcpy(&f, p, len);
		h->told = len > head && send_reply(h, f.reply, len - head) == 0;
		if (f.version >= 2 && f.version <= 6)
			h->credssp_version = f.version;
		/* the supervisor's own verdict and the verifier's reason are not overwritten by the worker's word */
		if (h->refusal == REFUSAL_NONE) {
			h->refusal = f.refusal != REFUSAL_NONE && f.refusal < REFUSAL_MAX_ ? (enum refusal)f.refusal
											   : REFUSAL_INTERNAL;
			if (record_terminated(f.detail, sizeof f.detail))
				memcpy(h->detail, f.detail, sizeof h->detail);
			take_refused_kind(h, &f);
		}
	}
	handshake_refuse(h);
}

static void do_respawn(struct handshake *h, const uint8_t *p, size_t len)
{
	struct worker_not_mine n;
	struct log_logon who = handshake_who(h);

	(void)len;
	memcpy(&n, p, sizeof n);
	if (n.no_tgt == WORKER_NO_TGT_OFF)
		log_logon_line(LOG_NOTICE, &who,
			       "the client began Kerberos user-to-user, as domain-joined mstsc does, which kerberos = "
			       "service-ticket switches off: it is offered NTLM (kerberos = any serves it)");
	if (n.no_tgt == WORKER_NO_TGT_LIVE) {
		log_logon_line(
		    LOG_WARNING, &who,
		    "the client wants user-to-user, and there is no live ticket-granting ticket of this server%s%s "
		    "(see the keeper's lines): going on without it",
		    h->asked[0] ? " for " : "", h->asked);
		child_suspect(service_current(h->s->keeper));
	}
	handshake_spawn_next(h);
}

static void do_note(struct handshake *h, const uint8_t *p, size_t len)
{
	struct worker_asked a;

	(void)len;
	memcpy(&a, p, sizeof a);
	if (record_terminated(a.server, sizeof a.server))
		memcpy(h->asked, a.server, sizeof h->asked);
}

static void do_nothing(struct handshake *h, const uint8_t *p, size_t len)
{
	(void)h;
	(void)p;
	(void)len;
}

static void do_fail(struct handshake *h, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	handshake_fail(h, REFUSAL_INTERNAL, "");
}

void handshake_act(struct handshake *h, enum logon_action action, const uint8_t *p, size_t len)
{
	static void (*const table[])(struct handshake * h, const uint8_t *p, size_t len) = {
		[LOGON_FAIL] = do_fail,       [LOGON_SPAWN] = do_spawn,   [LOGON_RESPAWN] = do_respawn,
		[LOGON_FORWARD] = do_forward, [LOGON_REPLY] = do_reply,   [LOGON_RESOLVE] = do_resolve,
		[LOGON_GRANT] = do_grant,     [LOGON_DENY] = do_deny,     [LOGON_COMPARE] = do_compare,
		[LOGON_FINISH] = do_finish,   [LOGON_REFUSE] = do_refuse, [LOGON_IGNORE] = do_nothing,
		[LOGON_NOTE] = do_note,
	};

	table[action](h, p, len);
}
