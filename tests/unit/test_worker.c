/* SPDX-License-Identifier: MIT */
/*
 * Templates and workers of the real program, driven over their sockets: this test
 * is supervisor, verifier and client. The client's GSSAPI is real: gss-ntlmssp with a
 * password, and MIT krb5 with tickets made from the keys in a keytab of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <gssapi/gssapi_ext.h>
#include <krb5/krb5.h>

#include "credsspd/auth/initiator.h"
#include "credsspd/util/ntstatus.h"
#include "credsspd/util/packet.h"
#include "credsspd/util/refusal.h"
#include "credsspd/verifier/record.h"
#include "credsspd/wire/binding.h"
#include "credsspd/wire/tsrequest.h"
#include "credsspd/worker/record.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/handover.h"

#define DEADLINE_MSEC 10000
#define REALM "TEST.EXAMPLE"
#define PRINCIPAL "TERMSRV/rdp.test.example@" REALM

static char dir[] = "/tmp/test_worker.XXXXXX";
static char program[4096], config_path[64], keytab_path[64], host_keytab[64], rc4_keytab[64];
static const uint8_t public_key[] = "a SubjectPublicKey of the test", nonce[CLIENT_NONCE_LEN] = "nonce";

/* ---- the template ---- */

struct template
{
	int control;
	pid_t pid;
	uint64_t last;
};

static struct template ntlm, krb5;

static void exec_template(const char *mechanism, int control)
{
	if (control == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(control, 3) < 0)
		_exit(127);
	(void)close_range(4, ~0U, 0);
	(void)execl(program, "credsspd", "--template", mechanism, "--config", config_path, (char *)NULL);
	_exit(127);
}

static void readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, DEADLINE_MSEC), 1);
}

static struct template_record template_record(struct template *t)
{
	struct template_record r;

	readable(t->control);
	assert_int_equal(packet_recv(t->control, &r, sizeof r, NULL, 0), sizeof r);
	return r;
}

static void start(struct template *t, const char *mechanism)
{
	int pair[2];

	assert_int_equal(packet_pair(0, pair), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		exec_template(mechanism, pair[1]);
	(void)close(pair[1]);
	t->control = pair[0];
	assert_int_equal(template_record(t).type, TEMPLATE_READY);
}

static int stop(struct template *t)
{
	int status = -1;

	t->control = close_fd(t->control);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	return status;
}

static void make_config(void)
{
	FILE *f;

	(void)snprintf(config_path, sizeof config_path, "%s/credsspd.conf", dir);
	f = fopen(config_path, "we");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0644), 0);
	(void)fprintf(f, "[credsspd]\n\tkerberos = any\n\tntlm = local\n\tkeytab = %s\n", keytab_path);
	assert_int_equal(fclose(f), 0);
}

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
	struct worker_authenticated authenticated;
	struct worker_delegated delegated;
};

static struct talk talk;

static struct talk *spawn(struct template *t)
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
	if (t == &ntlm)
		assert_int_equal(packet_pair(0, question), 0);
	fds[0] = pair[1];
	fds[1] = question[1];
	assert_int_equal(packet_send(t->control, &r, sizeof r, fds, t == &ntlm ? 2 : 1), 0);
	(void)close(pair[1]);
	(void)close_fd(question[1]);
	talk.worker = pair[0];
	talk.verifier = question[0];
	assert_int_equal(pipe2(talk.pipe, O_CLOEXEC), 0);
	return &talk;
}

static void send_start(struct talk *t)
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
static int finish(struct talk *t)
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

/* ---- the verifier: NTLMv2 of MS-NLMP 3.3.2, for ASCII names ---- */

static size_t utf16(const char *text, bool upper, uint8_t *out)
{
	size_t n = 0;

	for (; *text; text++) {
		out[n++] = (uint8_t)(upper && *text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
		out[n++] = 0;
	}
	return n;
}

static void hmac(const uint8_t key[16], const uint8_t *p, size_t len, uint8_t out[16])
{
	unsigned n;

	assert_non_null(HMAC(EVP_md5(), key, 16, p, len, out, &n));
}

/* MD4 in the plain, RFC 1320, for up to 55 octets: OpenSSL has it in its legacy provider only. */
static void md4(const uint8_t *p, size_t len, uint8_t out[16])
{
	static const int shift[3][4] = { { 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 } };
	static const uint8_t order[3][16] = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
					      { 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 },
					      { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 } };
	uint32_t s[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 }, v[4], x[16];
	uint8_t block[64] = { 0 };

	assert_true(len < 56);
	memcpy(block, p, len);
	block[len] = 0x80;
	block[56] = (uint8_t)(len * 8);
	block[57] = (uint8_t)(len * 8 >> 8);
	memcpy(x, block, sizeof x);
	memcpy(v, s, sizeof v);
	for (unsigned i = 0; i < 48; i++) {
		unsigned round = i / 16;
		uint32_t b = v[1], c = v[2], d = v[3];
		uint32_t f = round == 0 ? (b & c) | (~b & d) : round == 1 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
		uint32_t k = round == 0 ? 0 : round == 1 ? 0x5a827999 : 0x6ed9eba1;
		uint32_t a = v[0] + f + x[order[round][i % 16]] + k;
		int r = shift[round][i % 4];

		v[0] = d;
		v[3] = c;
		v[2] = b;
		v[1] = a << r | a >> (32 - r);
	}
	for (unsigned i = 0; i < 4; i++)
		s[i] += v[i];
	memcpy(out, s, 16);
}

