/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/* Exchanges that succeed, whose token a first one is, and what is asked and answered in the course of it. */
#include "tests/unit/talk.h"

/* ---- exchanges that succeed ---- */

static void test_ntlm_raw(void **unused)
{
	struct talk *t = ntlm_talk(false);

	whole(t, "D\\alice");
	assert_int_equal(t->queries, 1);
	assert_string_equal(t->query.user, "alice");
	assert_string_equal(t->query.domain, "D");
	assert_int_equal(t->replies_with_both, 0);
}

static void test_ntlm_raw_late_key(void **unused)
{
	struct talk *t = ntlm_talk(false);

	t->late_key = true;
	whole(t, "D\\alice");
	assert_int_equal(t->empty_replies, 1);
}

static void test_ntlm_spnego(void **unused)
{
	struct talk *t = ntlm_talk(true);

	whole(t, "D\\alice");
	assert_int_equal(t->replies_with_both, 0);
}

/* The mechListMIC of ours goes out beside pubKeyAuth. */
static void test_ntlm_spnego_together(void **unused)
{
	struct talk *t = ntlm_talk(true);

	t->early_key = true;
	whole(t, "D\\alice");
	assert_int_equal(t->replies_with_both, 1);
}

static void test_versions(void **unused)
{
	for (unsigned v = 2; v <= 6; v++) {
		struct talk *t = ntlm_talk(false);

		t->version = v;
		whole(t, "D\\alice");
		t = krb5_talk(v % 2, keytab_path);
		t->version = v;
		whole(t, "self-test@" REALM);
	}
}

static void test_krb5(void **unused)
{
	for (int spnego = 0; spnego < 2; spnego++)
		whole(krb5_talk(spnego, keytab_path), "self-test@" REALM);
}

/* FreeRDP takes a Kerberos wrap token only with EC = 0 and RRC = confounder-less trailer: RFC 4121 4.2.6.2. */
static void test_krb5_wrap_form(void **unused)
{
	struct talk *t = krb5_talk(true, keytab_path);
	const uint8_t *p;

	send_start(t);
	assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
	send_verdict(t, REFUSAL_NONE);
	assert_int_equal(receive(t), WORKER_REPLY);
	p = t->reply.pub_key_auth.p;
	assert_int_equal(t->reply.pub_key_auth.len, 16 + 16 + 32 + 16 + 12);
	assert_memory_equal(p, "\x05\x04\x07\xff\x00\x00\x00\x1c", 8);
	assert_int_equal(finish(t), 0);
}

/* ---- whose token is it ---- */

static const uint8_t mech_krb5[] = { 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 };
static const uint8_t mech_ms_krb5[] = { 0x06, 9, 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2 };
static const uint8_t mech_u2u[] = { 0x06, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3 };
static const uint8_t mech_ntlm[] = { 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10 };
static const uint8_t mech_negoex[] = { 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 30 };
static const uint8_t mech_spnego[] = { 0x06, 6, 0x2b, 6, 1, 5, 5, 2 };
/* OID of user-to-user, 04 00, KRB_TGT_REQ {pvno 5, msg-type 16}: protocol of draft-swift-win2k-krb-user2user */
static const uint8_t tgt_req[] = { 0x60, 0x1a, 0x06, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3,
				   0x04, 0x00, 0x30, 10, 0xa0, 3,    2,    1,    5,    0xa1, 3, 2, 1, 16 };

struct octets {
	uint8_t p[512];
	size_t len;
};

