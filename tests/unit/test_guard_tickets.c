/* SPDX-License-Identifier: MIT */
/*
 * The tickets of remote guard as libkrb5 makes them, in both forms, and each with one thing wrong. The KDC's part is in
 * tests/peers/kinds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/secret.h"
#include "pam_credssp/helper-status.h"
#include "pam_credssp/helper/guard-tickets.h"
#include "tests/unit/build.h"

/* Exported, and declared in no public header. */
krb5_error_code encode_krb5_ticket(const krb5_ticket *ticket, krb5_data **ret_code);
krb5_error_code krb5_encrypt_tkt_part(krb5_context k, const krb5_keyblock *key, krb5_ticket *ticket);

#define AES128 ENCTYPE_AES128_CTS_HMAC_SHA1_96
#define AES256 ENCTYPE_AES256_CTS_HMAC_SHA1_96
#define RC4 ENCTYPE_ARCFOUR_HMAC
#define HOST "HOST/ts1.r.test@R.TEST"

static krb5_context k;
static krb5_keytab keytab;
static char config_path[] = "/tmp/test_guard_tickets.XXXXXX";
static time_t now;
static int64_t since; /* when the service ticket began that a KRB-CRED comes with */

static krb5_principal name(const char *text)
{
	krb5_principal p;

	assert_int_equal(krb5_parse_name(k, text, &p), 0);
	return p;
}

/* One octet tells keys apart. */
static krb5_keyblock key_of(krb5_enctype e, uint8_t octet)
{
	static uint8_t octets[8][32];
	static size_t next;
	uint8_t *p = octets[next++ % 8];

	memset(p, octet, 32);
	return (krb5_keyblock){ .enctype = e, .length = e == AES256 ? 32 : 16, .contents = p };
}

static void add_key(const char *principal, krb5_kvno vno, krb5_enctype e, uint8_t octet)
{
	krb5_keytab_entry entry = { .principal = name(principal), .vno = vno, .key = key_of(e, octet) };

	assert_int_equal(krb5_kt_add_entry(k, keytab, &entry), 0);
	krb5_free_principal(k, entry.principal);
}

static int setup(void **state)
{
	static const char text[] = "[libdefaults]\n default_realm = R.TEST\n allow_weak_crypto = true\n";
	int fd = mkstemp(config_path);

	if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 || close(fd) < 0 ||
	    setenv("KRB5_CONFIG", config_path, 1) < 0 || krb5_init_context(&k))
		return -1;
	now = time(NULL);
	since = now;
	assert_int_equal(krb5_kt_resolve(k, "MEMORY:test", &keytab), 0);
	add_key("nfs/ts1.r.test@R.TEST", 1, AES256, 'n');
	add_key("host/ts1.r.test@R.TEST", 1, AES256, 'o');
	add_key("host/ts1.r.test@R.TEST", 2, AES256, 'h');
	add_key("host/ts1.r.test@R.TEST", 2, AES128, 'g');
	add_key("host/ts1.r.test@R.TEST", 2, RC4, 'r');
	return 0;
}

static int teardown(void **state)
{
	(void)krb5_kt_close(k, keytab);
	krb5_free_context(k);
	return unlink(config_path);
}

/* ---- a service ticket ---- */

struct service {
	const char *client, *server;
	krb5_kvno vno;
	krb5_enctype e;
	uint8_t octet;
	long start, end; /* from now */
	krb5_flags flags;
};

static const struct service good = { "alice@R.TEST", HOST, 2, AES256, 'h', -60, 3600, 0 };

static struct buf service_ticket(const struct service *s)
{
	krb5_transited transited = { .tr_type = 1 };
	krb5_keyblock session = key_of(AES256, 's'), key = key_of(s->e, s->octet);
	krb5_enc_tkt_part part = {
		.flags = s->flags,
		.session = &session,
		.client = name(s->client),
		.transited = transited,
		.times = { .authtime = (krb5_timestamp)(now + s->start),
			   .starttime = (krb5_timestamp)(now + s->start),
			   .endtime = (krb5_timestamp)(now + s->end) },
	};
	krb5_ticket t = { .server = name(s->server), .enc_part2 = &part };
	krb5_data *der = NULL;
	struct buf b;

