/* SPDX-License-Identifier: MIT */
/* MS-CSSP 2.2.1.2. Names of accounts that nobody can have and NULs in passwords are refused, nothing is truncated. */
#include "credsspd/auth/delegation.h"

#include <errno.h>

#include "credsspd/wire/name.h"
#include "credsspd/wire/tscredentials.h"
#include "credsspd/wire/utf16.h"

/* One trailing NUL belongs to the form of some clients, not to the string. */
static struct view without_nul(struct view v)
{
	if (v.len >= 2 && v.len % 2 == 0 && v.p[v.len - 1] == 0 && v.p[v.len - 2] == 0)
		v.len -= 2;
	return v;
}

static enum refusal read_names(const struct ts_password_creds *c, struct delegation *d)
{
	if (name_decode_utf16le(c->domain_name.p, c->domain_name.len, d->domain) < 0 ||
	    name_decode_utf16le(c->user_name.p, c->user_name.len, d->user) < 0 || !d->user[0])
		return REFUSAL_NAME;
	return REFUSAL_NONE;
}

/* The password in UTF-8, in @ret_ which is empty and has room for PASSWORD_MAX. */
static enum refusal read_password(struct view utf16, struct secret *ret_)
{
	size_t len;
	int r;

	r = utf16le_to_utf8(utf16, secret_expose(ret_), PASSWORD_MAX, &len);
	if (r == -ENOSPC)
		return REFUSAL_TOO_LARGE;
	if (r < 0 || memchr(secret_expose(ret_), '\0', len))
		return REFUSAL_PROTOCOL;
	return secret_set_len(ret_, len) < 0 ? REFUSAL_INTERNAL : REFUSAL_NONE;
}

static enum refusal write_handover(enum credential_kind kind, const struct secret *password,
				   struct secret *ret_handover)
{
	AUTO_SECRET struct secret h = SECRET_NULL;

	if (secret_init(&h, HANDOVER_HEADER_LEN + HANDOVER_FIELD_HEADER_LEN + PASSWORD_MAX) < 0 ||
	    handover_begin(&h, kind) < 0 ||
	    (password && handover_add(&h, HANDOVER_PASSWORD, secret_expose(password), secret_len(password)) < 0))
		return REFUSAL_INTERNAL;
	handover_end(&h);
	secret_move(ret_handover, &h);
	return REFUSAL_NONE;
}

static enum refusal from_password(const struct tscredentials *c, unsigned flags, struct delegation *d, struct secret *h)
{
	const struct ts_password_creds *p = &c->password;
	struct view password = without_nul(p->password);
	AUTO_SECRET struct secret utf8 = SECRET_NULL;
	enum refusal refusal;

	if (!without_nul(p->domain_name).len && !without_nul(p->user_name).len && !password.len) {
		d->kind = CREDENTIAL_RESTRICTED_ADMIN;
		return flags & WORKER_RESTRICTED_ADMIN ? write_handover(d->kind, NULL, h) : REFUSAL_CREDENTIAL_KIND;
	}
	refusal = read_names(p, d);
	if (refusal == REFUSAL_NONE && password.len == 0)
		refusal = REFUSAL_EMPTY_PASSWORD;
	if (refusal == REFUSAL_NONE && secret_init(&utf8, PASSWORD_MAX) < 0)
		refusal = REFUSAL_INTERNAL;
	if (refusal == REFUSAL_NONE)
		refusal = read_password(password, &utf8);
	if (refusal != REFUSAL_NONE)
		return refusal;
	d->kind = CREDENTIAL_PASSWORD;
	return write_handover(d->kind, &utf8, h);
}

/* A kind without a row is refused. */
static const struct {
	enum ts_cred_type type;
	enum refusal (*read)(const struct tscredentials *c, unsigned flags, struct delegation *d, struct secret *h);
} kinds[] = {
	{ TS_CRED_PASSWORD, from_password },
};

enum refusal delegation_read(const struct secret *credentials, unsigned flags, struct delegation *ret_,
			     struct secret *ret_handover)
{
	struct delegation d = { .kind = CREDENTIAL_NONE };
	enum refusal refusal = REFUSAL_CREDENTIAL_KIND;
	struct tscredentials c;
	int r;

	r = tscredentials_read(secret_expose(credentials), secret_len(credentials), &c);
	if (r == -EPROTONOSUPPORT)
		return REFUSAL_CREDENTIAL_KIND;
	if (r < 0)
		return REFUSAL_PROTOCOL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == c.type)
			refusal = kinds[i].read(&c, flags, &d, ret_handover);
	if (refusal == REFUSAL_NONE)
		*ret_ = d;
	return refusal;
}
