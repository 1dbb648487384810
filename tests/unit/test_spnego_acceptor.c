/* SPDX-License-Identifier: MIT */
/* The table of credsspd/mech/spnego.c with mechanisms that do what a row says: the choice, the MICs, the order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/mech/spnego.h"

/* ---- a mechanism that takes @rounds tokens ---- */

struct fake {
	struct mech mech;
	unsigned rounds, taken;
	bool unavailable, last_is_silent;
	unsigned mics, verified;
};

static enum mech_result fake_accept(struct mech *m, struct view token)
{
	struct fake *f = (struct fake *)m;

	mech_drop_token(&m->reply);
	if (f->unavailable)
		return MECH_UNAVAILABLE;
	if (token.len != 1 || token.p[0] != '0' + f->taken)
		return mech_refuse(&m->reply, REFUSAL_BAD_CREDENTIALS, "another token");
	f->taken++;
	if (f->taken < f->rounds || !f->last_is_silent)
		assert_int_equal(mech_give(&m->reply, (struct view){ (const uint8_t *)"abc" + f->taken - 1, 1 }), 0);
	return f->taken < f->rounds ? MECH_CONTINUE : MECH_COMPLETE;
}

static int fake_mic(struct mech *m, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	assert_true(size >= 4 && message.len > 4);
	((struct fake *)m)->mics++;
	memcpy(out, "ours", 4);
	*ret_len = 4;
	return 0;
}

static int fake_verify_mic(struct mech *m, struct view message, struct view mic)
{
	assert_int_equal(message.p[0], 0x30);
	((struct fake *)m)->verified++;
	if (mic.len == 4 && memcmp(mic.p, "good", 4) == 0)
		return 0;
	(void)mech_refuse(&m->reply, REFUSAL_REPLAY, "the MIC");
	return -EBADMSG;
}

static const struct mech_ops ops = { .accept = fake_accept, .mic = fake_mic, .verify_mic = fake_verify_mic };

static struct fake krb5, u2u, ntlm;
static struct spnego_offer offer;
static struct spnego spnego;

static int fresh(void **state)
{
	krb5 = (struct fake){ .mech = { .ops = &ops }, .rounds = 1 };
	u2u = (struct fake){ .mech = { .ops = &ops, .always_mic = true }, .rounds = 2 };
	ntlm = (struct fake){ .mech = { .ops = &ops }, .rounds = 2, .last_is_silent = true };
	offer = (struct spnego_offer){ &krb5.mech, &u2u.mech, &ntlm.mech, false, false };
	return 0;
}

static int done(void **state)
{
	spnego_reset(&spnego);
	mech_reply_reset(&krb5.mech.reply);
	mech_reply_reset(&u2u.mech.reply);
	mech_reply_reset(&ntlm.mech.reply);
	return 0;
}

/* ---- the client ---- */

#define LIST(...) \
	(const enum gss_mech[]){ __VA_ARGS__ }, sizeof((const enum gss_mech[]){ __VA_ARGS__ }) / sizeof(enum gss_mech)

static enum mech_result send_init(const enum gss_mech *mechs, size_t n, struct view token)
{
	uint8_t out[512];
	size_t len;

	assert_int_equal(spnego_init_write(mechs, n, token, out, sizeof out, &len), 0);
	return spnego_accept(&spnego, &offer, (struct view){ out, len });
}

static struct view text(const char *s)
{
	return s ? (struct view){ (const uint8_t *)s, strlen(s) } : VIEW_NULL;
}

static enum mech_result send_resp(enum spnego_state state, const char *token, const char *mic)
{
	const struct spnego_resp r = { .state = state, .response_token = text(token), .mech_list_mic = text(mic) };
	uint8_t out[512];
	size_t len;

	assert_int_equal(spnego_resp_write(&r, out, sizeof out, &len), 0);
	return spnego_accept(&spnego, &offer, (struct view){ out, len });
}