static void add(struct octets *o, const void *p, size_t len)
{
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

static void wrap(struct octets *o, uint8_t tag)
{
	uint8_t h[4] = { tag, 0x82, (uint8_t)(o->len >> 8), (uint8_t)o->len };

	memmove(o->p + sizeof h, o->p, o->len);
	memcpy(o->p, h, sizeof h);
	o->len += sizeof h;
}

static struct octets init_with_u2u(struct octets list)
{
	struct octets token = { .len = 0 }, all = { .len = 0 };

	wrap(&list, 0x30);
	wrap(&list, 0xa0);
	add(&token, tgt_req, sizeof tgt_req);
	wrap(&token, 0x04);
	wrap(&token, 0xa2);
	add(&list, token.p, token.len);
	wrap(&list, 0x30);
	wrap(&list, 0xa0);
	add(&all, mech_spnego, sizeof mech_spnego);
	add(&all, list.p, list.len);
	wrap(&all, 0x60);
	return all;
}

/* What domain-joined mstsc sends first: [MS-KRB5, KRB5, NEGOEX, NTLM], and a user-to-user token in front. */
static struct octets mstsc_first(void)
{
	struct octets list = { .len = 0 };

	add(&list, mech_ms_krb5, sizeof mech_ms_krb5);
	add(&list, mech_krb5, sizeof mech_krb5);
	add(&list, mech_negoex, sizeof mech_negoex);
	add(&list, mech_ntlm, sizeof mech_ntlm);
	return init_with_u2u(list);
}

/* FreeRDP 3: [U2U, KRB5, NTLM], the same token, which here is for the first mechanism indeed. */
static struct octets freerdp_first(void)
{
	struct octets list = { .len = 0 };

	add(&list, mech_u2u, sizeof mech_u2u);
	add(&list, mech_krb5, sizeof mech_krb5);
	add(&list, mech_ntlm, sizeof mech_ntlm);
	return init_with_u2u(list);
}

static void test_not_mine(void **unused)
{
	struct octets mstsc = mstsc_first();
	struct view u2u = { mstsc.p, mstsc.len };

	for (int spnego = 0; spnego < 2; spnego++) {
		struct initiator *i;
		struct view token;

		assert_int_equal(initiator_new_ntlm("alice", "x", spnego, &i), 0);
		assert_int_equal(initiator_step(i, VIEW_NULL, &token), 1);
		not_mine(spawn(&krb5), token, 0);
		initiator_free(i);
		struct talk *t = krb5_talk(spnego, keytab_path);
		assert_int_equal(initiator_step(t->initiator, VIEW_NULL, &token), 1);
		i = t->initiator;
		t->initiator = NULL;
		assert_int_equal(finish(t), 0);
		not_mine(spawn(&ntlm), token, 0);
		initiator_free(i);
	}
	not_mine(spawn(&krb5), u2u, 1); /* the template has no ticket */
	not_mine(spawn(&krb5), (struct view){ tgt_req, sizeof tgt_req }, 0);
	not_mine(spawn(&ntlm), (struct view){ tgt_req, sizeof tgt_req }, 0);
	not_mine(spawn(&ntlm), (struct view){ (const uint8_t *)"nonsense", 8 }, 0);
}

/* The same token at the ntlm template, when the other one has passed it on: it ignores the mechToken and asks for NTLM.
 */
static void test_mstsc_falls_back(void **unused)
{
	struct octets mstsc = mstsc_first();
	struct talk *t = spawn(&ntlm);

	t->flags = WORKER_LAST_RESORT;
	assert_int_equal(first(t, (struct view){ mstsc.p, mstsc.len }), WORKER_REPLY);
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, mech_ntlm, sizeof mech_ntlm));
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, "\x0a\x01\x03", 3)); /* request-mic */
	assert_int_equal(finish(t), 0);
}

/* The krb5 template chooses Kerberos and asks for its token and a MIC. */
static void test_freerdp_is_served(void **unused)
{
	struct octets freerdp = freerdp_first();
	struct talk *t = spawn(&krb5);

	assert_int_equal(first(t, (struct view){ freerdp.p, freerdp.len }), WORKER_REPLY);
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, mech_krb5, sizeof mech_krb5));
	assert_non_null(memmem(t->reply.nego_token.p, t->reply.nego_token.len, "\x0a\x01\x03", 3));
	assert_int_equal(finish(t), 0);
}

/* The names of the AUTHENTICATE message reach the verifier as they are. */
static void test_names(void **unused)
{
	static const struct {
		const char *name, *user, *domain;
	} row[] = {
		{ "D\\alice", "alice", "D" },
		{ "alice@corp.example", "alice@corp.example", "" },
		{ "CORP\\al ice", "al ice", "CORP" },
		{ "D\\ren\xc3\xa9", "ren\xc3\xa9", "D" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct talk *t = spawn(&ntlm);

		assert_int_equal(initiator_new_ntlm(row[i].name, "Passw0rd", false, &t->initiator), 0);
		t->answer = NTSTATUS_LOGON_FAILURE;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE);
		assert_string_equal(t->query.user, row[i].user);
		assert_string_equal(t->query.domain, row[i].domain);
	}
}

/* ---- refusals ---- */

static void test_wrong_password(void **unused)
{
	static const struct {
		uint32_t answer;
		enum refusal refusal;
		uint32_t told;
	} row[] = {
		{ 0, REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE },
		{ NTSTATUS_NO_SUCH_USER, REFUSAL_UNKNOWN_USER, NTSTATUS_LOGON_FAILURE },
		{ NTSTATUS_ACCOUNT_LOCKED_OUT, REFUSAL_ACCOUNT_LOCKED, NTSTATUS_ACCOUNT_LOCKED_OUT },
		{ NTSTATUS_PASSWORD_EXPIRED, REFUSAL_PASSWORD_EXPIRED, NTSTATUS_PASSWORD_EXPIRED },
		{ 0xC000005EU, REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE }, /* never passed on */
	};

	for (unsigned v = 2; v <= 6; v++) {
		for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
			struct talk *t = ntlm_talk(i % 2);

			t->version = v;
			t->nt_password = "another";
			t->answer = row[i].answer;
			send_start(t);
			refused(t, authenticate(t), row[i].refusal,
				refusal_version_has_error_code(v) ? row[i].told : 0);
			assert_int_equal(t->queries, 1);
			assert_int_equal(t->failed.version, v);
		}
	}
}

