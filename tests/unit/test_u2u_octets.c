/* SPDX-License-Identifier: MIT */
/* Kerberos user-to-user with octets that are others on the way, and tokens as large as they can be. */
#include "tests/unit/altered.h"

/* ---- sizes ---- */

static struct buf name_of(size_t a, size_t b)
{
	return mstsc_init(JOIN(component(buf_fill('a', a)), component(buf_fill('b', b))));
}

static struct buf list_of(size_t len)
{
	/* MS-KRB5 and one that nobody knows, with the tag and length of the list and of that one */
	struct buf unknown = tlv_long(2, 0x06, buf_fill(0x2a, len - 4 - 11 - 4));
	struct buf list = tlv_long(2, 0x30, JOIN(mech(GSS_MECH_MS_KRB5), unknown));
	struct buf request = frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, tgt_req_of(component(LIT("x"))));

	assert_int_equal(list.len, len);
	return tlv(0x60, JOIN(mech(GSS_MECH_SPNEGO),
			      context(0, sequence(JOIN(context(0, list), context(2, octets(request)))))));
}

static void assert_first(struct buf token, bool taken)
{
	FOR_BOTH(template)
	{
		struct talk *t = spawn(*template);
		uint8_t type;

		send_start(t);
		type = give(t, buf_copy(token.p, token.len), VIEW_NULL);
		if (taken) {
			assert_int_equal(type, WORKER_REPLY);
			assert_int_equal(finish(t), 0);
		} else {
			refused(t, type, REFUSAL_PROTOCOL, 0);
			assert_string_equal(t->failed.detail, "malformed TGT-REQ");
		}
	}
	buf_free(&token);
}

static void test_sizes(void **unused)
{
	(void)unused;
	assert_first(name_of(7, PRINCIPAL_MAX - 8), true);
	assert_first(name_of(7, PRINCIPAL_MAX - 7), false);
	assert_first(name_of(PRINCIPAL_MAX - 2, 1), true);
	assert_first(name_of(PRINCIPAL_MAX - 1, 1), false);
	assert_first(name_of(PRINCIPAL_MAX, 1), false);
	assert_first(name_of(PRINCIPAL_MAX, 400), false);
	assert_first(name_of(PRINCIPAL_MAX, 60000), false);
	assert_first(name_of(PRINCIPAL_MAX + 1, 1), false);
	assert_first(list_of(MECH_TYPES_MAX), true);
	assert_first(list_of(MECH_TYPES_MAX + 1), false);
	assert_first(list_of(60000), false);
}

/* ---- a list that the token is not for ---- */

/* It would have to be echoed: whoever offers something else first has another conversation, or none. */
static void test_other_first(void **unused)
{
	static const enum gss_mech first[] = { GSS_MECH_NTLM, GSS_MECH_NEGOEX, GSS_MECH_SPNEGO };

	(void)unused;
	for (size_t i = 0; i <= sizeof first / sizeof *first; i++) {
		bool none = i == sizeof first / sizeof *first;
		struct buf list = none ? buf_new(0) : JOIN(mech(first[i]), mech(GSS_MECH_MS_KRB5));
		struct buf request =
		    frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, tgt_req_of(component(LIT("x"))));
		struct buf token AUTO_BUF = neg_init(list, request);
		struct talk *t = spawn(&u2u_only);

		send_start(t);
		assert_int_equal(give(t, buf_copy(token.p, token.len), VIEW_NULL), WORKER_NOT_MINE);
		assert_int_equal(finish(t), 0);
		t = spawn(&krb5);
		send_start(t);
		if (none) {
			assert_int_equal(give(t, buf_copy(token.p, token.len), VIEW_NULL), WORKER_NOT_MINE);
		} else {
			struct spnego_resp r;

			assert_int_equal(give(t, buf_copy(token.p, token.len), VIEW_NULL), WORKER_REPLY);
			r = read_resp(t->reply.nego_token);
			assert_null(r.response_token.p);
			assert_int_equal(r.state, SPNEGO_REQUEST_MIC);
		}
		assert_int_equal(finish(t), 0);
	}
}

/* ---- every octet ---- */

/* What became of a conversation with another octet at one place. */
enum outcome { REFUSED, LOGGED_ON };

/*
 * The client has sent its token of @step with @mask over the octet @at, and goes on as if nothing were. Whatever comes
 * of it, the worker has not crashed, and nobody else is logged on.
 */
static enum outcome flipped(enum step step, size_t at, uint8_t mask, size_t *ret_len)
{
	struct talk *t = u2u_talk(&krb5, &tgt, &as_mstsc);
	struct buf token = up_to(t, step);
	uint8_t type;

	*ret_len = token.len;
	if (at < token.len)
		token.p[at] ^= mask;
	type = give(t, token, VIEW_NULL);
	for (unsigned s = (unsigned)step + 1; s < STEPS && type == WORKER_REPLY && !t->reply.has_error_code; s++) {
		struct view v = VIEW_NULL;

		if (initiator_step(t->initiator, t->reply.nego_token, &v) < 0) /* the client sees that it is wrong */
			break;
		type = give(t, view_buf(v), VIEW_NULL);
	}
	if (type == WORKER_REPLY && t->len == 1) {
		struct tsrequest out = { .pub_key_auth = sealed_key(t) };
		struct worker_authenticated a;

		send_tsrequest(t, &out);
		assert_int_equal(receive(t), WORKER_AUTHENTICATED);
		memcpy(&a, t->packet, sizeof a);
		assert_string_equal(a.principal, CLIENT);
		assert_int_equal(finish(t), 0);
		return LOGGED_ON;
	}
	assert_true(type == WORKER_REPLY || type == WORKER_FAILED || type == WORKER_NOT_MINE);
	assert_int_equal(finish(t), 0);
	return REFUSED;
}

static void test_octets(void **unused)
{
	(void)unused;
	for (enum step s = TGT_REQ; s < STEPS; s++) {
		size_t len = 1;

		for (size_t at = 0; at < len; at++)
			for (unsigned bit = 0; bit < 8; bit++)
				if (flipped(s, at, (uint8_t)(1U << bit), &len) == LOGGED_ON)
					printf("step %d at %zu of %zu bit %u\n", s, at, len, bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_other_first),
		cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, altered_set_up, altered_tear_down);
}
