/* SPDX-License-Identifier: MIT */
/*
 * One logon: a channel to the front end, a worker, and the table of machine.h
 * between them. TSRequests pass through unread; the only thing looked at is
 * whether the first one contains the NTLMSSP signature, as a hint which template to
 * try first. A wrong hint costs one more worker and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "credsspd/logon/machine.h"
#include "credsspd/logon/supervisor-private.h"
#include "credsspd/logon/tell.h"
#include "credsspd/util/log.h"
#include "credsspd/util/packet.h"
#include "include/credssp/channel.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define USEC_PER_SEC_ 1000000ULL
#define NTLM_HINT_WINDOW 256U /* where an NTLMSSP signature would be in a first TSRequest */

struct handshake {
	struct supervisor *s;
	struct handshake *next;
	uint64_t id;
	enum logon_state state;
	uint64_t began;
	/* the front end */
	uid_t caller;
	struct supervisor_peer peer;
	struct backoff_key address;
	bool counted; /* by backoff_begin() */
	int channel;
	sd_event_source *channel_io, *deadline, *step;
	/* the worker */
	struct service *template; /* whose worker it is */
	struct child *template_child, *verifier_child; /* NULL once gone */
	unsigned templates_tried;
	int worker;
	sd_event_source *worker_io;
	bool worker_ended;
	uint8_t *first; /* the first TSRequest as a packet, for the other template */
	size_t first_len;
	/* what is known */
	struct resolve *question;
	bool proved; /* the verifier has answered for this logon, with yes */
	struct verifier_result proof;
	uint8_t mechanism; /* enum mechanism of the template in use */
	uint8_t credssp_version;
	bool told, confirmed, delegated;
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX];
	int pipe[2];
	struct vault_logon about;
	struct worker_delegated delegation;
	size_t public_key_len;
	uint8_t public_key[];
};

static void handshake_event(struct handshake *h, enum logon_event event, const uint8_t *p, size_t len);

/* ---- log ---- */

static struct log_logon log_who(const struct handshake *h)
{
	return (struct log_logon){
		.logon = h->id,
		.user = h->about.user[0] ? h->about.user : h->proof.name,
		.rhost = h->peer.rhost,
		.rport = h->peer.rport,
		.service = h->about.service,
		.mechanism = h->mechanism ? mechanism_name(h->mechanism) : NULL,
		.version = h->credssp_version,
		.kind = credential_kind_name(h->delegation.kind),
		.principal = h->about.principal,
	};
}

static unsigned elapsed_msec(const struct handshake *h)
{
	return (unsigned)((supervisor_now() - h->began) / 1000);
}

__attribute__((format(printf, 2, 3))) static void trace(const struct handshake *h, const char *fmt, ...)
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

/* A worker that has not ended by itself is ended: after its last record it has nothing to do. */
static void drop_worker(struct handshake *h)
{
	struct template_record kill = { .type = TEMPLATE_KILL, .logon = h->id };

	if (h->worker >= 0 && !h->worker_ended && h->template_child)
		(void)packet_send(h->template_child->control, &kill, sizeof kill, NULL, 0);
	h->worker_io = sd_event_source_disable_unref(h->worker_io);
	h->worker = close_fd(h->worker);
	h->worker_ended = true;
	if (h->verifier_child) {
		child_unref(h->verifier_child);
		h->verifier_child = NULL;
	}
}

static void handshake_free(struct handshake *h)
{
	struct supervisor *s = h->s;
	struct handshake **p = &s->handshakes;

	drop_worker(h);
	resolve_cancel(h->question);
	while (*p && *p != h)
		p = &(*p)->next;
	if (*p) {
		*p = h->next;
		s->n_handshakes--;
	}
	(void)sd_event_source_disable_unref(h->channel_io);
	(void)sd_event_source_disable_unref(h->deadline);
	(void)sd_event_source_disable_unref(h->step);
	(void)close_fd(h->channel);
	(void)close_fd(h->pipe[0]);
	(void)close_fd(h->pipe[1]);
	free(h->first);
	free(h);
}

void handshake_free_all(struct supervisor *s)
{
	while (s->handshakes)
		handshake_free(s->handshakes);
}

