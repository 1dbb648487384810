/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/* Kerberos user-to-user with octets that are others on the way, and tokens as large as they can be. */
#include "common/wire/der.h"
#include "tests/unit/altered.h"

/* ---- sizes ---- */

static struct buf name_of(size_t a, size_t b)
{
	return mstsc_init(JOIN(component(buf_fill('a', a)), component(buf_fill('b', b))));
}

static struct buf list_of(size_t len)
{
	/* MS-KRB5 and an unknown mechanism, with the tag and length of the list and of that mechanism */
	struct buf unknown = tlv_long(2, 0x06, buf_fill(0x2a, len - 4 - 11 - 4));
	struct buf list = tlv_long(2, 0x30, JOIN(mech(GSS_MECH_MS_KRB5), unknown));
	struct buf request = frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, tgt_req_of(component(LIT("x"))));

	assert_int_equal(list.len, len);
	return tlv(0x60, JOIN(mech(GSS_MECH_SPNEGO),
			      context(0, sequence(JOIN(context(0, list), context(2, octets(request)))))));
}

/* @why: the text of the refusal; NULL: it is taken. */
static void assert_first(struct buf token, const char *why)
{
	FOR_BOTH(template)
	{
		struct talk *t = spawn(*template);
		uint8_t type;

		send_start(t);
		type = give(t, buf_copy(token.p, token.len), VIEW_NULL);
		if (!why) {
			assert_int_equal(type, WORKER_REPLY);
			assert_int_equal(finish(t), 0);
		} else {
			refused(t, type, REFUSAL_PROTOCOL, 0);
			assert_string_equal(t->failed.detail, why);
		}
	}
	buf_free(&token);
}

static void test_sizes(void **unused)
{
	assert_first(name_of(7, PRINCIPAL_MAX - 8), NULL);
	assert_first(name_of(7, PRINCIPAL_MAX - 7), "malformed TGT-REQ");
	assert_first(name_of(PRINCIPAL_MAX - 2, 1), NULL);
	assert_first(name_of(PRINCIPAL_MAX - 1, 1), "malformed TGT-REQ");
	assert_first(name_of(PRINCIPAL_MAX, 1), "malformed TGT-REQ");
	assert_first(name_of(PRINCIPAL_MAX, 400), "malformed TGT-REQ");
	assert_first(name_of(PRINCIPAL_MAX, 60000), "malformed TGT-REQ");
	assert_first(name_of(PRINCIPAL_MAX + 1, 1), "malformed TGT-REQ");
	assert_first(list_of(MECH_TYPES_MAX), NULL);
	assert_first(list_of(MECH_TYPES_MAX + 1), "mechTypes is too long");
	assert_first(list_of(60000), "mechTypes is too long");
}

/* ---- a list that the token is not for ---- */

/* The token is for the first mechanism: after another one it is dropped, and Kerberos goes on with service tickets. */
static void test_other_first(void **unused)
{
	static const enum gss_mech first[] = { GSS_MECH_NTLM, GSS_MECH_NEGOEX, GSS_MECH_SPNEGO };

	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		struct buf request =
		    frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, tgt_req_of(component(LIT("x"))));
		struct buf token AUTO_BUF = neg_init(JOIN(mech(first[i]), mech(GSS_MECH_MS_KRB5)), request);
		struct talk *t = spawn(&u2u_only);
		struct spnego_resp r;

		send_start(t);
		assert_int_equal(give(t, buf_copy(token.p, token.len), VIEW_NULL), WORKER_NOT_MINE);
		assert_int_equal(finish(t), 0);
		t = spawn(&krb5);
		send_start(t);
		if (first[i] == GSS_MECH_NTLM) { /* which comes first, and the other template serves */
			assert_int_equal(give(t, buf_copy(token.p, token.len), VIEW_NULL), WORKER_NOT_MINE);
			assert_int_equal(finish(t), 0);
			t = spawn(&krb5);
			t->flags = WORKER_LAST_RESORT;
			send_start(t);
		}
		assert_int_equal(give(t, buf_copy(token.p, token.len), VIEW_NULL), WORKER_REPLY);
		r = read_resp(t->reply.nego_token);
		assert_null(r.response_token.p);
		assert_int_equal(r.state, SPNEGO_REQUEST_MIC);
		assert_int_equal(finish(t), 0);
	}
}

/* ---- every octet ---- */

/* What nothing protects in a token: an octet, and a range of which the first one has bits that count. */
struct unprotected {
	size_t state; /* negState; 0: none */
	size_t from, to;
	uint8_t except; /* bits at @from that must be as they are */
};

