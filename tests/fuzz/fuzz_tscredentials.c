/* SPDX-License-Identifier: MIT */
/* TSCredentials of a client that has authenticated, down to the hand-over, and the names in them. */
#include "credsspd/auth/delegation.h"
#include "credsspd/wire/name.h"
#include "credsspd/wire/tscredentials.h"
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
	PROMISE(*u && !strpbrk(u, ":/\\@\n\r\x1b") && strspn(u, "0123456789") < strlen(u));
	PROMISE(!strpbrk(d, ":/\\@\n\r\x1b"));
}

static void tscredentials_handover(const struct delegation *d, const struct secret *handover, unsigned flags)
{
	struct handover h;

	PROMISE(handover_read(handover, &h) == 0 && h.kind == d->kind);
	if (d->kind == CREDENTIAL_RESTRICTED_ADMIN) {
		PROMISE((flags & WORKER_RESTRICTED_ADMIN) && !h.field[HANDOVER_PASSWORD].p_);
		return;
	}
	PROMISE(d->kind == CREDENTIAL_PASSWORD && *d->user);
	PROMISE(h.field[HANDOVER_PASSWORD].len > 0 && h.field[HANDOVER_PASSWORD].len <= PASSWORD_MAX);
	PROMISE(!memchr(h.field[HANDOVER_PASSWORD].p_, '\0', h.field[HANDOVER_PASSWORD].len));
	tscredentials_names(d->domain, d->user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* the last octet past the end must not be looked at: not a secret's mapping, the very allocation */
	const struct secret in = { .p_ = (void *)(uintptr_t)data, .len_ = size, .cap_ = size };
	struct tscredentials c;
	int r = tscredentials_read(data, size, &c);

	if (r == 0)
		tscredentials_views(&c, data, size);
	for (unsigned flags = 0; flags <= WORKER_RESTRICTED_ADMIN; flags += WORKER_RESTRICTED_ADMIN) {
		struct secret handover AUTO_SECRET = SECRET_NULL;
		struct delegation d;

		if (delegation_read(&in, flags, &d, &handover) != REFUSAL_NONE)
			continue;
		PROMISE(r == 0 && c.type == TS_CRED_PASSWORD);
		tscredentials_handover(&d, &handover, flags);
	}
	return 0;
}
