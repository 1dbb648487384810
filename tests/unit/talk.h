/* SPDX-License-Identifier: MIT */
/*
 * Conversations with workers of the real program, over their sockets: the test is supervisor, verifier and client. The
 * client's side is the self-test's initiator: NTLM with a password, and MIT krb5 with tickets made from the keys in a
 * keytab of the test's own. A test makes a conversation with spawn(), krb5_talk() or ntlm_talk(), says how it differs
 * from the usual by the members of struct talk, and goes through it with whole(), or step by step up to refused() or
 * finish(). Everything fails the test that is not as it must be.
 */
#pragma once

#include <gssapi/gssapi_ext.h>
#include <signal.h>
#include <sys/random.h>

#include "common/base/ntstatus.h"
#include "common/base/refusal.h"
#include "common/initiator/initiator.h"
#include "common/ipc/handover.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "common/wire/binding.h"
#include "common/wire/tsrequest.h"
#include "tests/unit/ntlmv2.h"
#include "tests/unit/templates.h"

static const uint8_t public_key[] = "a SubjectPublicKey of the test", nonce[CLIENT_NONCE_LEN] = "nonce";

/* ---- one conversation ---- */

#define RECORDED_MAX 8U

struct talk {
	struct template *template;
	struct initiator *initiator;
	int worker, verifier, pipe[2];
	unsigned version, min_version, flags;
	bool early_key;          /* pubKeyAuth with the first token after which the client can make it */
	bool late_key;           /* pubKeyAuth always in a TSRequest of its own */
	const char *nt_password; /* what the verifier knows */
	uint32_t answer;         /* NTSTATUS of a verifier that refuses without looking */
	struct verifier_challenge challenge;
	bool no_mic; /* the verifier says that none is claimed */
	unsigned queries;
	struct verifier_query query;
	const uint8_t *key; /* what the client takes for the server's key */
	size_t key_len;
	uint8_t packet[WORKER_PACKET_MAX];
	size_t len;
	struct tsrequest reply; /* views into packet */
	unsigned replies_with_both, empty_replies;
	uint8_t recorded[RECORDED_MAX][16384];
	size_t recorded_len[RECORDED_MAX], n_recorded;
	struct worker_failed failed;
	uint32_t told; /* errorCode that came with it */
	struct worker_asked asked;
	struct worker_authenticated authenticated;
	struct worker_delegated delegated;
};

static struct talk talk;

/* A worker of @t that knows nothing yet, and the client's side with what is usual; the only conversation there is. */
static inline struct talk *spawn(struct template *t)
{
	struct template_record r = { .type = TEMPLATE_SPAWN, .logon = ++t->last };
	int pair[2], question[2] = { -1, -1 }, fds[2];

	memset(&talk, 0, sizeof talk);
	talk.template = t;
	talk.version = 6;
	talk.min_version = 2;
	talk.nt_password = "Passw0rd";
	talk.key = public_key;
	talk.key_len = sizeof public_key;
	assert_int_equal(packet_pair(0, pair), 0);
	if (is_ntlm(t))
		assert_int_equal(packet_pair(0, question), 0);
	fds[0] = pair[1];
	fds[1] = question[1];
	assert_int_equal(packet_send(t->control, &r, sizeof r, fds, is_ntlm(t) ? 2 : 1), 0);
	(void)close(pair[1]);
	(void)close_fd(question[1]);
	talk.worker = pair[0];
	talk.verifier = question[0];
	talk.challenge.type = VERIFIER_CHALLENGE;
	if (is_ntlm(t)) {
		assert_int_equal(getrandom(talk.challenge.server_challenge, 8, 0), 8);
		assert_int_equal(packet_send(talk.verifier, &talk.challenge, sizeof talk.challenge, NULL, 0), 0);
	}
	assert_int_equal(pipe2(talk.pipe, O_CLOEXEC), 0);
	return &talk;
}

static inline void send_start(struct talk *t)
{
	static struct worker_start s;

	s = (struct worker_start){ .type = WORKER_START, .public_key_len = sizeof public_key };
	s.min_version = (uint8_t)t->min_version;
	s.flags = (uint8_t)t->flags;
	memcpy(s.public_key, public_key, sizeof public_key);
	assert_int_equal(
	    packet_send(t->worker, &s, offsetof(struct worker_start, public_key) + sizeof public_key, NULL, 0), 0);
}

