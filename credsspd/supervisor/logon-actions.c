/* SPDX-License-Identifier: MIT */
/* The actions of the table in logon-table.h. */
#include "credsspd/supervisor/logon.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"
#include "include/credssp/channel.h"

/* ---- the worker ---- */

void logon_start_worker(struct logon *h, struct service *template)
{
	static struct worker_start start; /* too large for the stack; the key is sent from the logon */
	const struct logons *l = h->logons;
	unsigned mechanism = template == l->services->krb5 ? MECHANISM_KRB5 : MECHANISM_NTLM;
	int r;

	start = (struct worker_start){ .min_version = (uint8_t)l->config->min_version };
	start.flags = (uint8_t)(policy_worker_flags(l->config, &h->peer, mechanism) |
				(h->peer.early_authorization ? WORKER_EARLY_AUTHORIZATION : 0) |
				(h->last_resort ? WORKER_LAST_RESORT : 0));
	r = logon_worker_start(&h->worker, template, &start, h->public_key, h->public_key_len);
	if (r < 0)
		logon_fail(h, REFUSAL_UNAVAILABLE, strerror(-r));
	else
		logon_trace(h, "worker forked from the %s template", mechanism_name(mechanism));
}

/* Starts a worker of the next template, unless the logon has to wait for keys. */
static void start_next_worker(struct logon *h)
{
	const struct logons *l = h->logons;
	struct service *template = logon_worker_next_template(&h->worker, &h->last_resort);

	if (!template) {
		logon_fail(h, REFUSAL_MECHANISM, NULL);
		return;
	}
	logon_worker_drop(&h->worker);
	h->waits = template == l->services->krb5 && service_current(template) && keytab_watch_pending(l->keytab);
	if (h->waits)
		logon_trace(h, "waits for new keys");
	else
		logon_start_worker(h, template);
}

void logon_worker_lost(struct logon *h)
{
	if (!logon_worker_template_died(&h->worker))
		logon_fail(h, REFUSAL_CRASHED, "the worker ended without a message");
	else if (h->refusal == REFUSAL_NONE)
		logon_fail(h, REFUSAL_UNAVAILABLE, "the template died, and its worker with it");
	else /* the verdict exists already */
		logon_refuse(h);
}

static void do_spawn(struct logon *h, const uint8_t *record, size_t len)
{
	if (logon_worker_keep_first(&h->worker, record, len) < 0)
		logon_fail(h, REFUSAL_INTERNAL, "out of memory");
	else
		start_next_worker(h);
}

static void do_respawn(struct logon *h, const uint8_t *record, size_t len)
{
	struct log_logon who = logon_who(h);
	struct worker_not_mine n;

	memcpy(&n, record, sizeof n);
	if (n.no_tgt == WORKER_NO_TGT_OFF)
		log_logon_line(
		    LOG_NOTICE, &who,
		    "the client began Kerberos user-to-user, as domain-joined mstsc does, which kerberos = "
		    "service-ticket switches off: continuing with NTLM (kerberos = any allows user-to-user)");
	if (n.no_tgt == WORKER_NO_TGT_LIVE) {
		log_logon_line(LOG_WARNING, &who,
			       "the client asks for user-to-user, and this server has no valid ticket-granting "
			       "ticket%s%s (see the keeper's lines): continuing without user-to-user",
			       h->asked[0] ? " for " : "", h->asked);
		process_suspect(service_current(h->logons->services->keeper));
	}
	start_next_worker(h);
}

/* ---- TSRequests ---- */

static void do_forward(struct logon *h, const uint8_t *record, size_t len)
{
	uint8_t type = WORKER_TSREQUEST;
	int r = packet_send2(h->worker.fd, &type, 1, record + 1, len - 1, NULL, 0);

	/* when the worker has just ended, its last message or end of file gives the reason */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		logon_fail(h, REFUSAL_INTERNAL, strerror(-r));
}

static int send_reply(struct logon *h, const uint8_t *tsrequest, size_t len)
{
	const uint8_t type = CHANNEL_REPLY;

	return packet_send2(h->channel, &type, 1, tsrequest, len, NULL, 0);
}

