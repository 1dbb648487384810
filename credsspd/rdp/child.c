/* SPDX-License-Identifier: MIT */
/*
 * TLS, the relay of TSRequests, xrdp's connection sequence, the copy loop. The child opens nothing and connects to
 * nothing: what it needs the listener hands over. It sees one client's traffic and one ticket; the delegated
 * credentials pass it encrypted.
 */
#include "credsspd/rdp/child.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <poll.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "credsspd/rdp/clientinfo.h"
#include "credsspd/rdp/mcs.h"
#include "credsspd/rdp/record.h"
#include "credsspd/rdp/stream.h"
#include "credsspd/rdp/tls.h"
#include "credsspd/rdp/x224.h"
#include "credsspd/util/log.h"
#include "credsspd/util/packet.h"
#include "include/credssp/channel.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define MSEC_PER_SEC_ 1000LL
#define MASKED_PROTOCOLS 0x0bU /* what xrdp takes in a connection request */

struct child {
	const struct child_task *task;
	struct stream client, xrdp;
	int channel;
	struct channel_done done;
	enum mcs_state mcs;
	int64_t began;
	const char *phase;             /* for the log */
	char reason[CHANNEL_WORD_MAX]; /* of credsspd */
};

/* ---- confinement ---- */

static int load_filter(void)
{
	static const int allowed[] = {
		SCMP_SYS(read),          SCMP_SYS(write),        SCMP_SYS(close),
		SCMP_SYS(sendmsg),       SCMP_SYS(recvmsg),      SCMP_SYS(sendto),
		SCMP_SYS(recvfrom),      SCMP_SYS(shutdown),     SCMP_SYS(poll),
		SCMP_SYS(ppoll),         SCMP_SYS(brk),          SCMP_SYS(mmap),
		SCMP_SYS(munmap),        SCMP_SYS(mremap),       SCMP_SYS(mprotect),
		SCMP_SYS(madvise),       SCMP_SYS(mlock),        SCMP_SYS(futex),
		SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
		SCMP_SYS(getrandom),     SCMP_SYS(getpid),       SCMP_SYS(exit),
		SCMP_SYS(exit_group),    SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	};
	static const int missing[] = { SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(access) };
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = c ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof missing / sizeof *missing && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOENT), missing[i], 0);
	if (r == 0)
		r = seccomp_load(c); /* sets no_new_privs */
	if (c)
		seccomp_release(c);
	return r;
}

static int confine(void)
{
	const struct rlimit none = { 0, 0 };
	uint8_t seed[48];

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return -EIO;
	RAND_add(seed, sizeof seed, sizeof seed);
	secret_wipe(seed, sizeof seed);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0)
		return -errno;
	return load_filter();
}

/* ---- log ---- */

static void say(const struct child *c, int level, const char *text, const char *detail)
{
	struct log_logon who = {
		.rhost = c->task->rhost,
		.rport = c->task->rport,
		.service = c->task->service,
		.user = c->done.user,
		.reason = c->reason,
	};

	log_logon_line(level, &who, "%s%s%s (%lld ms)", text, detail && *detail ? ": " : "", detail ? detail : "",
		       (long long)(stream_now() - c->began));
}

static int64_t in_sec(unsigned sec)
{
	return stream_now() + sec * MSEC_PER_SEC_;
}

/* ---- the listener ---- */

/* Octets that poll() does not know of. */
static bool has_input(const struct stream *s)
{
	return s->end > s->start || (s->ssl && SSL_pending(s->ssl) > 0);
}

