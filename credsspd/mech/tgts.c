/* SPDX-License-Identifier: MIT */
#include "credsspd/mech/tgts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"

#define ENTRIES (2 * TGTS_MAX) /* current and replaced tickets */

struct tgt {
	char principal[RECORD_PRINCIPAL_MAX]; /* empty: the entry is free */
	int64_t ends, replaced;               /* replaced: when, 0 while it is current */
	krb5_kvno vno;
	krb5_enctype enctype;
	uint8_t *ticket;
	size_t ticket_len;
};

struct tgts {
	krb5_context krb5;
	krb5_keytab keytab;
	krb5_kvno last_vno;
	struct tgt entry[ENTRIES];
	struct keeper_names names;
};

/* ---- keys ---- */

/* All keys have one name of the service, under which the credential finds them; the key version tells them apart. */
static krb5_error_code key_name(krb5_context k, const char *realm, krb5_principal *ret_)
{
	return krb5_build_principal(k, ret_, (unsigned)strlen(realm), realm, "TERMSRV", "user-to-user", (char *)NULL);
}

static const char *realm_of(const char *principal)
{
	const char *at = strrchr(principal, '@');

	return at ? at + 1 : "";
}

static krb5_error_code add_key(struct tgts *t, const struct keeper_tgt *tgt, krb5_kvno vno)
{
	krb5_keytab_entry e = { .vno = vno };
	krb5_error_code code = key_name(t->krb5, realm_of(tgt->principal), &e.principal);

	if (code)
		return code;
	e.key.enctype = tgt->enctype;
	e.key.length = tgt->key_len;
	e.key.contents = (krb5_octet *)(uintptr_t)tgt->key; /* copied */
	code = krb5_kt_add_entry(t->krb5, t->keytab, &e);
	krb5_free_principal(t->krb5, e.principal);
	return code;
}

static void remove_key(struct tgts *t, const struct tgt *e)
{
	krb5_keytab_entry k = { .vno = e->vno, .key = { .enctype = e->enctype } };

	if (key_name(t->krb5, realm_of(e->principal), &k.principal) != 0)
		return;
	(void)krb5_kt_remove_entry(t->krb5, t->keytab, &k);
	krb5_free_principal(t->krb5, k.principal);
}

/* ---- tickets ---- */

static void drop(struct tgts *t, struct tgt *e)
{
	remove_key(t, e);
	free(e->ticket);
	*e = (struct tgt){ .ticket = NULL };
}

static bool is_over(const struct tgt *e, int64_t now)
{
	return e->ends <= now || (e->replaced && now - e->replaced >= (int64_t)TGT_OVERLAP_SEC);
}

/* Returns an entry for another ticket: a free one, else the entry of the ticket that was replaced first. */
static struct tgt *room(struct tgts *t)
{
	struct tgt *oldest = NULL;

	for (size_t i = 0; i < ENTRIES; i++) {
		struct tgt *e = &t->entry[i];

		if (!e->principal[0])
			return e;
		if (e->replaced && (!oldest || e->vno < oldest->vno))
			oldest = e;
	}
	return oldest;
}

static size_t count_others(const struct tgts *t, const char *principal)
{
	size_t n = 0;

	for (size_t i = 0; i < ENTRIES; i++)
		if (t->entry[i].principal[0] && !t->entry[i].replaced && strcmp(t->entry[i].principal, principal) != 0)
			n++;
	return n;
}

static bool well_formed(const struct keeper_tgt *tgt)
{
	static const struct {
		krb5_enctype enctype;
		uint8_t len;
	} aes[] = {
		{ ENCTYPE_AES128_CTS_HMAC_SHA1_96, 16 },
		{ ENCTYPE_AES256_CTS_HMAC_SHA1_96, 32 },
		{ ENCTYPE_AES128_CTS_HMAC_SHA256_128, 16 },
		{ ENCTYPE_AES256_CTS_HMAC_SHA384_192, 32 },
	};

	if (!packet_text_ends(tgt->principal, sizeof tgt->principal) || !tgt->principal[0] ||
	    !*realm_of(tgt->principal) || tgt->ticket_len > sizeof tgt->ticket)
		return false;
	if (tgt->ticket_len == 0)
		return tgt->key_len == 0 && tgt->enctype == 0;
	for (size_t i = 0; i < sizeof aes / sizeof *aes; i++)
		if (aes[i].enctype == tgt->enctype)
			return aes[i].len == tgt->key_len;
	return false;
}