/* The answer: its state, the mechanism that is echoed (0: none), token and MIC. */
static void expect(enum spnego_state state, enum gss_mech mech, const char *token, const char *mic)
{
	struct spnego_resp r;

	assert_int_equal(spnego_resp_read(mech_token(&spnego.reply), &r), 0);
	assert_int_equal(r.state, state);
	assert_int_equal(r.supported_mech.p ? gss_mech_of(r.supported_mech) : 0, mech);
	assert_int_equal(r.response_token.p != NULL, token != NULL);
	if (token)
		assert_memory_equal(r.response_token.p, token, strlen(token));
	assert_int_equal(r.mech_list_mic.p != NULL, mic != NULL);
	if (mic)
		assert_memory_equal(r.mech_list_mic.p, mic, strlen(mic));
}

static void refused(enum mech_result result, enum refusal refusal, const char *detail)
{
	assert_int_equal(result, MECH_REFUSED);
	assert_int_equal(spnego.reply.refusal, refusal);
	if (!strstr(spnego.reply.detail, detail))
		fail_msg("%s", spnego.reply.detail);
	assert_null(mech_token(&spnego.reply).p);
}

/* ---- the first mechanism, with its token ---- */

static void test_first_at_once(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NTLM), text("0")), MECH_COMPLETE);
	expect(SPNEGO_ACCEPT_COMPLETED, GSS_MECH_MS_KRB5, "a", NULL);
	assert_ptr_equal(spnego.mech, &krb5.mech);
	refused(send_resp(SPNEGO_ACCEPT_COMPLETED, NULL, "good"), REFUSAL_PROTOCOL, "out of order");
}

/* A client that sends its MIC has it verified and answered. */
static void test_first_with_mic(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM), text("0")), MECH_CONTINUE);
	expect(SPNEGO_ACCEPT_INCOMPLETE, GSS_MECH_NTLM, "a", NULL);
	assert_int_equal(send_resp(SPNEGO_NO_STATE, "1", "good"), MECH_COMPLETE);
	expect(SPNEGO_ACCEPT_COMPLETED, 0, NULL, "ours");
	assert_int_equal(ntlm.verified, 1);
}

static void test_first_without_mic(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM, GSS_MECH_KRB5), text("0")), MECH_CONTINUE);
	assert_int_equal(send_resp(SPNEGO_ACCEPT_INCOMPLETE, "1", NULL), MECH_COMPLETE);
	expect(SPNEGO_ACCEPT_COMPLETED, 0, NULL, NULL);
	assert_int_equal(ntlm.verified + ntlm.mics, 0);
}

static void test_first_without_token(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM), VIEW_NULL), MECH_CONTINUE);
	expect(SPNEGO_ACCEPT_INCOMPLETE, GSS_MECH_NTLM, NULL, NULL);
	assert_int_equal(send_resp(SPNEGO_NO_STATE, "0", NULL), MECH_CONTINUE);
	expect(SPNEGO_ACCEPT_INCOMPLETE, 0, "a", NULL);
	assert_int_equal(send_resp(SPNEGO_NO_STATE, "1", NULL), MECH_COMPLETE);
}

/* ---- another one than the first ---- */

/* The token is not for it, and MICs are demanded in both directions. */
static void test_not_first(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_NEGOEX, GSS_MECH_NTLM), text("0")), MECH_CONTINUE);
	expect(SPNEGO_REQUEST_MIC, GSS_MECH_NTLM, NULL, NULL);
	assert_int_equal(ntlm.taken, 0);
	assert_int_equal(send_resp(SPNEGO_NO_STATE, "0", NULL), MECH_CONTINUE);
	assert_int_equal(send_resp(SPNEGO_NO_STATE, "1", "good"), MECH_COMPLETE);
	expect(SPNEGO_ACCEPT_COMPLETED, 0, NULL, "ours");
}

/* Our MIC goes with the last token, and the client's comes after it: nothing more is said. */
static void test_mic_after_last_token(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_USER_TO_USER, GSS_MECH_KRB5), text("x")), MECH_REFUSED);
	spnego_reset(&spnego);
	u2u.unavailable = true;
	assert_int_equal(send_init(LIST(GSS_MECH_USER_TO_USER, GSS_MECH_KRB5), text("x")), MECH_CONTINUE);
	expect(SPNEGO_REQUEST_MIC, GSS_MECH_KRB5, NULL, NULL);
	assert_int_equal(send_resp(SPNEGO_NO_STATE, "0", NULL), MECH_CONTINUE);
	expect(SPNEGO_ACCEPT_INCOMPLETE, 0, "a", "ours");
	assert_int_equal(send_resp(SPNEGO_ACCEPT_COMPLETED, NULL, "good"), MECH_COMPLETE);
	assert_null(mech_token(&spnego.reply).p);
	assert_int_equal(krb5.mics, 1);
}

