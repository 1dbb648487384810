/* SPDX-License-Identifier: MIT */
/*
 * acceptor-client PORT CERTIFICATE KEY USER SERVICE: the smallest login stack that speaks NLA through credsspd.
 * Explained in docs/integrating.md; the interface is credssp/bus-api.h and credssp/channel.h.
 *
 * Two processes a connection, as a login stack should have. One, as USER (front_ends in credsspd.conf), holds TLS and
 * talks to the client and to credsspd: sections 1 to 4. The other, root, takes from it a name and a ticket and gives
 * them to PAM: section 5. A real one serves many clients at once, runs PAM in a process of the session's own (modules
 * change limits, audit ids, cgroups of their caller), and continues with MCS where this one prints "logged on".
 */
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "include/credssp/bus-api.h"
#include "include/credssp/channel.h"

enum { HYBRID = 2, HYBRID_EX = 8, RESTRICTED_ADMIN = 1, REDIRECTED_AUTH = 2 }; /* MS-RDPBCGR 2.2.1.1.1, 2.2.1.2.1 */

struct client {
	int fd, listener;
	SSL *ssl;
	char rhost[RHOST_MAX + 1];
	uint16_t rport;
	uint8_t flags;    /* of the connection request */
	uint8_t selected; /* protocol */
};

/* ---- 1. what every RDP server has already: X.224, TLS ---- */

static void negotiate(struct client *c)
{
	uint8_t in[4 + 255], *req;
	uint8_t out[19] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 0, 0, 8 };

	if (recv(c->fd, in, 4, MSG_WAITALL) != 4 || in[0] != 3 || in[2] != 0 || in[3] < 19 ||
	    recv(c->fd, in + 4, in[3] - 4U, MSG_WAITALL) != in[3] - 4)
		errx(1, "no RDP connection request");
	req = in + in[3] - 8; /* RDP_NEG_REQ is the last in it, unless correlation information follows */
	if (req[0] == 1 && req[2] == 8) {
		c->flags = req[1];
		c->selected = req[4] & HYBRID_EX ? HYBRID_EX : req[4] & HYBRID;
	}
	/* RDP_NEG_FAILURE, HYBRID_REQUIRED_BY_SERVER: never fall back to a password that this program could see */
	out[11] = c->selected ? 2 : 3;
	out[15] = c->selected ? c->selected : 5;
	if (send(c->fd, out, sizeof out, 0) != sizeof out || !c->selected)
		errx(1, "the client does not offer NLA");
}

/* ---- 2. Begin: when the first bytes of a TSRequest are there, not before ---- */

static int begin(struct client *c, const char *service)
{
	/* the BIT STRING of the key that TLS really used: the client binds its proof to that */
	const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(SSL_get_certificate(c->ssl));
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	sd_bus *bus;
	uint64_t logon;
	int fd, r;

	if ((r = sd_bus_open_system(&bus)) < 0 ||
	    (r = sd_bus_message_new_method_call(bus, &m, CREDSSP_BUS_NAME, CREDSSP_OBJECT_PATH,
						CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN)) < 0 ||
	    (r = sd_bus_message_append(m, "s", service)) < 0 ||
	    (r = sd_bus_message_append_array(m, 'y', ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key))) <
		0 ||
	    (r = sd_bus_message_append(m, "a{sv}", 5, CREDSSP_PEER_RHOST, "s", c->rhost, CREDSSP_PEER_RPORT, "q",
				       c->rport, CREDSSP_PEER_RESTRICTED_ADMIN, "b", (c->flags & RESTRICTED_ADMIN) != 0,
				       CREDSSP_PEER_REMOTE_GUARD, "b", (c->flags & REDIRECTED_AUTH) != 0,
				       CREDSSP_PEER_EARLY_AUTHORIZATION, "b", c->selected == HYBRID_EX)) < 0 ||
	    (r = sd_bus_call(bus, m, 0, &error, &reply)) < 0 || (r = sd_bus_message_read(reply, "th", &logon, &fd)) < 0)
		errx(1, "Begin: %s: %s", error.name ? error.name : strerror(-r), error.message ? error.message : "");
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message's own one goes with the message */
	sd_bus_message_unref(m);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus); /* the channel lives without it */
	return fd;
}

/* ---- 3. TSRequests: passed on by their length; what is in them is not for us ---- */

