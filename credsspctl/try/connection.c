/* SPDX-License-Identifier: MIT */
/* MS-RDPBCGR 2.2.1.1 and 2.2.1.2 (X.224), 5.4.5 (protocols). The certificate is described, not enforced: the key that
 * TLS used is what CredSSP binds to. */
#include "credsspctl/try/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/try/report.h"

#define X224_LEN 19U
#define NEG_RESPONSE 2U
#define NEG_FAILURE 3U
#define PROTOCOL_SSL 1U
#define PROTOCOL_HYBRID 2U
#define PROTOCOL_HYBRID_EX 8U

/* ---- the target ---- */

static bool is_address(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

int connection_target_read(const char *text, struct connection_target *ret)
{
	struct connection_target t = { .port = CONNECTION_PORT };
	const char *end, *port;
	size_t len;

	if (*text == '[') {
		end = strchr(++text, ']');
		port = end && end[1] == ':' ? end + 2 : NULL;
		if (!end || (end[1] && !port))
			return -EINVAL;
	} else {
		/* more than one colon: an IPv6 address without brackets */
		end = strchr(text, ':') == strrchr(text, ':') ? strchr(text, ':') : NULL;
		port = end ? end + 1 : NULL;
	}
	len = end ? (size_t)(end - text) : strlen(text);
	if (len == 0 || len >= sizeof t.host ||
	    (port && (!*port || strlen(port) >= sizeof t.port || port[strspn(port, "0123456789")])))
		return -EINVAL;
	memcpy(t.host, text, len);
	if (port)
		(void)snprintf(t.port, sizeof t.port, "%s", port);
	t.is_address = is_address(t.host);
	*ret = t;
	return 0;
}

/* ---- TCP ---- */

static int try_address(const struct addrinfo *a)
{
	const struct timeval timeout = { .tv_sec = TRY_STEP_TIMEOUT_SEC };
	AUTO_CLOSE int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 ||
	    connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		return errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	return TAKE_FD(fd);
}

static int open_tcp(const struct connection_target *t)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char text[INET6_ADDRSTRLEN + 16] = "?";
	int fd = -ENOENT, r = getaddrinfo(t->host, t->port, &hints, &list);

	if (r != 0)
		return report_end(-ENOENT, "the name %s cannot be resolved: %s", t->host, gai_strerror(r));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		(void)getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
		fd = try_address(a);
		report_step("tcp", "%s port %s: %s", text, t->port, fd < 0 ? strerror(-fd) : "connected");
	}
	freeaddrinfo(list);
	if (fd == -ECONNREFUSED)
		return report_end(fd, "no program listens on port %s of %s, or a firewall rejects the connection",
				  t->port, t->host);
	if (fd == -ETIMEDOUT)
		return report_end(fd, "%s does not answer: it is down, or a firewall drops the packets", t->host);
	return fd < 0 ? report_end(fd, "no connection to %s: %s", t->host, strerror(-fd)) : fd;
}

/* ---- X.224 ---- */

