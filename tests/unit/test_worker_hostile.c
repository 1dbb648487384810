/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/* Clients that a worker must refuse, and live to say so: by the rules of Kerberos and NTLM, by replay, by hostile
 * octets. */
#include "tests/unit/talk.h"

/* ---- rules ---- */

static void test_krb5_not_mutual(void **unused)
{
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = krb5_talk(spnego, keytab_path);

		initiator_flags(t->initiator, 0, GSS_C_MUTUAL_FLAG);
		t->late_key = true;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_REPLAY, 0);
	}
}

/* Its tokens are not framed: raw they are of no mechanism. */
static void test_krb5_dce(void **unused)
{
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = krb5_talk(spnego, keytab_path);
		uint8_t type;

		initiator_flags(t->initiator, GSS_C_DCE_STYLE, 0);
		send_start(t);
		type = authenticate(t);
		if (spnego) {
			refused(t, type, REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
		} else {
			assert_int_equal(type, WORKER_NOT_MINE);
			assert_int_equal(finish(t), 0);
		}
	}
}

/* The template's keytab holds these keys too, and leaves them there. */
static void test_krb5_other_keys(void **unused)
{
	const char *keytab[] = { host_keytab, rc4_keytab };

	for (size_t i = 0; i < 2; i++) {
		struct talk *t = krb5_talk(false, keytab[i]);

		send_start(t);
		refused(t, authenticate(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
		assert_true(t->failed.detail[0] != '\0');
	}
}

static void test_replay(void **unused)
{
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = krb5_talk(spnego, keytab_path);

		whole(t, "self-test@" REALM);
		replay(t, REFUSAL_REPLAY);
		t = ntlm_talk(spnego);
		whole(t, "D\\alice");
		replay(t, REFUSAL_BAD_PASSWORD); /* another challenge */
	}
}

/* ---- hostile octets ---- */

static void test_malformed_tsrequests(void **unused)
{
	static const struct {
		const char *p;
		size_t len;
	} row[] = {
		{ "", 0 }, { "\x30", 1 }, { "\x30\x00", 2 }, { "\x30\x03\x02\x01\x06", 5 }, { "GET / HTTP/1.0", 14 }
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct talk *t = spawn(i % 2 ? &ntlm : &krb5);

		send_start(t);
		send_raw(t, row[i].p, row[i].len);
		refused(t, receive(t), REFUSAL_PROTOCOL, 0);
	}
}

/* Shorter than a signature, and with one that is wrong. */
static void test_short_wrap_tokens(void **unused)
{
	for (int k = 0; k < 2; k++) {
		for (size_t len = 0; len <= 40; len++) {
			struct talk *t = k ? krb5_talk(false, keytab_path) : ntlm_talk(false);
			struct tsrequest out = { .version = 0 };
			uint8_t octets[40];

			memset(octets, 1, sizeof octets);
			send_start(t);
			assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
			send_verdict(t, REFUSAL_NONE);
			confirmed(t);
			out.auth_info = (struct view){ octets, len };
			send_tsrequest(t, &out);
			refused(t, receive(t), k ? REFUSAL_REPLAY : REFUSAL_BAD_CREDENTIALS, 0);
		}
	}
}

/* Every cut of a good AUTHENTICATE message, and none of its parts where it should be. */
static void test_cut_authenticate(void **unused)
{
	for (size_t cut = 1; cut < 400; cut += cut < 100 ? 1 : 13) {
		struct talk *t = ntlm_talk(false);
		struct tsrequest out = { .version = 0 };
		struct view token;
		uint8_t type;

		send_start(t);
		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
		send_tsrequest(t, &out);
		assert_int_equal(receive(t), WORKER_REPLY);
		assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &token), 0);
		if (cut >= token.len) {
			assert_int_equal(finish(t), 0);
			break;
		}
		out.nego_token = (struct view){ token.p, cut };
		t->answer = NTSTATUS_LOGON_FAILURE;
		send_tsrequest(t, &out);
		type = receive(t);
		refused(t, type, REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
		assert_int_equal(t->queries, 0);
	}
}