static void judge(struct talk *t, struct verifier_answer *a)
{
	const struct verifier_query *q = &t->query;
	static uint8_t data[8 + NTLM_RESPONSE_MAX];
	uint8_t names[4 * RECORD_NAME_MAX], key[16], proof[16];
	size_t len;

	len = utf16(t->nt_password, false, names);
	md4(names, len, key);
	len = utf16(q->user, true, names);
	len += utf16(q->domain, false, names + len);
	hmac(key, names, len, key);
	memcpy(data, q->server_challenge, 8);
	memcpy(data + 8, q->nt_response + 16, q->nt_response_len - 16);
	hmac(key, data, 8 + q->nt_response_len - 16, proof);
	if (memcmp(proof, q->nt_response, 16) == 0) {
		a->granted = 1;
		a->ntstatus = 0;
		hmac(key, proof, 16, a->session_key);
	}
}

static void serve_query(struct talk *t)
{
	struct verifier_answer a = { .type = VERIFIER_ANSWER, .ntstatus = NTSTATUS_LOGON_FAILURE };
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
		judge(t, &a);
	assert_int_equal(packet_send(t->verifier, &a, sizeof a, NULL, 0), 0);
}

/* ---- records ---- */

/* The next record of the worker; 0 at end of file. */
static uint8_t receive(struct talk *t)
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
	t->len = (size_t)n;
	if (n > 1 && t->packet[0] == WORKER_REPLY) {
		assert_int_equal(tsrequest_read(t->packet + 1, t->len - 1, &t->reply), 0);
		assert_int_equal(t->reply.version, 6);
	} else {
		t->reply = (struct tsrequest){ .version = 0 };
	}
	return n ? t->packet[0] : 0;
}

static void send_raw(struct talk *t, const void *p, size_t len)
{
	const uint8_t type = WORKER_TSREQUEST;

	assert_int_equal(packet_send2(t->worker, &type, 1, p, len, NULL, 0), 0);
}

static void send_tsrequest(struct talk *t, struct tsrequest *r)
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

static void send_verdict(struct talk *t, enum refusal refusal)
{
	struct worker_verdict v = { .type = WORKER_VERDICT, .granted = refusal == REFUSAL_NONE };

	v.refusal = (uint16_t)refusal;
	assert_int_equal(packet_send(t->worker, &v, sizeof v, &t->pipe[1], v.granted), 0);
	t->pipe[1] = close_fd(t->pipe[1]);
}

/* ---- the client ---- */

static struct view sealed_key(struct talk *t)
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
static uint8_t authenticate(struct talk *t)
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

static void confirmed(struct talk *t)
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

static const uint8_t password_creds[] = {
	0x30, 0x2d, 0xa0, 3,    2,    1,    1,    0xa1, 0x26, 0x04, 0x24, 0x30, 0x22, 0xa0, 4, 0x04,
	2,    'D',  0,    0xa1, 0x0c, 0x04, 0x0a, 'a',  0,    'l',  0,    'i',  0,    'c',  0, 'e',
	0,    0xa2, 0x0c, 0x04, 0x0a, 'p',  0,    'w',  0,    '1',  0,    '2',  0,    '3',  0,
};
static const uint8_t empty_creds[] = { 0x30, 0x17, 0xa0, 0x03, 0x02, 0x01, 0x01, 0xa1, 0x10, 0x04, 0x0e, 0x30, 0x0c,
				       0xa0, 0x02, 0x04, 0x00, 0xa1, 0x02, 0x04, 0x00, 0xa2, 0x02, 0x04, 0x00 };

static uint8_t delegate(struct talk *t, const uint8_t *creds, size_t len)
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

