/* SPDX-License-Identifier: MIT */
/*
 * Client, supervisor and verifier in one forked process, against a real worker.
 * The client's side of the mechanisms is common/initiator. Password and hash are the examples of MS-NLMP 4.2 and
 * protect nothing.
 */
#include "credsspd/selftest/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/initiator/credssp-initiator.h"
#include "common/ipc/handover.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "common/ipc/packet.h"
#include "credsspd/ntlm-verifier/ntlmv2.h"

#define DEADLINE_SEC 10U

static const char user[] = "selftest";
static const char domain[] = "D";
static const char password[] = "Password";
static const uint8_t nt_hash[16] = { 0xa4, 0xf4, 0x9c, 0x40, 0x65, 0x10, 0xbd, 0xca,
				     0xb6, 0x82, 0x4e, 0xe7, 0xc3, 0x0f, 0xd8, 0x52 };
static const uint8_t public_key[] = "public key of the self-test";

/* TSCredentials with TSPasswordCreds {domain, user, password} as above, MS-CSSP 2.2.1.2.1. */
static const uint8_t credentials[] = {
	0x30, 0x39, 0xa0, 0x03, 0x02, 0x01, 0x01, 0xa1, 0x32, 0x04, 0x30, /* credType 1 */
	0x30, 0x2e, 0xa0, 0x04, 0x04, 0x02, 'D',  0,                      /* domainName */
	0xa1, 0x12, 0x04, 0x10, 's',  0,    'e',  0,    'l',  0,    'f',
	0,    't',  0,    'e',  0,    's',  0,    't',  0, /* userName */
	0xa2, 0x12, 0x04, 0x10, 'P',  0,    'a',  0,    's',  0,    's',
	0,    'w',  0,    'o',  0,    'r',  0,    'd',  0, /* password */
};

struct client {
	const char *step; /* the current step, for the log */
	struct credssp_initiator credssp;
	int worker, verifier;
	int pipe[2];
	uint8_t packet[WORKER_PACKET_MAX];
	size_t len;
};

/* ---- the verifier ---- */

static const struct verifier_challenge challenge = { .type = VERIFIER_CHALLENGE, .server_challenge = "selftest" };

static int send_challenge(int fd)
{
	return packet_send(fd, &challenge, sizeof challenge, NULL, 0);
}

static int serve_query(int fd)
{
	static struct verifier_query q;
	struct ntlmv2_claim claim = { q.user, q.domain, challenge.server_challenge, { q.nt_response, 0 } };
	struct verifier_answer a = { .type = VERIFIER_ANSWER, .mic = 1 };
	ssize_t n = packet_recv(fd, &q, sizeof q, NULL, 0);
	const size_t head = offsetof(struct verifier_query, nt_response);
	int right;

	if (n < (ssize_t)head || q.type != VERIFIER_QUERY || (size_t)n != head + q.nt_response_len ||
	    strcmp(q.user, user) != 0 || strcmp(q.domain, domain) != 0)
		return -EPROTO;
	claim.response.len = q.nt_response_len;
	right = ntlmv2_verify(&claim, nt_hash, a.session_key);
	if (right < 0)
		return right;
	a.granted = right == 1;
	return packet_send(fd, &a, sizeof a, NULL, 0);
}

/* ---- the supervisor ---- */

static int send_start(struct client *c)
{
	static struct worker_start start;

	start = (struct worker_start){ .type = WORKER_START, .min_version = 6, .public_key_len = sizeof public_key };
	memcpy(start.public_key, public_key, sizeof public_key);
	return packet_send(c->worker, &start, offsetof(struct worker_start, public_key) + sizeof public_key, NULL, 0);
}

