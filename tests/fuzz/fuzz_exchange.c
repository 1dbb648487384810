/* SPDX-License-Identifier: MIT */
/*
 * Whole exchanges with the worker's own code (worker.c and ntlm.c, with their sockets replaced by the functions
 * below) and real contexts on both sides: krb5 with a ticket made here, user-to-user, and NTLM with a verifier that is
 * built in.
 * The client and the supervisor are honest but for what the input says, step by step; when it ends, they go on as they
 * should, so that the empty input is a logon.
 */
#include <fcntl.h>
#include <krb5/krb5.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/initiator/initiator.h"
#include "common/ipc/handover.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "common/ipc/packet.h"
#include "credsspd/ntlm-verifier/ntlmv2.h"
#include "tests/fuzz/faults.h"
#include "tests/fuzz/mutate.h"

static ssize_t exchange_recv(int fd, void *p, size_t size, int *ret_fds, size_t n_fds);
static int exchange_send(int fd, const void *p, size_t len, const int *fds, size_t n_fds);
_Noreturn static void exchange_exit(int status);

#define packet_recv exchange_recv
#define packet_send exchange_send
#define _exit exchange_exit
#include "credsspd/mech/ntlm.c"
#include "credsspd/worker/worker.c"
#undef packet_recv
#undef packet_send
#undef _exit

#define EXCHANGE_PRINCIPAL "TERMSRV/rdp.test.example@R.TEST"
#define EXCHANGE_TURNS_MAX 64U

enum exchange_deed {
	DEED_HONEST,
	DEED_ALTER_REQUEST, /* the encoded TSRequest */
	DEED_ALTER_TOKEN,   /* the mechanism's token */
	DEED_REQUEST,       /* octets as a TSRequest */
	DEED_RECORD,        /* octets as a record */
	DEED_VERDICT,
	DEED_CREDENTIALS, /* octets as TSCredentials, sealed well */
	DEED_ANOTHER_KEY,
	DEED_END,
	DEED_AGAIN, /* the last TSRequest once more */
	DEEDS_
};

static const uint8_t exchange_key[] = "a SubjectPublicKey of the fuzzer", exchange_client_nonce[CLIENT_NONCE_LEN] = "n";

/* TSCredentials: D\\alice with "pw123". */
static const uint8_t exchange_credentials[] = {
	0x30, 0x2d, 0xa0, 3,    2,    1,    1,    0xa1, 0x26, 0x04, 0x24, 0x30, 0x22, 0xa0, 4, 0x04,
	2,    'D',  0,    0xa1, 0x0c, 0x04, 0x0a, 'a',  0,    'l',  0,    'i',  0,    'c',  0, 'e',
	0,    0xa2, 0x0c, 0x04, 0x0a, 'p',  0,    'w',  0,    '1',  0,    '2',  0,    '3',  0,
};

/* of its hand-over: length and password; as long as the password in UTF-16LE without its last octet */
static const uint8_t exchange_handed_over[9] = { 0, 0, 0, 5, 'p', 'w', '1', '2', '3' };

static struct acceptor *exchange_acceptors[3]; /* by enum mechanism */

/* One exchange. */
static struct play {
	struct script script;
	struct initiator *initiator;
	enum mechanism mechanism;
	unsigned version, min_version, flags, turns;
	bool faulty, dishonest, another_key;
	bool started, complete, bound, judged, granted, delegating; /* what the client and the supervisor have done */
	bool authenticated, delegated, failed, not_mine, exited;    /* what the worker has said */
	struct view token;                                          /* of its last reply */
	struct view credentials;
	uint8_t last[WORKER_PACKET_MAX];
	size_t last_len;
	uint8_t packet[WORKER_PACKET_MAX];
	struct worker_failed said;
	struct verifier_answer answer;
	int pipe[2];
	jmp_buf out;
} play;

static struct worker exchange_worker;

/* ---- the verifier: MS-NLMP 4.2's password and hash ---- */

static const struct verifier_challenge exchange_challenge = { .type = VERIFIER_CHALLENGE,
							      .server_challenge = "fuzzer 1" };