static void handed_over(struct talk *t, enum credential_kind kind, const char *password)
{
	AUTO_SECRET struct secret s = SECRET_NULL;
	struct handover h;
	ssize_t n;

	assert_int_equal(t->len, sizeof t->delegated);
	memcpy(&t->delegated, t->packet, sizeof t->delegated);
	assert_int_equal(t->delegated.kind, kind);
	assert_int_equal(secret_init(&s, HANDOVER_MAX), 0);
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
static void whole(struct talk *t, const char *principal)
{
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	assert_int_equal(t->len, sizeof t->authenticated);
	memcpy(&t->authenticated, t->packet, sizeof t->authenticated);
	assert_string_equal(t->authenticated.principal, principal);
	assert_int_equal(t->authenticated.version, t->version);
	assert_int_equal(t->authenticated.mechanism, t->template == &krb5 ? MECHANISM_KRB5 : MECHANISM_NTLM);
	send_verdict(t, REFUSAL_NONE);
	confirmed(t);
	assert_int_equal(delegate(t, password_creds, sizeof password_creds), WORKER_DELEGATED);
	handed_over(t, CREDENTIAL_PASSWORD, "pw123");
	assert_string_equal(t->delegated.domain, "D");
	assert_string_equal(t->delegated.user, "alice");
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}

/*
 * After @type was received: the worker has failed for @refusal, tells the client @told (0: nothing) in the same record,
 * and ends by itself.
 */
static void refused(struct talk *t, uint8_t type, enum refusal refusal, uint32_t told)
{
	struct tsrequest reply = { .error_code = 0 };
	const size_t head = sizeof t->failed;

	assert_int_equal(type, WORKER_FAILED);
	assert_true(t->len >= head);
	memcpy(&t->failed, t->packet, head);
	assert_string_equal(refusal_word(t->failed.refusal), refusal_word(refusal));
	if (t->len > head) {
		assert_int_equal(tsrequest_read(t->packet + head, t->len - head, &reply), 0);
		assert_int_equal(reply.version, 6);
		assert_true(reply.has_error_code);
	}
	assert_int_equal(reply.error_code, told);
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}

static struct talk *ntlm_talk(bool spnego)
{
	struct talk *t = spawn(&ntlm);

	assert_int_equal(initiator_new_ntlm("D\\alice", "Passw0rd", spnego, &t->initiator), 0);
	return t;
}

static struct talk *krb5_talk(bool spnego, const char *keytab)
{
	struct talk *t = spawn(&krb5);
	char name[80];

	(void)snprintf(name, sizeof name, "FILE:%s", keytab);
	assert_int_equal(initiator_new_krb5(name, spnego, &t->initiator), 0);
	return t;
}

/* ---- conversations that succeed ---- */

static void test_ntlm_raw(void **unused)
{
	struct talk *t = ntlm_talk(false);

	(void)unused;
	whole(t, "D\\alice");
	assert_int_equal(t->queries, 1);
	assert_string_equal(t->query.user, "alice");
	assert_string_equal(t->query.domain, "D");
	assert_int_equal(t->replies_with_both, 0);
}

static void test_ntlm_raw_late_key(void **unused)
{
	struct talk *t = ntlm_talk(false);

	(void)unused;
	t->late_key = true;
	whole(t, "D\\alice");
	assert_int_equal(t->empty_replies, 1);
}

static void test_ntlm_spnego(void **unused)
{
	struct talk *t = ntlm_talk(true);

	(void)unused;
	whole(t, "D\\alice");
	assert_int_equal(t->replies_with_both, 0);
}

/* The mechListMIC of ours goes out beside pubKeyAuth. */
static void test_ntlm_spnego_together(void **unused)
{
	struct talk *t = ntlm_talk(true);

	(void)unused;
	t->early_key = true;
	whole(t, "D\\alice");
	assert_int_equal(t->replies_with_both, 1);
}

static void test_versions(void **unused)
{
	(void)unused;
	for (unsigned v = 2; v <= 6; v++) {
		struct talk *t = ntlm_talk(false);

		t->version = v;
		whole(t, "D\\alice");
		t = krb5_talk(v % 2, keytab_path);
		t->version = v;
		whole(t, "self-test@" REALM);
	}
}

static void test_krb5(void **unused)
{
	(void)unused;
	for (int spnego = 0; spnego < 2; spnego++)
		whole(krb5_talk(spnego, keytab_path), "self-test@" REALM);
}

/* FreeRDP takes a Kerberos wrap token only with EC = 0 and RRC = confounder-less trailer: RFC 4121 4.2.6.2. */
static void test_krb5_wrap_form(void **unused)
{
	struct talk *t = krb5_talk(true, keytab_path);
	const uint8_t *p;

	(void)unused;
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	send_verdict(t, REFUSAL_NONE);
	assert_int_equal(receive(t), WORKER_REPLY);
	p = t->reply.pub_key_auth.p;
	assert_int_equal(t->reply.pub_key_auth.len, 16 + 16 + 32 + 16 + 12);
	assert_memory_equal(p, "\x05\x04\x07\xff\x00\x00\x00\x1c", 8);
	assert_int_equal(finish(t), 0);
}

/* ---- whose token is it ---- */

static const uint8_t mech_krb5[] = { 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 };
static const uint8_t mech_ms_krb5[] = { 0x06, 9, 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2 };
static const uint8_t mech_u2u[] = { 0x06, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3 };
static const uint8_t mech_ntlm[] = { 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10 };
static const uint8_t mech_negoex[] = { 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 30 };
static const uint8_t mech_spnego[] = { 0x06, 6, 0x2b, 6, 1, 5, 5, 2 };
/* OID of user-to-user, 04 00, KRB_TGT_REQ {pvno 5, msg-type 16}: protocol of draft-swift-win2k-krb-user2user */
static const uint8_t tgt_req[] = { 0x60, 0x1a, 0x06, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3,
				   0x04, 0x00, 0x30, 10, 0xa0, 3,    2,    1,    5,    0xa1, 3, 2, 1, 16 };

struct octets {
	uint8_t p[512];
	size_t len;
};

static void add(struct octets *o, const void *p, size_t len)
{
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

static void wrap(struct octets *o, uint8_t tag)
{
	uint8_t h[4] = { tag, 0x82, (uint8_t)(o->len >> 8), (uint8_t)o->len };

	memmove(o->p + sizeof h, o->p, o->len);
	memcpy(o->p, h, sizeof h);
	o->len += sizeof h;
}

static struct octets init_with_u2u(struct octets list)
{
	struct octets token = { .len = 0 }, all = { .len = 0 };

	wrap(&list, 0x30);
	wrap(&list, 0xa0);
	add(&token, tgt_req, sizeof tgt_req);
	wrap(&token, 0x04);
	wrap(&token, 0xa2);
	add(&list, token.p, token.len);
	wrap(&list, 0x30);
	wrap(&list, 0xa0);
	add(&all, mech_spnego, sizeof mech_spnego);
	add(&all, list.p, list.len);
	wrap(&all, 0x60);
	return all;
}

/* What domain-joined mstsc sends first: [MS-KRB5, KRB5, NEGOEX, NTLM], and a user-to-user token in front. */
static struct octets mstsc_first(void)
{
	struct octets list = { .len = 0 };

	add(&list, mech_ms_krb5, sizeof mech_ms_krb5);
	add(&list, mech_krb5, sizeof mech_krb5);
	add(&list, mech_negoex, sizeof mech_negoex);
	add(&list, mech_ntlm, sizeof mech_ntlm);
	return init_with_u2u(list);
}

/* FreeRDP 3: [U2U, KRB5, NTLM], the same token, which here is for the first mechanism indeed. */
static struct octets freerdp_first(void)
{
	struct octets list = { .len = 0 };

	add(&list, mech_u2u, sizeof mech_u2u);
	add(&list, mech_krb5, sizeof mech_krb5);
	add(&list, mech_ntlm, sizeof mech_ntlm);
	return init_with_u2u(list);
}

static uint8_t first(struct talk *t, struct view token)
{
	struct tsrequest out = { .nego_token = token };

	send_start(t);
	send_tsrequest(t, &out);
	return receive(t);
}

static void not_mine(struct talk *t, struct view token, uint8_t no_tgt)
{
	assert_int_equal(first(t, token), WORKER_NOT_MINE);
	assert_int_equal(t->len, sizeof(struct worker_not_mine));
	assert_int_equal(t->packet[1], no_tgt);
	assert_int_equal(receive(t), 0);
	assert_int_equal(finish(t), 0);
}

static void test_not_mine(void **unused)
{
	struct octets mstsc = mstsc_first();
	struct view u2u = { mstsc.p, mstsc.len };

	(void)unused;
	for (int spnego = 0; spnego < 2; spnego++) {
		struct initiator *i;
		struct view token;

		assert_int_equal(initiator_new_ntlm("alice", "x", spnego, &i), 0);
		assert_int_equal(initiator_step(i, VIEW_NULL, &token), 1);
		not_mine(spawn(&krb5), token, 0);
		initiator_free(i);
		struct talk *t = krb5_talk(spnego, keytab_path);
		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &token), 1);
		i = t->initiator;
		t->initiator = NULL;
		assert_int_equal(finish(t), 0);
		not_mine(spawn(&ntlm), token, 0);
		initiator_free(i);
	}
	not_mine(spawn(&krb5), u2u, 1); /* nobody has given the template a ticket */
	not_mine(spawn(&krb5), (struct view){ tgt_req, sizeof tgt_req }, 0);
	not_mine(spawn(&ntlm), (struct view){ tgt_req, sizeof tgt_req }, 0);
	not_mine(spawn(&ntlm), (struct view){ (const uint8_t *)"nonsense", 8 }, 0);
}