/* Receives the worker's next message, which must be of @type. The worker's question to the verifier comes before it. */
static int receive_from_worker(struct client *c, enum worker_type type)
{
	struct pollfd p[2] = { { .fd = c->worker, .events = POLLIN }, { .fd = c->verifier, .events = POLLIN } };
	ssize_t n;
	int r;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			return -errno;
		if (p[0].revents)
			break;
		r = serve_query(c->verifier);
		if (r < 0)
			return r;
	}
	n = packet_recv(c->worker, c->packet, sizeof c->packet, NULL, 0);
	if (n == 0)
		return -EPIPE;
	if (n < 0)
		return (int)n;
	if (c->packet[0] == WORKER_ASKED) /* for the supervisor's log; the self-test ignores it */
		return receive_from_worker(c, type);
	c->len = (size_t)n;
	if (c->packet[0] == WORKER_FAILED && c->len >= offsetof(struct worker_failed, reply)) {
		struct worker_failed f;

		memcpy(&f, c->packet, offsetof(struct worker_failed, reply));
		log_line(LOG_ERR, "self-test: the worker refused: %s: %.*s", refusal_word(f.refusal),
			 (int)sizeof f.detail, f.detail);
	}
	return c->packet[0] == type ? 0 : -EPROTO;
}

static int send_tsrequest(void *userdata, struct view tsrequest)
{
	const struct client *c = userdata;
	const uint8_t type = WORKER_TSREQUEST;

	return packet_send2(c->worker, &type, 1, tsrequest.p, tsrequest.len, NULL, 0);
}

static int receive_tsrequest(void *userdata, struct tsrequest *ret_)
{
	struct client *c = userdata;
	int r = receive_from_worker(c, WORKER_REPLY);

	if (r == 0)
		r = tsrequest_read(c->packet + 1, c->len - 1, ret_);
	return r == 0 && c->credssp.bound && ret_->nego_token.p ? -EPROTO : r;
}

static const struct credssp_transport transport = { send_tsrequest, receive_tsrequest };

/* ---- the client ---- */

static int authenticate(struct client *c)
{
	int r = credssp_authenticate(&c->credssp);

	if (r == 0)
		return receive_from_worker(c, WORKER_AUTHENTICATED);
	if (c->credssp.fault != CREDSSP_BAD_TOKEN)
		return -EIO;
	log_line(LOG_ERR, "self-test: the initiator: %s", initiator_detail(c->credssp.initiator));
	return r;
}

static int grant(struct client *c)
{
	struct worker_verdict v = { .type = WORKER_VERDICT, .granted = 1 };
	int r = packet_send(c->worker, &v, sizeof v, &c->pipe[1], 1);

	c->pipe[1] = close_fd(c->pipe[1]);
	return r;
}

static int check_binding(struct client *c)
{
	return credssp_check_binding(&c->credssp) < 0 ? -EIO : 0;
}

static int delegate(struct client *c)
{
	return credssp_delegate(&c->credssp, (struct view){ credentials, sizeof credentials });
}

static int check_delegated(struct client *c)
{
	struct worker_delegated d;
	int r = receive_from_worker(c, WORKER_DELEGATED);

	if (r < 0 || c->len != sizeof d)
		return -EPROTO;
	memcpy(&d, c->packet, sizeof d);
	return strcmp(d.user, user) == 0 && strcmp(d.domain, domain) == 0 && d.kind == CREDENTIAL_PASSWORD ? 0
													   : -EPROTO;
}

static int check_handover(struct client *c)
{
	AUTO_SECRET struct secret s = SECRET_NULL;
	struct handover h;
	ssize_t n;

	if (secret_init(&s, HANDOVER_MAX) < 0)
		return -ENOMEM;
	n = read(c->pipe[0], secret_expose(&s), HANDOVER_MAX);
	if (n < 0 || secret_set_len(&s, (size_t)n) < 0 || handover_read(&s, &h) < 0)
		return -EIO;
	return h.field[HANDOVER_PASSWORD].len == strlen(password) &&
		       secret_equal(h.field[HANDOVER_PASSWORD].p_, password, strlen(password))
		   ? 0
		   : -EIO;
}

static int run_steps(struct client *c)
{
	static const struct {
		const char *name;
		int (*step)(struct client *c);
	} row[] = {
		{ "start", send_start },
		{ "authentication", authenticate },
		{ "verdict", grant },
		{ "reply to pubKeyAuth", check_binding },
		{ "authInfo", delegate },
		{ "delegated names", check_delegated },
		{ "hand-over", check_handover },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof row / sizeof *row && r == 0; i++) {
		c->step = row[i].name;
		r = row[i].step(c);
	}
	return r;
}

static const char *const form_name[ACCEPTOR_FORMS_] = {
	[ACCEPTOR_RAW] = "raw",
	[ACCEPTOR_SPNEGO] = "SPNEGO",
	[ACCEPTOR_USER_TO_USER] = "user-to-user",
};