static void exchange_judge(const struct verifier_query *q)
{
	static const uint8_t hash[16] = { 0xa4, 0xf4, 0x9c, 0x40, 0x65, 0x10, 0xbd, 0xca,
					  0xb6, 0x82, 0x4e, 0xe7, 0xc3, 0x0f, 0xd8, 0x52 };
	const struct ntlmv2_claim claim = {
		q->user, q->domain, exchange_challenge.server_challenge, { q->nt_response, q->nt_response_len }
	};

	play.answer = (struct verifier_answer){ .type = VERIFIER_ANSWER, .mic = 1, .ntstatus = 0xc000006dU };
	PROMISE(q->nt_response_len >= 44 && q->nt_response_len <= NTLM_RESPONSE_MAX);
	PROMISE(memchr(q->user, '\0', sizeof q->user) && memchr(q->domain, '\0', sizeof q->domain));
	if (strcmp(q->user, "selftest") != 0 || strcmp(q->domain, "D") != 0 ||
	    ntlmv2_verify(&claim, hash, play.answer.session_key) != 1)
		return;
	play.answer.granted = 1;
	play.answer.ntstatus = 0;
}

/* ---- records to the worker ---- */

static size_t exchange_start(void)
{
	static struct worker_start s;

	s = (struct worker_start){ .type = WORKER_START, .public_key_len = sizeof exchange_key };
	s.min_version = (uint8_t)play.min_version;
	s.flags = (uint8_t)play.flags;
	memcpy(s.public_key, exchange_key, sizeof exchange_key);
	memcpy(play.packet, &s, sizeof s);
	play.started = true;
	return offsetof(struct worker_start, public_key) + sizeof exchange_key;
}

static size_t exchange_verdict(uint8_t refusal, int *ret_fds, size_t n_fds)
{
	struct worker_verdict v = { .type = WORKER_VERDICT, .granted = refusal == REFUSAL_NONE };

	v.refusal = refusal;
	if (v.granted && n_fds)
		ret_fds[0] = TAKE_FD(play.pipe[1]);
	play.judged = true;
	play.granted |= v.granted;
	memcpy(play.packet, &v, sizeof v);
	return sizeof v;
}

/* Encodes, and changes what the script says. */
static size_t exchange_request(struct tsrequest *t, enum exchange_deed deed)
{
	size_t len;

	t->version = play.version;
	if (play.version >= 5)
		t->client_nonce = (struct view){ exchange_client_nonce, sizeof exchange_client_nonce };
	play.packet[0] = WORKER_TSREQUEST;
	if (tsrequest_write(t, play.packet + 1, sizeof play.packet - 1, &len) < 0)
		len = 0;
	if (deed == DEED_ALTER_REQUEST)
		len = script_alter(&play.script, play.packet + 1, len, sizeof play.packet - 1);
	memcpy(play.last, play.packet, 1 + len);
	play.last_len = 1 + len;
	return 1 + len;
}

static size_t exchange_seal(struct tsrequest *t, struct view *field, struct view clear, enum exchange_deed deed)
{
	static uint8_t sealed[TSREQUEST_MAX];
	size_t len = 0;

	if (initiator_wrap(play.initiator, clear, sealed, sizeof sealed, &len) < 0)
		return 0;
	*field = (struct view){ sealed, len };
	return exchange_request(t, deed);
}

static size_t exchange_bind(struct tsrequest *t, enum exchange_deed deed)
{
	static uint8_t clear[BINDING_MAX];
	struct view key = { exchange_key, sizeof exchange_key - play.another_key };
	size_t len;

	play.bound = true;
	if (binding_compute(play.version, BINDING_CLIENT_TO_SERVER,
			    (struct view){ exchange_client_nonce, sizeof exchange_client_nonce }, key, clear, &len) < 0)
		return 0;
	return exchange_seal(t, &t->pub_key_auth, (struct view){ clear, len }, deed);
}

/* The client's next token, with pubKeyAuth when it is the last one. */
static size_t exchange_token(enum exchange_deed deed)
{
	static uint8_t altered[TSREQUEST_MAX];
	struct tsrequest t = { .version = 0 };
	int r = initiator_step(play.initiator, play.token, &t.nego_token);

	if (r < 0)
		return 0;
	play.complete = r == 0;
	if (deed == DEED_ALTER_TOKEN && t.nego_token.len && t.nego_token.len <= sizeof altered) {
		memcpy(altered, t.nego_token.p, t.nego_token.len);
		t.nego_token.len = script_alter(&play.script, altered, t.nego_token.len, sizeof altered);
		t.nego_token.p = altered;
	}
	return play.complete ? exchange_bind(&t, deed) : exchange_request(&t, deed);
}

