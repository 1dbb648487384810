/* SPDX-License-Identifier: MIT */
#include "credsspd/worker/worker.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "credsspd/auth/conversation.h"
#include "credsspd/util/packet.h"
#include "credsspd/wire/name.h"
#include "credsspd/wire/utf16.h"
#include "include/credssp/handover.h"

struct worker {
	int fd;
	unsigned flags; /* enum worker_flag */
	struct conversation conversation;
	int pipe; /* where the hand-over goes, once granted */
};

/* aligned for the structs that arrive in it */
static _Alignas(8) uint8_t packet[WORKER_PACKET_MAX];

/* ---- records out ---- */

static int send_reply(struct worker *w)
{
	uint8_t type = WORKER_REPLY;

	return packet_send2(w->fd, &type, 1, w->conversation.reply, w->conversation.reply_len, NULL, 0);
}

static int send_failed(struct worker *w, enum refusal refusal, const char *detail, bool told)
{
	struct worker_failed f = {
		.type = WORKER_FAILED,
		.version = (uint8_t)w->conversation.version,
		.told = told,
		.refusal = (uint16_t)refusal,
	};

	(void)snprintf(f.detail, sizeof f.detail, "%s", detail);
	return packet_send(w->fd, &f, sizeof f, NULL, 0);
}

static int send_refused(struct worker *w)
{
	bool told = w->conversation.reply_len > 0;
	int r = told ? send_reply(w) : 0;

	return r < 0 ? r : send_failed(w, w->conversation.error.refusal, w->conversation.error.detail, told);
}

static int send_authenticated(struct worker *w)
{
	struct worker_authenticated a = {
		.type = WORKER_AUTHENTICATED,
		.mechanism = (uint8_t)w->conversation.acceptor->mechanism,
		.version = (uint8_t)w->conversation.version,
	};

	memcpy(a.principal, w->conversation.context.principal, sizeof a.principal);
	return packet_send(w->fd, &a, sizeof a, NULL, 0);
}

/* ---- the credentials ---- */

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static struct view strip_nul(struct view s)
{
	if (s.len >= 2 && s.p[s.len - 1] == 0 && s.p[s.len - 2] == 0)
		s.len -= 2;
	return s;
}

static enum refusal put_password(struct secret *out, struct view password)
{
	AUTO_SECRET struct secret utf8 = SECRET_NULL;
	struct view p = strip_nul(password);
	size_t len;
	int r;

	if (p.len == 0)
		return REFUSAL_EMPTY_PASSWORD;
	if (secret_init(&utf8, PASSWORD_MAX) < 0)
		return REFUSAL_INTERNAL;
	r = utf16le_to_utf8(p, secret_expose(&utf8), PASSWORD_MAX, &len);
	if (r == -ENOSPC)
		return REFUSAL_TOO_LARGE;
	if (r < 0 || memchr(secret_expose(&utf8), '\0', len))
		return REFUSAL_PROTOCOL;
	return handover_add(out, HANDOVER_PASSWORD, secret_expose(&utf8), len) < 0 ? REFUSAL_TOO_LARGE : REFUSAL_NONE;
}

static enum refusal deliver_password(struct worker *w, struct secret *out, struct worker_delegated *d)
{
	const struct ts_password_creds *p = &w->conversation.credentials.password;

	if (strip_nul(p->domain_name).len + strip_nul(p->user_name).len + strip_nul(p->password).len == 0) {
		if (!(w->flags & WORKER_RESTRICTED_ADMIN))
			return REFUSAL_CREDENTIAL_KIND;
		d->kind = CREDENTIAL_RESTRICTED_ADMIN;
		return handover_begin(out, CREDENTIAL_RESTRICTED_ADMIN) < 0 ? REFUSAL_INTERNAL : REFUSAL_NONE;
	}
	if (name_decode_utf16le(p->domain_name.p, p->domain_name.len, d->domain) < 0 ||
	    name_decode_utf16le(p->user_name.p, p->user_name.len, d->user) < 0)
		return REFUSAL_NAME;
	d->kind = CREDENTIAL_PASSWORD;
	return handover_begin(out, CREDENTIAL_PASSWORD) < 0 ? REFUSAL_INTERNAL : put_password(out, p->password);
}

static enum refusal deliver_none(struct worker *w, struct secret *out, struct worker_delegated *d)
{
	(void)w;
	(void)out;
	(void)d;
	return REFUSAL_CREDENTIAL_KIND;
}

static enum refusal deliver(struct worker *w, struct worker_delegated *d)
{
	static const struct {
		enum ts_cred_type type;
		enum refusal (*deliver)(struct worker *w, struct secret *out, struct worker_delegated *d);
	} row[] = {
		{ TS_CRED_PASSWORD, deliver_password },
		{ TS_CRED_SMARTCARD, deliver_none },
		{ TS_CRED_REMOTE_GUARD, deliver_none },
	};
	AUTO_SECRET struct secret out = SECRET_NULL;
	enum refusal refusal = REFUSAL_INTERNAL;