static int make_initiator(enum mechanism mechanism, const struct acceptor *acceptor, enum acceptor_form form,
			  struct initiator **ret_initiator)
{
	static const enum gss_mech as_mstsc[] = { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM };
	const char *keytab = acceptor_keytab(acceptor, form);
	int r;

	if (form == ACCEPTOR_USER_TO_USER)
		r = initiator_new_user_to_user(keytab, as_mstsc, sizeof as_mstsc / sizeof *as_mstsc, ret_initiator);
	else if (mechanism == MECHANISM_KRB5)
		r = initiator_new_krb5(keytab, form == ACCEPTOR_SPNEGO, ret_initiator);
	else
		r = initiator_new_ntlm("D\\selftest", password, form == ACCEPTOR_SPNEGO, ret_initiator);
	if (r < 0)
		log_line(LOG_ERR, "self-test: no initiator: %s", initiator_detail(NULL));
	return r;
}

__attribute__((noreturn)) static void client_main(enum mechanism mechanism, const struct acceptor *acceptor,
						  enum acceptor_form form, int worker, int verifier)
{
	static struct client c; /* too large for the stack */
	int r;

	c = (struct client){ .step = "initiator", .worker = worker, .verifier = verifier, .pipe = { -1, -1 } };
	c.credssp = (struct credssp_initiator){ .transport = &transport,
						.userdata = &c,
						.key = { public_key, sizeof public_key },
						.nonce = "nonce of the self-test" };
	(void)alarm(DEADLINE_SEC); /* the signal ends the process; the template sees its status */
	r = pipe2(c.pipe, O_CLOEXEC) < 0 ? -errno : make_initiator(mechanism, acceptor, form, &c.credssp.initiator);
	if (r == 0 && verifier >= 0)
		r = send_challenge(verifier);
	if (r == 0)
		r = run_steps(&c);
	if (r < 0)
		log_line(LOG_ERR, "%s self-test (%s): %s: %s", mechanism_name(mechanism), form_name[form], c.step,
			 strerror(-r));
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ---- in the template ---- */

static int exchange_tokens(struct acceptor *a, struct initiator *i)
{
	struct view token = VIEW_NULL;
	enum acceptor_result result = ACCEPTOR_CONTINUE;
	int r = 1;

	while (r == 1) {
		r = initiator_step(i, acceptor_token(a), &token);
		if (r < 0) {
			log_line(LOG_ERR, "self-test: the initiator: %s", initiator_detail(i));
			return r;
		}
		if (token.p)
			result = acceptor_accept(a, token);
		if (result != ACCEPTOR_CONTINUE && result != ACCEPTOR_COMPLETE) {
			log_line(LOG_ERR, "self-test: the acceptor: %s: %s", refusal_word(acceptor_refusal(a)),
				 acceptor_detail(a));
			return -EIO;
		}
	}
	return result == ACCEPTOR_COMPLETE ? 0 : -EIO;
}

static int exchange_messages(struct acceptor *a, struct initiator *i)
{
	AUTO_SECRET struct secret clear = SECRET_NULL;
	char principal[RECORD_PRINCIPAL_MAX];
	const struct view text = { public_key, sizeof public_key };
	uint8_t sealed[512], got[512];
	size_t len;

	if (acceptor_principal(a, principal) < 0 || initiator_wrap(i, text, sealed, sizeof sealed, &len) < 0 ||
	    acceptor_unwrap(a, sealed, len, &clear) < 0 || secret_len(&clear) != text.len ||
	    acceptor_wrap(a, text, sealed, sizeof sealed, &len) < 0 ||
	    initiator_unwrap(i, (struct view){ sealed, len }, got, sizeof got, &len) < 0)
		return -EIO;
	return len == text.len && memcmp(got, text.p, len) == 0 ? 0 : -EIO;
}

/* Serves one worker. */
__attribute__((noreturn)) static void verifier_main_once(int fd)
{
	(void)alarm(DEADLINE_SEC);
	_exit(send_challenge(fd) < 0 || serve_query(fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int rehearse_with(enum mechanism mechanism, struct acceptor *acceptor, enum acceptor_form form)
{
	struct initiator *initiator = NULL;
	int r = make_initiator(mechanism, acceptor, form, &initiator);

	if (r == 0)
		r = exchange_tokens(acceptor, initiator);
	if (r == 0)
		r = exchange_messages(acceptor, initiator);
	initiator_free(initiator);
	acceptor_reset(acceptor);
	return r;
}

static int rehearse(enum mechanism mechanism, struct acceptor *acceptor, enum acceptor_form form)
{
	int question[2] = { -1, -1 }, r = 0;
	pid_t verifier = 0;

	if (mechanism == MECHANISM_NTLM) {
		r = packet_pair(0, question);
		verifier = r == 0 ? fork() : -1;
		if (verifier == 0) {
			(void)close(question[0]);
			verifier_main_once(question[1]);
		}
		question[1] = close_fd(question[1]);
		acceptor_attach_verifier(acceptor, question[0]);
	}
	if (r == 0)
		r = rehearse_with(mechanism, acceptor, form);
	acceptor_attach_verifier(acceptor, -1);
	question[0] = close_fd(question[0]);
	if (verifier > 0)
		(void)wait_for(verifier);
	if (r < 0)
		log_line(LOG_ERR, "%s self-test (%s) failed", mechanism_name(mechanism), form_name[form]);
	return r < 0 ? -EIO : 0;
}

int selftest_rehearse(enum mechanism mechanism, struct acceptor *acceptor)
{
	int r = 0;

	for (enum acceptor_form form = ACCEPTOR_RAW; form < ACCEPTOR_FORMS_ && r == 0; form++)
		if (acceptor_serves(acceptor, form))
			r = rehearse(mechanism, acceptor, form);
	return r;
}

static int run_form(enum mechanism mechanism, const struct acceptor *acceptor, enum acceptor_form form,
		    selftest_fork_fn fork_worker, void *userdata)
{
	int control[2] = { -1, -1 }, question[2] = { -1, -1 };
	int client_status = -1, worker_status = -1, r;
	pid_t worker = -1, client = -1;

	r = packet_pair(0, control);
	if (r == 0 && mechanism == MECHANISM_NTLM)
		r = packet_pair(0, question);
	if (r == 0)
		worker = fork_worker(control[1], question[1], userdata);
	(void)close_fd(control[1]);
	(void)close_fd(question[1]);
	if (worker > 0)
		client = fork();
	if (client == 0)
		client_main(mechanism, acceptor, form, control[0], question[0]);
	(void)close_fd(control[0]);
	(void)close_fd(question[0]);
	if (client > 0)
		client_status = wait_for(client);
	if (worker > 0) {
		/* the worker has seen end of file and ends by itself, unless it hangs */
		if (client_status != 0)
			(void)kill(worker, SIGKILL);
		worker_status = wait_for(worker);
	}
	if (client_status == 0 && worker_status == 0)
		return 0;
	log_line(LOG_ERR, "%s self-test (%s) failed: client's wait status 0x%x, worker's 0x%x%s",
		 mechanism_name(mechanism), form_name[form], (unsigned)client_status, (unsigned)worker_status,
		 WIFSIGNALED(worker_status) && WTERMSIG(worker_status) == SIGSYS ? " (killed by the filter)" : "");
	return -EIO;
}

int selftest(enum mechanism mechanism, const struct acceptor *acceptor, selftest_fork_fn fork_worker, void *userdata)
{
	int r = 0;

	for (enum acceptor_form form = ACCEPTOR_RAW; form < ACCEPTOR_FORMS_ && r == 0; form++)
		if (acceptor_serves(acceptor, form))
			r = run_form(mechanism, acceptor, form, fork_worker, userdata);
	return r;
}

int selftest_fork(enum mechanism mechanism, selftest_fork_fn fork_worker, void *userdata)
{
	int control[2] = { -1, -1 }, question[2] = { -1, -1 }, status;
	int r = packet_pair(0, control);
	pid_t worker = -1;

	if (r == 0 && mechanism == MECHANISM_NTLM)
		r = packet_pair(0, question);
	if (r == 0)
		worker = fork_worker(control[1], question[1], userdata);
	for (int i = 0; i < 2; i++) {
		(void)close_fd(control[i]);
		(void)close_fd(question[i]);
	}
	status = worker > 0 ? wait_for(worker) : -1;
	return status == 0 ? 0 : -EIO;
}