/* What comes next when all goes well. */
static size_t exchange_honest(enum exchange_deed deed, int *ret_fds, size_t n_fds)
{
	struct tsrequest t = { .version = 0 };

	if (!play.started)
		return exchange_start();
	if (play.authenticated && !play.judged)
		return exchange_verdict(REFUSAL_NONE, ret_fds, n_fds);
	if (!play.complete)
		return exchange_token(deed);
	if (!play.bound)
		return exchange_bind(&t, deed);
	if (play.granted && !play.delegating) {
		play.delegating = true;
		return exchange_seal(&t, &t.auth_info, play.credentials, deed);
	}
	return 0;
}

static size_t exchange_octets(size_t at)
{
	struct view v = script_octets(&play.script);

	if (v.len > sizeof play.packet - at)
		v.len = sizeof play.packet - at;
	if (v.len)
		memcpy(play.packet + at, v.p, v.len);
	return at + v.len;
}

/* The next record; 0: the supervisor has closed its end. */
static size_t exchange_next(int *ret_fds, size_t n_fds)
{
	enum exchange_deed deed = script_octet(&play.script) % DEEDS_;

	play.dishonest |= deed != DEED_HONEST;
	switch (deed) {
	case DEED_REQUEST:
		play.packet[0] = WORKER_TSREQUEST;
		return exchange_octets(1);
	case DEED_RECORD:
		return exchange_octets(0);
	case DEED_VERDICT:
		return exchange_verdict(script_octet(&play.script), ret_fds, n_fds);
	case DEED_CREDENTIALS:
		play.credentials = script_octets(&play.script);
		break;
	case DEED_ANOTHER_KEY:
		play.another_key |= !play.bound;
		break;
	case DEED_END:
		return 0;
	case DEED_AGAIN:
		memcpy(play.packet, play.last, play.last_len);
		return play.last_len;
	case DEED_HONEST:
	case DEED_ALTER_REQUEST:
	case DEED_ALTER_TOKEN:
	case DEEDS_:
		break;
	}
	return exchange_honest(deed, ret_fds, n_fds);
}

static ssize_t exchange_recv(int fd, void *p, size_t size, int *ret_fds, size_t n_fds)
{
	size_t n;

	if (fd == VERIFIER_FD) {
		_Static_assert(sizeof play.answer == sizeof exchange_challenge, "both messages of the verifier");
		PROMISE(size == sizeof play.answer);
		if (play.answer.type == VERIFIER_ANSWER)
			memcpy(p, &play.answer, sizeof play.answer);
		else
			memcpy(p, &exchange_challenge, sizeof exchange_challenge);
		return (ssize_t)size;
	}
	PROMISE(fd == SUPERVISOR_FD && size == WORKER_PACKET_MAX && n_fds == 1);
	ret_fds[0] = -1;
	n = ++play.turns > EXCHANGE_TURNS_MAX ? 0 : exchange_next(ret_fds, n_fds);
	if (n)
		memcpy(p, play.packet, n);
	return (ssize_t)n;
}

/* ---- records of the worker ---- */

static void exchange_take_reply(const uint8_t *p, size_t len)
{
	static uint8_t kept[WORKER_PACKET_MAX];
	struct tsrequest t = { .version = 0 };

	play.token = VIEW_NULL;
	if (len == 1)
		return;
	memcpy(kept, p, len);
	PROMISE(tsrequest_read(kept + 1, len - 1, &t) == 0 && t.version == 6);
	PROMISE(!t.auth_info.p && !t.client_nonce.p);
	/* the binding of ours only after the verdict */
	PROMISE(!t.pub_key_auth.p || (play.authenticated && play.granted && !t.has_error_code));
	PROMISE(!t.has_error_code || !play.granted);
	play.token = t.nego_token;
}

static void exchange_take_authenticated(const void *p, size_t len)
{
	struct worker_authenticated a;

	PROMISE(len == sizeof a && !play.authenticated && !play.another_key);
	memcpy(&a, p, sizeof a);
	play.authenticated = true;
	PROMISE(a.mechanism == play.mechanism && a.version >= play.min_version && a.version <= 6);
	PROMISE(!a.from_domain && !a.account[0]); /* no PAC */
	/* whatever was altered: no other user */
	PROMISE(strcmp(a.principal, play.mechanism == MECHANISM_NTLM ? "D\\selftest"
				    : a.user_to_user                 ? "self-test@SELF-TEST"
								     : "self-test@R.TEST") == 0);
}