static void read_tls(struct client *c, uint8_t *p, size_t len)
{
	for (int n; len > 0; p += n, len -= (size_t)n)
		if ((n = SSL_read(c->ssl, p, (int)len)) <= 0)
			errx(1, "the client has gone");
}

/* One TSRequest of the client to credsspd. False: it sends no more of them. */
static bool pass_tsrequest(struct client *c, int channel)
{
	static uint8_t packet[CHANNEL_PACKET_MAX] = { CHANNEL_TSREQUEST };
	uint8_t *p = packet + 1;
	size_t len, head = 2;

	if (SSL_peek(c->ssl, p, 1) != 1) /* gone, perhaps because it was told why: credsspd has the last word */
		return shutdown(channel, SHUT_WR), false;
	if (p[0] != 0x30) /* DER SEQUENCE */
		return false;
	read_tls(c, p, head);
	len = p[1];
	if (len & 0x80) {
		size_t n = len & 0x7f;

		if (n > 3)
			errx(1, "a TSRequest that is too long");
		read_tls(c, p + head, n);
		for (len = 0; n > 0; n--)
			len = len << 8 | p[head++];
	}
	if (head + len > TSREQUEST_MAX)
		errx(1, "a TSRequest that is too long");
	read_tls(c, p + head, len);
	return send(channel, packet, 1 + head + len, MSG_NOSIGNAL) > 0; /* else credsspd has said why */
}

static void send_early_result(struct client *c, uint8_t result)
{
	const uint8_t out[4] = { result };

	if (c->selected == HYBRID_EX)
		(void)SSL_write(c->ssl, out, sizeof out);
}

/* ---- 4. the relay: both sides are watched, some clients speak twice in a row ---- */

static void relay(struct client *c, int channel, struct channel_done *ret_done)
{
	static union {
		uint8_t octets[CHANNEL_PACKET_MAX]; /* the first one is the type */
		struct channel_done done;
		struct channel_failed failed;
	} in;
	bool credssp = pass_tsrequest(c, channel);

	for (;;) {
		struct pollfd p[2] = { { .fd = channel, .events = POLLIN },
				       { .fd = credssp ? c->fd : -1, .events = POLLIN } };
		ssize_t n;

		if (poll(p, 2, credssp && SSL_pending(c->ssl) > 0 ? 0 : -1) < 0)
			err(1, "poll");
		if (!p[0].revents) {
			credssp = pass_tsrequest(c, channel);
			continue;
		}
		n = recv(channel, &in, sizeof in, 0);
		if (n >= 2 && in.octets[0] == CHANNEL_REPLY) {
			if (SSL_write(c->ssl, in.octets + 1, (int)n - 1) != n - 1) /* one TLS record */
				errx(1, "the client has gone");
		} else if (n == sizeof in.failed && in.octets[0] == CHANNEL_FAILED) {
			/* where CredSSP has an errorCode for it, a CHANNEL_REPLY has told the client already */
			if (in.failed.early_result != CHANNEL_EARLY_NONE)
				send_early_result(c, in.failed.early_result);
			(void)SSL_shutdown(c->ssl);
			errx(1, "refused: %.*s", (int)sizeof in.failed.reason, in.failed.reason);
		} else if (n == sizeof in.done && in.octets[0] == CHANNEL_DONE) {
			*ret_done = in.done;
			explicit_bzero(&in, sizeof in);
			return;
		} else {
			errx(1, "no answer of credsspd"); /* end of file is a refusal as well */
		}
	}
}

/* The process that the network can reach: no privileges, one client, one ticket. */
__attribute__((noreturn)) static void front_end(struct client *c, SSL_CTX *ctx, const struct passwd *pw,
						const char *service, int login)
{
	struct channel_done done;
	uint8_t end;
	int channel;

	if (setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		err(1, "no change of the user");
	(void)alarm(60); /* ends the process: the client's time from the first byte to the ticket */
	negotiate(c);
	c->ssl = SSL_new(ctx);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_accept(c->ssl) != 1 || SSL_peek(c->ssl, &end, 1) != 1)
		errx(1, "no TLS with the client, or it only looked at the certificate");
	channel = begin(c, service);
	relay(c, channel, &done);
	send_early_result(c, 0);
	if (send(login, &done, sizeof done, MSG_NOSIGNAL) != sizeof done)
		err(1, "login");
	explicit_bzero(&done, sizeof done);
	(void)alarm(0);
	/* the channel stays open until PAM is done with the ticket, and closing it earlier takes it back */
	(void)recv(login, &end, 1, 0);
	(void)SSL_shutdown(c->ssl);
	exit(0);
}