static void do_reply(struct logon *h, const uint8_t *record, size_t len)
{
	int r;

	logon_worker_forget_first(&h->worker);
	if (h->state == LOGON_AUTHINFO)
		h->confirmed = true;
	if (len == 1)
		return;
	r = send_reply(h, record + 1, len - 1);
	if (r == -EPIPE || r == -ECONNRESET)
		logon_fail(h, REFUSAL_CANCELLED, NULL);
	else if (r < 0)
		logon_fail(h, REFUSAL_INTERNAL, strerror(-r));
}

/* ---- the account ---- */

static void ask_resolver(struct logon *h, const struct resolver_request *question)
{
	int r = resolve(h->logons->resolvers, question, h->logons->answered, h, &h->question);

	if (r < 0)
		logon_fail(h, r == -EBUSY ? REFUSAL_LIMIT : REFUSAL_INTERNAL,
			   r == -EBUSY ? "too many lookups are waiting for the name service (nsswitch.conf)"
				       : strerror(-r));
}

static void do_resolve(struct logon *h, const uint8_t *record, size_t len)
{
	struct resolver_request q = { .type = RESOLVE_PRINCIPAL };
	struct worker_authenticated a;

	memcpy(&a, record, sizeof a);
	logon_worker_forget_first(&h->worker);
	if (!packet_text_ends(a.principal, sizeof a.principal) || !packet_text_ends(a.account, sizeof a.account) ||
	    a.mechanism != h->worker.mechanism || a.version < 2 || a.version > 6) {
		logon_fail(h, REFUSAL_CRASHED, "the worker sent a malformed message");
		return;
	}
	h->credssp_version = a.version;
	h->user_to_user = h->worker.mechanism == MECHANISM_KRB5 && a.user_to_user == 1;
	logon_trace(h, "%s authenticated %s and bound it to the TLS key", mechanism_name(h->worker.mechanism),
		    a.principal);
	if (h->worker.mechanism == MECHANISM_KRB5)
		policy_principal(a.principal, a.account);
	memcpy(h->about.principal, a.principal, sizeof h->about.principal);
	if (h->worker.mechanism == MECHANISM_NTLM) {
		/* only the verifier, not the worker, may prove the account */
		if (!h->proved) {
			logon_fail(h, REFUSAL_CRASHED,
				   "the worker claims an identity that the verifier has not proved");
			return;
		}
		q.type = h->proof.by_domain ? RESOLVE_DOMAIN_ACCOUNT : RESOLVE_ACCOUNT;
		q.uid = h->proof.uid;
		memcpy(q.user, h->proof.name, sizeof q.user);
	} else {
		q.from_domain = a.from_domain;
		memcpy(q.user, a.account, sizeof q.user);
	}
	q.mechanism = h->worker.mechanism;
	memcpy(q.principal, a.principal, sizeof q.principal);
	ask_resolver(h, &q);
}

static int make_pipe(struct logon *h)
{
	int size;

	if (pipe2(h->pipe, O_CLOEXEC) < 0) {
		h->pipe[0] = h->pipe[1] = -1;
		return -errno;
	}
	/* above the uid's limit a pipe has 8 KiB only, and the worker would block */
	size = fcntl(h->pipe[0], F_GETPIPE_SZ);
	if (size < (int)HANDOVER_MAX)
		size = fcntl(h->pipe[0], F_SETPIPE_SZ, HANDOVER_MAX);
	return size >= (int)HANDOVER_MAX ? 0 : -EMFILE;
}

static int send_verdict(struct logon *h, bool granted)
{
	struct worker_verdict v = {
		.type = WORKER_VERDICT,
		.granted = granted,
		.refusal = granted ? REFUSAL_NONE : (uint16_t)h->refusal,
	};

	return packet_send(h->worker.fd, &v, sizeof v, &h->pipe[1], granted ? 1 : 0);
}

static void take_account(struct logon *h, const uint8_t *record)
{
	struct resolver_answer a;

	memcpy(&a, record, sizeof a);
	memcpy(h->about.user, a.name, sizeof h->about.user);
	h->about.uid = a.uid;
	logon_trace(h, "account %s, uid %u, may log on", a.name, a.uid);
}

/* When account_ask stays NULL, logon.c continues at once. */
static void do_check(struct logon *h, const uint8_t *record, size_t len)
{
	take_account(h, record);
	account_check_ask(h);
}