static void exchange_take_delegated(const void *p, size_t len)
{
	struct worker_delegated d;

	PROMISE(len == sizeof d && play.authenticated && play.granted);
	memcpy(&d, p, sizeof d);
	play.delegated = true;
	PROMISE(memchr(d.domain, '\0', sizeof d.domain) && memchr(d.user, '\0', sizeof d.user));
	PROMISE(credential_kind_name(d.kind) && d.handover_len <= HANDOVER_MAX);
}

static int exchange_send(int fd, const void *p, size_t len, const int *fds, size_t n_fds)
{
	const uint8_t *octets = p;

	PROMISE(!fds && !n_fds && len);
	if (fd == VERIFIER_FD) {
		exchange_judge(p);
		return 0;
	}
	PROMISE(fd == SUPERVISOR_FD && !play.delegated && !play.failed && !play.not_mine);
	switch (octets[0]) {
	case WORKER_REPLY:
		exchange_take_reply(p, len);
		break;
	case WORKER_ASKED:
		PROMISE(len == sizeof(struct worker_asked) && !play.authenticated);
		break;
	case WORKER_AUTHENTICATED:
		exchange_take_authenticated(p, len);
		break;
	case WORKER_DELEGATED:
		exchange_take_delegated(p, len);
		break;
	case WORKER_NOT_MINE:
		PROMISE(len == sizeof(struct worker_not_mine) && !play.authenticated);
		play.not_mine = true;
		break;
	default:
		PROMISE(octets[0] == WORKER_FAILED && len >= offsetof(struct worker_failed, reply) &&
			len <= sizeof play.said);
		memcpy(&play.said, p, len);
		play.failed = true;
		PROMISE(play.said.refusal > REFUSAL_NONE && play.said.refusal < REFUSAL_MAX_);
		PROMISE(memchr(play.said.detail, '\0', sizeof play.said.detail));
	}
	return 0;
}

_Noreturn static void exchange_exit(int status)
{
	PROMISE(status == EXIT_SUCCESS);
	play.exited = true;
	longjmp(play.out, 1);
}

/* ---- one run ---- */

static void exchange_keytab(char path[64])
{
	krb5_keytab_entry e = { .vno = 2 };
	krb5_keytab keytab;
	krb5_context k;
	char name[80];
	int fd;

	(void)strcpy(path, "/tmp/fuzz-keytab.XXXXXX");
	fd = mkstemp(path);
	PROMISE(fd >= 0);
	(void)close(fd);
	(void)snprintf(name, sizeof name, "WRFILE:%s", path);
	/* an empty file is no keytab yet */
	PROMISE(unlink(path) == 0 && krb5_init_context(&k) == 0);
	PROMISE(krb5_kt_resolve(k, name, &keytab) == 0);
	PROMISE(krb5_parse_name(k, EXCHANGE_PRINCIPAL, &e.principal) == 0);
	PROMISE(krb5_c_make_random_key(k, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &e.key) == 0);
	PROMISE(krb5_kt_add_entry(k, keytab, &e) == 0);
	(void)krb5_free_keytab_entry_contents(k, &e);
	(void)krb5_kt_close(k, keytab);
	krb5_free_context(k);
}

static void exchange_prepare(void)
{
	struct acceptor_options options = { .service_ticket = true, .user_to_user = true };
	char path[64], *error = NULL;

	PROMISE(setenv("KRB5_CONFIG", "/dev/null", 1) == 0);
	exchange_keytab(path);
	options.keytab = path;
	if (acceptor_new(MECHANISM_KRB5, &options, &exchange_acceptors[MECHANISM_KRB5], &error) < 0 ||
	    acceptor_new(MECHANISM_NTLM, &options, &exchange_acceptors[MECHANISM_NTLM], &error) < 0) {
		(void)fprintf(stderr, "no acceptor: %s\n", error ? error : "");
		abort();
	}
	(void)unlink(path);
}