static int ask(struct child *c, const void *request, size_t len, const void *tail, size_t tail_len, uint8_t answer_type,
	       int64_t deadline, int *ret_fd)
{
	struct rdp_answer a;
	AUTO_CLOSE int fd = -1;
	int r = packet_send2(c->task->control, request, len, tail, tail_len, NULL, 0);

	while (r == 0) {
		/* the client may leave while we wait */
		struct pollfd p[2] = { { .fd = c->task->control, .events = POLLIN },
				       { .fd = c->task->net, .events = POLLRDHUP } };
		int64_t left = deadline - stream_now();
		int n = left > 0 ? poll(p, 2, (int)left) : 0;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (n > 0 && p[0].revents)
			break;
		if (n > 0 && p[1].revents)
			return -ECONNRESET;
	}
	if (r < 0 || packet_recv(c->task->control, &a, sizeof a, &fd, 1) != (ssize_t)sizeof a || a.type != answer_type)
		return r < 0 ? r : -EPIPE;
	if (a.error < 0 || fd < 0) {
		a.detail[sizeof a.detail - 1] = '\0';
		say(c, LOG_WARNING, "connection ended", a.detail);
		return -ECANCELED;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int begin(struct child *c)
{
	static struct rdp_begin b; /* too large for the stack */
	size_t len;
	int r;

	b.type = RDP_ASK_BEGIN;
	b.early_authorization = c->task->selected == X224_PROTOCOL_HYBRID_EX;
	b.restricted_admin = (c->task->request_flags & X224_FLAG_RESTRICTED_ADMIN) != 0;
	b.remote_guard = (c->task->request_flags & X224_FLAG_REDIRECTED_AUTH) != 0;
	r = tls_public_key(c->client.ssl, b.public_key, sizeof b.public_key, &len);
	if (r < 0)
		return r;
	b.public_key_len = (uint32_t)len;
	return ask(c, &b, offsetof(struct rdp_begin, public_key), b.public_key, len, RDP_CHANNEL,
		   in_sec(RDP_NLA_TIMEOUT_SEC), &c->channel);
}

/* ---- CredSSP ---- */

static bool terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

static int take_done(struct child *c, const uint8_t *packet, size_t len)
{
	struct channel_done *d = &c->done;

	if (len != sizeof *d)
		return -EPROTO;
	memcpy(d, packet, sizeof *d);
	if (!terminated(d->ticket, sizeof d->ticket) || !terminated(d->user, sizeof d->user) || !d->user[0] ||
	    strlen(d->ticket) != TICKET_LEN)
		return -EPROTO;
	return 0;
}

/* Tells the client as far as it can be told: OpenSSL has no call that sends an alert of choice after the handshake. */
static int take_failed(struct child *c, const uint8_t *packet, size_t len)
{
	struct channel_failed f;
	uint8_t early[4] = { 0 };

	if (len != sizeof f)
		return -EPROTO;
	memcpy(&f, packet, sizeof f);
	if (!terminated(f.reason, sizeof f.reason))
		return -EPROTO;
	memcpy(c->reason, f.reason, sizeof c->reason);
	if (f.early_result != CHANNEL_EARLY_NONE && c->task->selected == X224_PROTOCOL_HYBRID_EX) {
		early[0] = f.early_result;
		(void)stream_write(&c->client, early, sizeof early, in_sec(1));
	}
	say(c, LOG_INFO, "credsspd refused the logon", "");
	return -ECANCELED;
}

/* One message of credsspd. Returns 1 when the logon is granted, 0 to go on. */
static int take_channel(struct child *c, const uint8_t *packet, size_t len, int64_t deadline)
{
	int r;

	switch (packet[0]) {
	case CHANNEL_REPLY:
		return stream_write(&c->client, packet + 1, len - 1, deadline);
	case CHANNEL_DONE:
		r = take_done(c, packet, len);
		return r < 0 ? r : 1;
	case CHANNEL_FAILED:
		return take_failed(c, packet, len);
	default:
		return -EPROTO;
	}
}

/* A TSRequest of the client to credsspd. */
static int pass_tsrequest(struct child *c, int64_t deadline)
{
	const uint8_t type = CHANNEL_TSREQUEST, *p;
	size_t len;
	int r;

	r = stream_tsrequest(&c->client, deadline, &p, &len);
	if (r == 0)
		r = packet_send2(c->channel, &type, 1, p, len, NULL, 0);
	if (r == 0)
		stream_consume(&c->client, len);
	return r;
}

/* Whether the next octet of the client begins a TSRequest. Returns 1, 0, or -errno. */
static int at_tsrequest(struct child *c, int64_t deadline)
{
	int r = stream_need(&c->client, 1, deadline);

	return r < 0 ? r : c->client.buffer[c->client.start] == 0x30;
}

/*
 * Relays until credsspd ends it. Both sides are watched: whether the client or credsspd speaks next is theirs to know
 * (some clients send pubKeyAuth unasked). Behind its last TSRequest a client goes on with MCS at once, which stays
 * where it is.
 */
static int relay(struct child *c, int64_t deadline)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	bool client_done = false;
	int r = pass_tsrequest(c, deadline);

	while (r == 0) {
		struct pollfd p[2] = { { .fd = c->channel, .events = POLLIN },
				       { .fd = c->task->net, .events = POLLRDHUP } };
		bool ahead = !client_done && has_input(&c->client);
		int64_t left = deadline - stream_now();
		ssize_t n;

		if (!client_done)
			p[1].events |= POLLIN;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, ahead ? 0 : (int)left) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents) {
			n = packet_recv(c->channel, packet, sizeof packet, NULL, 0);
			r = n <= 0 ? (n == 0 ? -EPIPE : (int)n) : take_channel(c, packet, (size_t)n, deadline);
			secret_wipe(packet, sizeof(struct channel_done)); /* it may have held the ticket */
		} else if (ahead || p[1].revents & POLLIN) {
			r = at_tsrequest(c, deadline);
			client_done = r == 0;
			r = r == 1 ? pass_tsrequest(c, deadline) : r;
		} else if (p[1].revents) {
			return -ECONNRESET;
		}
	}
	c->channel = close_fd(c->channel);
	return r == 1 ? 0 : r;
}