/* Is an address that the administrator named never made to wait? */
static bool exempt(const struct supervisor *s, const char *rhost)
{
	for (config_list e = s->config.backoff_exempt; *e; e++)
		if (strcmp(*e, rhost) == 0)
			return true;
	return false;
}

static void uncount(struct handshake *h, unsigned weight, int granted)
{
	if (h->counted)
		backoff_end(h->s->backoff, &h->address, supervisor_now(), weight, granted);
	h->counted = false;
}

/* Tells the front end, logs, frees. */
static void refuse(struct handshake *h)
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
	struct log_logon who = log_who(h);

	h->state = LOGON_FAILED;
	(void)snprintf(failed.reason, sizeof failed.reason, "%s", refusal_word(refusal));
	(void)packet_send(h->channel, &failed, sizeof failed, NULL, 0);
	who.reason = failed.reason;
	h->s->counters.refused++;
	h->s->counters.refusals[refusal < REFUSAL_MAX_ ? refusal : REFUSAL_INTERNAL]++;
	log_logon_line(refusal == REFUSAL_CANCELLED ? LOG_INFO : LOG_WARNING, &who, "logon refused: %s%s%s",
		       refusal_text(refusal), h->detail[0] ? ": " : "", h->detail);
	uncount(h, weight, 0);
	handshake_free(h);
}

static void fail(struct handshake *h, enum refusal refusal, const char *detail)
{
	h->refusal = refusal;
	if (detail)
		(void)snprintf(h->detail, sizeof h->detail, "%s", detail);
	refuse(h);
}

/* ---- deadlines ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct handshake *h = userdata;
	char detail[64];

	(void)source;
	(void)usec;
	(void)snprintf(detail, sizeof detail, "state %s", logon_state_name(h->state));
	fail(h, REFUSAL_TIMEOUT, detail);
	return 0;
}

static int on_step_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct handshake *h = userdata;

	(void)source;
	(void)usec;
	fail(h, REFUSAL_UNAVAILABLE, "the worker gave no answer in time");
	return 0;
}

/* The front end is read only when it is its turn; the worker has a deadline only when it is the worker's. */
static void take_turns(struct handshake *h)
{
	bool client = logon_awaits_client(h->state);
	bool worker = h->state == LOGON_WORKING || h->state == LOGON_REFUSING || h->state == LOGON_CONFIRMING ||
		      h->state == LOGON_DECRYPTING;

	(void)sd_event_source_set_io_events(h->channel_io, client ? EPOLLIN : 0);
	if (worker) {
		(void)sd_event_source_set_time_relative(h->step, WORKER_STEP_TIMEOUT_SEC * USEC_PER_SEC_);
		(void)sd_event_source_set_enabled(h->step, SD_EVENT_ONESHOT);
	} else {
		(void)sd_event_source_set_enabled(h->step, SD_EVENT_OFF);
	}
}

/* ---- the worker ---- */

static bool terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

/* The event that a record of the worker is; -EPROTO for one that is malformed. */
static int worker_record_event(const uint8_t *p, size_t len, enum logon_event *ret_event)
{
	static const struct {
		uint8_t type;
		enum logon_event event;
		size_t min, max;
	} row[] = {
		{ WORKER_NOT_MINE, LOGON_GOT_NOT_MINE, 1, 1 },
		{ WORKER_REPLY, LOGON_GOT_REPLY, 1, WORKER_PACKET_MAX },
		{ WORKER_AUTHENTICATED, LOGON_GOT_AUTHENTICATED, sizeof(struct worker_authenticated),
		  sizeof(struct worker_authenticated) },
		{ WORKER_DELEGATED, LOGON_GOT_DELEGATED, sizeof(struct worker_delegated), sizeof(struct worker_delegated) },
		{ WORKER_FAILED, LOGON_GOT_REFUSED, sizeof(struct worker_failed), sizeof(struct worker_failed) },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (row[i].type != p[0])
			continue;
		if (len < row[i].min || len > row[i].max)
			return -EPROTO;
		*ret_event = row[i].event;
		return 0;
	}
	return -EPROTO;
}