	assert_int_equal(krb5_encrypt_tkt_part(k, &key, &t), 0);
	t.enc_part.kvno = s->vno;
	t.enc_part.enctype = s->e;
	assert_int_equal(encode_krb5_ticket(&t, &der), 0);
	b = buf_copy(der->data, der->length);
	krb5_free_data(k, der);
	free(t.enc_part.ciphertext.data);
	krb5_free_principal(k, part.client);
	krb5_free_principal(k, t.server);
	return b;
}

static unsigned read_service(const struct buf *b, struct guard_tickets *t, struct helper_result *result)
{
	const struct handover_field f = { b->p, b->len };
	krb5_principal client = name("alice@R.TEST");
	unsigned status;

	*t = (struct guard_tickets){ .service = NULL };
	*result = (struct helper_result){ .status = 0 };
	status = guard_read_service_ticket(k, keytab, client, f, t, result);
	krb5_free_principal(k, client);
	if (status != HELPER_SUCCESS) {
		assert_null(t->service);
		assert_null(t->session_key.contents);
		assert_true(result->detail[0]);
	}
	return status;
}

static void test_service_tickets(void **state)
{
	static const struct {
		const char *what;
		struct service s;
		enum helper_status status;
	} row[] = {
		{ "good", { "alice@R.TEST", HOST, 2, AES256, 'h', -60, 3600, 0 }, HELPER_SUCCESS },
		{ "AES-128", { "alice@R.TEST", HOST, 2, AES128, 'g', -60, 3600, 0 }, HELPER_SUCCESS },
		{ "another spelling",
		  { "alice@R.TEST", "Host/TS1@R.TEST", 2, AES256, 'h', -60, 60, 0 },
		  HELPER_SUCCESS },
		{ "the old key", { "alice@R.TEST", HOST, 1, AES256, 'o', -60, 3600, 0 }, HELPER_SUCCESS },
		{ "key version 0", { "alice@R.TEST", HOST, 0, AES256, 'h', -60, 3600, 0 }, HELPER_SUCCESS },
		{ "forwarded", { "alice@R.TEST", HOST, 2, AES256, 'h', -60, 60, TKT_FLG_FORWARDED }, HELPER_SUCCESS },
		{ "a clock that is ahead", { "alice@R.TEST", HOST, 2, AES256, 'h', 200, 3600, 0 }, HELPER_SUCCESS },
		{ "bob", { "bob@R.TEST", HOST, 2, AES256, 'h', -60, 3600, 0 }, HELPER_OTHER_PRINCIPAL },
		{ "another realm's alice",
		  { "alice@OTHER.TEST", HOST, 2, AES256, 'h', -60, 3600, TKT_FLG_TRANSIT_POLICY_CHECKED },
		  HELPER_OTHER_PRINCIPAL },
		{ "alice/admin", { "alice/admin@R.TEST", HOST, 2, AES256, 'h', -60, 60, 0 }, HELPER_OTHER_PRINCIPAL },
		{ "expired", { "alice@R.TEST", HOST, 2, AES256, 'h', -3600, -1, 0 }, HELPER_EXPIRED },
		{ "of tomorrow", { "alice@R.TEST", HOST, 2, AES256, 'h', 86400, 90000, 0 }, HELPER_TICKET },
		{ "invalid", { "alice@R.TEST", HOST, 2, AES256, 'h', -60, 60, TKT_FLG_INVALID }, HELPER_TICKET },
		{ "another realm's server",
		  { "alice@R.TEST", "HOST/ts1.r.test@OTHER.TEST", 2, AES256, 'h', -60, 60, 0 },
		  HELPER_TICKET },
		{ "and a KDC that has looked",
		  { "alice@R.TEST", "HOST/ts1.r.test@OTHER.TEST", 2, AES256, 'h', -60, 60,
		    TKT_FLG_TRANSIT_POLICY_CHECKED },
		  HELPER_SUCCESS },
		{ "another key", { "alice@R.TEST", HOST, 2, AES256, 'x', -60, 3600, 0 }, HELPER_TICKET },
		{ "the old key as the new one", { "alice@R.TEST", HOST, 2, AES256, 'o', -60, 60, 0 }, HELPER_TICKET },
		{ "a key of the future", { "alice@R.TEST", HOST, 3, AES256, 'h', -60, 60, 0 }, HELPER_NO_HOST_KEY },
		/* keys that are in the keytab, and prove nothing */
		{ "RC4", { "alice@R.TEST", HOST, 2, RC4, 'r', -60, 3600, 0 }, HELPER_NO_HOST_KEY },
		{ "nfs/", { "alice@R.TEST", "nfs/ts1.r.test@R.TEST", 1, AES256, 'n', -60, 60, 0 }, HELPER_TICKET },
		{ "nfs/ that says host/", { "alice@R.TEST", HOST, 1, AES256, 'n', -60, 3600, 0 }, HELPER_TICKET },
		{ "host/ that says nfs/",
		  { "alice@R.TEST", "nfs/a@R.TEST", 2, AES256, 'h', -60, 60, 0 },
		  HELPER_TICKET },
		{ "host", { "alice@R.TEST", "host@R.TEST", 2, AES256, 'h', -60, 3600, 0 }, HELPER_TICKET },
		{ "host/a/b", { "alice@R.TEST", "host/a/b@R.TEST", 2, AES256, 'h', -60, 60, 0 }, HELPER_TICKET },
		{ "krbtgt", { "alice@R.TEST", "krbtgt/R.TEST@R.TEST", 2, AES256, 'h', -60, 60, 0 }, HELPER_TICKET },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct buf b AUTO_BUF = service_ticket(&row[i].s);
		struct helper_result result;
		struct guard_tickets t;
		unsigned status = read_service(&b, &t, &result);

		if (status != row[i].status)
			fail_msg("%s: %s: %s", row[i].what, helper_status_text(status), result.detail);
		if (status == HELPER_SUCCESS) {
			assert_int_equal(t.session_key.length, 32);
			assert_int_equal(t.session_key.contents[0], 's');
			guard_tickets_done(k, &t);
		}
	}
}