/* Where the ciphertext of the ticket in the AP-REQ @message begins: RFC 4120 5.3, 5.5.1. */
static const uint8_t *ciphertext(struct view message)
{
	struct der d = der_init(message.p, message.len), field;

	d = der_enter(&d, DER_APPLICATION(14));
	d = der_enter(&d, DER_SEQUENCE);
	for (uint8_t n = 0; n < 3; n++) /* pvno, msg-type, ap-options */
		(void)der_take(&d, DER_CONTEXT(n));
	d = der_enter(&d, DER_CONTEXT(3));
	d = der_enter(&d, DER_APPLICATION(1));
	d = der_enter(&d, DER_SEQUENCE);
	for (uint8_t n = 0; n < 3; n++) /* tkt-vno, realm, sname */
		(void)der_take(&d, DER_CONTEXT(n));
	d = der_enter(&d, DER_CONTEXT(3));
	d = der_enter(&d, DER_SEQUENCE);
	for (uint8_t n = 0; n < 2; n++) /* etype, kvno */
		(void)der_take(&d, DER_CONTEXT(n));
	field = der_enter(&d, DER_CONTEXT(2));
	assert_false(field.failed);
	return field.p;
}

static struct unprotected unprotected(enum step step, const struct buf *token)
{
	struct unprotected u = { .state = step == TGT_REQ ? 0 : 4 };
	const uint8_t *p;
	struct spnego_init init;
	struct spnego_resp resp;
	struct view message, options;

	if (step == TGT_REQ) { /* server-name, and what it is */
		assert_int_equal(spnego_init_read(buf_view(token), &init), 0);
		message = unframe(init.mech_token, USER_TO_USER_TGT_REQ);
		u.from = (size_t)(message.p - token->p) + 2 + 5 + 5;
		u.to = token->len;
		return u;
	}
	p = memmem(token->p, token->len, "\xa0\x03\x0a\x01", 4);
	assert_non_null(p);
	u.state = (size_t)(p - token->p) + 4;
	if (step == MIC)
		return u;
	resp = read_resp(buf_view(token));
	message = unframe(resp.response_token, USER_TO_USER_AP_REQ);
	options = ap_req_options(message);
	u.from = (size_t)(options.p - token->p);
	u.to = (size_t)(ciphertext(message) - token->p);
	u.except = AP_OPTION_USE_SESSION_KEY | AP_OPTION_MUTUAL_REQUIRED;
	return u;
}

static bool is_unprotected(const struct unprotected *u, size_t at, uint8_t mask)
{
	if (u->state && at == u->state)
		return true;
	return at >= u->from && at < u->to && !(at == u->from && mask & u->except);
}

/* Goes on with the token as if nothing were. Returns whether there is a context in the end. */
static bool carry_on(struct talk *t, enum step step, struct buf token)
{
	uint8_t type = give(t, token, VIEW_NULL);

	for (unsigned s = (unsigned)step + 1; s < STEPS && type == WORKER_REPLY; s++) {
		struct view v = VIEW_NULL;

		if (initiator_step(t->initiator, t->reply.nego_token, &v) < 0) /* the client sees that it is wrong */
			return false;
		type = give(t, view_buf(v), VIEW_NULL);
	}
	if (type != WORKER_REPLY && type != WORKER_FAILED && type != WORKER_NOT_MINE)
		fail_msg("answer %u", type);
	return type == WORKER_REPLY;
}

/*
 * The client has sent its token of @step with @mask over the octet @at. Only what is not protected can still lead to a
 * logon, which is the client's own; the worker has not crashed. Returns false when there is no such octet.
 */
static bool flip(enum step step, size_t at, uint8_t mask)
{
	struct talk *t = u2u_talk(&krb5, &tgt, &as_mstsc);
	struct buf token = up_to(t, step);
	struct unprotected u = unprotected(step, &token);
	bool inside = at < token.len;

	if (inside)
		token.p[at] ^= mask;
	if (carry_on(t, step, token)) {
		struct tsrequest out = { .pub_key_auth = sealed_key(t) };
		struct worker_authenticated a;

		if (inside && mask && !is_unprotected(&u, at, mask))
			fail_msg("token %d, octet %zu, bits %02x: taken", step, at, mask);
		send_tsrequest(t, &out);
		assert_int_equal(receive(t), WORKER_AUTHENTICATED);
		memcpy(&a, t->packet, sizeof a);
		assert_string_equal(a.principal, CLIENT);
	} else {
		assert_true(inside && mask);
	}
	assert_int_equal(finish(t), 0);
	return inside;
}

#define HEADERS 200 /* what is behind is ciphertext, of which one bit is as good as another */

/* Two bits of each octet of the headers, the second another one from octet to octet; all bits for tests/hostile/octets.slow. */
static void test_octets(void **unused)
{
	bool all = getenv("TEST_EVERY_BIT");

	for (enum step s = TGT_REQ; s < STEPS; s++) {
		assert_true(flip(s, 0, 0)); /* the twin */
		for (size_t at = 0; flip(s, at, 1); at++)
			for (unsigned bit = 1; bit < 8 && at < HEADERS; bit++)
				if (all || bit == 1 + at % 7)
					(void)flip(s, at, (uint8_t)(1U << bit));
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
