/* SPDX-License-Identifier: MIT */
/* TSCredentials of a client that has authenticated, down to the hand-over, and the names in them. */
#include "common/wire/name.h"
#include "common/wire/tscredentials.h"
#include "common/wire/utf16.h"
#include "credsspd/worker/delegation.h"
#include "tests/fuzz/fuzz.h"

static void tscredentials_views(const struct tscredentials *c, const uint8_t *data, size_t size)
{
	const struct ts_smartcard_creds *s = &c->smartcard;
	const struct view card[] = { s->pin,      s->card_name, s->reader_name, s->container_name,
				     s->csp_name, s->user_hint, s->domain_hint };

	switch (c->type) {
	case TS_CRED_PASSWORD:
		PROMISE(c->password.domain_name.p && fuzz_inside(c->password.domain_name, data, size));
		PROMISE(c->password.user_name.p && fuzz_inside(c->password.user_name, data, size));
		PROMISE(c->password.password.p && fuzz_inside(c->password.password, data, size));
		return;
	case TS_CRED_SMARTCARD:
		PROMISE(s->pin.p);
		for (size_t i = 0; i < sizeof card / sizeof *card; i++)
			PROMISE(fuzz_inside(card[i], data, size));
		return;
	case TS_CRED_REMOTE_GUARD:
		PROMISE(c->remote_guard.package_name.p && fuzz_inside(c->remote_guard.package_name, data, size));
		PROMISE(c->remote_guard.cred_buffer.p && fuzz_inside(c->remote_guard.cred_buffer, data, size));
		return;
	}
	PROMISE(false); /* no other type */
}

/* No name that is let through can do what the rules of names are there against. */
static void tscredentials_names(const char *domain, const char *user)
{
	char d[ACCOUNT_NAME_MAX + 1], u[ACCOUNT_NAME_MAX + 1];

	PROMISE(name_check(domain, strlen(domain)) == 0 && name_check(user, strlen(user)) == 0);
	if (name_split(domain, user, d, u) < 0)
		return;
	PROMISE(*u && !strpbrk(u, ":/\\@\n\r\x1b"));
	PROMISE(!strpbrk(d, ":/\\@\n\r\x1b"));
}

static bool tscredentials_string(struct handover_field f, size_t max)
{
	return f.p_ && f.len <= max && !memchr(f.p_, '\0', f.len) && utf8_check(f.p_, f.len) == 0;
}

/* Every field is one of the kind's, and is what the kind says. */
static void tscredentials_fields(const struct handover *h)
{
	static const struct {
		enum credential_kind kind;
		unsigned must, may; /* bits of tags */
	} row[] = {
		{ CREDENTIAL_PASSWORD, 1U << HANDOVER_PASSWORD, 0 },
		{ CREDENTIAL_SMARTCARD, 1U << HANDOVER_PIN,
		  1U << HANDOVER_CARD_NAME | 1U << HANDOVER_READER_NAME | 1U << HANDOVER_CONTAINER_NAME |
		      1U << HANDOVER_CSP_NAME },
		{ CREDENTIAL_REMOTE_GUARD, 1U << HANDOVER_SERVICE_TICKET | 1U << HANDOVER_KRB_CRED, 0 },
		{ CREDENTIAL_RESTRICTED_ADMIN, 0, 0 },
	};
	unsigned have = 0;

	for (unsigned tag = 1; tag <= HANDOVER_TAG_LAST_; tag++)
		have |= h->field[tag].p_ ? 1U << tag : 0;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].kind == h->kind)
			PROMISE((have & row[i].must) == row[i].must && !(have & ~(row[i].must | row[i].may)));
	for (unsigned tag = 1; tag <= HANDOVER_CSP_NAME; tag++)
		if (have & 1U << tag)
			PROMISE(tscredentials_string(h->field[tag], tag == HANDOVER_PASSWORD ? PASSWORD_MAX
								    : tag == HANDOVER_PIN    ? PIN_MAX
											     : CARD_STRING_MAX));
	for (unsigned tag = 1; tag <= HANDOVER_TAG_LAST_; tag++)
		if (row[0].must & 1U << tag || tag == HANDOVER_PIN || tag >= HANDOVER_SERVICE_TICKET)
			PROMISE(!(have & 1U << tag) || h->field[tag].len > 0);
}

static void tscredentials_handover(const struct delegation *d, const struct secret *handover, unsigned flags)
{
	struct handover h;

	PROMISE(handover_read(handover, &h) == 0 && h.kind == d->kind);
	PROMISE(d->kind != CREDENTIAL_RESTRICTED_ADMIN || flags & WORKER_RESTRICTED_ADMIN);
	PROMISE(d->kind != CREDENTIAL_SMARTCARD || flags & WORKER_SMARTCARD);
	PROMISE(d->kind != CREDENTIAL_REMOTE_GUARD || flags & WORKER_REMOTE_GUARD);
	tscredentials_fields(&h);
	if (d->kind == CREDENTIAL_PASSWORD || d->kind == CREDENTIAL_SMARTCARD)
		tscredentials_names(d->domain, d->user);
	else
		PROMISE(!*d->domain && !*d->user);
	PROMISE(d->kind != CREDENTIAL_PASSWORD || *d->user);
}

/* The octets as text, there and back. */
static void tscredentials_text(const uint8_t *data, size_t size)
{
	static uint8_t there[4 * ACCOUNT_NAME_MAX], back[4 * ACCOUNT_NAME_MAX];
	struct view in = { data, size };
	size_t len, again;

	if (utf16le_to_utf8(in, there, sizeof there, &len) == 0) {
		PROMISE(utf8_check(there, len) == 0);
		if (utf8_to_utf16le((struct view){ there, len }, back, sizeof back, &again) == 0)
			PROMISE(again == size && (!size || memcmp(back, data, size) == 0));
	}
	if (utf8_to_utf16le(in, there, sizeof there, &len) == 0) {
		PROMISE(utf8_check(data, size) == 0);
		if (utf16le_to_utf8((struct view){ there, len }, back, sizeof back, &again) == 0)
			PROMISE(again == size && (!size || memcmp(back, data, size) == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* the last octet past the end must not be looked at: not a secret's mapping, the very allocation */
	const struct secret in = { .p_ = (void *)(uintptr_t)data, .len_ = size, .cap_ = size };
	static const unsigned flags[] = { 0, ~0U };
	struct tscredentials c;
	int r = tscredentials_read(data, size, &c);

	tscredentials_text(data, size);
	if (r == 0)
		tscredentials_views(&c, data, size);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct secret handover AUTO_SECRET = SECRET_NULL;
		struct delegation d;

		if (delegation_read(&in, flags[i], &d, &handover) == REFUSAL_NONE) {
			PROMISE(r == 0);
			tscredentials_handover(&d, &handover, flags[i]);
		} else {
			PROMISE(!secret_expose(&handover) && !*d.domain && !*d.user);
		}
	}
	return 0;
}
