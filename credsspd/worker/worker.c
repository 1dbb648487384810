/* SPDX-License-Identifier: MIT */
/*
 * The I/O and the actions around exchange.c, MS-CSSP 3.1.5. A worker does not log: it reports to the supervisor, and
 * its standard descriptors are /dev/null.
 */
#include "credsspd/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/ipc/packet.h"
#include "common/wire/binding.h"
#include "credsspd/worker/delegation.h"
#include "credsspd/worker/exchange.h"

#define SUPERVISOR_FD 3
#define VERIFIER_FD 4
#define WRAP_ROOM 128U /* header and checksum of any wrap token */

struct worker {
	enum mechanism mechanism;
	int socket;
	struct acceptor *acceptor;
	enum exchange_state state;
	struct exchange exchange;
	struct tsrequest request; /* views into @packet */
	struct worker_start start;
	int pipe;
	uint8_t packet[WORKER_PACKET_MAX]; /* the last message received */
	uint8_t reply[WORKER_PACKET_MAX];
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX];
	enum credential_kind kind; /* of the decrypted credentials */
	bool may_tell;
	bool asked; /* WORKER_ASKED was sent */
};

static enum exchange_event wrong(struct worker *w, enum refusal refusal, const char *detail)
{
	w->refusal = refusal;
	(void)snprintf(w->detail, sizeof w->detail, "%s", detail);
	return EXCHANGE_WRONG;
}

static enum exchange_event acceptor_wrong(struct worker *w)
{
	return wrong(w, acceptor_refusal(w->acceptor), acceptor_detail(w->acceptor));
}

/* ---- out ---- */

static enum exchange_event send_record(struct worker *w, const void *p, size_t len)
{
	int r = packet_send(w->socket, p, len, NULL, 0);

	return r < 0 ? wrong(w, REFUSAL_CANCELLED, "the supervisor has gone") : EXCHANGE_NOTHING;
}

static enum exchange_event send_reply(struct worker *w, struct tsrequest *t)
{
	size_t len;

	t->version = EXCHANGE_VERSION;
	w->reply[0] = WORKER_REPLY;
	if (tsrequest_write(t, w->reply + 1, sizeof w->reply - 1, &len) < 0)
		return wrong(w, REFUSAL_INTERNAL, "the reply is too large");
	return send_record(w, w->reply, 1 + len);
}

/* Writes a reply with errorCode, if the client reads one now and may get the reason. Returns its length, or 0. */
static size_t last_reply(const struct worker *w, uint8_t out[WORKER_LAST_REPLY_MAX])
{
	struct tsrequest t = { .version = EXCHANGE_VERSION, .has_error_code = true };
	size_t len = 0;

	t.error_code = refusal_ntstatus(w->refusal);
	if (!w->may_tell || t.error_code == 0 || !refusal_version_has_error_code(w->exchange.version))
		return 0;
	return tsrequest_write(&t, out, WORKER_LAST_REPLY_MAX, &len) == 0 ? len : 0;
}

/* Sends reply and reason in one message, so that a client that leaves at once does not count as cancelled. */
static void report_refusal(struct worker *w)
{
	struct worker_failed f = { .type = WORKER_FAILED };
	size_t reply = last_reply(w, f.reply);

	f.version = (uint8_t)w->exchange.version;
	f.kind = (uint8_t)w->kind;
	f.refusal = (uint16_t)(w->refusal != REFUSAL_NONE ? w->refusal : REFUSAL_INTERNAL);
	memcpy(f.detail, w->detail, sizeof f.detail);
	(void)packet_send(w->socket, &f, offsetof(struct worker_failed, reply) + reply, NULL, 0);
}

/* ---- in ---- */

static enum exchange_event take_start(struct worker *w, size_t len)
{
	const size_t head = offsetof(struct worker_start, public_key);

	if (len < head || len > sizeof w->start)
		return wrong(w, REFUSAL_INTERNAL, "malformed start record");
	memcpy(&w->start, w->packet, len);
	if (w->start.public_key_len == 0 || w->start.public_key_len != len - head)
		return wrong(w, REFUSAL_INTERNAL, "malformed start record");
	w->exchange.min_version = w->start.min_version;
	if (w->start.flags & WORKER_LAST_RESORT)
		acceptor_set_last_resort(w->acceptor);
	return EXCHANGE_GOT_START;
}