/* Ends it and returns the wait status of the worker. */
static inline int finish(struct talk *t)
{
	struct template_record r;

	initiator_free(t->initiator);
	t->initiator = NULL;
	t->worker = close_fd(t->worker);
	t->verifier = close_fd(t->verifier);
	t->pipe[0] = close_fd(t->pipe[0]);
	t->pipe[1] = close_fd(t->pipe[1]);
	r = template_record(t->template);
	assert_int_equal(r.type, TEMPLATE_EXITED);
	assert_int_equal(r.logon, t->template->last);
	return r.status;
}

/* ---- the verifier ---- */

static inline void serve_query(struct talk *t)
{
	struct verifier_answer a = { .type = VERIFIER_ANSWER, .mic = !t->no_mic, .ntstatus = NTSTATUS_LOGON_FAILURE };
	const size_t head = offsetof(struct verifier_query, nt_response);
	static struct verifier_query q;
	ssize_t n;

	memset(&q, 0, sizeof q);
	n = packet_recv(t->verifier, &q, sizeof q, NULL, 0);
	if (n == 0 || n == -ECONNRESET) { /* an ending process closes its sockets in any order */
		t->verifier = close_fd(t->verifier);
		return;
	}
	t->query = q;
	assert_true(n > (ssize_t)head + 16);
	assert_int_equal(t->query.type, VERIFIER_QUERY);
	assert_int_equal(n, head + t->query.nt_response_len);
	t->queries++;
	if (t->answer)
		a.ntstatus = t->answer;
	else
		ntlmv2_judge(t->nt_password, t->challenge.server_challenge, &q, &a);
	assert_int_equal(packet_send(t->verifier, &a, sizeof a, NULL, 0), 0);
}

/* ---- records ---- */

/* The next record of the worker; 0 at end of file. */
static inline uint8_t receive(struct talk *t)
{
	ssize_t n;

	for (;;) {
		struct pollfd p[2] = { { .fd = t->worker, .events = POLLIN }, { .fd = t->verifier, .events = POLLIN } };

		assert_true(poll(p, 2, DEADLINE_MSEC) > 0);
		if (p[0].revents)
			break;
		serve_query(t);
	}
	n = packet_recv(t->worker, t->packet, sizeof t->packet, NULL, 0);
	if (n == -ECONNRESET)
		n = 0;
	assert_true(n >= 0);
	if (n > 0 && t->packet[0] == WORKER_ASKED) {
		assert_int_equal(n, sizeof t->asked);
		assert_int_equal(t->asked.type, 0); /* once */
		memcpy(&t->asked, t->packet, sizeof t->asked);
		return receive(t);
	}
	t->len = (size_t)n;
	if (n > 1 && t->packet[0] == WORKER_REPLY) {
		assert_int_equal(tsrequest_read(t->packet + 1, t->len - 1, &t->reply), 0);
		assert_int_equal(t->reply.version, 6);
	} else {
		t->reply = (struct tsrequest){ .version = 0 };
	}
	return n ? t->packet[0] : 0;
}

/* Octets that are, or are not, a TSRequest. */
static inline void send_raw(struct talk *t, const void *p, size_t len)
{
	const uint8_t type = WORKER_TSREQUEST;

	assert_int_equal(packet_send2(t->worker, &type, 1, p, len, NULL, 0), 0);
}

/* Fills in version and nonce, and records what is sent. */
static inline void send_tsrequest(struct talk *t, struct tsrequest *r)
{
	static uint8_t out[TSREQUEST_MAX];
	size_t len;

	r->version = t->version;
	if (t->version >= 5)
		r->client_nonce = (struct view){ nonce, sizeof nonce };
	assert_int_equal(tsrequest_write(r, out, sizeof out, &len), 0);
	if (t->n_recorded < RECORDED_MAX && len <= sizeof t->recorded[0]) {
		memcpy(t->recorded[t->n_recorded], out, len);
		t->recorded_len[t->n_recorded++] = len;
	}
	send_raw(t, out, len);
}

/* REFUSAL_NONE grants, and passes the pipe on. */
static inline void send_verdict(struct talk *t, enum refusal refusal)
{
	struct worker_verdict v = { .type = WORKER_VERDICT, .granted = refusal == REFUSAL_NONE };

	v.refusal = (uint16_t)refusal;
	assert_int_equal(packet_send(t->worker, &v, sizeof v, &t->pipe[1], v.granted), 0);
	t->pipe[1] = close_fd(t->pipe[1]);
}