static int receive_all(int fd, uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static const char *failure_text(uint32_t code)
{
	static const char *const text[] = {
		[1] = "SSL_REQUIRED_BY_SERVER",
		[2] = "SSL_NOT_ALLOWED_BY_SERVER: it has RDP's own encryption only",
		[3] = "SSL_CERT_NOT_ON_SERVER: it has no certificate",
		[4] = "INCONSISTENT_FLAGS",
		[5] = "HYBRID_REQUIRED_BY_SERVER",
		[6] = "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
	};

	return code < sizeof text / sizeof *text && text[code] ? text[code] : "unknown failure code";
}

static int read_confirm(struct try_connection *c, const uint8_t p[X224_LEN], size_t len)
{
	uint32_t value;

	if (len < X224_LEN || (p[11] != NEG_RESPONSE && p[11] != NEG_FAILURE)) {
		report_step("x224", "offered TLS, NLA, NLA with early authorization; the answer has no negotiation");
		return report_end(-EPROTO, "this server speaks RDP's own encryption only, without NLA");
	}
	value = (uint32_t)p[15] | (uint32_t)p[16] << 8 | (uint32_t)p[17] << 16 | (uint32_t)p[18] << 24;
	if (p[11] == NEG_FAILURE) {
		report_step("x224", "offered TLS, NLA, NLA with early authorization; failure %u", value);
		return report_end(-EPROTO, "the server refuses the connection: %s", failure_text(value));
	}
	report_step("x224", "offered TLS, NLA, NLA with early authorization; chosen %s (flags 0x%02x)",
		    value == PROTOCOL_HYBRID      ? "NLA"
		    : value == PROTOCOL_HYBRID_EX ? "NLA with early authorization"
		    : value == PROTOCOL_SSL       ? "TLS without NLA"
		    : value == 0                  ? "RDP's own encryption"
						  : "a protocol that was not offered",
		    p[12]);
	if (value != PROTOCOL_HYBRID && value != PROTOCOL_HYBRID_EX)
		return report_end(-EPROTO,
				  "this server does not use NLA: it would ask for the password in a window of its own");
	c->early_authorization = value == PROTOCOL_HYBRID_EX;
	return 0;
}

static int negotiate(struct try_connection *c)
{
	static const uint8_t request[X224_LEN] = { 3,  0,    0, X224_LEN,
						   14, 0xe0, 0, 0,
						   0,  0,    0, 1,
						   0,  8,    0, PROTOCOL_SSL | PROTOCOL_HYBRID | PROTOCOL_HYBRID_EX,
						   0,  0,    0 };
	uint8_t p[X224_LEN] = { 0 };
	size_t len;
	int r;

	if (send(c->fd, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
		return report_end(-EIO, "the connection request cannot be sent: %s", strerror(errno));
	r = receive_all(c->fd, p, 4);
	len = r == 0 && p[0] == 3 ? (size_t)p[2] << 8 | p[3] : 0;
	if (r == 0 && len >= 11 && len <= X224_LEN)
		r = receive_all(c->fd, p + 4, len - 4);
	if (r < 0)
		return report_end(r,
				  "no answer to RDP's connection request (%s): is this an RDP server, and does it "
				  "serve this address?",
				  r == -EAGAIN ? "time-out" : strerror(-r));
	if (len < 11 || len > X224_LEN || p[5] != 0xd0)
		return report_end(-EPROTO,
				  "the answer is not one to RDP's connection request: this is not an RDP server");
	return read_confirm(c, p, len);
}

/* ---- TLS ---- */

static void note(struct try_connection *c, const char *text)
{
	(void)snprintf(c->trouble, sizeof c->trouble, "%s", text);
}

/* Converts the failure of an SSL call, which was called with a clear errno and queue. Returns -errno. */
static int tls_trouble(struct try_connection *c, int r)
{
	int saved = errno;
	unsigned long code = ERR_peek_last_error();

	switch (SSL_get_error(c->tls, r)) {
	case SSL_ERROR_ZERO_RETURN:
		note(c, "the server closed the connection");
		return -ECONNRESET;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		(void)snprintf(c->trouble, sizeof c->trouble, "no answer within %u seconds", TRY_STEP_TIMEOUT_SEC);
		return -ETIMEDOUT;
	case SSL_ERROR_SYSCALL:
		note(c, saved ? strerror(saved) : "the server closed the connection");
		return saved ? -saved : -ECONNRESET;
	default:
		if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			note(c, "the server closed the connection");
		else
			(void)snprintf(c->trouble, sizeof c->trouble, "%s",
				       ERR_reason_error_string(code) ? ERR_reason_error_string(code) : "TLS error");
		return -EPROTO;
	}
}

static void describe_certificate(struct try_connection *c, const struct connection_target *t, X509 *x)
{
	long verified = SSL_get_verify_result(c->tls);
	char subject[200] = "", issuer[200] = "";
	bool named =
	    t->is_address ? X509_check_ip_asc(x, t->host, 0) == 1 : X509_check_host(x, t->host, 0, 0, NULL) == 1;

	(void)X509_NAME_oneline(X509_get_subject_name(x), subject, sizeof subject);
	(void)X509_NAME_oneline(X509_get_issuer_name(x), issuer, sizeof issuer);
	report_step("certificate", "subject %s, issuer %s", subject, issuer);
	report_step("", "%s; %s %s",
		    verified == X509_V_OK ? "trusted on this host" : X509_verify_cert_error_string(verified),
		    named ? "it is for" : "it is not for", t->host);
}

static int take_key(struct try_connection *c, const struct connection_target *t)
{
	X509 *x = SSL_get1_peer_certificate(c->tls);
	const ASN1_BIT_STRING *key = x ? X509_get0_pubkey_bitstr(x) : NULL;
	int r = 0;

	if (key && key->length > 0)
		c->key = malloc((size_t)key->length);
	if (!key || !c->key) {
		r = report_end(-EPROTO, "the server's certificate has no key that CredSSP can bind to");
	} else {
		c->key_len = (size_t)key->length;
		memcpy(c->key, key->data, c->key_len);
		describe_certificate(c, t, x);
	}
	X509_free(x);
	return r;
}

static int start_tls(struct try_connection *c, const struct connection_target *t)
{
	int r;

	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx)
		(void)SSL_CTX_set_default_verify_paths(c->ctx);
	c->tls = c->ctx ? SSL_new(c->ctx) : NULL;
	if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1 ||
	    (!t->is_address && SSL_ctrl(c->tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
					(void *)(uintptr_t)t->host) != 1)) /* OpenSSL's macro casts const away */
		return report_end(-ENOMEM, "OpenSSL makes no TLS client on this host");
	(void)SSL_set_mode(c->tls, SSL_MODE_AUTO_RETRY);
	ERR_clear_error();
	errno = 0;
	r = SSL_connect(c->tls);
	if (r != 1) {
		r = tls_trouble(c, r);
		return report_end(r, "the TLS handshake failed: %s", c->trouble);
	}
	report_step("tls", "%s, %s", SSL_get_version(c->tls), SSL_get_cipher_name(c->tls));
	return take_key(c, t);
}

/* ---- */

int connection_open(struct try_connection *c, const struct connection_target *target)
{
	int r = open_tcp(target);

	if (r < 0)
		return r;
	c->fd = r;
	r = negotiate(c);
	return r < 0 ? r : start_tls(c, target);
}

void connection_done(struct try_connection *c)
{
	if (c->tls)
		(void)SSL_shutdown(c->tls);
	SSL_free(c->tls);
	SSL_CTX_free(c->ctx);
	free(c->key);
	c->fd = close_fd(c->fd);
	*c = TRY_CONNECTION_NULL;
}

int connection_send(struct try_connection *c, struct view data)
{
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_write(c->tls, data.p, (int)data.len);
	return r > 0 ? 0 : tls_trouble(c, r);
}

ssize_t connection_receive(struct try_connection *c, uint8_t *out, size_t size)
{
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_read(c->tls, out, (int)size);
	return r > 0 ? r : tls_trouble(c, r);
}