static enum exchange_event take_tsrequest(struct worker *w, size_t len)
{
	enum exchange_event event;
	enum refusal refusal = REFUSAL_INTERNAL;
	const char *detail = "";

	if (tsrequest_read(w->packet + 1, len - 1, &w->request) < 0)
		return wrong(w, REFUSAL_PROTOCOL, "malformed TSRequest");
	event = exchange_take(&w->exchange, &w->request, &refusal, &detail);
	return event == EXCHANGE_WRONG ? wrong(w, refusal, detail) : event;
}

static enum exchange_event take_verdict(struct worker *w, size_t len)
{
	struct worker_verdict v;

	if (len != sizeof v)
		return wrong(w, REFUSAL_INTERNAL, "malformed verdict");
	memcpy(&v, w->packet, sizeof v);
	if (v.granted == 1)
		return w->pipe >= 0 ? EXCHANGE_GOT_GRANTED : wrong(w, REFUSAL_INTERNAL, "a verdict without a pipe");
	(void)wrong(w, v.refusal < REFUSAL_MAX_ ? (enum refusal)v.refusal : REFUSAL_INTERNAL, "");
	return EXCHANGE_GOT_REFUSED;
}

/* Receives the next message. When the supervisor has closed its end, the worker exits: no process reads its reports. */
static enum exchange_event receive_event(struct worker *w)
{
	static const struct {
		uint8_t type;
		enum exchange_event (*take)(struct worker *w, size_t len);
	} row[] = {
		{ WORKER_START, take_start },
		{ WORKER_TSREQUEST, take_tsrequest },
		{ WORKER_VERDICT, take_verdict },
	};
	int fd = -1;
	ssize_t n;

	n = packet_recv(w->socket, w->packet, sizeof w->packet, &fd, 1);
	if (n == 0)
		_exit(EXIT_SUCCESS);
	if (n < 0)
		return wrong(w, n == -EMSGSIZE ? REFUSAL_PROTOCOL : REFUSAL_INTERNAL,
			     "a packet that is too long, or bad");
	if (fd >= 0) {
		w->pipe = close_fd(w->pipe);
		w->pipe = fd;
	}
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].type == w->packet[0])
			return row[i].take(w, (size_t)n);
	return wrong(w, REFUSAL_INTERNAL, "a record that a worker does not take");
}

/* ---- actions ---- */

static enum exchange_event do_read(struct worker *w)
{
	return EXCHANGE_NOTHING;
}

static enum exchange_event do_pass_on(struct worker *w)
{
	const struct worker_not_mine n = { .type = WORKER_NOT_MINE, .no_tgt = (uint8_t)acceptor_no_tgt(w->acceptor) };

	return send_record(w, &n, sizeof n);
}

/* Reports the name that the client asked for, for the log, in case the client leaves or tries another mechanism. */
static int send_asked(struct worker *w)
{
	struct worker_asked a = { .type = WORKER_ASKED };

	(void)snprintf(a.server, sizeof a.server, "%s", acceptor_asked(w->acceptor));
	w->asked = true;
	return packet_send(w->socket, &a, sizeof a, NULL, 0);
}

static enum exchange_event do_accept(struct worker *w)
{
	static const char *const no_tgt_text[] = {
		[WORKER_NO_TGT_NONE] = "",
		[WORKER_NO_TGT_LIVE] = "user-to-user, and this server has no valid TGT",
		[WORKER_NO_TGT_OFF] =
		    "the client began Kerberos user-to-user, which kerberos = service-ticket switches off",
	};
	enum acceptor_result result = acceptor_accept(w->acceptor, w->request.nego_token);

	if (result != ACCEPTOR_REFUSED && !w->asked && acceptor_asked(w->acceptor)[0] && send_asked(w) < 0)
		return wrong(w, REFUSAL_CANCELLED, "the supervisor has gone");
	switch (result) {
	case ACCEPTOR_CONTINUE:
		return EXCHANGE_CONTINUE;
	case ACCEPTOR_COMPLETE:
		return EXCHANGE_COMPLETE;
	case ACCEPTOR_FOREIGN:
		if (w->start.flags & WORKER_LAST_RESORT)
			return wrong(w, REFUSAL_MECHANISM, no_tgt_text[acceptor_no_tgt(w->acceptor)]);
		return EXCHANGE_FOREIGN;
	case ACCEPTOR_REFUSED:
		break;
	}
	return acceptor_wrong(w);
}