	if (secret_init(&out, HANDOVER_MAX) < 0)
		return REFUSAL_INTERNAL;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].type == w->conversation.credentials.type)
			refusal = row[i].deliver(w, &out, d);
	if (refusal != REFUSAL_NONE)
		return refusal;
	handover_end(&out);
	d->handover_len = (uint32_t)secret_len(&out);
	/* the pipe takes HANDOVER_MAX without a reader: this does not block */
	if (write_all(w->pipe, secret_expose(&out), secret_len(&out)) < 0)
		return REFUSAL_INTERNAL;
	w->pipe = close_fd(w->pipe);
	return REFUSAL_NONE;
}

static int send_delegated(struct worker *w)
{
	struct worker_delegated d = { .type = WORKER_DELEGATED };
	enum refusal refusal = deliver(w, &d);

	secret_done(&w->conversation.clear);
	if (refusal != REFUSAL_NONE)
		return send_failed(w, refusal, "", false);
	return packet_send(w->fd, &d, sizeof d, NULL, 0);
}

/* ---- records in ---- */

/* Returns 1 to go on, 0 when the last word was said, or -errno. */
static int act(struct worker *w, enum conversation_result result)
{
	uint8_t not_mine = WORKER_NOT_MINE;
	int r = -EINVAL;

	switch (result) {
	case CONVERSATION_REPLY:
		r = send_reply(w);
		return r < 0 ? r : 1;
	case CONVERSATION_ASK:
		r = send_authenticated(w);
		return r < 0 ? r : 1;
	case CONVERSATION_NOT_MINE:
		return packet_send(w->fd, &not_mine, 1, NULL, 0);
	case CONVERSATION_CREDENTIALS:
		return send_delegated(w);
	case CONVERSATION_REFUSED:
		return send_refused(w);
	}
	return r;
}

static int take_verdict(struct worker *w, const uint8_t *p, size_t len)
{
	struct worker_verdict v;

	if (len != sizeof v)
		return -EPROTO;
	memcpy(&v, p, sizeof v);
	if (v.granted == 1 && w->pipe < 0)
		return -EPROTO;
	if (v.granted == 1)
		return act(w, conversation_verdict(&w->conversation, REFUSAL_NONE));
	return act(w, conversation_verdict(&w->conversation, v.refusal ? (enum refusal)v.refusal : REFUSAL_INTERNAL));
}

/* Waits for one record. Returns its length, 0 when the supervisor has gone, or -errno. */
static ssize_t receive(struct worker *w)
{
	int fd = -1;
	ssize_t n = packet_recv(w->fd, packet, sizeof packet, &fd, 1);

	if (fd >= 0) {
		(void)close_fd(w->pipe);
		w->pipe = fd;
	}
	return n;
}

static int take_record(struct worker *w, size_t len)
{
	switch (packet[0]) {
	case WORKER_TSREQUEST:
		return act(w, conversation_take(&w->conversation, packet + 1, len - 1));
	case WORKER_VERDICT:
		return take_verdict(w, packet, len);
	default:
		return -EPROTO;
	}
}

static int start(struct worker *w, const struct acceptor *a, uint8_t key[SUBJECT_PUBLIC_KEY_MAX])
{
	struct worker_start *s = (void *)packet;
	const size_t head = offsetof(struct worker_start, public_key);
	ssize_t n = receive(w);

	if (n == 0)
		return -ECONNRESET;
	if (n < (ssize_t)head || s->type != WORKER_START || s->public_key_len > SUBJECT_PUBLIC_KEY_MAX ||
	    (size_t)n != head + s->public_key_len)
		return -EPROTO;
	w->flags = s->flags;
	memcpy(key, s->public_key, s->public_key_len);
	conversation_init(&w->conversation, a, s->min_version, (struct view){ key, s->public_key_len });
	return 0;
}

int worker_run(const struct acceptor *a, int fd)
{
	static uint8_t key[SUBJECT_PUBLIC_KEY_MAX];
	static struct worker w; /* holds a reply buffer of 64 KiB */
	int r;

	w.fd = fd;
	w.pipe = -1;
	r = start(&w, a, key);
	if (r < 0)
		return r == -ECONNRESET ? 0 : 1;
	do {
		ssize_t n = receive(&w);

		r = n > 0 ? take_record(&w, (size_t)n) : (int)n;
	} while (r == 1);
	conversation_done(&w.conversation);
	/* a supervisor that closes its end (the client left) is as ordinary as a last word */
	return r == 0 || r == -EPIPE || r == -ECONNRESET ? 0 : 1;
}