static void test_service_octets(void **state)
{
	struct buf whole AUTO_BUF = service_ticket(&good);
	struct helper_result result;
	struct guard_tickets t;
	unsigned passed = 0;

	for (size_t n = 0; n < whole.len; n++) {
		struct buf part AUTO_BUF = buf_copy(whole.p, n);

		assert_int_equal(read_service(&part, &t, &result), HELPER_TICKET);
	}
	/* what is encrypted has a checksum; of the rest only the spelling of the host may be another one */
	for (size_t i = 0; i < whole.len; i++) {
		unsigned status;

		whole.p[i] ^= 0x20;
		status = read_service(&whole, &t, &result);
		whole.p[i] ^= 0x20;
		passed += status == HELPER_SUCCESS;
		guard_tickets_done(k, &t);
	}
	assert_in_range(passed, 1, strlen(HOST) + 2);
}

static void test_keytabs(void **state)
{
	struct buf b AUTO_BUF = service_ticket(&good);
	krb5_keytab before = keytab;
	struct helper_result result;
	struct guard_tickets t;

	assert_int_equal(krb5_kt_resolve(k, "FILE:/nonexistent/keytab", &keytab), 0);
	assert_int_equal(read_service(&b, &t, &result), HELPER_NO_HOST_KEY);
	(void)krb5_kt_close(k, keytab);
	assert_int_equal(krb5_kt_resolve(k, "MEMORY:without-host", &keytab), 0);
	add_key("nfs/ts1.r.test@R.TEST", 2, AES256, 'h');
	add_key("host/ts1.r.test@R.TEST", 2, RC4, 'h');
	assert_int_equal(read_service(&b, &t, &result), HELPER_NO_HOST_KEY);
	assert_non_null(strstr(result.detail, "no AES key of host/"));
	(void)krb5_kt_close(k, keytab);
	keytab = before;
}