static void do_grant(struct logon *h, const uint8_t *record, size_t len)
{
	int r;

	r = make_pipe(h);
	if (r < 0) {
		logon_fail(h, REFUSAL_LIMIT, "no pipe for the credentials");
		return;
	}
	r = send_verdict(h, true);
	h->pipe[1] = close_fd(h->pipe[1]);
	if (r < 0)
		logon_worker_lost(h);
}

static void do_deny(struct logon *h, const uint8_t *record, size_t len)
{
	if (send_verdict(h, false) < 0)
		logon_refuse(h);
}

/* ---- the credentials ---- */

static bool delegated_record_ok(const struct worker_delegated *d)
{
	return packet_text_ends(d->domain, sizeof d->domain) && packet_text_ends(d->user, sizeof d->user) &&
	       credential_kind_name(d->kind) && d->handover_len <= HANDOVER_MAX;
}

/* Writes the delegated name to @q; returns false when the client delegated no name. */
static bool claimed_name(const struct logon *h, struct resolver_request *q)
{
	const struct worker_delegated *d = &h->delegation;
	const char *realm = strrchr(h->about.principal, '@');
	size_t n = realm ? (size_t)(realm - h->about.principal) : strlen(h->about.principal);

	memcpy(q->domain, d->domain, sizeof q->domain);
	memcpy(q->user, d->user, sizeof q->user);
	if (d->kind != CREDENTIAL_SMARTCARD)
		return d->kind == CREDENTIAL_PASSWORD;
	/* a hint with a domain alone: the authenticated name must be able to belong to that domain */
	if (!d->user[0] && d->domain[0] && n < sizeof q->user)
		(void)snprintf(q->user, sizeof q->user, "%.*s", (int)n, h->about.principal);
	return d->user[0] || d->domain[0];
}

static void do_compare(struct logon *h, const uint8_t *record, size_t len)
{
	struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = h->worker.mechanism };
	struct worker_delegated *d = &h->delegation;
	const char *why = NULL;
	enum refusal refusal;

	memcpy(d, record, sizeof *d);
	h->delegated = true;
	if (!delegated_record_ok(d)) {
		d->kind = CREDENTIAL_NONE;
		logon_fail(h, REFUSAL_CRASHED, "the worker sent a malformed message");
		return;
	}
	refusal = policy_check_kind(h->logons->config, &h->peer, h->worker.mechanism, d->kind, &why);
	if (refusal != REFUSAL_NONE) {
		logon_fail(h, refusal, why);
		return;
	}
	logon_trace(h, "%s decrypted into the pipe by the worker", credential_kind_name(d->kind));
	q.kind = d->kind;
	q.uid = h->about.uid;
	if (h->worker.mechanism == MECHANISM_NTLM)
		(void)snprintf(q.principal, sizeof q.principal, "%s", h->about.user);
	else
		memcpy(q.principal, h->about.principal, sizeof q.principal);
	if (!claimed_name(h, &q)) {
		/* without a delegated name the authenticated name is resolved again, for the rules of this kind */
		q.type = RESOLVE_ACCOUNT;
		memcpy(q.user, h->about.user, sizeof q.user);
	}
	ask_resolver(h, &q);
}

static void send_done(struct logon *h, char *ticket)
{
	struct channel_done done = {
		.type = CHANNEL_DONE,
		.kind = h->delegation.kind,
		.version = h->credssp_version,
	};
	bool sent;

	(void)snprintf(done.mechanism, sizeof done.mechanism, "%s", mechanism_name(h->worker.mechanism));
	memcpy(done.ticket, ticket, TICKET_LEN);
	memcpy(done.user, h->about.user, sizeof done.user);
	memcpy(done.principal, h->about.principal, sizeof done.principal);
	sent = packet_send(h->channel, &done, sizeof done, NULL, 0) == 0;
	secret_wipe(&done, sizeof done);
	h->channel_io = sd_event_source_disable_unref(h->channel_io); /* a descriptor can have only one event source */
	if (sent)
		tickets_attach_channel(h->logons->tickets, h->id, &h->channel);
	else /* the front end is gone */
		tickets_revoke(h->logons->tickets, h->id);
}