/* AUTHENTICATE without a session key, and without the flag that says that there is one. */
static void test_no_session_key(void **unused)
{
	for (int flag = 0; flag < 2; flag++) {
		struct talk *t = ntlm_talk(false);
		struct tsrequest out = { .version = 0 };
		struct view token;
		uint8_t m[2048];

		send_start(t);
		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
		send_tsrequest(t, &out);
		assert_int_equal(receive(t), WORKER_REPLY);
		assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &token), 0);
		assert_true(token.len < sizeof m);
		memcpy(m, token.p, token.len);
		assert_int_equal(m[52], 16); /* EncryptedRandomSessionKeyLen, MS-NLMP 2.2.1.3 */
		m[52] = m[54] = 0;
		assert_true(m[63] & 0x40); /* NTLMSSP_NEGOTIATE_KEY_EXCH */
		if (!flag)
			m[63] &= 0xbf;
		out.nego_token = (struct view){ m, token.len };
		send_tsrequest(t, &out);
		refused(t, receive(t), flag ? REFUSAL_BAD_CREDENTIALS : REFUSAL_WEAK_NTLM,
			flag ? NTSTATUS_LOGON_FAILURE : NTSTATUS_NOT_SUPPORTED);
		assert_int_equal(t->queries, 0);
	}
}

/* A message that only a looser reader of DER finds: the NegTokenResp with one byte after it. */
static void test_hidden_message(void **unused)
{
	struct talk *t = ntlm_talk(true);
	struct tsrequest out = { .version = 0 };
	uint8_t m[2048] = { 0 };
	struct view token;

	send_start(t);
	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
	send_tsrequest(t, &out);
	assert_int_equal(receive(t), WORKER_REPLY);
	assert_int_equal(initiator_step(t->initiator, t->reply.nego_token, &token), 1);
	assert_true(token.len + 1 < sizeof m);
	memcpy(m, token.p, token.len);
	out.nego_token = (struct view){ m, token.len + 1 };
	send_tsrequest(t, &out);
	refused(t, receive(t), REFUSAL_PROTOCOL, 0);
	assert_int_equal(t->queries, 0);
}

/* Messages where they do not belong. */
static void test_out_of_order(void **unused)
{
	struct talk *t;
	struct tsrequest out;
	uint8_t octets[32] = { 1 };

	for (int i = 0; i < 3; i++) {
		t = ntlm_talk(false);
		out = (struct tsrequest){ .version = 0 };
		send_start(t);
		*(i == 0 ? &out.auth_info : i == 1 ? &out.pub_key_auth : &out.nego_token) = (struct view){ octets, 32 };
		if (i == 2)
			out.pub_key_auth = (struct view){ octets, 32 };
		send_tsrequest(t, &out);
		refused(t, receive(t), REFUSAL_PROTOCOL, 0);
	}
	/* authInfo instead of pubKeyAuth */
	t = ntlm_talk(true);
	send_start(t);
	out = (struct tsrequest){ .version = 0 };
	assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &out.nego_token), 1);
	send_tsrequest(t, &out);
	assert_int_equal(receive(t), WORKER_REPLY);
	out = (struct tsrequest){ .auth_info = { octets, sizeof octets } };
	send_tsrequest(t, &out);
	refused(t, receive(t), REFUSAL_PROTOCOL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_krb5_not_mutual),      cmocka_unit_test(test_krb5_dce),
		cmocka_unit_test(test_krb5_other_keys),      cmocka_unit_test(test_replay),
		cmocka_unit_test(test_malformed_tsrequests), cmocka_unit_test(test_short_wrap_tokens),
		cmocka_unit_test(test_cut_authenticate),     cmocka_unit_test(test_no_session_key),
		cmocka_unit_test(test_hidden_message),       cmocka_unit_test(test_out_of_order),
	};

	return cmocka_run_group_tests(tests, templates_set_up, templates_tear_down);
}