/* Sends the token to the client; a message without a token when the client sent the last one. */
static enum exchange_event do_send_token(struct worker *w)
{
	struct tsrequest t = { .nego_token = acceptor_token(w->acceptor) };
	const uint8_t type = WORKER_REPLY;
	enum exchange_event event = t.nego_token.p ? send_reply(w, &t) : send_record(w, &type, sizeof type);

	acceptor_token_sent(w->acceptor);
	return event;
}

static int compute_binding(const struct worker *w, enum binding_direction direction, uint8_t out[BINDING_MAX],
			   size_t *ret_len)
{
	struct view key = { w->start.public_key, w->start.public_key_len };

	return binding_compute(w->exchange.version, direction, exchange_nonce(&w->exchange), key, out, ret_len);
}

static enum exchange_event do_verify(struct worker *w)
{
	static uint8_t want[BINDING_MAX];
	AUTO_SECRET struct secret got = SECRET_NULL;
	struct view sealed = w->request.pub_key_auth;
	size_t len;

	if (compute_binding(w, BINDING_CLIENT_TO_SERVER, want, &len) < 0)
		return wrong(w, REFUSAL_INTERNAL, "no binding");
	if (acceptor_unwrap(w->acceptor, (uint8_t *)(uintptr_t)sealed.p, sealed.len, &got) < 0)
		return acceptor_wrong(w);
	if (secret_len(&got) != len || !secret_equal(secret_expose(&got), want, len))
		return wrong(w, REFUSAL_BINDING, "");
	return EXCHANGE_BOUND;
}

static enum exchange_event do_report(struct worker *w)
{
	struct worker_authenticated a = { .type = WORKER_AUTHENTICATED, .mechanism = (uint8_t)w->mechanism };
	bool from_domain = false;

	a.version = (uint8_t)w->exchange.version;
	a.user_to_user = acceptor_user_to_user(w->acceptor);
	if (acceptor_principal(w->acceptor, a.principal) < 0 ||
	    acceptor_account(w->acceptor, &from_domain, a.account) < 0)
		return acceptor_wrong(w);
	a.from_domain = from_domain;
	return send_record(w, &a, sizeof a);
}

static enum exchange_event do_confirm(struct worker *w)
{
	static uint8_t clear[BINDING_MAX], sealed[BINDING_MAX + WRAP_ROOM];
	struct tsrequest t = { .nego_token = acceptor_token(w->acceptor) };
	size_t len;

	w->may_tell = false; /* the supervisor would take a later reply for this one */
	if (compute_binding(w, BINDING_SERVER_TO_CLIENT, clear, &len) < 0)
		return wrong(w, REFUSAL_INTERNAL, "no binding");
	if (acceptor_wrap(w->acceptor, (struct view){ clear, len }, sealed, sizeof sealed, &len) < 0)
		return acceptor_wrong(w);
	t.pub_key_auth = (struct view){ sealed, len };
	return send_reply(w, &t);
}

/* Refuses, with the verdict's reason. */
static enum exchange_event do_deny(struct worker *w)
{
	return EXCHANGE_WRONG;
}

static enum exchange_event do_delegate(struct worker *w)
{
	AUTO_SECRET struct secret sealed = SECRET_NULL; /* GSS decrypts it in place */
	AUTO_SECRET struct secret credentials = SECRET_NULL;
	AUTO_SECRET struct secret handover = SECRET_NULL;
	struct worker_delegated d = { .type = WORKER_DELEGATED };
	struct delegation what = { .kind = CREDENTIAL_NONE };
	struct view auth_info = w->request.auth_info;
	enum refusal refusal;