/* The AES keys of host/, and they do as the keytab did. */
static void test_copied_keys(void **state)
{
	struct buf b AUTO_BUF = service_ticket(&good);
	krb5_keytab before = keytab, nowhere;
	struct helper_result result;
	struct guard_tickets t;
	krb5_keytab_entry e;
	krb5_kt_cursor cursor;
	unsigned n = 0;

	assert_int_equal(krb5_kt_resolve(k, "FILE:/nonexistent/keytab", &nowhere), 0);
	assert_int_equal(krb5_kt_resolve(k, "MEMORY:copy", &keytab), 0);
	assert_int_not_equal(guard_copy_keys(k, nowhere, keytab), 0);
	assert_int_equal(guard_copy_keys(k, before, keytab), 0);
	assert_int_equal(krb5_kt_start_seq_get(k, keytab, &cursor), 0);
	while (krb5_kt_next_entry(k, keytab, &e, &cursor) == 0) {
		assert_memory_equal(e.principal->data[0].data, "host", 4);
		assert_int_not_equal(e.key.enctype, RC4);
		(void)krb5_free_keytab_entry_contents(k, &e);
		n++;
	}
	(void)krb5_kt_end_seq_get(k, keytab, &cursor);
	assert_int_equal(n, 3);
	assert_int_equal(read_service(&b, &t, &result), HELPER_SUCCESS);
	guard_tickets_done(k, &t);
	(void)krb5_kt_close(k, nowhere);
	(void)krb5_kt_close(k, keytab);
	keytab = before;
}

/* ---- a KRB-CRED ---- */

struct tgt {
	const char *client, *server;
	krb5_enctype e;
	unsigned length; /* of the key */
	long end;
	krb5_flags flags;
	unsigned count;
};

#define TGS "krbtgt/R.TEST@R.TEST"

static const struct tgt fine = { "alice@R.TEST", TGS, AES256, 32, 3600, TKT_FLG_FORWARDED, 1 };

static void make_tgt(const struct tgt *from, const struct buf *ticket, krb5_creds *c)
{
	static uint8_t key[256];

	memset(key, 't', sizeof key);
	*c = (krb5_creds){ .client = name(from->client), .server = name(from->server) };
	c->keyblock = (krb5_keyblock){ .enctype = from->e, .length = from->length, .contents = key };
	c->ticket = (krb5_data){ .length = (unsigned)ticket->len, .data = (char *)ticket->p };
	c->times.authtime = c->times.starttime = (krb5_timestamp)(now - 60);
	c->times.endtime = (krb5_timestamp)(now + from->end);
	c->ticket_flags = from->flags;
}

static int64_t made; /* what it says of when it was made; 0: nothing */

/* @key: NULL for the form that is not encrypted. */
static struct buf krb_cred(const struct tgt *from, krb5_keyblock *key)
{
	/* any ticket will do, because this host cannot read it */
	struct buf ticket AUTO_BUF = service_ticket(&good);
	krb5_auth_context ac = NULL;
	krb5_creds c[3], *list[4] = { NULL };
	krb5_replay_data replay;
	krb5_data *der = NULL;
	struct buf b;