static int on_worker(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t packet[WORKER_PACKET_MAX]; /* one thread, one packet at a time */
	struct handshake *h = userdata;
	enum logon_event event;
	ssize_t n;

	(void)revents;
	n = packet_recv(fd, packet, sizeof packet, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n == 0 || n == -ECONNRESET) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		h->worker_ended = true;
		handshake_event(h, LOGON_GOT_END, NULL, 0);
	} else if (n < 0 || worker_record_event(packet, (size_t)n, &event) < 0) {
		fail(h, REFUSAL_CRASHED, "the worker sent a malformed record");
	} else {
		handshake_event(h, event, packet, (size_t)n);
	}
	return 0;
}

static int send_start(struct handshake *h)
{
	static struct worker_start start; /* too large for the stack; its key is sent from where it is */

	start = (struct worker_start){ .type = WORKER_START };
	start.min_version = (uint8_t)h->s->config.min_version;
	start.logon = h->id;
	start.public_key_len = (uint32_t)h->public_key_len;
	if (h->peer.early_authorization)
		start.flags |= WORKER_EARLY_AUTHORIZATION;
	if (h->s->config.restricted_admin)
		start.flags |= WORKER_RESTRICTED_ADMIN;
	return packet_send2(h->worker, &start, offsetof(struct worker_start, public_key), h->public_key, h->public_key_len,
			    NULL, 0);
}

/* For an ntlm worker: its socket to the verifier, whose other end goes to the verifier. */
static int attach_verifier(struct handshake *h, int *ret_fd)
{
	struct verifier_control attach = { .type = VERIFIER_ATTACH, .id = h->id };
	struct child *verifier = service_current(h->s->verifier);
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int workers = -1;
	int pair[2], r;

	if (!verifier)
		return -ENETDOWN;
	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	workers = pair[0];
	theirs = pair[1];
	r = packet_send(verifier->control, &attach, sizeof attach, &theirs, 1);
	if (r < 0)
		return r;
	child_ref(verifier);
	h->verifier_child = verifier;
	*ret_fd = TAKE_FD(workers);
	return 0;
}