/* The same octets at the ntlm template: it ignores the token and asks for NTLM, request-mic. */
static void test_mstsc_falls_back(void **unused)
{
	struct octets mstsc = mstsc_first();
	struct talk *t = spawn(&ntlm);

	(void)unused;
	assert_int_equal(first(t, (struct view){ mstsc.p, mstsc.len }), WORKER_REPLY);
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, mech_ntlm, sizeof mech_ntlm));
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, "\x0a\x01\x03", 3)); /* request-mic */
	assert_int_equal(finish(t), 0);
}

/* The krb5 template chooses Kerberos and asks for its token and a MIC. */
static void test_freerdp_is_served(void **unused)
{
	struct octets freerdp = freerdp_first();
	struct talk *t = spawn(&krb5);

	(void)unused;
	assert_int_equal(first(t, (struct view){ freerdp.p, freerdp.len }), WORKER_REPLY);
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, mech_krb5, sizeof mech_krb5));
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, "\x0a\x01\x03", 3));
	assert_int_equal(finish(t), 0);
}

/* The names of the AUTHENTICATE message reach the verifier as they are. */
static void test_names(void **unused)
{
	static const struct {
		const char *name, *user, *domain; /* name: as gss-ntlmssp's client reads it */
	} row[] = {
		{ "D\\alice", "alice", "D" },
		{ "alice\\@corp.example", "alice@corp.example", "" },
		{ "CORP\\al ice", "al ice", "CORP" },
		{ "D\\ren\xc3\xa9", "ren\xc3\xa9", "D" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct talk *t = spawn(&ntlm);

		assert_int_equal(initiator_new_ntlm(row[i].name, "Passw0rd", false, &t->initiator), 0);
		t->answer = NTSTATUS_LOGON_FAILURE;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE);
		assert_string_equal(t->query.user, row[i].user);
		assert_string_equal(t->query.domain, row[i].domain);
	}
}

/* ---- refusals ---- */