static void do_finish(struct logon *h, const uint8_t *record, size_t len)
{
	char ticket[TICKET_LEN + 1];
	struct log_logon who;
	struct resolver_answer a;
	int r;

	memcpy(&a, record, sizeof a);
	if (a.uid != h->about.uid || strcmp(a.name, h->about.user) != 0) {
		char detail[WORKER_DETAIL_MAX];

		(void)snprintf(detail, sizeof detail, "authenticated %.80s, delegated %.80s", h->about.user, a.name);
		logon_fail(h, REFUSAL_MISMATCH, detail);
		return;
	}
	h->about.kind = h->delegation.kind;
	h->about.mechanism = h->worker.mechanism;
	h->about.version = h->credssp_version;
	h->about.proof = (uint8_t)policy_proof(h->logons->config, h->delegation.kind);
	r = tickets_issue(h->logons->tickets, &h->about, h->pipe[0], ticket);
	if (r < 0) {
		logon_fail(h, r == -EMFILE ? REFUSAL_LIMIT : REFUSAL_INTERNAL,
			   r == -EMFILE ? "too many tickets of this account are outstanding" : strerror(-r));
		return;
	}
	h->pipe[0] = -1; /* owned by the vault */
	who = logon_who(h);
	log_logon_line(LOG_NOTICE, &who, "logon granted after %u ms, ticket issued",
		       (unsigned)((clock_usec() - h->began) / 1000));
	send_done(h, ticket);
	secret_wipe(ticket, sizeof ticket);
	logon_end_granted(h);
}

/* ---- refusals, and other actions ---- */

/* Takes the kind of the credentials that the worker has refused, for the log and for the client. */
static void take_refused_kind(struct logon *h, const struct worker_failed *f)
{
	const char *why = NULL;

	if (!h->confirmed || !credential_kind_name(f->kind))
		return;
	h->delegation.kind = f->kind;
	h->delegated = true;
	if (f->refusal == REFUSAL_CREDENTIAL_KIND &&
	    policy_check_kind(h->logons->config, &h->peer, h->worker.mechanism, f->kind, &why) != REFUSAL_NONE)
		(void)snprintf(h->detail, sizeof h->detail, "%s", why);
}

static void do_refuse(struct logon *h, const uint8_t *record, size_t len)
{
	struct worker_failed f = { .refusal = REFUSAL_NONE };
	const size_t head = offsetof(struct worker_failed, reply);

	if (record && len >= head) { /* a message of the worker; else the resolver gave the reason */
		memcpy(&f, record, len);
		h->told = len > head && send_reply(h, f.reply, len - head) == 0;
		if (f.version >= 2 && f.version <= 6)
			h->credssp_version = f.version;
		/* a reason of the supervisor or the verifier has priority over the worker's */
		if (h->refusal == REFUSAL_NONE) {
			h->refusal = f.refusal != REFUSAL_NONE && f.refusal < REFUSAL_MAX_ ? (enum refusal)f.refusal
											   : REFUSAL_INTERNAL;
			if (packet_text_ends(f.detail, sizeof f.detail))
				memcpy(h->detail, f.detail, sizeof h->detail);
			take_refused_kind(h, &f);
		}
	}
	logon_refuse(h);
}

static void do_note(struct logon *h, const uint8_t *record, size_t len)
{
	struct worker_asked a;

	memcpy(&a, record, sizeof a);
	if (packet_text_ends(a.server, sizeof a.server))
		memcpy(h->asked, a.server, sizeof h->asked);
}

void logon_act(struct logon *h, enum logon_action action, const uint8_t *record, size_t len)
{
	static void (*const table[])(struct logon * h, const uint8_t *record, size_t len) = {
		[LOGON_SPAWN] = do_spawn,   [LOGON_RESPAWN] = do_respawn, [LOGON_FORWARD] = do_forward,
		[LOGON_REPLY] = do_reply,   [LOGON_RESOLVE] = do_resolve, [LOGON_GRANT] = do_grant,
		[LOGON_CHECK] = do_check,   [LOGON_DENY] = do_deny,       [LOGON_COMPARE] = do_compare,
		[LOGON_FINISH] = do_finish, [LOGON_REFUSE] = do_refuse,   [LOGON_NOTE] = do_note,
		[LOGON_IGNORE] = NULL,
	};

	if (table[action])
		table[action](h, record, len);
}
