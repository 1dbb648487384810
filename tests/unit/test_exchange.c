/* SPDX-License-Identifier: MIT */
/* Every state x event, the exchanges of real clients as rows of events, and the rules that span messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/worker/exchange.h"

/* The only steps there are; everything else fails. */
static const struct {
	enum exchange_state state;
	enum exchange_event event;
	enum exchange_action action;
	enum exchange_state next;
} allowed[] = {
	{ EXCHANGE_NEW, EXCHANGE_GOT_START, EXCHANGE_READ, EXCHANGE_FIRST },
	{ EXCHANGE_FIRST, EXCHANGE_GOT_TOKEN, EXCHANGE_ACCEPT, EXCHANGE_OPENING },
	{ EXCHANGE_OPENING, EXCHANGE_FOREIGN, EXCHANGE_PASS_ON, EXCHANGE_ENDED },
	{ EXCHANGE_OPENING, EXCHANGE_CONTINUE, EXCHANGE_SEND_TOKEN, EXCHANGE_NEGOTIATING },
	{ EXCHANGE_OPENING, EXCHANGE_COMPLETE, EXCHANGE_SEND_TOKEN, EXCHANGE_BINDING },
	{ EXCHANGE_NEGOTIATING, EXCHANGE_GOT_TOKEN, EXCHANGE_ACCEPT, EXCHANGE_ACCEPTING },
	{ EXCHANGE_NEGOTIATING, EXCHANGE_GOT_TOKEN_BINDING, EXCHANGE_ACCEPT, EXCHANGE_ACCEPTING_BOUND },
	{ EXCHANGE_ACCEPTING, EXCHANGE_CONTINUE, EXCHANGE_SEND_TOKEN, EXCHANGE_NEGOTIATING },
	{ EXCHANGE_ACCEPTING, EXCHANGE_COMPLETE, EXCHANGE_SEND_TOKEN, EXCHANGE_BINDING },
	{ EXCHANGE_ACCEPTING_BOUND, EXCHANGE_COMPLETE, EXCHANGE_VERIFY, EXCHANGE_VERIFYING },
	{ EXCHANGE_BINDING, EXCHANGE_GOT_BINDING, EXCHANGE_VERIFY, EXCHANGE_VERIFYING },
	{ EXCHANGE_VERIFYING, EXCHANGE_BOUND, EXCHANGE_REPORT, EXCHANGE_JUDGED },
	{ EXCHANGE_JUDGED, EXCHANGE_GOT_GRANTED, EXCHANGE_CONFIRM, EXCHANGE_AUTHINFO },
	{ EXCHANGE_JUDGED, EXCHANGE_GOT_REFUSED, EXCHANGE_DENY, EXCHANGE_ENDED },
	{ EXCHANGE_AUTHINFO, EXCHANGE_GOT_AUTHINFO, EXCHANGE_DELEGATE, EXCHANGE_ENDED },
};

static void test_every_pair(void **unused)
{
	for (unsigned s = 0; s <= EXCHANGE_STATES_; s++) {
		for (unsigned e = 0; e <= EXCHANGE_EVENTS_; e++) {
			struct exchange_step want = { EXCHANGE_FAIL, EXCHANGE_ENDED };
			struct exchange_step got = exchange_step((enum exchange_state)s, (enum exchange_event)e);

			for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
				if (allowed[i].state == s && allowed[i].event == e)
					want = (struct exchange_step){ allowed[i].action, allowed[i].next };
			assert_int_equal(got.action, want.action);
			assert_int_equal(got.next, want.next);
		}
	}
}

/* A client is reported, confirmed and asked for credentials only after a verified pubKeyAuth. */
static void test_binding_comes_first(void **unused)
{
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		if (allowed[i].action == EXCHANGE_REPORT)
			assert_int_equal(allowed[i].event, EXCHANGE_BOUND);
		if (allowed[i].next == EXCHANGE_JUDGED)
			assert_int_equal(allowed[i].state, EXCHANGE_VERIFYING);
		if (allowed[i].next == EXCHANGE_AUTHINFO)
			assert_int_equal(allowed[i].state, EXCHANGE_JUDGED);
		if (allowed[i].action == EXCHANGE_DELEGATE)
			assert_int_equal(allowed[i].state, EXCHANGE_AUTHINFO);
	}
}