static void test_wrong_password(void **unused)
{
	static const struct {
		uint32_t answer;
		enum refusal refusal;
		uint32_t told;
	} row[] = {
		{ 0, REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE },
		{ NTSTATUS_NO_SUCH_USER, REFUSAL_UNKNOWN_USER, NTSTATUS_LOGON_FAILURE },
		{ NTSTATUS_ACCOUNT_LOCKED_OUT, REFUSAL_ACCOUNT_LOCKED, NTSTATUS_ACCOUNT_LOCKED_OUT },
		{ NTSTATUS_PASSWORD_EXPIRED, REFUSAL_PASSWORD_EXPIRED, NTSTATUS_PASSWORD_EXPIRED },
		{ 0xC000005EU, REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE }, /* never passed on */
	};

	(void)unused;
	for (unsigned v = 2; v <= 6; v++) {
		for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
			struct talk *t = ntlm_talk(i % 2);

			t->version = v;
			t->nt_password = "another";
			t->answer = row[i].answer;
			send_start(t);
			refused(t, authenticate(t), row[i].refusal,
				refusal_version_has_error_code(v) ? row[i].told : 0);
			assert_int_equal(t->queries, 1);
			assert_int_equal(t->failed.version, v);
		}
	}
}

/* A verifier that goes away. */
static void test_no_verifier(void **unused)
{
	struct talk *t = ntlm_talk(false);

	(void)unused;
	t->verifier = close_fd(t->verifier);
	send_start(t);
	refused(t, authenticate(t), REFUSAL_UNAVAILABLE, NTSTATUS_LOGON_FAILURE);
}

/* What a client claims goes to the verifier as it is, one question, and nowhere else. */
static void test_forged_domain(void **unused)
{
	struct talk *t = spawn(&ntlm);

	(void)unused;
	assert_int_equal(initiator_new_ntlm("x\nalice:1:XX:00:[U]:LCT-0:\n\\alice", "Passw0rd", false, &t->initiator),
			 0);
	t->answer = NTSTATUS_LOGON_FAILURE;
	send_start(t);
	refused(t, authenticate(t), REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE);
	assert_string_equal(t->query.user, "alice");
	assert_non_null(strchr(t->query.domain, '\n'));
	assert_int_equal(t->queries, 1);
}

static void test_binding(void **unused)
{
	(void)unused;
	for (int k = 0; k < 2; k++) {
		for (unsigned v = 2; v <= 6; v++) {
			struct talk *t = k ? krb5_talk(true, keytab_path) : ntlm_talk(false);

			t->version = v;
			t->key = (const uint8_t *)"the key of somebody in between";
			t->key_len = sizeof public_key;
			send_start(t);
			refused(t, authenticate(t), REFUSAL_BINDING, 0);
		}
	}
}

static void test_verdict(void **unused)
{
	(void)unused;
	for (unsigned v = 2; v <= 6; v++) {
		struct talk *t = ntlm_talk(true);

		t->version = v;
		send_start(t);
		assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
		send_verdict(t, REFUSAL_NOT_ALLOWED);
		refused(t, receive(t), REFUSAL_NOT_ALLOWED,
			refusal_version_has_error_code(v) ? NTSTATUS_LOGON_TYPE_NOT_GRANTED : 0);
	}
}

static void test_min_version(void **unused)
{
	(void)unused;
	for (unsigned v = 2; v <= 6; v++) {
		struct talk *t = ntlm_talk(false);

		t->version = v;
		t->min_version = v + 1;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_VERSION,
			refusal_version_has_error_code(v) ? NTSTATUS_NOT_SUPPORTED : 0);
	}
}

static void test_delegation(void **unused)
{
	static const struct {
		unsigned flags;
		enum refusal refusal;
	} row[] = { { 0, REFUSAL_CREDENTIAL_KIND }, { WORKER_RESTRICTED_ADMIN, REFUSAL_NONE } };

	(void)unused;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct talk *t = ntlm_talk(false);
		uint8_t type;

		t->flags = row[i].flags;
		send_start(t);
		assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
		send_verdict(t, REFUSAL_NONE);
		confirmed(t);
		type = delegate(t, empty_creds, sizeof empty_creds);
		if (row[i].refusal == REFUSAL_NONE) {
			assert_int_equal(type, WORKER_DELEGATED);
			handed_over(t, CREDENTIAL_RESTRICTED_ADMIN, "");
			assert_int_equal(finish(t), 0);
		} else {
			/* no client reads a TSRequest any more */
			refused(t, type, row[i].refusal, 0);
			assert_int_equal(t->failed.kind, CREDENTIAL_RESTRICTED_ADMIN);
		}
	}
}

/* ---- Kerberos rules ---- */

static void test_krb5_not_mutual(void **unused)
{
	(void)unused;
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = krb5_talk(spnego, keytab_path);

		initiator_flags(t->initiator, 0, GSS_C_MUTUAL_FLAG);
		t->late_key = true;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_REPLAY, 0);
	}
}

/* Its tokens are not framed, so they are nobody's. */
static void test_krb5_dce(void **unused)
{
	(void)unused;
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = krb5_talk(spnego, keytab_path);

		initiator_flags(t->initiator, GSS_C_DCE_STYLE, 0);
		send_start(t);
		assert_int_equal(authenticate(t), WORKER_NOT_MINE);
		assert_int_equal(finish(t), 0);
	}
}