static int exchange_initiator(enum acceptor_form form)
{
	static const enum gss_mech as_mstsc[] = { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM };
	const struct acceptor *a = exchange_acceptors[play.mechanism];

	if (play.mechanism == MECHANISM_NTLM)
		return initiator_new_ntlm("D\\selftest", "Password", form != ACCEPTOR_RAW, &play.initiator);
	if (form == ACCEPTOR_USER_TO_USER)
		return initiator_new_user_to_user(acceptor_keytab(a, form), as_mstsc,
						  sizeof as_mstsc / sizeof *as_mstsc, &play.initiator);
	return initiator_new_krb5(acceptor_keytab(a, form), form == ACCEPTOR_SPNEGO, &play.initiator);
}

/* First octets: which client, which policy. */
static int exchange_open(const uint8_t *data, size_t size, bool faulty)
{
	struct script s = { data, size };
	uint8_t head = script_octet(&s);

	play = (struct play){ .faulty = faulty, .pipe = { -1, -1 } };
	play.version = 6U - (head >> 4) % 5U;
	play.min_version = 2U + script_octet(&s) % 5U;
	play.flags = script_octet(&s);
	play.mechanism = head & 1 ? MECHANISM_NTLM : MECHANISM_KRB5;
	play.script = s;
	play.credentials = (struct view){ exchange_credentials, sizeof exchange_credentials };
	PROMISE(pipe2(play.pipe, O_CLOEXEC | O_NONBLOCK) == 0);
	return exchange_initiator((enum acceptor_form)((head >> 1) % (unsigned)ACCEPTOR_FORMS_));
}

static void exchange_converse(void)
{
	struct worker *w = &exchange_worker;

	memset(w, 0, sizeof *w);
	w->mechanism = play.mechanism;
	w->socket = SUPERVISOR_FD;
	w->acceptor = exchange_acceptors[play.mechanism];
	w->pipe = -1;
	acceptor_attach_verifier(w->acceptor, play.mechanism == MECHANISM_NTLM ? VERIFIER_FD : -1);
	if (setjmp(play.out) == 0)
		run_exchange(w);
	w->pipe = close_fd(w->pipe);
}

/* What is in the pipe: a hand-over that was announced, or nothing. */
static void exchange_check_pipe(void)
{
	AUTO_SECRET struct secret s = SECRET_NULL;
	struct handover h;
	ssize_t n;

	play.pipe[1] = close_fd(play.pipe[1]);
	PROMISE(secret_init(&s, HANDOVER_MAX + 1) == 0);
	n = read(play.pipe[0], secret_expose(&s), HANDOVER_MAX + 1);
	PROMISE(n >= 0 && (n > 0) == play.delegated);
	if (n == 0)
		return;
	PROMISE(secret_set_len(&s, (size_t)n) == 0 && handover_read(&s, &h) == 0);
	if (!play.dishonest)
		PROMISE(h.kind == CREDENTIAL_PASSWORD && h.field[HANDOVER_PASSWORD].len == 5 &&
			memcmp(h.field[HANDOVER_PASSWORD].p_, "pw123", 5) == 0);
}

static void exchange_check(void)
{
	/* it ends with one last word, or because its socket was closed */
	PROMISE(play.delegated + play.failed + play.not_mine + play.exited == 1);
	exchange_check_pipe();
	if (play.dishonest || play.faulty)
		return;
	if (play.version < play.min_version)
		PROMISE(play.failed && play.said.refusal == REFUSAL_VERSION);
	else
		PROMISE(play.delegated);
}

static void exchange_run(const uint8_t *data, size_t size, uint32_t seed)
{
	int r = exchange_open(data, size, seed != 0);

	PROMISE(r == 0);
	/* the end of "pw123", as it is sent and as it is handed over; with fewer octets it might be there by chance */
	faults_watch("p\0w\0001\0002\0003", exchange_handed_over, sizeof exchange_handed_over);
	faults_begin(seed, 24);
	exchange_converse();
	(void)faults_end();
	faults_watch(NULL, NULL, 0);
	acceptor_reset(exchange_acceptors[play.mechanism]);
	initiator_free(play.initiator);
	exchange_check();
	play.pipe[0] = close_fd(play.pipe[0]);
	play.pipe[1] = close_fd(play.pipe[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!exchange_acceptors[MECHANISM_KRB5])
		exchange_prepare();
	exchange_run(data, size, 0);
	exchange_run(data, size, faults_seed(data, size));
	return 0;
}
