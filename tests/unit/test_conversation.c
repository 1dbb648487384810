/* SPDX-License-Identifier: MIT */
/* Every state x event, the conversations of real clients as rows of events, and the rules that span messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/auth/conversation.h"

/* The only steps there are; everything else fails. */
static const struct {
	enum conversation_state state;
	enum conversation_event event;
	enum conversation_action action;
	enum conversation_state next;
} allowed[] = {
	{ CONVERSATION_NEW, CONVERSATION_GOT_START, CONVERSATION_READ, CONVERSATION_FIRST },
	{ CONVERSATION_FIRST, CONVERSATION_GOT_TOKEN, CONVERSATION_ACCEPT, CONVERSATION_OPENING },
	{ CONVERSATION_OPENING, CONVERSATION_FOREIGN, CONVERSATION_PASS_ON, CONVERSATION_ENDED },
	{ CONVERSATION_OPENING, CONVERSATION_CONTINUE, CONVERSATION_SEND_TOKEN, CONVERSATION_NEGOTIATING },
	{ CONVERSATION_OPENING, CONVERSATION_COMPLETE, CONVERSATION_SEND_TOKEN, CONVERSATION_BINDING },
	{ CONVERSATION_NEGOTIATING, CONVERSATION_GOT_TOKEN, CONVERSATION_ACCEPT, CONVERSATION_ACCEPTING },
	{ CONVERSATION_NEGOTIATING, CONVERSATION_GOT_TOKEN_BINDING, CONVERSATION_ACCEPT, CONVERSATION_ACCEPTING_BOUND },
	{ CONVERSATION_ACCEPTING, CONVERSATION_CONTINUE, CONVERSATION_SEND_TOKEN, CONVERSATION_NEGOTIATING },
	{ CONVERSATION_ACCEPTING, CONVERSATION_COMPLETE, CONVERSATION_SEND_TOKEN, CONVERSATION_BINDING },
	{ CONVERSATION_ACCEPTING_BOUND, CONVERSATION_COMPLETE, CONVERSATION_VERIFY, CONVERSATION_VERIFYING },
	{ CONVERSATION_BINDING, CONVERSATION_GOT_BINDING, CONVERSATION_VERIFY, CONVERSATION_VERIFYING },
	{ CONVERSATION_VERIFYING, CONVERSATION_BOUND, CONVERSATION_REPORT, CONVERSATION_JUDGED },
	{ CONVERSATION_JUDGED, CONVERSATION_GOT_GRANTED, CONVERSATION_CONFIRM, CONVERSATION_AUTHINFO },
	{ CONVERSATION_JUDGED, CONVERSATION_GOT_REFUSED, CONVERSATION_DENY, CONVERSATION_ENDED },
	{ CONVERSATION_AUTHINFO, CONVERSATION_GOT_AUTHINFO, CONVERSATION_DELEGATE, CONVERSATION_ENDED },
};

static void test_every_pair(void **unused)
{
	(void)unused;
	for (unsigned s = 0; s <= CONVERSATION_STATES_; s++) {
		for (unsigned e = 0; e <= CONVERSATION_EVENTS_; e++) {
			struct conversation_step want = { CONVERSATION_FAIL, CONVERSATION_ENDED };
			struct conversation_step got =
			    conversation_step((enum conversation_state)s, (enum conversation_event)e);

			for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
				if (allowed[i].state == s && allowed[i].event == e)
					want = (struct conversation_step){ allowed[i].action, allowed[i].next };
			assert_int_equal(got.action, want.action);
			assert_int_equal(got.next, want.next);
		}
	}
}

/* Nobody is reported, confirmed or asked for credentials but through a verified pubKeyAuth. */
static void test_binding_comes_first(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		if (allowed[i].action == CONVERSATION_REPORT)
			assert_int_equal(allowed[i].event, CONVERSATION_BOUND);
		if (allowed[i].next == CONVERSATION_JUDGED)
			assert_int_equal(allowed[i].state, CONVERSATION_VERIFYING);
		if (allowed[i].next == CONVERSATION_AUTHINFO)
			assert_int_equal(allowed[i].state, CONVERSATION_JUDGED);
		if (allowed[i].action == CONVERSATION_DELEGATE)
			assert_int_equal(allowed[i].state, CONVERSATION_AUTHINFO);
	}
}

#define START CONVERSATION_GOT_START
#define TOKEN CONVERSATION_GOT_TOKEN
#define BOTH CONVERSATION_GOT_TOKEN_BINDING
#define KEY CONVERSATION_GOT_BINDING
#define INFO CONVERSATION_GOT_AUTHINFO
#define MORE CONVERSATION_CONTINUE
#define DONE CONVERSATION_COMPLETE
#define BOUND CONVERSATION_BOUND
#define YES CONVERSATION_GOT_GRANTED

static const struct {
	const char *client;
	enum conversation_event event[16]; /* up to the first NOTHING */
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
	(void)unused;
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
		enum conversation_state state = CONVERSATION_NEW;
		enum conversation_action last = CONVERSATION_FAIL;

		for (size_t e = 0; clients[i].event[e] != CONVERSATION_NOTHING; e++) {
			struct conversation_step step = conversation_step(state, clients[i].event[e]);

			if (step.action == CONVERSATION_FAIL)
				fail_msg("%s: event %zu in state %s", clients[i].client, e,
					 conversation_state_name(state));
			state = step.next;
			last = step.action;
		}
		assert_int_equal(state, CONVERSATION_ENDED);
		assert_int_equal(last, CONVERSATION_DELEGATE);
	}
}

