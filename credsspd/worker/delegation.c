/* SPDX-License-Identifier: MIT */
/* MS-CSSP 2.2.1.2. Names that no account can have and NULs in strings are refused; nothing is truncated. */
#include "credsspd/worker/delegation.h"

#include <errno.h>

#include "common/wire/name.h"
#include "common/wire/ticketlogon.h"
#include "common/wire/tscredentials.h"
#include "common/wire/utf16.h"

/* Strips one trailing NUL, which some clients send. */
static struct view without_nul(struct view v)
{
	if (v.len >= 2 && v.len % 2 == 0 && v.p[v.len - 1] == 0 && v.p[v.len - 2] == 0)
		v.len -= 2;
	return v;
}

static enum refusal read_names(struct view domain, struct view user, struct delegation *d)
{
	if (name_decode_utf16le(domain.p, domain.len, d->domain) < 0 ||
	    name_decode_utf16le(user.p, user.len, d->user) < 0)
		return REFUSAL_NAME;
	return REFUSAL_NONE;
}

/* Converts @utf16 to UTF-8 in @ret_, which must be SECRET_NULL; at most @max bytes. */
static enum refusal read_string(struct view utf16, size_t max, struct secret *ret_)
{
	size_t len;
	int r;

	if (secret_init(ret_, max) < 0)
		return REFUSAL_INTERNAL;
	r = utf16le_to_utf8(without_nul(utf16), secret_expose(ret_), max, &len);
	if (r == -ENOSPC)
		return REFUSAL_TOO_LARGE;
	if (r < 0 || memchr(secret_expose(ret_), '\0', len))
		return REFUSAL_PROTOCOL;
	return secret_set_len(ret_, len) < 0 ? REFUSAL_INTERNAL : REFUSAL_NONE;
}

#define FIELD_ROOM(max) (HANDOVER_FIELD_HEADER_LEN + (max))

/* @room: bytes for all fields of this kind. */
static enum refusal begin_handover(enum credential_kind kind, size_t room, struct secret *h)
{
	return secret_init(h, HANDOVER_HEADER_LEN + room) < 0 || handover_begin(h, kind) < 0 ? REFUSAL_INTERNAL
											     : REFUSAL_NONE;
}

static enum refusal add_field(struct secret *h, enum handover_tag tag, const void *p, size_t len)
{
	return handover_add(h, tag, p, len) < 0 ? REFUSAL_TOO_LARGE : REFUSAL_NONE;
}

static enum refusal add_string(struct secret *h, enum handover_tag tag, struct view utf16, size_t max)
{
	AUTO_SECRET struct secret utf8 = SECRET_NULL;
	enum refusal refusal = read_string(utf16, max, &utf8);

	return refusal == REFUSAL_NONE ? add_field(h, tag, secret_expose(&utf8), secret_len(&utf8)) : refusal;
}

static enum refusal from_password(const struct tscredentials *c, unsigned flags, struct delegation *d, struct secret *h)
{
	const struct ts_password_creds *p = &c->password;
	bool password = without_nul(p->password).len > 0;
	enum refusal refusal;

	if (!without_nul(p->domain_name).len && !without_nul(p->user_name).len && !password) {
		d->kind = CREDENTIAL_RESTRICTED_ADMIN;
		return flags & WORKER_RESTRICTED_ADMIN ? begin_handover(d->kind, 0, h) : REFUSAL_CREDENTIAL_KIND;
	}
	d->kind = CREDENTIAL_PASSWORD;
	refusal = read_names(p->domain_name, p->user_name, d);
	if (refusal == REFUSAL_NONE && !d->user[0])
		refusal = REFUSAL_NAME;
	if (refusal == REFUSAL_NONE && !password)
		refusal = REFUSAL_EMPTY_PASSWORD;
	if (refusal == REFUSAL_NONE)
		refusal = begin_handover(d->kind, FIELD_ROOM(PASSWORD_MAX), h);
	return refusal == REFUSAL_NONE ? add_string(h, HANDOVER_PASSWORD, p->password, PASSWORD_MAX) : refusal;
}

static enum refusal add_csp_data(const struct ts_smartcard_creds *s, struct secret *h)
{
	const struct {
		enum handover_tag tag;
		struct view v;
	} field[] = {
		{ HANDOVER_CARD_NAME, s->card_name },
		{ HANDOVER_READER_NAME, s->reader_name },
		{ HANDOVER_CONTAINER_NAME, s->container_name },
		{ HANDOVER_CSP_NAME, s->csp_name },
	};
	enum refusal refusal = REFUSAL_NONE;

