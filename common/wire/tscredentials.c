/* SPDX-License-Identifier: MIT */
/* TSCredentials and the structures inside it, MS-CSSP 2.2.1.2. */
#include "common/wire/tscredentials.h"

#include <errno.h>

#include "common/wire/der.h"

static struct view take_octets(struct der *d, uint8_t context)
{
	struct view v = der_take_optional_octets(d, context);

	if (!v.p)
		d->failed = true;
	return v;
}

static bool read_password(struct der *d, struct tscredentials *c)
{
	struct der seq = der_enter(d, DER_SEQUENCE);

	c->password.domain_name = take_octets(&seq, 0);
	c->password.user_name = take_octets(&seq, 1);
	c->password.password = take_octets(&seq, 2);
	return der_ok(&seq);
}

/* TSCspDataDetail, 2.2.1.2.2.1 */
static bool read_csp_data(struct der *d, struct ts_smartcard_creds *s)
{
	struct der field = der_enter(d, DER_CONTEXT(1));
	struct der seq = der_enter(&field, DER_SEQUENCE);
	struct der key_spec = der_enter(&seq, DER_CONTEXT(0));

	s->key_spec = der_take_u32(&key_spec);
	s->card_name = der_take_optional_octets(&seq, 1);
	s->reader_name = der_take_optional_octets(&seq, 2);
	s->container_name = der_take_optional_octets(&seq, 3);
	s->csp_name = der_take_optional_octets(&seq, 4);
	return der_ok(&key_spec) && der_ok(&seq) && der_ok(&field);
}

static bool read_smartcard(struct der *d, struct tscredentials *c)
{
	struct der seq = der_enter(d, DER_SEQUENCE);
	bool ok;

	c->smartcard.pin = take_octets(&seq, 0);
	ok = read_csp_data(&seq, &c->smartcard);
	c->smartcard.user_hint = der_take_optional_octets(&seq, 2);
	c->smartcard.domain_hint = der_take_optional_octets(&seq, 3);
	return ok && der_ok(&seq);
}

/* TSRemoteGuardPackageCred, 2.2.1.2.3.1 */
static bool read_package(struct der *d, struct view *name, struct view *buffer)
{
	struct der seq = der_enter(d, DER_SEQUENCE);

	*name = take_octets(&seq, 0);
	*buffer = take_octets(&seq, 1);
	return der_ok(&seq);
}

static bool skip_supplemental(struct der *d)
{
	struct der field = der_enter(d, DER_CONTEXT(1));
	struct der list = der_enter(&field, DER_SEQUENCE);
	struct view name, buffer;

	while (list.len && !list.failed)
		if (!read_package(&list, &name, &buffer))
			return false;
	return der_ok(&list) && der_ok(&field);
}

static bool read_remote_guard(struct der *d, struct tscredentials *c)
{
	struct der seq = der_enter(d, DER_SEQUENCE);
	struct der logon = der_enter(&seq, DER_CONTEXT(0));

	if (!read_package(&logon, &c->remote_guard.package_name, &c->remote_guard.cred_buffer) || !der_ok(&logon))
		return false;
	if (der_is(&seq, DER_CONTEXT(1)) && !skip_supplemental(&seq))
		return false;
	return der_ok(&seq);
}

int tscredentials_read(const uint8_t *p, size_t len, struct tscredentials *ret_)
{
	static const struct {
		enum ts_cred_type type;
		bool (*read)(struct der *d, struct tscredentials *c);
	} types[] = {
		{ TS_CRED_PASSWORD, read_password },
		{ TS_CRED_SMARTCARD, read_smartcard },
		{ TS_CRED_REMOTE_GUARD, read_remote_guard },
	};
	struct der whole = der_init(p, len);
	struct der seq = der_enter(&whole, DER_SEQUENCE);
	struct der type_field = der_enter(&seq, DER_CONTEXT(0));
	uint32_t type = der_take_u32(&type_field);
	struct view body = take_octets(&seq, 1);
	struct tscredentials c;

	if (!der_ok(&type_field) || !der_ok(&seq) || !der_ok(&whole))
		return -EPROTO;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct der inner = der_init(body.p, body.len);

		if (types[i].type != type)
			continue;
		c = (struct tscredentials){ .type = types[i].type };
		if (!types[i].read(&inner, &c) || !der_ok(&inner))
			return -EPROTO;
		*ret_ = c;
		return 0;
	}
	return -EPROTONOSUPPORT;
}