krb5_error_code tgts_new(krb5_context k, struct tgts **ret_)
{
	struct tgts *t = calloc(1, sizeof *t);
	krb5_error_code code;

	if (!t)
		return ENOMEM;
	t->krb5 = k;
	code = krb5_kt_resolve(k, TGTS_KEYTAB, &t->keytab);
	if (code)
		free(t);
	else
		*ret_ = t;
	return code;
}

void tgts_free(struct tgts *t)
{
	if (!t)
		return;
	tgts_clear(t);
	(void)krb5_kt_close(t->krb5, t->keytab);
	free(t);
}

void tgts_clear(struct tgts *t)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (t->entry[i].principal[0])
			drop(t, &t->entry[i]);
}

void tgts_expire(struct tgts *t, int64_t now)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (t->entry[i].principal[0] && is_over(&t->entry[i], now))
			drop(t, &t->entry[i]);
}

/* Marks the ticket of @principal as replaced or removed at @now. */
static void replace(struct tgts *t, const char *principal, int64_t now)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (strcmp(t->entry[i].principal, principal) == 0 && !t->entry[i].replaced)
			t->entry[i].replaced = now;
}

krb5_error_code tgts_add(struct tgts *t, const struct keeper_tgt *tgt, int64_t now)
{
	AUTO_FREE uint8_t *ticket = NULL;
	struct tgt *e;
	krb5_error_code code;

	if (!well_formed(tgt))
		return EINVAL;
	tgts_expire(t, now);
	if (tgt->ticket_len == 0) {
		replace(t, tgt->principal, now);
		return 0;
	}
	e = room(t); /* there always is one, because ENTRIES is more than TGTS_MAX */
	if (!e || count_others(t, tgt->principal) >= TGTS_MAX)
		return ENOSPC;
	ticket = malloc(tgt->ticket_len);
	if (!ticket)
		return ENOMEM;
	code = add_key(t, tgt, t->last_vno + 1);
	if (code)
		return code;
	replace(t, tgt->principal, now);
	if (e->principal[0])
		drop(t, e);
	memcpy(ticket, tgt->ticket, tgt->ticket_len);
	*e = (struct tgt){
		.ends = tgt->ends,
		.vno = ++t->last_vno,
		.enctype = tgt->enctype,
		.ticket = TAKE_PTR(ticket),
		.ticket_len = tgt->ticket_len,
	};
	memcpy(e->principal, tgt->principal, sizeof e->principal);
	return 0;
}

/* ---- which one ---- */

static bool is_current(const struct tgt *e, int64_t now)
{
	return e->principal[0] && !e->replaced && e->ends > now;
}

int tgts_set_names(struct tgts *t, const struct keeper_names *names)
{
	if (names->n > SERVER_NAMES_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < names->n; i++)
		if (!packet_text_ends(names->name[i].server, sizeof names->name[i].server) ||
		    !packet_text_ends(names->name[i].owner, sizeof names->name[i].owner))
			return -EINVAL;
	t->names.n = names->n;
	memcpy(t->names.name, names->name, names->n * sizeof *names->name);
	return 0;
}

/* Returns how well the ticket of @principal suits a client that asks for @server, by the names alone. */
static unsigned fitness(const char *principal, const char *server)
{
	size_t len = (size_t)(strrchr(principal, '@') - principal);

	if (strlen(server) == len && strncasecmp(principal, server, len) == 0)
		return 4;
	if (len && principal[len - 1] == '$')
		return 3;
	if (!memchr(principal, '/', len))
		return 2;
	return server[0] ? 0 : 1;
}

static bool is_owner(const struct keeper_name *n, const char *principal, const char *server)
{
	return strcasecmp(n->server, server) == 0 && strcmp(n->owner, principal) == 0;
}

/* As fitness(), with the owners of names from the keytab. */
static unsigned informed_fitness(const struct tgts *t, const char *principal, const char *server)
{
	unsigned f = fitness(principal, server);
	bool known = false;

	if (f == 4)
		return f;
	for (unsigned i = 0; i < t->names.n; i++) {
		known = known || strcasecmp(t->names.name[i].server, server) == 0;
		if (is_owner(&t->names.name[i], principal, server))
			return 3;
	}
	return known ? 0 : f;
}

struct view tgts_find(const struct tgts *t, const char *server, int64_t now)
{
	const struct tgt *best = NULL;
	unsigned best_fitness = 0;

	for (size_t i = 0; i < ENTRIES; i++) {
		const struct tgt *e = &t->entry[i];
		unsigned f = is_current(e, now) ? informed_fitness(t, e->principal, server) : 0;

		if (f > best_fitness) {
			best = e;
			best_fitness = f;
		}
	}
	return best ? (struct view){ best->ticket, best->ticket_len } : VIEW_NULL;
}