/* Nothing but the MIC completes it. */
static void test_mic_missing(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		(void)done(NULL);
		(void)fresh(NULL);
		assert_int_equal(send_init(LIST(GSS_MECH_UNKNOWN + 1, GSS_MECH_NTLM), VIEW_NULL), MECH_CONTINUE);
		assert_int_equal(send_resp(SPNEGO_NO_STATE, "0", NULL), MECH_CONTINUE);
		assert_int_equal(send_resp(SPNEGO_NO_STATE, "1", NULL), MECH_CONTINUE);
		expect(SPNEGO_ACCEPT_INCOMPLETE, 0, NULL, "ours");
		switch (i) {
		case 0:
			refused(send_resp(SPNEGO_ACCEPT_COMPLETED, NULL, NULL), REFUSAL_PROTOCOL, "without a token or");
			break;
		case 1:
			refused(send_resp(SPNEGO_ACCEPT_COMPLETED, NULL, "bad!"), REFUSAL_REPLAY, "the MIC");
			break;
		case 2:
			refused(send_resp(SPNEGO_ACCEPT_COMPLETED, "2", "good"), REFUSAL_PROTOCOL, "out of order");
			break;
		default:
			assert_int_equal(send_resp(SPNEGO_ACCEPT_COMPLETED, NULL, "good"), MECH_COMPLETE);
			break;
		}
	}
}

static void test_wrong_mic(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM), text("0")), MECH_CONTINUE);
	refused(send_resp(SPNEGO_NO_STATE, "1", "bad!"), REFUSAL_REPLAY, "the MIC");
	assert_int_equal(ntlm.mics, 0);
}

/* Before the mechanism is complete there is nothing to verify it with. */
static void test_early_mic(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM), VIEW_NULL), MECH_CONTINUE);
	refused(send_resp(SPNEGO_NO_STATE, "0", "good"), REFUSAL_PROTOCOL, "before the last token");
	(void)done(NULL);
	(void)fresh(NULL);
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM), VIEW_NULL), MECH_CONTINUE);
	refused(send_resp(SPNEGO_NO_STATE, NULL, "good"), REFUSAL_PROTOCOL, "out of order");
	assert_int_equal(ntlm.verified, 0);
}

/* ---- user-to-user ---- */

static const uint8_t tgt_req[] = { 0x60, 0x0e, 0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3, 4, 0 };

/* What @list begins with, and the token of user-to-user, choose it or do not. */
static void test_user_to_user(void **state)
{
	const struct view token = { tgt_req, sizeof tgt_req };

	/* mstsc's: the token makes MS-KRB5 user-to-user, and without it there is no Kerberos of that client */
	refused(send_init(LIST(GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM), token),
		REFUSAL_BAD_CREDENTIALS, "another token");
	assert_ptr_equal(spnego.mech, &u2u.mech);
	spnego_reset(&spnego);
	u2u.unavailable = true;
	assert_int_equal(send_init(LIST(GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM), token),
			 MECH_CONTINUE);
	expect(SPNEGO_REQUEST_MIC, GSS_MECH_NTLM, NULL, NULL);
	spnego_reset(&spnego);
	offer.user_to_user = NULL;
	assert_int_equal(send_init(LIST(GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM), token),
			 MECH_CONTINUE);
	expect(SPNEGO_REQUEST_MIC, GSS_MECH_NTLM, NULL, NULL);
	/* FreeRDP's: it takes the other form, too */
	spnego_reset(&spnego);
	assert_int_equal(send_init(LIST(GSS_MECH_USER_TO_USER, GSS_MECH_KRB5, GSS_MECH_NTLM), token), MECH_CONTINUE);
	expect(SPNEGO_REQUEST_MIC, GSS_MECH_KRB5, NULL, NULL);
}