static void test_about_states(void **unused)
{
	(void)unused;
	for (unsigned s = 0; s < CONVERSATION_STATES_; s++)
		assert_true(strlen(conversation_state_name((enum conversation_state)s)) > 2);
	assert_string_equal(conversation_state_name(CONVERSATION_STATES_), "?");
	/* the client does not read any TSRequest behind the pubKeyAuth reply */
	assert_false(conversation_may_tell(CONVERSATION_AUTHINFO));
	assert_true(conversation_may_tell(CONVERSATION_FIRST));
	assert_true(conversation_may_tell(CONVERSATION_JUDGED));
	/* who awaits a record takes one; the others take results only */
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		assert_int_equal(conversation_awaits(allowed[i].state), allowed[i].event <= CONVERSATION_GOT_REFUSED);
}

/* ---- the rules that span messages ---- */

static const uint8_t octets[CLIENT_NONCE_LEN] = "abc", other[CLIENT_NONCE_LEN] = "abd";
#define SOME ((struct view){ octets, 3 })
#define NONCE ((struct view){ octets, CLIENT_NONCE_LEN })
#define OTHER ((struct view){ other, CLIENT_NONCE_LEN })

static enum refusal refusal;
static const char *detail;

static enum conversation_event take(struct conversation *c, struct tsrequest t)
{
	refusal = REFUSAL_NONE;
	detail = NULL;
	return conversation_take(c, &t, &refusal, &detail);
}

static void assert_wrong(struct conversation *c, struct tsrequest t, enum refusal why)
{
	assert_int_equal(take(c, t), CONVERSATION_WRONG);
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

	(void)unused;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct conversation c = { .min_version = row[i].min };
		struct tsrequest t = { .version = row[i].sent, .nego_token = SOME };

		assert_int_equal(take(&c, t), row[i].refusal ? CONVERSATION_WRONG : CONVERSATION_GOT_TOKEN);
		assert_int_equal(refusal, row[i].refusal);
		assert_int_equal(c.version, row[i].version);
	}
}

static void test_version_changes(void **unused)
{
	struct conversation c = { .min_version = 2 };

	(void)unused;
	assert_int_equal(take(&c, (struct tsrequest){ .version = 7, .nego_token = SOME }), CONVERSATION_GOT_TOKEN);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 7, .nego_token = SOME }), CONVERSATION_GOT_TOKEN);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .nego_token = SOME }, REFUSAL_PROTOCOL);
	assert_wrong(&c, (struct tsrequest){ .version = 8, .nego_token = SOME }, REFUSAL_PROTOCOL);
}

static void test_nonce(void **unused)
{
	struct conversation c = { .min_version = 2 };

	(void)unused;
	assert_null(conversation_nonce(&c).p);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .nego_token = SOME }), CONVERSATION_GOT_TOKEN);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .pub_key_auth = SOME }, REFUSAL_PROTOCOL);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .pub_key_auth = SOME, .client_nonce = SOME },
		     REFUSAL_PROTOCOL);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .pub_key_auth = SOME, .client_nonce = NONCE }),
			 CONVERSATION_GOT_BINDING);
	/* it stays, said again or not */
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .auth_info = SOME }), CONVERSATION_GOT_AUTHINFO);
	assert_int_equal(take(&c, (struct tsrequest){ .version = 6, .auth_info = SOME, .client_nonce = NONCE }),
			 CONVERSATION_GOT_AUTHINFO);
	assert_memory_equal(conversation_nonce(&c).p, octets, CLIENT_NONCE_LEN);
	assert_wrong(&c, (struct tsrequest){ .version = 6, .auth_info = SOME, .client_nonce = OTHER },
		     REFUSAL_PROTOCOL);
}

static void test_old_versions_need_no_nonce(void **unused)
{
	(void)unused;
	for (uint32_t v = 2; v <= 6; v++) {
		struct conversation c = { .min_version = 2 };

		assert_int_equal(take(&c, (struct tsrequest){ .version = v, .pub_key_auth = SOME }),
				 v < 5 ? CONVERSATION_GOT_BINDING : CONVERSATION_WRONG);
	}
}

static void test_shapes(void **unused)
{
	(void)unused;
	for (unsigned bits = 0; bits < 16; bits++) {
		struct conversation c = { .min_version = 2 };
		struct tsrequest t = { .version = 6, .client_nonce = NONCE };
		enum conversation_event want = bits == 1   ? CONVERSATION_GOT_TOKEN
					       : bits == 2 ? CONVERSATION_GOT_BINDING
					       : bits == 3 ? CONVERSATION_GOT_TOKEN_BINDING
					       : bits == 4 ? CONVERSATION_GOT_AUTHINFO
							   : CONVERSATION_WRONG;

		t.nego_token = bits & 1 ? SOME : VIEW_NULL;
		t.pub_key_auth = bits & 2 ? SOME : VIEW_NULL;
		t.auth_info = bits & 4 ? SOME : VIEW_NULL;
		t.has_error_code = bits & 8;
		assert_int_equal(take(&c, t), want);
	}
}

static void test_rounds(void **unused)
{
	struct conversation c = { .min_version = 2 };
	struct tsrequest t = { .version = 6, .nego_token = SOME };

	(void)unused;
	for (unsigned i = 0; i < TSREQUEST_ROUNDS_MAX; i++)
		assert_int_equal(take(&c, t), CONVERSATION_GOT_TOKEN);
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