	for (size_t i = 0; i < sizeof field / sizeof *field && refusal == REFUSAL_NONE; i++)
		if (field[i].v.p)
			refusal = add_string(h, field[i].tag, field[i].v, CARD_STRING_MAX);
	return refusal;
}

static enum refusal from_smartcard(const struct tscredentials *c, unsigned flags, struct delegation *d,
				   struct secret *h)
{
	const struct ts_smartcard_creds *s = &c->smartcard;
	enum refusal refusal;

	d->kind = CREDENTIAL_SMARTCARD;
	if (!(flags & WORKER_SMARTCARD))
		return REFUSAL_CREDENTIAL_KIND;
	refusal = read_names(s->domain_hint, s->user_hint, d);
	if (refusal == REFUSAL_NONE && !without_nul(s->pin).len)
		refusal = REFUSAL_EMPTY_PASSWORD;
	if (refusal == REFUSAL_NONE)
		refusal = begin_handover(d->kind, FIELD_ROOM(PIN_MAX) + 4 * FIELD_ROOM(CARD_STRING_MAX), h);
	if (refusal == REFUSAL_NONE)
		refusal = add_string(h, HANDOVER_PIN, s->pin, PIN_MAX);
	return refusal == REFUSAL_NONE ? add_csp_data(s, h) : refusal;
}

static bool is_kerberos(struct view name)
{
	static const uint8_t kerberos[] = "K\0e\0r\0b\0e\0r\0o\0s"; /* the literal's NUL is the last byte */

	name = without_nul(name);
	return name.len == sizeof kerberos && memcmp(name.p, kerberos, sizeof kerberos) == 0;
}

static enum refusal from_remote_guard(const struct tscredentials *c, unsigned flags, struct delegation *d,
				      struct secret *h)
{
	const struct ts_remote_guard_creds *g = &c->remote_guard;
	struct ticketlogon t;
	enum refusal refusal;

	d->kind = CREDENTIAL_REMOTE_GUARD;
	if (!(flags & WORKER_REMOTE_GUARD) || !is_kerberos(g->package_name))
		return REFUSAL_CREDENTIAL_KIND;
	if (ticketlogon_read(g->cred_buffer.p, g->cred_buffer.len, &t) < 0)
		return REFUSAL_PROTOCOL;
	refusal = begin_handover(d->kind, HANDOVER_MAX - HANDOVER_HEADER_LEN, h);
	if (refusal == REFUSAL_NONE)
		refusal = add_field(h, HANDOVER_SERVICE_TICKET, t.service_ticket.p, t.service_ticket.len);
	if (refusal == REFUSAL_NONE)
		refusal = add_field(h, HANDOVER_KRB_CRED, t.ticket_granting.p, t.ticket_granting.len);
	return refusal;
}

/* A kind without a row is refused. */
static const struct {
	enum ts_cred_type type;
	enum refusal (*read)(const struct tscredentials *c, unsigned flags, struct delegation *d, struct secret *h);
} kinds[] = {
	{ TS_CRED_PASSWORD, from_password },
	{ TS_CRED_SMARTCARD, from_smartcard },
	{ TS_CRED_REMOTE_GUARD, from_remote_guard },
};

enum refusal delegation_read(const struct secret *credentials, unsigned flags, struct delegation *ret_,
			     struct secret *ret_handover)
{
	AUTO_SECRET struct secret h = SECRET_NULL;
	struct delegation d = { .kind = CREDENTIAL_NONE };
	enum refusal refusal = REFUSAL_CREDENTIAL_KIND;
	struct tscredentials c;
	int r;

	r = tscredentials_read(secret_expose(credentials), secret_len(credentials), &c);
	if (r < 0)
		refusal = r == -EPROTONOSUPPORT ? REFUSAL_CREDENTIAL_KIND : REFUSAL_PROTOCOL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && r == 0; i++)
		if (kinds[i].type == c.type)
			refusal = kinds[i].read(&c, flags, &d, &h);
	if (refusal != REFUSAL_NONE) {
		*ret_ = (struct delegation){ .kind = d.kind };
		return refusal;
	}
	handover_end(&h);
	secret_move(ret_handover, &h);
	*ret_ = d;
	return REFUSAL_NONE;
}