static int nla(struct child *c)
{
	static const uint8_t success[4] = { 0 };
	int64_t deadline = in_sec(RDP_NLA_TIMEOUT_SEC);
	const uint8_t *p;
	size_t len;
	int r;

	c->phase = "CredSSP";
	r = stream_tsrequest(&c->client, deadline, &p, &len); /* the first one is there before credsspd is asked */
	if (r == 0)
		r = begin(c);
	if (r == 0)
		r = relay(c, deadline);
	if (r == 0 && c->task->selected == X224_PROTOCOL_HYBRID_EX)
		r = stream_write(&c->client, success, sizeof success, deadline);
	return r;
}

/* ---- xrdp ---- */

static int connect_xrdp(struct child *c, int64_t deadline)
{
	const uint8_t type = RDP_ASK_XRDP;
	uint8_t request[X224_CONFIRM_LEN], *p;
	size_t len;
	int r;

	c->phase = "connecting to xrdp";
	r = ask(c, &type, 1, NULL, 0, RDP_XRDP, deadline, &c->xrdp.fd);
	if (r < 0)
		return r;
	x224_request_write(request, c->task->protocols & MASKED_PROTOCOLS);
	r = stream_write(&c->xrdp, request, sizeof request, deadline);
	if (r == 0)
		r = stream_tpkt(&c->xrdp, deadline, &p, &len);
	if (r == 0 && !x224_is_confirm(p, len))
		r = -EPROTO;
	if (r == 0)
		stream_consume(&c->xrdp, len);
	return r;
}

static int pass_client_info(struct child *c, uint8_t *p, size_t len, int64_t deadline)
{
	static uint8_t out[CLIENT_INFO_OUT_MAX]; /* too large for the stack */
	size_t n;
	int r = client_info_rewrite(p, len, c->done.user, c->done.ticket, out, &n);

	secret_wipe(c->done.ticket, sizeof c->done.ticket);
	if (r == 0)
		r = stream_write(&c->xrdp, out, n, deadline);
	secret_wipe(out, sizeof out);
	return r;
}

/* One PDU of the client, if the list allows it. Returns 1 when it was the last one that is looked at. */
static int pass_client_pdu(struct child *c, int64_t deadline)
{
	enum mcs_kind kind;
	uint8_t *p;
	size_t len;
	int r;

	r = stream_tpkt(&c->client, deadline, &p, &len);
	if (r < 0)
		return r;
	kind = mcs_kind(p, len);
	if (mcs_allow(&c->mcs, kind) < 0) {
		say(c, LOG_WARNING, "refused", "the client sent a PDU that may not come before the licence");
		return -ECANCELED;
	}
	r = kind == MCS_CLIENT_INFO ? pass_client_info(c, p, len, deadline) : stream_write(&c->xrdp, p, len, deadline);
	stream_consume(&c->client, len);
	return r < 0 ? r : c->mcs == MCS_LOGGED_ON;
}