	for (unsigned i = 0; i < from->count; i++) {
		make_tgt(from, &ticket, &c[i]);
		list[i] = &c[i];
	}
	assert_int_equal(krb5_auth_con_init(k, &ac), 0);
	assert_int_equal(krb5_auth_con_setflags(k, ac, 0), 0);
	/* libkrb5 always says when; the beginning of time counts as nothing said */
	assert_int_equal(krb5_set_real_time(k, (krb5_timestamp)made, 0), 0);
	if (key)
		assert_int_equal(krb5_auth_con_setuseruserkey(k, ac, key), 0);
	assert_int_equal(krb5_mk_ncred(k, ac, list, &der, &replay), 0);
	assert_int_equal(krb5_set_real_time(k, (krb5_timestamp)time(NULL), 0), 0);
	(void)krb5_auth_con_free(k, ac);
	for (unsigned i = 0; i < from->count; i++) {
		krb5_free_principal(k, c[i].client);
		krb5_free_principal(k, c[i].server);
	}
	b = buf_copy(der->data, der->length);
	krb5_free_data(k, der);
	return b;
}

static unsigned read_cred(const struct buf *b, struct guard_tickets *t, struct helper_result *result)
{
	const struct handover_field f = { b->p, b->len };
	krb5_principal client = name("alice@R.TEST");
	krb5_keyblock session = key_of(AES256, 's');
	unsigned status;

	*t = (struct guard_tickets){ .service = NULL };
	*result = (struct helper_result){ .status = 0 };
	assert_int_equal(krb5_copy_keyblock_contents(k, &session, &t->session_key), 0);
	t->since = since;
	status = guard_read_krb_cred(k, client, f, t, result);
	krb5_free_principal(k, client);
	assert_int_equal(t->tgt != NULL, status == HELPER_SUCCESS || status == HELPER_OPAQUE);
	assert_int_equal(result->detail[0] == '\0', status == HELPER_SUCCESS);
	return status;
}

static const struct {
	const char *what;
	struct tgt t;
	enum helper_status status;
} creds[] = {
	{ "good", { "alice@R.TEST", TGS, AES256, 32, 3600, TKT_FLG_FORWARDED, 1 }, HELPER_SUCCESS },
	{ "not forwarded", { "alice@R.TEST", TGS, AES128, 16, 3600, TKT_FLG_INITIAL, 1 }, HELPER_SUCCESS },
	{ "bob's", { "bob@R.TEST", TGS, AES256, 32, 3600, 0, 1 }, HELPER_OTHER_PRINCIPAL },
	{ "another alice's", { "alice@OTHER.TEST", TGS, AES256, 32, 3600, 0, 1 }, HELPER_OTHER_PRINCIPAL },
	{ "for a service", { "alice@R.TEST", HOST, AES256, 32, 3600, 0, 1 }, HELPER_TICKET },
	{ "for another realm", { "alice@R.TEST", "krbtgt/OTHER.TEST@R.TEST", AES256, 32, 3600, 0, 1 }, HELPER_TICKET },
	{ "of another realm", { "alice@R.TEST", "krbtgt/R.TEST@OTHER.TEST", AES256, 32, 60, 0, 1 }, HELPER_TICKET },
	{ "of another realm for itself",
	  { "alice@R.TEST", "krbtgt/OTHER.TEST@OTHER.TEST", AES256, 32, 3600, 0, 1 },
	  HELPER_TICKET },
	{ "krbtgt alone", { "alice@R.TEST", "krbtgt@R.TEST", AES256, 32, 3600, 0, 1 }, HELPER_TICKET },
	{ "KRBTGT", { "alice@R.TEST", "KRBTGT/R.TEST@R.TEST", AES256, 32, 3600, 0, 1 }, HELPER_TICKET },
	{ "krbtgt and more", { "alice@R.TEST", "krbtgt/R.TEST/x@R.TEST", AES256, 32, 60, 0, 1 }, HELPER_TICKET },
	{ "expired", { "alice@R.TEST", TGS, AES256, 32, -1, 0, 1 }, HELPER_EXPIRED },
	{ "invalid", { "alice@R.TEST", TGS, AES256, 32, 3600, TKT_FLG_INVALID, 1 }, HELPER_TICKET },
	{ "two tickets", { "alice@R.TEST", TGS, AES256, 32, 3600, 0, 2 }, HELPER_TICKET },
	{ "three tickets", { "alice@R.TEST", TGS, AES256, 32, 3600, 0, 3 }, HELPER_TICKET },
	{ "a blob of 80 octets", { "alice@R.TEST", TGS, AES256, 80, 3600, 0, 1 }, HELPER_OPAQUE },
	{ "a short one", { "alice@R.TEST", TGS, AES256, 31, 3600, 0, 1 }, HELPER_OPAQUE },
	{ "of no octets", { "alice@R.TEST", TGS, AES256, 0, 3600, 0, 1 }, HELPER_OPAQUE },
	{ "of an unknown type", { "alice@R.TEST", TGS, -133, 32, 3600, 0, 1 }, HELPER_OPAQUE },
	/* what else is wrong comes first: only the key may be missing */
	{ "somebody else's blob", { "bob@R.TEST", TGS, AES256, 80, 3600, 0, 1 }, HELPER_OTHER_PRINCIPAL },
	{ "an expired blob", { "alice@R.TEST", TGS, AES256, 80, -1, 0, 1 }, HELPER_EXPIRED },
	{ "a blob for a service", { "alice@R.TEST", HOST, AES256, 80, 3600, 0, 1 }, HELPER_TICKET },
};