static int spawn_worker(struct handshake *h, struct service *template)
{
	struct template_record spawn = { .type = TEMPLATE_SPAWN, .logon = h->id };
	struct child *child = service_current(template);
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int verifier = -1;
	int pair[2], fds[2], r;

	if (!child)
		return -ENETDOWN;
	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	h->worker = pair[0];
	theirs = pair[1];
	if (fcntl(h->worker, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	h->mechanism = template == h->s->krb5 ? MECHANISM_KRB5 : MECHANISM_NTLM;
	if (h->mechanism == MECHANISM_NTLM) {
		r = attach_verifier(h, &verifier);
		if (r < 0)
			return r;
	}
	fds[0] = theirs;
	fds[1] = verifier;
	r = packet_send(child->control, &spawn, sizeof spawn, fds, verifier < 0 ? 1 : 2);
	if (r < 0)
		return r;
	child_ref(child); /* until TEMPLATE_EXITED */
	h->template = template;
	h->template_child = child;
	h->worker_ended = false;
	r = sd_event_add_io(h->s->event, &h->worker_io, h->worker, EPOLLIN, on_worker, h);
	if (r < 0)
		return r;
	return send_start(h);
}

static bool has_ntlm_signature(const uint8_t *p, size_t len)
{
	return memmem(p, len < NTLM_HINT_WINDOW ? len : NTLM_HINT_WINDOW, "NTLMSSP", 8) != NULL;
}

/* The template to try next, or NULL when both have been. */
static struct service *next_template(struct handshake *h)
{
	struct supervisor *s = h->s;
	bool ntlm_first = s->ntlm && has_ntlm_signature(h->first, h->first_len);
	struct service *order[2] = { ntlm_first ? s->ntlm : s->krb5, ntlm_first ? s->krb5 : s->ntlm };

	while (h->templates_tried < 2) {
		struct service *t = order[h->templates_tried++];

		if (t)
			return t;
	}
	return NULL;
}

static void spawn_next(struct handshake *h)
{
	struct service *template = next_template(h);
	int r;

	if (!template) {
		fail(h, REFUSAL_MECHANISM, NULL);
		return;
	}
	drop_worker(h);
	r = spawn_worker(h, template);
	if (r == 0)
		r = packet_send(h->worker, h->first, h->first_len, NULL, 0);
	if (r < 0)
		fail(h, REFUSAL_UNAVAILABLE, strerror(-r));
	else
		trace(h, "worker forked from the %s template", mechanism_name(h->mechanism));
}

/* ---- actions ---- */

static void do_spawn(struct handshake *h, const uint8_t *p, size_t len)
{
	h->first = malloc(len);
	if (!h->first) {
		fail(h, REFUSAL_INTERNAL, "out of memory");
		return;
	}
	memcpy(h->first, p, len);
	h->first[0] = WORKER_TSREQUEST;
	h->first_len = len;
	spawn_next(h);
}

static void drop_first(struct handshake *h)
{
	free(h->first);
	h->first = NULL;
}

static void do_forward(struct handshake *h, const uint8_t *p, size_t len)
{
	uint8_t type = WORKER_TSREQUEST;
	int r = packet_send2(h->worker, &type, 1, p + 1, len - 1, NULL, 0);

	/* when the worker has just ended, its last record or end of file says why */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		fail(h, REFUSAL_INTERNAL, strerror(-r));
}

static void do_reply(struct handshake *h, const uint8_t *p, size_t len)
{
	uint8_t type = CHANNEL_REPLY;
	int r;

	drop_first(h);
	if (h->state == LOGON_AUTHINFO)
		h->confirmed = true;
	if (len == 1)
		return;
	r = packet_send2(h->channel, &type, 1, p + 1, len - 1, NULL, 0);
	if (r == -EPIPE || r == -ECONNRESET)
		fail(h, REFUSAL_CANCELLED, NULL);
	else if (r < 0)
		fail(h, REFUSAL_INTERNAL, strerror(-r));
}

static void on_account(const struct resolver_answer *answer, void *userdata)
{
	struct handshake *h = userdata;

	h->question = NULL;
	if (!answer) {
		h->refusal = REFUSAL_UNAVAILABLE;
		(void)snprintf(h->detail, sizeof h->detail, "no answer from the name service");
		handshake_event(h, LOGON_GOT_NO_ACCOUNT, NULL, 0);
	} else if (answer->refusal != REFUSAL_NONE) {
		h->refusal = answer->refusal < REFUSAL_MAX_ ? (enum refusal)answer->refusal : REFUSAL_INTERNAL;
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
		fail(h, r == -EBUSY ? REFUSAL_LIMIT : REFUSAL_INTERNAL, "too many names to look up");
}

static void do_resolve(struct handshake *h, const uint8_t *p, size_t len)
{
	struct resolver_request q = { .type = RESOLVE_PRINCIPAL };
	struct worker_authenticated a;

	(void)len;
	memcpy(&a, p, sizeof a);
	drop_first(h);
	if (!terminated(a.principal, sizeof a.principal) || a.mechanism != h->mechanism || a.version < 2 || a.version > 6) {
		fail(h, REFUSAL_CRASHED, "the worker sent a malformed record");
		return;
	}
	h->credssp_version = a.version;
	memcpy(h->about.principal, a.principal, sizeof h->about.principal);
	trace(h, "%s authenticated %s and bound it to the TLS key", mechanism_name(h->mechanism), a.principal);
	if (h->mechanism == MECHANISM_NTLM) {
		/* what the worker says counts for nothing here: the verifier knows whose response it checked */
		if (!h->proved) {
			fail(h, REFUSAL_CRASHED, "the worker claims what the verifier did not prove");
			return;
		}
		q.type = RESOLVE_ACCOUNT;
		q.uid = h->proof.uid;
		memcpy(q.user, h->proof.name, sizeof q.user);
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
	trace(h, "account %s, uid %u, may log on", a.name, a.uid);
	r = make_pipe(h);
	if (r < 0) {
		fail(h, REFUSAL_LIMIT, "no pipe for the credentials");
		return;
	}
	r = send_verdict(h, true);
	h->pipe[1] = close_fd(h->pipe[1]);
	if (r < 0)
		fail(h, REFUSAL_CRASHED, "the worker has gone");
}

static void do_deny(struct handshake *h)
{
	if (send_verdict(h, false) < 0)
		refuse(h);
}

static void do_compare(struct handshake *h, const uint8_t *p, size_t len)
{
	struct resolver_request q = { .type = RESOLVE_DELEGATED, .mechanism = h->mechanism };
	struct worker_delegated *d = &h->delegation;

	(void)len;
	memcpy(d, p, sizeof *d);
	h->delegated = true;
	if (!terminated(d->domain, sizeof d->domain) || !terminated(d->user, sizeof d->user) ||
	    !credential_kind_name(d->kind) || d->handover_len > HANDOVER_MAX) {
		d->kind = CREDENTIAL_NONE;
		fail(h, REFUSAL_CRASHED, "the worker sent a malformed record");
		return;
	}
	if (d->kind != CREDENTIAL_PASSWORD && !(d->kind == CREDENTIAL_RESTRICTED_ADMIN && h->s->config.restricted_admin)) {
		fail(h, REFUSAL_CREDENTIAL_KIND, NULL);
		return;
	}
	trace(h, "%s decrypted into the pipe by the worker", credential_kind_name(d->kind));
	memcpy(q.principal, h->about.principal, sizeof q.principal);
	if (d->kind == CREDENTIAL_RESTRICTED_ADMIN) {
		/* nothing was delegated: the authenticated name is the proof and the claim */
		q.type = RESOLVE_ACCOUNT;
		q.uid = h->about.uid;
		memcpy(q.user, h->about.user, sizeof q.user);
	} else {
		memcpy(q.domain, d->domain, sizeof q.domain);
		memcpy(q.user, d->user, sizeof q.user);
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
	if (r < 0)
		trace(h, "the front end has gone; the ticket will expire");
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
		fail(h, REFUSAL_MISMATCH, detail);
		return;
	}
	h->about.kind = h->delegation.kind;
	h->about.mechanism = h->mechanism;
	h->about.version = h->credssp_version;
	r = supervisor_put_ticket(h->s, &h->about, h->pipe[0], ticket);
	if (r < 0) {
		fail(h, r == -EMFILE ? REFUSAL_LIMIT : REFUSAL_INTERNAL, "too many tickets of this account, or of all");
		return;
	}
	h->pipe[0] = -1; /* the vault's */
	send_done(h, ticket);
	secret_wipe(ticket, sizeof ticket);
	who = log_who(h);
	h->s->counters.granted++;
	log_logon_line(LOG_NOTICE, &who, "logon granted after %u ms, ticket issued", elapsed_msec(h));
	uncount(h, 0, 1);
	handshake_free(h);
}

static void do_refuse(struct handshake *h, const uint8_t *p, size_t len)
{
	struct worker_failed f;

	if (len == sizeof f) { /* from the worker; else the resolver's refusal stands */
		memcpy(&f, p, sizeof f);
		h->told = f.told == 1;
		if (f.version >= 2 && f.version <= 6)
			h->credssp_version = f.version;
		/* the supervisor's own verdict and the verifier's reason are not overwritten by the worker's word */
		if (h->refusal == REFUSAL_NONE) {
			h->refusal = f.refusal != REFUSAL_NONE && f.refusal < REFUSAL_MAX_ ? (enum refusal)f.refusal :
											     REFUSAL_INTERNAL;
			if (terminated(f.detail, sizeof f.detail))
				memcpy(h->detail, f.detail, sizeof h->detail);
		}
	}
	refuse(h);
}

static void handshake_event(struct handshake *h, enum logon_event event, const uint8_t *p, size_t len)
{
	struct logon_step step = logon_step(h->state, event);
	enum logon_state from = h->state;
	uint64_t id = h->id;
	struct supervisor *s = h->s;

	h->state = step.next;
	switch (step.action) {
	case LOGON_SPAWN:
		do_spawn(h, p, len);
		break;
	case LOGON_RESPAWN:
		spawn_next(h);
		break;
	case LOGON_FORWARD:
		do_forward(h, p, len);
		break;
	case LOGON_REPLY:
		do_reply(h, p, len);
		break;
	case LOGON_RESOLVE:
		do_resolve(h, p, len);
		break;
	case LOGON_GRANT:
		do_grant(h, p, len);
		break;
	case LOGON_DENY:
		do_deny(h);
		break;
	case LOGON_COMPARE:
		do_compare(h, p, len);
		break;
	case LOGON_FINISH:
		do_finish(h, p, len);
		break;
	case LOGON_REFUSE:
		do_refuse(h, p, len);
		break;
	case LOGON_IGNORE:
		break;
	case LOGON_FAIL:
		h->state = from;
		if (event == LOGON_GOT_END)
			fail(h, REFUSAL_CRASHED, "the worker ended without a word");
		else
			fail(h, REFUSAL_CRASHED, "the worker sent a record out of order");
		break;
	}
	/* the actions may have freed it: it is still there when it is still listed */
	for (struct handshake *i = s->handshakes; i; i = i->next)
		if (i == h && i->id == id)
			take_turns(h);
}

/* ---- the front end ---- */

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	struct handshake *h = userdata;
	ssize_t n;

	(void)source;
	if (!(revents & EPOLLIN)) { /* hung up while it was not its turn */
		fail(h, REFUSAL_CANCELLED, NULL);
		return 0;
	}
	n = packet_recv(fd, packet, sizeof packet, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n == 0 || n == -ECONNRESET)
		fail(h, REFUSAL_CANCELLED, NULL);
	else if (n < 2 || packet[0] != CHANNEL_TSREQUEST)
		fail(h, REFUSAL_PROTOCOL, "the front end sent what is no TSRequest");
	else
		handshake_event(h, LOGON_GOT_TSREQUEST, packet, (size_t)n);
	return 0;
}

static bool may_ask(const struct supervisor *s, uid_t caller, const char *service)
{
	config_list services = config_services_of(&s->config, caller);

	for (config_list i = services; i && *i; i++)
		if (strcmp(*i, service) == 0)
			return true;
	return false;
}

static unsigned handshakes_of(const struct supervisor *s, uid_t caller)
{
	unsigned n = 0;

	for (const struct handshake *h = s->handshakes; h; h = h->next)
		n += h->caller == caller;
	return n;
}

/* Why this Begin is refused, or REFUSAL_NONE; counts the attempt. */
static int admit(struct supervisor *s, uid_t caller, const struct supervisor_peer *peer, struct log_logon *who,
		 bool *ret_counted)
{
	struct backoff_key key = backoff_key(caller, peer->rhost);
	unsigned wait;

	if (s->n_handshakes >= HANDSHAKES_MAX || handshakes_of(s, caller) >= HANDSHAKES_PER_CALLER_MAX) {
		who->reason = refusal_word(REFUSAL_LIMIT);
		s->counters.refusals[REFUSAL_LIMIT]++;
		s->counters.refused++;
		log_logon_line(LOG_WARNING, who, "logon refused: %u handshakes are under way", s->n_handshakes);
		return -EBUSY;
	}
	*ret_counted = false;
	if (exempt(s, peer->rhost))
		return 0;
	wait = backoff_begin(s->backoff, &key, supervisor_now());
	if (wait) {
		who->reason = refusal_word(REFUSAL_BACKOFF);
		s->counters.refusals[REFUSAL_BACKOFF]++;
		s->counters.refused++;
		log_logon_line(LOG_WARNING, who, "logon refused: %s (%u s)", refusal_text(REFUSAL_BACKOFF), wait);
		return -EAGAIN;
	}
	*ret_counted = true;
	return 0;
}

static int watch_channel(struct handshake *h)
{
	sd_event *e = h->s->event;
	int r;

	r = sd_event_add_io(e, &h->channel_io, h->channel, EPOLLIN, on_channel, h);
	if (r >= 0)
		r = sd_event_add_time_relative(e, &h->deadline, CLOCK_BOOTTIME,
					       h->s->config.handshake_timeout_sec * USEC_PER_SEC_, 100000, on_deadline, h);
	if (r >= 0)
		r = sd_event_add_time_relative(e, &h->step, CLOCK_BOOTTIME, WORKER_STEP_TIMEOUT_SEC * USEC_PER_SEC_, 100000,
					       on_step_deadline, h);
	if (r >= 0)
		r = sd_event_source_set_enabled(h->step, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

int supervisor_begin(struct supervisor *s, uid_t caller, const char *service, const void *public_key,
		     size_t public_key_len, const struct supervisor_peer *peer, uint64_t *ret_logon, int *ret_channel)
{
	struct log_logon who = { .rhost = peer->rhost, .rport = peer->rport, .service = service };
	struct handshake *h;
	bool counted;
	int pair[2], r;

	if (!may_ask(s, caller, service)) {
		log_logon_line(LOG_WARNING, &who, "uid %u may not begin logons for this service (front_ends)", caller);
		return -EACCES;
	}
	if (public_key_len == 0 || public_key_len > SUBJECT_PUBLIC_KEY_MAX || strlen(service) > PAM_SERVICE_MAX)
		return -EINVAL;
	r = admit(s, caller, peer, &who, &counted);
	if (r < 0)
		return r;
	h = calloc(1, sizeof *h + public_key_len);
	if (!h)
		return -ENOMEM;
	h->s = s;
	h->id = ++s->last_logon;
	h->state = LOGON_FIRST;
	h->began = supervisor_now();
	h->caller = caller;
	h->peer = *peer;
	h->address = backoff_key(caller, peer->rhost);
	h->counted = counted;
	h->channel = h->worker = h->pipe[0] = h->pipe[1] = -1;
	h->about.logon = h->id;
	(void)snprintf(h->about.service, sizeof h->about.service, "%s", service);
	(void)snprintf(h->about.rhost, sizeof h->about.rhost, "%s", peer->rhost);
	h->public_key_len = public_key_len;
	memcpy(h->public_key, public_key, public_key_len);
	h->next = s->handshakes;
	s->handshakes = h;
	s->n_handshakes++;
	r = packet_pair(0, pair);
	if (r == 0) {
		h->channel = pair[0];
		r = fcntl(h->channel, F_SETFL, O_NONBLOCK) < 0 ? -errno : watch_channel(h);
		if (r < 0)
			(void)close_fd(pair[1]);
	}
	if (r < 0) {
		uncount(h, 0, 0);
		handshake_free(h);
		return r;
	}
	trace(h, "begun by uid %u", caller);
	*ret_logon = h->id;
	*ret_channel = pair[1];
	return 0;
}

/* ---- what the other processes say ---- */

static struct handshake *find(struct supervisor *s, uint64_t id)
{
	struct handshake *h = s->handshakes;

	while (h && h->id != id)
		h = h->next;
	return h;
}

static bool abnormal(int status)
{
	/* SIGKILL is ours; a worker that has said its last word exits with 0 */
	return WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0;
}

int handshake_template_record(struct child *c, const void *p, size_t len, void *userdata)
{
	struct supervisor *s = userdata;
	struct template_record r;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, p, sizeof r);
	if (r.type != TEMPLATE_EXITED || c->live == 0)
		return -EPROTO;
	if (abnormal(r.status)) {
		struct log_logon who = { .logon = r.logon };

		log_logon_line(LOG_ERR, &who, "a worker died by %s %d; its template is replaced",
			       WIFSIGNALED(r.status) ? "signal" : "exit status",
			       WIFSIGNALED(r.status) ? WTERMSIG(r.status) : WEXITSTATUS(r.status));
		supervisor_worker_crashed(s, c->service);
	}
	child_unref(c);
	return 0;
}

void handshake_template_gone(struct child *c, void *userdata)
{
	struct supervisor *s = userdata;

	/* its workers died with it, which their sockets say */
	for (struct handshake *h = s->handshakes; h; h = h->next)
		if (h->template_child == c)
			h->template_child = NULL;
}

int handshake_verifier_result(struct supervisor *s, const struct verifier_result *result)
{
	struct handshake *h = find(s, result->logon);

	if (!terminated(result->name, sizeof result->name))
		return -EPROTO;
	if (!h)
		return 0; /* it has ended meanwhile */
	h->proof = *result;
	h->proved = result->granted == 1;
	if (!h->proved)
		h->refusal = result->refusal != REFUSAL_NONE && result->refusal < REFUSAL_MAX_ ?
				     (enum refusal)result->refusal :
				     REFUSAL_INTERNAL;
	trace(h, "verifier: %s", h->proved ? "NTLMv2 response is right" : refusal_word(h->refusal));
	return 0;
}

void handshake_verifier_gone(struct supervisor *s, struct child *c)
{
	for (struct handshake *h = s->handshakes; h; h = h->next)
		if (h->verifier_child == c)
			h->verifier_child = NULL;
}