static int pass_server_pdu(struct child *c, int64_t deadline)
{
	uint8_t *p;
	size_t len;
	int r = stream_tpkt(&c->xrdp, deadline, &p, &len);

	if (r < 0)
		return r;
	if (c->mcs == MCS_EXPECT_ERECT && c->task->protocols != (c->task->protocols & MASKED_PROTOCOLS))
		(void)mcs_patch_protocols(p, len, c->task->protocols);
	r = stream_write(&c->client, p, len, deadline);
	stream_consume(&c->xrdp, len);
	return r;
}

static int connection_sequence(struct child *c)
{
	int64_t deadline = in_sec(RDP_LICENCE_TIMEOUT_SEC);
	int r = connect_xrdp(c, deadline);

	c->phase = r == 0 ? "RDP connection sequence" : c->phase;
	while (r == 0) {
		struct pollfd p[2] = { { .fd = c->client.fd, .events = POLLIN },
				       { .fd = c->xrdp.fd, .events = POLLIN } };
		bool client = has_input(&c->client), server = has_input(&c->xrdp);
		int64_t left = deadline - stream_now();

		if (left <= 0)
			return -ETIMEDOUT;
		if (!client && !server && poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (server || p[1].revents)
			r = pass_server_pdu(c, deadline);
		if (r == 0 && (client || p[0].revents))
			r = pass_client_pdu(c, deadline);
	}
	return r == 1 ? 0 : r;
}

static int session(struct child *c)
{
	const uint8_t type = RDP_LOGGED_ON;

	c->phase = "session";
	(void)packet_send(c->task->control, &type, 1, NULL, 0);
	say(c, LOG_INFO, "logged on, session begins", "");
	/* nothing of the logon is needed any more */
	secret_wipe(&c->done, offsetof(struct channel_done, user));
	return stream_copy(&c->client, &c->xrdp);
}

/* ---- the whole ---- */

static int run(struct child *c)
{
	int r;

	c->phase = "TLS handshake";
	r = stream_accept(c->client.ssl, c->client.fd, in_sec(RDP_TLS_TIMEOUT_SEC));
	if (r == 0)
		r = nla(c);
	if (r == 0)
		r = connection_sequence(c);
	if (r == 0)
		r = session(c);
	return r;
}

static const char *reason_of(int r)
{
	switch (r) {
	case -ETIMEDOUT:
		return "timed out";
	case -ECONNRESET:
		return "closed by a peer";
	case -EPIPE:
		return "credsspd, the listener or xrdp went away";
	case -EPROTO:
		return "broke the protocol";
	default:
		return strerror(-r);
	}
}

static void report(struct child *c, int r)
{
	char text[160];

	/* whoever refused has said why */
	if (r == -ECANCELED)
		return;
	(void)snprintf(text, sizeof text, "%s: %s", c->phase, r == 0 ? "ended" : reason_of(r));
	/* mstsc opens connections that it leaves during CredSSP: that is ordinary */
	say(c,
	    r == -ECONNRESET && !c->done.user[0] ? LOG_DEBUG
	    : r == 0 || r == -ECONNRESET         ? LOG_INFO
						 : LOG_WARNING,
	    "connection ended", text);
}

int child_run(const struct child_task *task)
{
	static struct child c; /* holds the input buffers */
	int r;

	c.task = task;
	c.channel = -1;
	c.began = stream_now();
	c.client.fd = task->net;
	c.xrdp.fd = -1;
	c.phase = "start";
	c.client.ssl = SSL_new(task->ctx);
	if (!c.client.ssl || SSL_set_fd(c.client.ssl, task->net) != 1)
		return 1;
	r = confine();
	if (r < 0) {
		log_line(LOG_ERR, "a connection process cannot be confined: %s", strerror(-r));
		return 1;
	}
	r = run(&c);
	report(&c, r);
	if (r != -EPROTO)
		(void)SSL_shutdown(c.client.ssl);
	(void)shutdown(task->net, SHUT_WR);
	secret_wipe(&c, sizeof c);
	return 0;
}
