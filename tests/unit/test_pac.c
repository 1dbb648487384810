/* SPDX-License-Identifier: MIT */
/* Tickets with a PAC, as no KDC of the test bed makes them: under the right key, with a signature of another one. */
#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspd/mech/acceptor.h"

#define REALM "PAC.TEST"
#define SERVER "TERMSRV/ts1.pac.test@" REALM
#define PAC_LOGON_INFO 1U
#define PAC_DELEGATION 11U

/* libkrb5 exports them, for plug-ins, and declares them in no installed header. */
krb5_error_code krb5_encrypt_tkt_part(krb5_context k, const krb5_keyblock *key, krb5_ticket *ticket);
krb5_error_code encode_krb5_ticket(const krb5_ticket *ticket, krb5_data **ret_);

static krb5_context krb5_lib;
static krb5_keyblock key, other_key;
static krb5_principal server, client;
static char path[] = "/tmp/test-pac.XXXXXX";

static int set_up(void **state)
{
	krb5_keytab_entry e = { .vno = 1 };
	char name[64];
	krb5_keytab keytab;

	assert_int_equal(krb5_init_context(&krb5_lib), 0);
	assert_int_equal(close(mkstemp(path)), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(krb5_parse_name(krb5_lib, SERVER, &server), 0);
	assert_int_equal(krb5_parse_name(krb5_lib, "alice@" REALM, &client), 0);
	assert_int_equal(krb5_c_make_random_key(krb5_lib, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &key), 0);
	assert_int_equal(krb5_c_make_random_key(krb5_lib, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &other_key), 0);
	(void)snprintf(name, sizeof name, "FILE:%s", path);
	assert_int_equal(krb5_kt_resolve(krb5_lib, name, &keytab), 0);
	e.principal = server;
	e.key = key;
	assert_int_equal(krb5_kt_add_entry(krb5_lib, keytab, &e), 0);
	(void)krb5_kt_close(krb5_lib, keytab);
	return 0;
}

static int tear_down(void **state)
{
	krb5_free_principal(krb5_lib, server);
	krb5_free_principal(krb5_lib, client);
	krb5_free_keyblock_contents(krb5_lib, &key);
	krb5_free_keyblock_contents(krb5_lib, &other_key);
	krb5_free_context(krb5_lib);
	return unlink(path);
}

/* AD-IF-RELEVANT with a PAC that has one buffer of @type and is signed with @sign for this ticket. */
static krb5_authdata **make_pac(unsigned type, const krb5_keyblock *sign, krb5_timestamp authtime)
{
	static char text[] = "no NDR";
	const krb5_data content = { .length = sizeof text, .data = text };
	krb5_authdata **container, pac_data = { .ad_type = KRB5_AUTHDATA_WIN2K_PAC }, *list[] = { &pac_data, NULL };
	krb5_data signed_pac;
	krb5_pac pac;

	assert_int_equal(krb5_pac_init(krb5_lib, &pac), 0);
	assert_int_equal(krb5_pac_add_buffer(krb5_lib, pac, type, &content), 0);
	assert_int_equal(krb5_pac_sign(krb5_lib, pac, authtime, client, sign, sign, &signed_pac), 0);
	krb5_pac_free(krb5_lib, pac);
	pac_data.length = signed_pac.length;
	pac_data.contents = (krb5_octet *)signed_pac.data;
	assert_int_equal(krb5_encode_authdata_container(krb5_lib, KRB5_AUTHDATA_IF_RELEVANT, list, &container), 0);
	krb5_free_data_contents(krb5_lib, &signed_pac);
	return container;
}

/* A cache with a ticket for alice, whose PAC is signed with @sign; NULL: it has none. */
static krb5_ccache make_ticket(unsigned type, const krb5_keyblock *sign)
{
	krb5_timestamp now = (krb5_timestamp)time(NULL);
	krb5_enc_tkt_part part = { .flags = TKT_FLG_PRE_AUTH,
				   .client = client,
				   .transited = { .tr_type = 1 },
				   .times = { now, now, now + 300, 0 } };
	krb5_ticket ticket = { .server = server, .enc_part = { .kvno = 1 }, .enc_part2 = &part };
	krb5_creds creds = { .client = client, .server = server, .times = part.times };
	krb5_data *encoded;
	krb5_ccache cache;

	assert_int_equal(krb5_c_make_random_key(krb5_lib, key.enctype, &creds.keyblock), 0);
	part.session = &creds.keyblock;
	if (sign)
		part.authorization_data = make_pac(type, sign, now);
	assert_int_equal(krb5_encrypt_tkt_part(krb5_lib, &key, &ticket), 0);
	assert_int_equal(encode_krb5_ticket(&ticket, &encoded), 0);
	creds.ticket = *encoded;
	assert_int_equal(krb5_cc_new_unique(krb5_lib, "MEMORY", NULL, &cache), 0);
	assert_int_equal(krb5_cc_initialize(krb5_lib, cache, client), 0);
	assert_int_equal(krb5_cc_store_cred(krb5_lib, cache, &creds), 0);
	krb5_free_data(krb5_lib, encoded);
	krb5_free_data_contents(krb5_lib, &ticket.enc_part.ciphertext);
	krb5_free_authdata(krb5_lib, part.authorization_data);
	krb5_free_keyblock_contents(krb5_lib, &creds.keyblock);
	return cache;
}

/* Authenticates with the ticket, and asks whose account it is for. */
static int account_of(krb5_ccache cache, struct acceptor *a, bool *ret_from_domain, char account[RECORD_NAME_MAX])
{
	gss_OID_desc krb5 = { 9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };
	gss_buffer_desc text = { strlen(SERVER), (void *)(uintptr_t)SERVER }, token = GSS_C_EMPTY_BUFFER;
	gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	gss_name_t name;
	OM_uint32 minor, major;
	int r;

	assert_int_equal(gss_import_name(&minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &name), GSS_S_COMPLETE);
	assert_int_equal(gss_krb5_import_cred(&minor, cache, NULL, NULL, &cred), GSS_S_COMPLETE);
	major = gss_init_sec_context(&minor, cred, &ctx, name, &krb5,
				     GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG, 0,
				     GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &token, NULL, NULL);
	assert_int_equal(major, GSS_S_CONTINUE_NEEDED);
	acceptor_reset(a);
	assert_int_equal(acceptor_accept(a, (struct view){ token.value, token.length }), ACCEPTOR_COMPLETE);
	r = acceptor_account(a, ret_from_domain, account);
	(void)gss_release_buffer(&minor, &token);
	(void)gss_delete_sec_context(&minor, &ctx, GSS_C_NO_BUFFER);
	(void)gss_release_cred(&minor, &cred);
	(void)gss_release_name(&minor, &name);
	(void)krb5_cc_destroy(krb5_lib, cache);
	return r;
}

static void test_pacs(void **state)
{
	const struct {
		unsigned type;
		const krb5_keyblock *sign;
		const char *detail; /* NULL: the ticket is taken, and names no account */
	} row[] = {
		{ 0, NULL, NULL },
		{ PAC_DELEGATION, &key, NULL }, /* as of MIT's KDC: without logon information */
		{ PAC_LOGON_INFO, &key, "malformed" },
		{ PAC_LOGON_INFO, &other_key, "not signed for this host" },
	};
	const struct acceptor_options options = { .keytab = path, .service_ticket = true };
	struct acceptor *a;
	char *error;

	assert_int_equal(acceptor_new(MECHANISM_KRB5, &options, &a, &error), 0);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char account[RECORD_NAME_MAX] = "";
		bool from_domain = true;
		int r = account_of(make_ticket(row[i].type, row[i].sign), a, &from_domain, account);

		if (r != (row[i].detail ? -EINVAL : 0))
			fail_msg("row %zu: %d, account \"%s\"", i, r, account);
		assert_string_equal(account, "");
		if (!row[i].detail) {
			assert_false(from_domain);
			continue;
		}
		assert_int_equal(acceptor_refusal(a), REFUSAL_BAD_CREDENTIALS);
		if (!strstr(acceptor_detail(a), row[i].detail))
			fail_msg("row %zu: %s", i, acceptor_detail(a));
	}
	acceptor_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pacs) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