/* ---- 5. PAM: the ticket is the password ---- */

/* Answers one hidden question with the ticket; pam_credssp lets no other module ask while it is in play. */
static int converse(int n, const struct pam_message **m, struct pam_response **ret_r, void *userdata)
{
	struct pam_response *r = calloc((size_t)n, sizeof *r);

	for (int i = 0; r && i < n; i++)
		if (m[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			r[i].resp = strdup(userdata);
	*ret_r = r;
	return r ? PAM_SUCCESS : PAM_BUF_ERR;
}

static void log_on(const char *service, const char *rhost, struct channel_done *d)
{
	struct pam_conv conv = { converse, d->ticket };
	pam_handle_t *pamh = NULL;
	int r = pam_start(service, d->user, &conv, &pamh);

	if (r != PAM_SUCCESS || (r = pam_set_item(pamh, PAM_RHOST, rhost)) != PAM_SUCCESS ||
	    (r = pam_authenticate(pamh, 0)) != PAM_SUCCESS || (r = pam_acct_mgmt(pamh, 0)) != PAM_SUCCESS ||
	    (r = pam_setcred(pamh, PAM_ESTABLISH_CRED)) != PAM_SUCCESS ||
	    (r = pam_open_session(pamh, 0)) != PAM_SUCCESS) {
		printf("PAM refused user=%s rhost=%s: %s\n", d->user, rhost, pam_strerror(pamh, r));
	} else {
		/* here a session leader is forked, which becomes d->user, and the front end goes on with MCS */
		printf("logged on user=%s mechanism=%s rhost=%s\n", d->user, d->mechanism, rhost);
		(void)pam_close_session(pamh, 0);
		(void)pam_setcred(pamh, PAM_DELETE_CRED);
	}
	explicit_bzero(d, sizeof *d);
	(void)pam_end(pamh, r);
}

static void serve(struct client *c, SSL_CTX *ctx, const struct passwd *pw, const char *service)
{
	struct channel_done done;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0)
		err(1, "a connection");
	if (pid == 0) {
		(void)close(pair[0]);
		(void)close(c->listener); /* an attacker who takes this process over gets what it can reach */
		front_end(c, ctx, pw, service, pair[1]);
	}
	(void)close(pair[1]);
	(void)close(c->fd);
	if (recv(pair[0], &done, sizeof done, 0) == sizeof done) {
		/* it is trusted with its ticket and no more: user and service are compared with credsspd's */
		for (char *p = done.user; p < done.user + sizeof done.user; p++)
			*p = *p > 0 && *p < ' ' ? '?' : *p; /* what is printed is no line of its own */
		done.user[sizeof done.user - 1] = done.ticket[sizeof done.ticket - 1] = done.mechanism[7] = '\0';
		log_on(service, c->rhost, &done);
	} else {
		printf("no logon rhost=%s\n", c->rhost);
	}
	(void)close(pair[0]); /* tells the other process that its channel may close */
	(void)waitpid(pid, NULL, 0);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const struct passwd *found = argc == 6 ? getpwnam(argv[4]) : NULL;
	struct passwd pw = found ? *found : (struct passwd){ 0 }; /* a copy: PAM's modules look names up as well */
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (!pw.pw_uid || !ctx)
		errx(2, "Usage: acceptor-client PORT CERTIFICATE KEY USER SERVICE");
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	if (SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
		errx(1, "certificate and key cannot be used");
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(s, (struct sockaddr *)&at, sizeof at) < 0 || listen(s, 16) < 0)
		err(1, "port %s", argv[1]);
	for (;;) {
		struct sockaddr_in peer = { 0 };
		socklen_t len = sizeof peer;
		struct client c = { .listener = s, .fd = accept4(s, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC) };

		c.rport = ntohs(peer.sin_port);
		if (c.fd >= 0 &&
		    getnameinfo((struct sockaddr *)&peer, len, c.rhost, sizeof c.rhost, NULL, 0, NI_NUMERICHOST) == 0)
			serve(&c, ctx, &pw, argv[5]);
	}
}