/* ---- the client ---- */

static inline struct view sealed_key(struct talk *t)
{
	static uint8_t clear[BINDING_MAX], sealed[BINDING_MAX + 256];
	size_t len;

	assert_int_equal(binding_compute(t->version, BINDING_CLIENT_TO_SERVER, (struct view){ nonce, sizeof nonce },
					 (struct view){ t->key, t->key_len }, clear, &len),
			 0);
	assert_int_equal(initiator_wrap(t->initiator, (struct view){ clear, len }, sealed, sizeof sealed, &len), 0);
	return (struct view){ sealed, len };
}

/*
 * Tokens and pubKeyAuth until the worker says something that is not a reply to a token: that record's type. What a
 * client does with replies that it gets beside pubKeyAuth is confirmed()'s part.
 */
static inline uint8_t authenticate(struct talk *t)
{
	unsigned step = 0;
	uint8_t type;
	int r = 1;

	t->reply = (struct tsrequest){ .version = 0 };
	for (;;) {
		struct tsrequest out = { .version = 0 };
		bool key;

		if (r == 1) {
			r = initiator_step(t->initiator, t->reply.nego_token, &out.nego_token);
			assert_true(r >= 0);
			step++;
		}
		key = r == 0 ? !(t->late_key && out.nego_token.p) : t->early_key && step == 2;
		if (key)
			out.pub_key_auth = sealed_key(t);
		send_tsrequest(t, &out);
		type = receive(t);
		if (type != WORKER_REPLY)
			return type;
		if (t->len == 1)
			t->empty_replies++;
		assert_false(key); /* a reply to pubKeyAuth before the verdict */
	}
}

/* The worker's reply to pubKeyAuth, which must be right. */
static inline void confirmed(struct talk *t)
{
	static uint8_t got[BINDING_MAX], want[BINDING_MAX];
	size_t got_len, want_len;
	struct view ignored;

	assert_int_equal(receive(t), WORKER_REPLY);
	assert_false(t->reply.has_error_code);
	assert_non_null(t->reply.pub_key_auth.p);
	if (t->reply.nego_token.p) {
		t->replies_with_both++;
		assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &ignored), 0);
	}
	assert_int_equal(initiator_unwrap(t->initiator, t->reply.pub_key_auth, got, sizeof got, &got_len), 0);
	assert_int_equal(binding_compute(t->version, BINDING_SERVER_TO_CLIENT, (struct view){ nonce, sizeof nonce },
					 (struct view){ public_key, sizeof public_key }, want, &want_len),
			 0);
	assert_int_equal(got_len, want_len);
	assert_memory_equal(got, want, want_len);
}

/* TSCredentials: D\\alice with "pw123". */
static const uint8_t password_creds[] = {
	0x30, 0x2d, 0xa0, 3,    2,    1,    1,    0xa1, 0x26, 0x04, 0x24, 0x30, 0x22, 0xa0, 4, 0x04,
	2,    'D',  0,    0xa1, 0x0c, 0x04, 0x0a, 'a',  0,    'l',  0,    'i',  0,    'c',  0, 'e',
	0,    0xa2, 0x0c, 0x04, 0x0a, 'p',  0,    'w',  0,    '1',  0,    '2',  0,    '3',  0,
};

/* Seals TSCredentials and sends them: the worker's answer. */
static inline uint8_t delegate(struct talk *t, const uint8_t *creds, size_t len)
{
	uint8_t sealed[1024];
	struct tsrequest out = { .version = 0 };
	size_t sealed_len;

	assert_int_equal(initiator_wrap(t->initiator, (struct view){ creds, len }, sealed, sizeof sealed, &sealed_len),
			 0);
	out.auth_info = (struct view){ sealed, sealed_len };
	send_tsrequest(t, &out);
	return receive(t);
}