static void test_no_confidentiality(void **unused)
{
	struct talk *t = ntlm_talk(false);

	(void)unused;
	initiator_flags(t->initiator, 0, GSS_C_CONF_FLAG);
	t->late_key = true;
	send_start(t);
	refused(t, authenticate(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
}

/* The template's keytab holds these keys too, and leaves them there. */
static void test_krb5_other_keys(void **unused)
{
	const char *keytab[] = { host_keytab, rc4_keytab };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct talk *t = krb5_talk(false, keytab[i]);

		send_start(t);
		refused(t, authenticate(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
		assert_true(t->failed.detail[0] != '\0');
	}
}

/* Everything that a client sent, once more to another worker: its AP-REQ is taken, its pubKeyAuth is not. */
static void replay(struct talk *t, enum refusal refusal)
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

static void test_replay(void **unused)
{
	(void)unused;
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = krb5_talk(spnego, keytab_path);

		whole(t, "self-test@" REALM);
		replay(t, REFUSAL_REPLAY);
		t = ntlm_talk(spnego);
		whole(t, "D\\alice");
		replay(t, REFUSAL_BAD_PASSWORD); /* another challenge */
	}
}

/* ---- hostile octets: refused by a worker that lives to say so ---- */

static void test_malformed_tsrequests(void **unused)
{
	static const struct {
		const char *p;
		size_t len;
	} row[] = {
		{ "", 0 }, { "\x30", 1 }, { "\x30\x00", 2 }, { "\x30\x03\x02\x01\x06", 5 }, { "GET / HTTP/1.0", 14 }
	};

	(void)unused;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct talk *t = spawn(i % 2 ? &ntlm : &krb5);

		send_start(t);
		send_raw(t, row[i].p, row[i].len);
		refused(t, receive(t), REFUSAL_PROTOCOL, 0);
	}
}

/* gss-ntlmssp reads behind the end of wrap tokens of 1 to 15 octets. */
static void test_short_wrap_tokens(void **unused)
{
	(void)unused;
	for (int k = 0; k < 2; k++) {
		for (size_t len = 0; len <= 40; len++) {
			struct talk *t = k ? krb5_talk(false, keytab_path) : ntlm_talk(false);
			struct tsrequest out = { .version = 0 };
			uint8_t octets[40];

			memset(octets, 1, sizeof octets);
			send_start(t);
			assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
			send_verdict(t, REFUSAL_NONE);
			confirmed(t);
			out.auth_info = (struct view){ octets, len };
			send_tsrequest(t, &out);
			refused(t, receive(t), k ? REFUSAL_REPLAY : REFUSAL_BAD_CREDENTIALS, 0);
		}
	}
}

/* Every cut of a good AUTHENTICATE message, and none of its parts where it should be. */
static void test_cut_authenticate(void **unused)
{
	(void)unused;
	for (size_t cut = 1; cut < 400; cut += cut < 100 ? 1 : 13) {
		struct talk *t = ntlm_talk(false);
		struct tsrequest out = { .version = 0 };
		struct view token;
		uint8_t type;

		send_start(t);
		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
		send_tsrequest(t, &out);
		assert_int_equal(receive(t), WORKER_REPLY);
		assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &token), 0);
		if (cut >= token.len) {
			assert_int_equal(finish(t), 0);
			break;
		}
		out.nego_token = (struct view){ token.p, cut };
		t->answer = NTSTATUS_LOGON_FAILURE;
		send_tsrequest(t, &out);
		type = receive(t);
		refused(t, type, REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
		assert_int_equal(t->queries, 0);
	}
}

/* gss-ntlmssp goes by the flags of the first message and copies 16 octets from nowhere when the key is missing. */
static void test_no_session_key(void **unused)
{
	struct talk *t = ntlm_talk(false);
	struct tsrequest out = { .version = 0 };
	struct view token;
	uint8_t m[2048];

	(void)unused;
	send_start(t);
	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
	send_tsrequest(t, &out);
	assert_int_equal(receive(t), WORKER_REPLY);
	assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &token), 0);
	assert_true(token.len < sizeof m);
	memcpy(m, token.p, token.len);
	assert_int_equal(m[52], 16); /* EncryptedRandomSessionKeyLen, MS-NLMP 2.2.1.3 */
	m[52] = m[54] = 0;
	assert_true(m[63] & 0x40); /* NTLMSSP_NEGOTIATE_KEY_EXCH */
	m[63] &= 0xbf;
	out.nego_token = (struct view){ m, token.len };
	send_tsrequest(t, &out);
	refused(t, receive(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
}

/* A message that only a looser reader of DER finds: the NegTokenResp with an octet behind it. */
static void test_hidden_message(void **unused)
{
	struct talk *t = ntlm_talk(true);
	struct tsrequest out = { .version = 0 };
	uint8_t m[2048] = { 0 };
	struct view token;

	(void)unused;
	send_start(t);
	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
	send_tsrequest(t, &out);
	assert_int_equal(receive(t), WORKER_REPLY);
	assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &token), 1);
	assert_true(token.len + 1 < sizeof m);
	memcpy(m, token.p, token.len);
	out.nego_token = (struct view){ m, token.len + 1 };
	send_tsrequest(t, &out);
	refused(t, receive(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
	assert_int_equal(t->queries, 0);
}

/* Messages where they do not belong. */
static void test_out_of_order(void **unused)
{
	struct talk *t;
	struct tsrequest out;
	uint8_t octets[32] = { 1 };

	(void)unused;
	for (int i = 0; i < 3; i++) {
		t = ntlm_talk(false);
		out = (struct tsrequest){ .version = 0 };
		send_start(t);
		*(i == 0 ? &out.auth_info : i == 1 ? &out.pub_key_auth : &out.nego_token) = (struct view){ octets, 32 };
		if (i == 2)
			out.pub_key_auth = (struct view){ octets, 32 };
		send_tsrequest(t, &out);
		refused(t, receive(t), REFUSAL_PROTOCOL, 0);
	}
	/* authInfo instead of pubKeyAuth */
	t = ntlm_talk(true);
	send_start(t);
	out = (struct tsrequest){ .version = 0 };
	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
	send_tsrequest(t, &out);
	assert_int_equal(receive(t), WORKER_REPLY);
	out = (struct tsrequest){ .auth_info = { octets, sizeof octets } };
	send_tsrequest(t, &out);
	refused(t, receive(t), REFUSAL_PROTOCOL, 0);
}

/* ---- processes ---- */

/* Forked from one template with one generator in memory. */
static void test_challenges_differ(void **unused)
{
	static uint8_t seen[40][8];

	(void)unused;
	for (size_t n = 0; n < sizeof seen / sizeof *seen; n++) {
		struct talk *t = ntlm_talk(false);
		struct view token;
		const uint8_t *challenge;

		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &token), 1);
		assert_int_equal(first(t, token), WORKER_REPLY);
		challenge = memmem(t->reply.nego_token.p, t->reply.nego_token.len, "NTLMSSP\0\2", 9);
		assert_non_null(challenge);
		memcpy(seen[n], challenge + 24, 8);
		for (size_t i = 0; i < n; i++)
			assert_memory_not_equal(seen[i], seen[n], 8);
		assert_int_equal(finish(t), 0);
	}
}