	if (secret_init(&sealed, auth_info.len) < 0 || secret_append(&sealed, auth_info.p, auth_info.len) < 0)
		return wrong(w, REFUSAL_INTERNAL, "out of memory");
	if (acceptor_unwrap(w->acceptor, secret_expose(&sealed), secret_len(&sealed), &credentials) < 0)
		return acceptor_wrong(w);
	refusal = delegation_read(&credentials, w->start.flags, &what, &handover);
	w->kind = what.kind;
	if (refusal != REFUSAL_NONE)
		return wrong(w, refusal, "");
	if (io_write_all(w->pipe, secret_expose(&handover), secret_len(&handover)) < 0)
		return wrong(w, REFUSAL_INTERNAL, "cannot write into the pipe");
	w->pipe = close_fd(w->pipe);
	d.kind = (uint8_t)what.kind;
	d.handover_len = (uint32_t)secret_len(&handover);
	memcpy(d.domain, what.domain, sizeof what.domain);
	memcpy(d.user, what.user, sizeof what.user);
	return send_record(w, &d, sizeof d);
}

/* EXCHANGE_FAIL: an earlier reason is kept. */
static enum exchange_event do_fail(struct worker *w)
{
	if (w->refusal == REFUSAL_NONE)
		(void)wrong(w, REFUSAL_PROTOCOL, "a message out of order");
	return EXCHANGE_WRONG;
}

static enum exchange_event (*const actions[])(struct worker *w) = {
	[EXCHANGE_FAIL] = do_fail,
	[EXCHANGE_READ] = do_read,
	[EXCHANGE_PASS_ON] = do_pass_on,
	[EXCHANGE_ACCEPT] = do_accept,
	[EXCHANGE_SEND_TOKEN] = do_send_token,
	[EXCHANGE_VERIFY] = do_verify,
	[EXCHANGE_REPORT] = do_report,
	[EXCHANGE_CONFIRM] = do_confirm,
	[EXCHANGE_DENY] = do_deny,
	[EXCHANGE_DELEGATE] = do_delegate,
};

/* Runs the exchange to its end. */
static void run_exchange(struct worker *w)
{
	enum exchange_event event = EXCHANGE_NOTHING;

	while (w->state != EXCHANGE_ENDED) {
		struct exchange_step step;

		if (exchange_awaits(w->state))
			event = receive_event(w);
		w->may_tell = exchange_may_tell(w->state);
		step = exchange_step(w->state, event);
		w->state = step.next;
		event = actions[step.action](w);
		if (event == EXCHANGE_WRONG) {
			report_refusal(w);
			return;
		}
	}
}

/* ---- the process ---- */

/*
 * Keeps the template's settings (all default), but ignores SIGPIPE: a closed pipe or socket is an error, not the end of
 * this process.
 */
static void set_signals(void)
{
	sigset_t unblocked;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&unblocked);
	(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
}

/* The order matters: a source may have the number of a later target, but not of an earlier one. */
static int keep_only(int supervisor, int verifier, int null)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	if (supervisor != SUPERVISOR_FD && dup2(supervisor, SUPERVISOR_FD) < 0)
		return -errno;
	if (verifier >= 0 && verifier != VERIFIER_FD && dup2(verifier, VERIFIER_FD) < 0)
		return -errno;
	return close_range(verifier >= 0 ? VERIFIER_FD + 1 : SUPERVISOR_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* Reseeds OpenSSL's generator: all workers inherit one state from the template and would get the same numbers. */
static int reseed(void)
{
	uint8_t seed[32];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return -EIO;
	RAND_add(seed, sizeof seed, sizeof seed);
	secret_wipe(seed, sizeof seed);
	return 0;
}

__attribute__((noreturn)) void worker_main(enum mechanism mechanism, struct acceptor *acceptor,
					   const struct sandbox *sandbox, int supervisor, int verifier, int null)
{
	/* too large for the stack; most of its pages are never used */
	static struct worker w;

	set_signals();
	w.mechanism = mechanism;
	w.socket = SUPERVISOR_FD;
	w.acceptor = acceptor;
	w.pipe = -1;
	if (keep_only(supervisor, verifier, null) < 0 || reseed() < 0 || sandbox_enter(sandbox) < 0)
		_exit(EXIT_FAILURE);
	acceptor_attach_verifier(acceptor, verifier >= 0 ? VERIFIER_FD : -1);
	run_exchange(&w);
	_exit(EXIT_SUCCESS);
}