/* What was received last says that credentials are in the pipe, and they are. */
static inline void handed_over(struct talk *t, enum credential_kind kind, const char *password)
{
	AUTO_SECRET struct secret s = SECRET_NULL;
	struct handover h;
	ssize_t n;

	assert_int_equal(t->len, sizeof t->delegated);
	memcpy(&t->delegated, t->packet, sizeof t->delegated);
	assert_int_equal(t->delegated.kind, kind);
	if (secret_init(&s, HANDOVER_MAX) < 0 || !secret_expose(&s)) {
		fail_msg("out of memory");
		return;
	}
	n = read(t->pipe[0], secret_expose(&s), HANDOVER_MAX);
	assert_int_equal(n, t->delegated.handover_len);
	assert_int_equal(secret_set_len(&s, (size_t)n), 0);
	assert_int_equal(handover_read(&s, &h), 0);
	assert_int_equal(h.kind, kind);
	assert_int_equal(h.field[HANDOVER_PASSWORD].len, strlen(password));
	if (*password)
		assert_memory_equal(h.field[HANDOVER_PASSWORD].p_, password, strlen(password));
	/* the worker has closed its end: nothing follows */
	assert_int_equal(read(t->pipe[0], secret_expose(&s), 1), 0);
}

/* From the first token to the hand-over and the worker's end. */
static inline void whole(struct talk *t, const char *principal)
{
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	assert_int_equal(t->len, sizeof t->authenticated);
	memcpy(&t->authenticated, t->packet, sizeof t->authenticated);
	assert_string_equal(t->authenticated.principal, principal);
	assert_int_equal(t->authenticated.version, t->version);
	assert_int_equal(t->authenticated.mechanism, is_ntlm(t->template) ? MECHANISM_NTLM : MECHANISM_KRB5);
	send_verdict(t, REFUSAL_NONE);
	confirmed(t);
	assert_int_equal(delegate(t, password_creds, sizeof password_creds), WORKER_DELEGATED);
	handed_over(t, CREDENTIAL_PASSWORD, "pw123");
	assert_string_equal(t->delegated.domain, "D");
	assert_string_equal(t->delegated.user, "alice");
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}

/* After @type was received: the worker has failed for @refusal, told the client @told (0: nothing), and ends by itself.
 */
static inline void refused(struct talk *t, uint8_t type, enum refusal refusal, uint32_t told)
{
	const size_t head = offsetof(struct worker_failed, reply);
	struct tsrequest reply = { .version = 0 };

	assert_int_equal(type, WORKER_FAILED);
	assert_in_range(t->len, head, sizeof t->failed);
	memcpy(&t->failed, t->packet, t->len);
	assert_string_equal(refusal_word(t->failed.refusal), refusal_word(refusal));
	if (t->len > head) {
		assert_int_equal(tsrequest_read(t->failed.reply, t->len - head, &reply), 0);
		assert_true(reply.version == 6 && reply.has_error_code && !reply.nego_token.p && !reply.pub_key_auth.p);
		t->told = reply.error_code;
	}
	assert_int_equal(t->told, told);
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}

static inline struct talk *ntlm_talk(bool spnego)
{
	struct talk *t = spawn(&ntlm);

	assert_int_equal(initiator_new_ntlm("D\\alice", "Passw0rd", spnego, &t->initiator), 0);
	return t;
}

static inline struct talk *krb5_talk(bool spnego, const char *keytab)
{
	struct talk *t = spawn(&krb5);
	char name[112];

	(void)snprintf(name, sizeof name, "FILE:%s", keytab);
	assert_int_equal(initiator_new_krb5(name, spnego, &t->initiator), 0);
	return t;
}

/* Everything that a client sent in @t, once more to another worker. */
static inline void replay(struct talk *t, enum refusal refusal)
{
	static uint8_t octets[RECORDED_MAX][16384];
	size_t len[RECORDED_MAX], n = t->n_recorded;
	struct template *template = t->template;
	uint8_t type = WORKER_REPLY;

	memcpy(octets, t->recorded, sizeof octets);
	memcpy(len, t->recorded_len, sizeof len);
	assert_true(n >= 3);
	t = spawn(template);
	send_start(t);
	for (size_t i = 0; i < n && type == WORKER_REPLY; i++) {
		send_raw(t, octets[i], len[i]);
		type = receive(t);
	}
	refused(t, type, refusal, refusal_ntstatus(refusal));
}

/* Starts the conversation with @token. */
static inline uint8_t first(struct talk *t, struct view token)
{
	struct tsrequest out = { .nego_token = token };

	send_start(t);
	send_tsrequest(t, &out);
	return receive(t);
}

/* The worker leaves @token to the other template. */
static inline void not_mine(struct talk *t, struct view token, uint8_t no_tgt)
{
	assert_int_equal(first(t, token), WORKER_NOT_MINE);
	assert_int_equal(t->len, sizeof(struct worker_not_mine));
	assert_int_equal(t->packet[1], no_tgt);
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}