/* Names and time are there, MsvAvTargetName (9) is not; MsvAvFlags (6) says nothing: MS-NLMP 2.2.2.1. */
static void test_challenge_contents(void **unused)
{
	struct talk *t = ntlm_talk(false);
	const uint8_t *m, *av, *end;
	unsigned ids = 0;
	struct view token;

	(void)unused;
	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &token), 1);
	assert_int_equal(first(t, token), WORKER_REPLY);
	m = t->reply.nego_token.p;
	end = m + t->reply.nego_token.len;
	for (av = m + m[44]; av + 4 <= end && av[0]; av += 4 + av[2]) {
		ids |= 1U << av[0];
		if (av[0] == 6)
			assert_memory_equal(av + 4, "\0\0\0", 4);
	}
	assert_true(ids & (1U << 1)); /* MsvAvNbComputerName */
	assert_true(ids & (1U << 2)); /* MsvAvNbDomainName */
	assert_true(ids & (1U << 7)); /* MsvAvTimestamp */
	assert_false(ids & (1U << 9));
	assert_int_equal(finish(t), 0);
}

static void test_kill(void **unused)
{
	struct talk *t = ntlm_talk(false);
	struct template_record r = { .type = TEMPLATE_KILL, .logon = ntlm.last + 1 };
	int status;

	(void)unused;
	/* of another logon: nothing happens */
	assert_int_equal(packet_send(ntlm.control, &r, sizeof r, NULL, 0), 0);
	whole(t, "D\\alice");
	t = ntlm_talk(false);
	r.logon = ntlm.last;
	assert_int_equal(packet_send(ntlm.control, &r, sizeof r, NULL, 0), 0);
	assert_int_equal(receive(t), 0);
	status = finish(t);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The supervisor closes a handshake in the middle: no crash. The same when nobody reads the pipe any more. */
static void test_supervisor_leaves(void **unused)
{
	struct talk *t = ntlm_talk(false);

	(void)unused;
	assert_int_equal(finish(t), 0);
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(finish(t), 0);
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	assert_int_equal(finish(t), 0);
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	send_verdict(t, REFUSAL_NONE);
	confirmed(t);
	t->pipe[0] = close_fd(t->pipe[0]);
	refused(t, delegate(t, password_creds, sizeof password_creds), REFUSAL_INTERNAL, 0);
}

/* With its control socket a template ends, and its workers with it. */
static void test_end_of_control(void **unused)
{
	struct talk *t;

	(void)unused;
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(stop(&ntlm), 0);
	assert_int_equal(receive(t), 0);
	initiator_free(t->initiator);
	(void)close(t->worker);
	(void)close_fd(t->verifier);
	(void)close(t->pipe[0]);
	(void)close(t->pipe[1]);
	start(&ntlm, "ntlm");
}

/* A template that cannot work says so and ends. */
static void test_no_keys(void **unused)
{
	struct template t = { .control = -1 };
	char text[1024] = "", saved[sizeof keytab_path];
	int pair[2], err[2], status;
	struct template_record r;

	(void)unused;
	memcpy(saved, keytab_path, sizeof saved);
	for (int i = 0; i < 2; i++) {
		/* no such file, and a file with no key that is wanted */
		(void)snprintf(keytab_path, sizeof keytab_path, "%s", i ? host_keytab : "/nonexistent");
		make_config();
		assert_int_equal(packet_pair(0, pair), 0);
		assert_int_equal(pipe(err), 0);
		t.control = pair[0];
		t.pid = fork();
		if (t.pid == 0) {
			(void)unsetenv("JOURNAL_STREAM");
			(void)dup2(err[1], 2);
			exec_template("krb5", pair[1]);
		}
		(void)close(pair[1]);
		(void)close(err[1]);
		readable(t.control);
		assert_int_equal(packet_recv(t.control, &r, sizeof r, NULL, 0), 0);
		status = stop(&t);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
		assert_true(read(err[0], text, sizeof text - 1) > 0);
		assert_non_null(strstr(text, keytab_path));
		(void)close(err[0]);
	}
	memcpy(keytab_path, saved, sizeof saved);
	make_config();
}

/* A template that is killed leaves no workers either. */
static void test_killed_template(void **unused)
{
	struct talk *t;
	int status;

	(void)unused;
	t = ntlm_talk(false);
	send_start(t);
	assert_int_equal(kill(ntlm.pid, SIGKILL), 0);
	status = stop(&ntlm);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(receive(t), 0);
	initiator_free(t->initiator);
	(void)close(t->worker);
	(void)close_fd(t->verifier);
	(void)close(t->pipe[0]);
	(void)close(t->pipe[1]);
	start(&ntlm, "ntlm");
}

/* ---- set-up ---- */

static void add_key(krb5_context k, const char *path, const char *name, krb5_enctype enctype)
{
	krb5_keytab_entry e = { .vno = 3 };
	krb5_keytab keytab;
	char full[80];

	(void)snprintf(full, sizeof full, "WRFILE:%s", path);
	assert_int_equal(krb5_kt_resolve(k, full, &keytab), 0);
	assert_int_equal(krb5_parse_name(k, name, &e.principal), 0);
	assert_int_equal(krb5_c_make_random_key(k, enctype, &e.key), 0);
	assert_int_equal(krb5_kt_add_entry(k, keytab, &e), 0);
	/* what the server's keytab holds besides */
	if (strcmp(path, keytab_path) != 0) {
		krb5_keytab all;

		(void)snprintf(full, sizeof full, "WRFILE:%s", keytab_path);
		assert_int_equal(krb5_kt_resolve(k, full, &all), 0);
		assert_int_equal(krb5_kt_add_entry(k, all, &e), 0);
		(void)krb5_kt_close(k, all);
	}
	krb5_free_keytab_entry_contents(k, &e);
	(void)krb5_kt_close(k, keytab);
}

static void make_keytabs(void)
{
	krb5_context k;

	(void)snprintf(keytab_path, sizeof keytab_path, "%s/keytab", dir);
	(void)snprintf(host_keytab, sizeof host_keytab, "%s/host.keytab", dir);
	(void)snprintf(rc4_keytab, sizeof rc4_keytab, "%s/rc4.keytab", dir);
	assert_int_equal(krb5_init_context(&k), 0);
	add_key(k, keytab_path, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, host_keytab, "HOST/rdp.test.example@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, rc4_keytab, PRINCIPAL, ENCTYPE_ARCFOUR_HMAC);
	krb5_free_context(k);
}

static int set_up(void **unused)
{
	char self[4000] = "";

	(void)unused;
	/* the program under test stands beside the directory of the unit tests */
	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	(void)snprintf(program, sizeof program, "%s/credsspd",
		       getenv("CREDSSPD_DIR") ? getenv("CREDSSPD_DIR") : dirname(dirname(self)));
	if (access(program, X_OK) < 0) {
		(void)fprintf(stderr, "%s: %s\n", program, strerror(errno));
		return -1;
	}
	assert_non_null(mkdtemp(dir));
	/* the client's side must not look anything up */
	(void)setenv("NETBIOS_COMPUTER_NAME", "CLIENT", 1);
	(void)setenv("NETBIOS_DOMAIN_NAME", "CLIENT", 1);
	(void)setenv("KRB5_CONFIG", "/dev/null", 1);
	make_keytabs();
	make_config();
	start(&ntlm, "ntlm");
	start(&krb5, "krb5");
	return 0;
}

static int tear_down(void **unused)
{
	const char *const file[] = { keytab_path, host_keytab, rc4_keytab, config_path };

	(void)unused;
	assert_int_equal(stop(&ntlm), 0);
	assert_int_equal(stop(&krb5), 0);
	for (size_t i = 0; i < sizeof file / sizeof *file; i++)
		(void)unlink(file[i]);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ntlm_raw),
		cmocka_unit_test(test_ntlm_raw_late_key),
		cmocka_unit_test(test_ntlm_spnego),
		cmocka_unit_test(test_ntlm_spnego_together),
		cmocka_unit_test(test_krb5),
		cmocka_unit_test(test_krb5_wrap_form),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_not_mine),
		cmocka_unit_test(test_mstsc_falls_back),
		cmocka_unit_test(test_freerdp_is_served),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_wrong_password),
		cmocka_unit_test(test_no_verifier),
		cmocka_unit_test(test_forged_domain),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_min_version),
		cmocka_unit_test(test_delegation),
		cmocka_unit_test(test_krb5_not_mutual),
		cmocka_unit_test(test_krb5_dce),
		cmocka_unit_test(test_no_confidentiality),
		cmocka_unit_test(test_krb5_other_keys),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_malformed_tsrequests),
		cmocka_unit_test(test_short_wrap_tokens),
		cmocka_unit_test(test_cut_authenticate),
		cmocka_unit_test(test_no_session_key),
		cmocka_unit_test(test_hidden_message),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_challenges_differ),
		cmocka_unit_test(test_challenge_contents),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_supervisor_leaves),
		cmocka_unit_test(test_end_of_control),
		cmocka_unit_test(test_killed_template),
		cmocka_unit_test(test_no_keys),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