static void test_krb_creds(void **state)
{
	for (size_t i = 0; i < sizeof creds / sizeof *creds; i++) {
		for (int sealed = 0; sealed < 2; sealed++) {
			krb5_keyblock key = key_of(AES256, 's');
			struct buf b AUTO_BUF = krb_cred(&creds[i].t, sealed ? &key : NULL);
			struct helper_result result;
			struct guard_tickets t;
			unsigned status = read_cred(&b, &t, &result), wanted = creds[i].status;

			if (wanted == HELPER_OPAQUE && !sealed)
				wanted = HELPER_TICKET;
			if (status != wanted)
				fail_msg("%s, %s: %s: %s", creds[i].what, sealed ? "sealed" : "plain",
					 helper_status_text(status), result.detail);
			if (t.tgt)
				assert_int_equal(t.made.sealed, sealed);
			if (status == HELPER_SUCCESS) {
				assert_int_equal(t.tgt->keyblock.contents[0], 't');
				assert_true(t.tgt->ticket.length > 100);
			}
			guard_tickets_done(k, &t);
		}
	}
}

/* A key that cannot be used proves its owner only by what it came in. */
static void test_opaque_now(void **state)
{
	static const struct tgt blob = { "alice@R.TEST", TGS, AES256, 80, 3600, 0, 1 };
	const struct {
		int64_t made, since; /* before now */
		enum helper_status status;
	} row[] = {
		{ 0, 0, HELPER_OPAQUE },    { 1, 0, HELPER_OPAQUE },     { 1, 36000, HELPER_OPAQUE },
		{ 290, 0, HELPER_OPAQUE },  { -290, 0, HELPER_OPAQUE },  { 310, 0, HELPER_TICKET },
		{ -310, 0, HELPER_TICKET }, { 36000, 0, HELPER_TICKET }, { 0, 290, HELPER_OPAQUE },
		{ 0, 310, HELPER_TICKET },  { 0, 36000, HELPER_TICKET },
	};
	struct helper_result result;
	struct guard_tickets t;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		for (int sealed = 0; sealed < 2; sealed++) {
			krb5_keyblock key = key_of(AES256, 's');

			made = row[i].made ? time(NULL) - row[i].made : 0;
			since = time(NULL) - row[i].since;
			struct buf b AUTO_BUF = krb_cred(&blob, sealed ? &key : NULL);
			unsigned status = read_cred(&b, &t, &result);

			if (status != (sealed ? row[i].status : HELPER_TICKET))
				fail_msg("row %zu, %s: %s", i, sealed ? "sealed" : "plain", result.detail);
			guard_tickets_done(k, &t);
		}
	}
	made = 0;
	since = now;
}

