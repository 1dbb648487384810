/* SPDX-License-Identifier: MIT */
/*
 * The hand-over: what a worker writes into the pipe of a logon and pam_credssp
 * reads from it. Header: the four bytes "CSHO", version 1, the credential
 * kind, two zero bytes, the length of all that follows as u32. Then fields: tag
 * u16, reserved u16 (0), length u32, that many bytes. Integers are big endian.
 * Each field occurs at most once, in the order of the tags. An unknown tag or kind, and bytes after the last field, are
 * errors: worker and pam_credssp must be of one version.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/secret.h"
#include "include/credssp/channel.h"

/* The numbers are those of struct channel_done. */
enum credential_kind {
	CREDENTIAL_NONE = 0,
	CREDENTIAL_PASSWORD = CHANNEL_KIND_PASSWORD,
	CREDENTIAL_SMARTCARD = CHANNEL_KIND_SMARTCARD,
	CREDENTIAL_REMOTE_GUARD = CHANNEL_KIND_REMOTE_GUARD,
	CREDENTIAL_RESTRICTED_ADMIN = CHANNEL_KIND_RESTRICTED_ADMIN, /* empty TSPasswordCreds */
};

/* Returns the name of @kind in logs and on the bus, or NULL for a number that is not listed above. */
static inline const char *credential_kind_name(unsigned kind)
{
	switch (kind) {
	case CREDENTIAL_PASSWORD:
		return "password";
	case CREDENTIAL_SMARTCARD:
		return "smartcard";
	case CREDENTIAL_REMOTE_GUARD:
		return "remote-guard";
	case CREDENTIAL_RESTRICTED_ADMIN:
		return "restricted-admin";
	default:
		return NULL;
	}
}

enum handover_tag {
	/* CREDENTIAL_PASSWORD, CREDENTIAL_SMARTCARD: UTF-8, no NUL inside or at the end */
	HANDOVER_PASSWORD = 1,
	HANDOVER_PIN = 2,
	HANDOVER_CARD_NAME = 3, /* TSCspDataDetail; a field that the client did not send is absent */
	HANDOVER_READER_NAME = 4,
	HANDOVER_CONTAINER_NAME = 5,
	HANDOVER_CSP_NAME = 6,
	/* CREDENTIAL_REMOTE_GUARD: both, as the client sent them; not parsed yet */
	HANDOVER_SERVICE_TICKET = 7, /* DER Ticket of RFC 4120, for HOST/ of this host */
	HANDOVER_KRB_CRED = 8,       /* DER KRB-CRED */
	HANDOVER_TAG_LAST_ = HANDOVER_KRB_CRED,
};

#define HANDOVER_HEADER_LEN 12U
#define HANDOVER_FIELD_HEADER_LEN 8U
#define HANDOVER_VERSION 1U

/* A field of a hand-over; p_ points into the secret that handover_read() was given. */
struct handover_field {
	const void *p_;
	size_t len;
};

struct handover {
	enum credential_kind kind;
	struct handover_field field[HANDOVER_TAG_LAST_ + 1]; /* by tag; p_ is NULL when absent */
};

static inline void handover_put_u32_(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline uint32_t handover_get_u32_(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Starts a hand-over of @kind in the empty secret @out. Returns 0 or -ENOSPC. */
static inline int handover_begin(struct secret *out, enum credential_kind kind)
{
	uint8_t h[HANDOVER_HEADER_LEN] = { 'C', 'S', 'H', 'O', HANDOVER_VERSION, (uint8_t)kind };

	return secret_append(out, h, sizeof h);
}

/* Appends a field, of a higher tag than those before. Returns 0 or -ENOSPC, with @out unchanged. */
static inline int handover_add(struct secret *out, enum handover_tag tag, const void *p, size_t len)
{
	uint8_t h[HANDOVER_FIELD_HEADER_LEN] = { 0, (uint8_t)tag };

	if (len > HANDOVER_MAX || HANDOVER_FIELD_HEADER_LEN + len > secret_room(out))
		return -ENOSPC;
	handover_put_u32_(h + 4, (uint32_t)len);
	(void)secret_append(out, h, sizeof h);
	return secret_append(out, p, len);
}

/* Completes the header; the hand-over is then the whole of @out. */
static inline void handover_end(struct secret *out)
{
	uint8_t *p = secret_expose(out);

	handover_put_u32_(p + 8, (uint32_t)(secret_len(out) - HANDOVER_HEADER_LEN));
}

/*
 * Reads the hand-over that is the whole of @in; the fields point into @in. Returns 0, -EPROTO when it is malformed, or
 * -EPROTONOSUPPORT when its version, its kind or one of its fields is unknown.
 */
static inline int handover_read(const struct secret *in, struct handover *ret_)
{
	const uint8_t *p = secret_expose(in);
	size_t left = secret_len(in), last = 0;
	struct handover h = { .kind = CREDENTIAL_NONE };

	if (left < HANDOVER_HEADER_LEN || memcmp(p, "CSHO", 4) != 0)
		return -EPROTO;
	if (p[4] != HANDOVER_VERSION || !credential_kind_name(p[5]))
		return -EPROTONOSUPPORT;
	if (p[6] || p[7] || handover_get_u32_(p + 8) != left - HANDOVER_HEADER_LEN)
		return -EPROTO;
	h.kind = (enum credential_kind)p[5];
	p += HANDOVER_HEADER_LEN;
	left -= HANDOVER_HEADER_LEN;
	while (left > 0) {
		if (left < HANDOVER_FIELD_HEADER_LEN || p[2] || p[3])
			return -EPROTO;
		size_t tag = (size_t)p[0] << 8 | p[1];
		size_t len = handover_get_u32_(p + 4);

		if (len > left - HANDOVER_FIELD_HEADER_LEN)
			return -EPROTO;
		if (tag == 0 || tag > HANDOVER_TAG_LAST_)
			return -EPROTONOSUPPORT;
		if (tag <= last)
			return -EPROTO;
		last = tag;
		h.field[tag] = (struct handover_field){ p + HANDOVER_FIELD_HEADER_LEN, len };
		p += HANDOVER_FIELD_HEADER_LEN + len;
		left -= HANDOVER_FIELD_HEADER_LEN + len;
	}
	*ret_ = h;
	return 0;
}