#define START EXCHANGE_GOT_START
#define TOKEN EXCHANGE_GOT_TOKEN
#define BOTH EXCHANGE_GOT_TOKEN_BINDING
#define KEY EXCHANGE_GOT_BINDING
#define INFO EXCHANGE_GOT_AUTHINFO
#define MORE EXCHANGE_CONTINUE
#define DONE EXCHANGE_COMPLETE
#define BOUND EXCHANGE_BOUND
#define YES EXCHANGE_GOT_GRANTED

static const struct {
	const char *client;
	enum exchange_event event[16]; /* up to the first NOTHING */
} clients[] = {
	{ "raw NTLM: FreeRDP, mstsc, impacket", { START, TOKEN, MORE, BOTH, DONE, BOUND, YES, INFO } },
	{ "raw NTLM, pubKeyAuth on its own", { START, TOKEN, MORE, TOKEN, DONE, KEY, BOUND, YES, INFO } },
	{ "NTLM in SPNEGO: FreeRDP 3", { START, TOKEN, MORE, TOKEN, DONE, KEY, BOUND, YES, INFO } },
	{ "NTLM in SPNEGO: pyspnego", { START, TOKEN, MORE, BOTH, DONE, BOUND, YES, INFO } },
	{ "Kerberos in SPNEGO, first choice", { START, TOKEN, DONE, KEY, BOUND, YES, INFO } },
	{ "Kerberos in SPNEGO with MIC: FreeRDP 3", { START, TOKEN, MORE, TOKEN, MORE, BOTH, DONE, BOUND, YES, INFO } },
	{ "raw Kerberos: rdesktop", { START, TOKEN, DONE, KEY, BOUND, YES, INFO } },
};

static void test_clients(void **unused)
{
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
		enum exchange_state state = EXCHANGE_NEW;
		enum exchange_action last = EXCHANGE_FAIL;

		for (size_t e = 0; clients[i].event[e] != EXCHANGE_NOTHING; e++) {
			struct exchange_step step = exchange_step(state, clients[i].event[e]);

			if (step.action == EXCHANGE_FAIL)
				fail_msg("%s: event %zu in state %s", clients[i].client, e, exchange_state_name(state));
			state = step.next;
			last = step.action;
		}
		assert_int_equal(state, EXCHANGE_ENDED);
		assert_int_equal(last, EXCHANGE_DELEGATE);
	}
}

static void test_about_states(void **unused)
{
	for (unsigned s = 0; s < EXCHANGE_STATES_; s++)
		assert_true(strlen(exchange_state_name((enum exchange_state)s)) > 2);
	assert_string_equal(exchange_state_name(EXCHANGE_STATES_), "?");
	/* the client does not read any TSRequest behind the pubKeyAuth reply */
	assert_false(exchange_may_tell(EXCHANGE_AUTHINFO));
	assert_true(exchange_may_tell(EXCHANGE_FIRST));
	assert_true(exchange_may_tell(EXCHANGE_JUDGED));
	/* who awaits a record takes one; the others take results only */
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		assert_int_equal(exchange_awaits(allowed[i].state), allowed[i].event <= EXCHANGE_GOT_REFUSED);
}

/* ---- the rules that span messages ---- */

static const uint8_t octets[CLIENT_NONCE_LEN] = "abc", other[CLIENT_NONCE_LEN] = "abd";
#define SOME ((struct view){ octets, 3 })
#define NONCE ((struct view){ octets, CLIENT_NONCE_LEN })
#define OTHER ((struct view){ other, CLIENT_NONCE_LEN })

static enum refusal refusal;
static const char *detail;

static enum exchange_event take(struct exchange *c, struct tsrequest t)
{
	refusal = REFUSAL_NONE;
	detail = NULL;
	return exchange_take(c, &t, &refusal, &detail);
}

static void assert_wrong(struct exchange *c, struct tsrequest t, enum refusal why)
{
	assert_int_equal(take(c, t), EXCHANGE_WRONG);
	assert_int_equal(refusal, why);
	assert_non_null(detail);
}