/* MICs are exchanged although nothing was downgraded. */
static void test_always_mic(void **state)
{
	assert_int_equal(send_init(LIST(GSS_MECH_USER_TO_USER), text("0")), MECH_CONTINUE);
	expect(SPNEGO_ACCEPT_INCOMPLETE, GSS_MECH_USER_TO_USER, "a", NULL);
	assert_int_equal(send_resp(SPNEGO_ACCEPT_INCOMPLETE, "1", NULL), MECH_CONTINUE);
	expect(SPNEGO_ACCEPT_INCOMPLETE, 0, "b", "ours");
	assert_int_equal(send_resp(SPNEGO_ACCEPT_COMPLETED, NULL, "good"), MECH_COMPLETE);
}

/* ---- what is served elsewhere, or not at all ---- */

static void test_elsewhere(void **state)
{
	offer = (struct spnego_offer){ .krb5 = &krb5.mech, .user_to_user = &u2u.mech, .ntlm_elsewhere = true };
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM, GSS_MECH_KRB5), text("0")), MECH_UNAVAILABLE);
	assert_int_equal(send_init(LIST(GSS_MECH_NEGOEX, GSS_MECH_NTLM, GSS_MECH_KRB5), text("0")), MECH_UNAVAILABLE);
	assert_int_equal(send_init(LIST(GSS_MECH_NEGOEX), VIEW_NULL), MECH_UNAVAILABLE);
	assert_int_equal(send_init(LIST(GSS_MECH_KRB5, GSS_MECH_NTLM), text("0")), MECH_COMPLETE);
	spnego_reset(&spnego);
	offer = (struct spnego_offer){ .ntlm = &ntlm.mech, .krb5_elsewhere = true };
	assert_int_equal(send_init(LIST(GSS_MECH_KRB5, GSS_MECH_NTLM), text("0")), MECH_UNAVAILABLE);
	assert_int_equal(send_init(LIST(GSS_MECH_USER_TO_USER, GSS_MECH_NTLM), text("0")), MECH_UNAVAILABLE);
	assert_int_equal(ntlm.taken, 0);
	/* once the other template has passed it on */
	offer.krb5_elsewhere = false;
	assert_int_equal(send_init(LIST(GSS_MECH_KRB5, GSS_MECH_NTLM), text("0")), MECH_CONTINUE);
	expect(SPNEGO_REQUEST_MIC, GSS_MECH_NTLM, NULL, NULL);
}

/* ---- what is not SPNEGO ---- */

static void test_malformed(void **state)
{
	static const char *const first[] = { "", "x", "\x60\x02\x06\x00", "\xa0\x02\x30\x00", "\xa1\x02\x30\x00" };

	for (size_t i = 0; i < sizeof first / sizeof *first; i++)
		refused(spnego_accept(&spnego, &offer, (struct view){ (const uint8_t *)first[i], strlen(first[i]) }),
			REFUSAL_PROTOCOL, "");
	refused(send_resp(SPNEGO_NO_STATE, "0", NULL), REFUSAL_PROTOCOL, "out of order");
	refused(send_resp(SPNEGO_REJECT, NULL, NULL), REFUSAL_PROTOCOL, "rejected");
	assert_int_equal(send_init(LIST(GSS_MECH_NTLM), VIEW_NULL), MECH_CONTINUE);
	refused(send_init(LIST(GSS_MECH_NTLM), VIEW_NULL), REFUSAL_PROTOCOL, "second NegTokenInit");
	refused(send_resp(SPNEGO_REJECT, "0", NULL), REFUSAL_PROTOCOL, "rejected");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, done)
	const struct CMUnitTest tests[] = {
		TEST(test_first_at_once),       TEST(test_first_with_mic), TEST(test_first_without_mic),
		TEST(test_first_without_token), TEST(test_not_first),      TEST(test_mic_after_last_token),
		TEST(test_mic_missing),         TEST(test_wrong_mic),      TEST(test_early_mic),
		TEST(test_user_to_user),        TEST(test_always_mic),     TEST(test_elsewhere),
		TEST(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