/* Under any key but the session key of the service ticket it is not read. */
static void test_other_keys(void **state)
{
	krb5_keyblock key[] = { key_of(AES256, 'x'), key_of(AES128, 's') };

	for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
		struct buf b AUTO_BUF = krb_cred(&fine, &key[i]);
		struct helper_result result;
		struct guard_tickets t;

		assert_int_equal(read_cred(&b, &t, &result), HELPER_TICKET);
		guard_tickets_done(k, &t);
	}
}

/* libkrb5 1.20 follows a NULL pointer when a KRB-CRED has no client name: run in a process that may crash. */
static unsigned read_apart(const struct buf *b)
{
	struct helper_result result;
	struct guard_tickets t;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)signal(SIGSEGV, SIG_DFL);
		status = (int)read_cred(b, &t, &result);
		guard_tickets_done(k, &t);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : HELPER_NONE;
}

static void test_cred_truncated(void **state)
{
	for (int sealed = 0; sealed < 2; sealed++) {
		krb5_keyblock key = key_of(AES256, 's');
		struct buf b AUTO_BUF = krb_cred(&fine, sealed ? &key : NULL);
		struct helper_result result;
		struct guard_tickets t;

		for (size_t n = 0; n < b.len; n++) {
			struct buf part AUTO_BUF = buf_copy(b.p, n);

			assert_int_equal(read_cred(&part, &t, &result), HELPER_TICKET);
			guard_tickets_done(k, &t);
		}
	}
}

/* What was encrypted has a checksum; the ticket in front of it has its own, which is the KDC's business. */
static void test_sealed_octets(void **state)
{
	krb5_keyblock key = key_of(AES256, 's');
	struct buf b AUTO_BUF = krb_cred(&fine, &key), ticket AUTO_BUF = service_ticket(&good);
	struct helper_result result;
	struct guard_tickets t;
	unsigned passed = 0;

	for (size_t i = 0; i < b.len; i++) {
		b.p[i] ^= 1;
		passed += read_cred(&b, &t, &result) == HELPER_SUCCESS;
		b.p[i] ^= 1;
		guard_tickets_done(k, &t);
	}
	assert_in_range(passed, 1, ticket.len);
}

static void test_plain_octets(void **state)
{
	static const uint8_t bit[] = { 0x01, 0x20 };
	struct buf b AUTO_BUF = krb_cred(&fine, NULL);
	unsigned passed = 0, refused = 0;

	for (size_t i = 0; i < b.len; i++) {
		for (size_t n = 0; n < sizeof bit; n++) {
			unsigned status;

			b.p[i] = (uint8_t)(b.p[i] ^ bit[n]);
			status = read_apart(&b);
			b.p[i] = (uint8_t)(b.p[i] ^ bit[n]);
			if (status == HELPER_NONE)
				fail_msg("died of octet %zu ^ %02x", i, bit[n]);
			passed += status == HELPER_SUCCESS;
			refused += status == HELPER_TICKET || status == HELPER_OTHER_PRINCIPAL ||
				   status == HELPER_EXPIRED || status == HELPER_OPAQUE;
		}
	}
	assert_int_equal(passed + refused, sizeof bit * b.len);
	assert_true(passed > 100 && refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_service_tickets), cmocka_unit_test(test_service_octets),
		cmocka_unit_test(test_keytabs),         cmocka_unit_test(test_copied_keys),
		cmocka_unit_test(test_krb_creds),       cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_cred_truncated),  cmocka_unit_test(test_sealed_octets),
		cmocka_unit_test(test_plain_octets),    cmocka_unit_test(test_opaque_now),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