/* A verifier that goes away. */
static void test_no_verifier(void **unused)
{
	struct talk *t = ntlm_talk(false);

	t->verifier = close_fd(t->verifier);
	send_start(t);
	refused(t, authenticate(t), REFUSAL_UNAVAILABLE, NTSTATUS_LOGON_FAILURE);
}

/* What a client claims goes to the verifier as it is, one question, and nowhere else. */
static void test_forged_domain(void **unused)
{
	struct talk *t = spawn(&ntlm);

	assert_int_equal(initiator_new_ntlm("x\nalice:1:XX:00:[U]:LCT-0:\n\\alice", "Passw0rd", false, &t->initiator),
			 0);
	t->answer = NTSTATUS_LOGON_FAILURE;
	send_start(t);
	refused(t, authenticate(t), REFUSAL_BAD_PASSWORD, NTSTATUS_LOGON_FAILURE);
	assert_string_equal(t->query.user, "alice");
	assert_non_null(strchr(t->query.domain, '\n'));
	assert_int_equal(t->queries, 1);
}

static void test_binding(void **unused)
{
	for (int k = 0; k < 2; k++) {
		for (unsigned v = 2; v <= 6; v++) {
			struct talk *t = k ? krb5_talk(true, keytab_path) : ntlm_talk(false);

			t->version = v;
			t->key = (const uint8_t *)"the key of somebody in between";
			t->key_len = sizeof public_key;
			send_start(t);
			refused(t, authenticate(t), REFUSAL_BINDING, 0);
		}
	}
}

static void test_verdict(void **unused)
{
	for (unsigned v = 2; v <= 6; v++) {
		struct talk *t = ntlm_talk(true);

		t->version = v;
		send_start(t);
		assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
		send_verdict(t, REFUSAL_NOT_ALLOWED);
		refused(t, receive(t), REFUSAL_NOT_ALLOWED,
			refusal_version_has_error_code(v) ? NTSTATUS_LOGON_TYPE_NOT_GRANTED : 0);
	}
}

static void test_min_version(void **unused)
{
	for (unsigned v = 2; v <= 6; v++) {
		struct talk *t = ntlm_talk(false);

		t->version = v;
		t->min_version = v + 1;
		send_start(t);
		refused(t, authenticate(t), REFUSAL_VERSION,
			refusal_version_has_error_code(v) ? NTSTATUS_NOT_SUPPORTED : 0);
	}
}

static const uint8_t empty_creds[] = { 0x30, 0x17, 0xa0, 0x03, 0x02, 0x01, 0x01, 0xa1, 0x10, 0x04, 0x0e, 0x30, 0x0c,
				       0xa0, 0x02, 0x04, 0x00, 0xa1, 0x02, 0x04, 0x00, 0xa2, 0x02, 0x04, 0x00 };

static void test_delegation(void **unused)
{
	static const struct {
		unsigned flags;
		enum refusal refusal;
	} row[] = { { 0, REFUSAL_CREDENTIAL_KIND }, { WORKER_RESTRICTED_ADMIN, REFUSAL_NONE } };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct talk *t = ntlm_talk(false);
		uint8_t type;

		t->flags = row[i].flags;
		send_start(t);
		assert_int_equal(authenticate(t), WORKER_AUTHENTICATED);
		send_verdict(t, REFUSAL_NONE);
		confirmed(t);
		type = delegate(t, empty_creds, sizeof empty_creds);
		if (row[i].refusal == REFUSAL_NONE) {
			assert_int_equal(type, WORKER_DELEGATED);
			handed_over(t, CREDENTIAL_RESTRICTED_ADMIN, "");
			assert_int_equal(finish(t), 0);
		} else {
			/* no client reads a TSRequest any more */
			refused(t, type, row[i].refusal, 0);
			assert_int_equal(t->failed.kind, CREDENTIAL_RESTRICTED_ADMIN);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ntlm_raw),
		cmocka_unit_test(test_ntlm_raw_late_key),
		cmocka_unit_test(test_ntlm_spnego),
		cmocka_unit_test(test_ntlm_spnego_together),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_krb5),
		cmocka_unit_test(test_krb5_wrap_form),
		cmocka_unit_test(test_not_mine),
		cmocka_unit_test(test_mstsc_falls_back),
		cmocka_unit_test(test_freerdp_is_served),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_wrong_password),
		cmocka_unit_test(test_no_verifier),
		cmocka_unit_test(test_forged_domain),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_min_version),
		cmocka_unit_test(test_delegation),
	};

	return cmocka_run_group_tests(tests, templates_set_up, templates_tear_down);
}