static void test_version(void **unused)
{
	static const struct {
		uint32_t sent;
		unsigned min, version;
		enum refusal refusal;
	} row[] = {
		{ 2, 2, 2, REFUSAL_NONE },    { 3, 2, 3, REFUSAL_NONE }, { 4, 5, 4, REFUSAL_VERSION },
		{ 2, 5, 2, REFUSAL_VERSION }, { 5, 5, 5, REFUSAL_NONE }, { 5, 6, 5, REFUSAL_VERSION },
		{ 6, 6, 6, REFUSAL_NONE },    { 7, 6, 6, REFUSAL_NONE }, { UINT32_MAX, 5, 6, REFUSAL_NONE },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct exchange c = { .min_version = row[i].min };
		struct tsrequest t = { .version = row[i].sent, .nego_token = SOME };

		assert_int_equal(take(&c, t), row[i].refusal ? EXCHANGE_WRONG : EXCHANGE_GOT_TOKEN);
		assert_int_equal(refusal, row[i].refusal);
		assert_int_equal(c.version, row[i].version);
	}
}

static void test_version_changes(void **unused)
{
	struct exchange c = { .min_version = 2 };

	assert_int_equal(take(&c, (struct tsrequest){ .version = 7, .nego_token = SOME }), EXCHANGE_GOT_TOKEN);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 7, .nego_token = SOME }), EXCHANGE_GOT_TOKEN);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .nego_token = SOME }, REFUSAL_PROTOCOL);
	assert_wrong(&c, (struct tsrequest){ .version = 8, .nego_token = SOME }, REFUSAL_PROTOCOL);
}

static void test_nonce(void **unused)
{
	struct exchange c = { .min_version = 2 };

	assert_null(exchange_nonce(&c).p);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .nego_token = SOME }), EXCHANGE_GOT_TOKEN);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .pub_key_auth = SOME }, REFUSAL_PROTOCOL);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .pub_key_auth = SOME, .client_nonce = SOME },
		     REFUSAL_PROTOCOL);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .pub_key_auth = SOME, .client_nonce = NONCE }),
			 EXCHANGE_GOT_BINDING);
	/* it stays, said again or not */
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .auth_info = SOME }), EXCHANGE_GOT_AUTHINFO);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .auth_info = SOME, .client_nonce = NONCE }),
			 EXCHANGE_GOT_AUTHINFO);
	assert_memory_equal(exchange_nonce(&c).p, octets, CLIENT_NONCE_LEN);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .auth_info = SOME, .client_nonce = OTHER },
		     REFUSAL_PROTOCOL);
}

static void test_old_versions_need_no_nonce(void **unused)
{
	for (uint32_t v = 2; v <= 6; v++) {
		struct exchange c = { .min_version = 2 };

		assert_int_equal(take(&c, (struct tsrequest){ .version = v, .pub_key_auth = SOME }),
				 v < 5 ? EXCHANGE_GOT_BINDING : EXCHANGE_WRONG);
	}
}

static void test_shapes(void **unused)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		struct exchange c = { .min_version = 2 };
		struct tsrequest t = { .version = 6, .client_nonce = NONCE };
		enum exchange_event want = bits == 1   ? EXCHANGE_GOT_TOKEN
					   : bits == 2 ? EXCHANGE_GOT_BINDING
					   : bits == 3 ? EXCHANGE_GOT_TOKEN_BINDING
					   : bits == 4 ? EXCHANGE_GOT_AUTHINFO
						       : EXCHANGE_WRONG;

		t.nego_token = bits & 1 ? SOME : VIEW_NULL;
		t.pub_key_auth = bits & 2 ? SOME : VIEW_NULL;
		t.auth_info = bits & 4 ? SOME : VIEW_NULL;
		t.has_error_code = bits & 8;
		assert_int_equal(take(&c, t), want);
	}
}

static void test_rounds(void **unused)
{
	struct exchange c = { .min_version = 2 };
	struct tsrequest t = { .version = 6, .nego_token = SOME };

	for (unsigned i = 0; i < TSREQUEST_ROUNDS_MAX; i++)
		assert_int_equal(take(&c, t), EXCHANGE_GOT_TOKEN);
	assert_wrong(&c, t, REFUSAL_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair), cmocka_unit_test(test_binding_comes_first),
		cmocka_unit_test(test_clients),    cmocka_unit_test(test_about_states),
		cmocka_unit_test(test_version),    cmocka_unit_test(test_version_changes),
		cmocka_unit_test(test_nonce),      cmocka_unit_test(test_old_versions_need_no_nonce),
		cmocka_unit_test(test_shapes),     cmocka_unit_test(test_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
