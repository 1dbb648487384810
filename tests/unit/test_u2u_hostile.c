/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/*
 * Kerberos user-to-user with clients that do something wrong. Every worker lives to say why it refuses, and every row
 * has its twin: the same exchange with nothing wrong in it is a logon.
 */
#include "tests/unit/altered.h"

static void test_twins(void **unused)
{
	for (enum step s = TGT_REQ; s < STEPS; s++)
		assert_harmless(s, as_it_is);
	FOR_BOTH(template)
	u2u_whole(u2u_talk(*template, &tgt, &as_mstsc));
}

/* ---- the AP-REQ ---- */

/* Another client's AP-REQ for a ticket under the first key of @keytab, with GSSAPI flags set and cleared. */
static struct buf foreign_ap_req(const char *keytab, unsigned set, unsigned clear, uint8_t options)
{
	struct initiator *i;
	struct view token, message;
	enum gss_mech m;
	struct buf ap_req;
	uint16_t id;

	assert_int_equal(initiator_new_krb5(keytab, false, &i), 0);
	initiator_flags(i, set, clear);
	assert_true(initiator_step(i, VIEW_NULL, &token) >= 0);
	if (gss_frame_read(token, &m, &id, &message) == 0) /* with DCE style there is no frame */
		assert_int_equal(id, USER_TO_USER_AP_REQ);
	else
		message = token;
	ap_req = view_buf(message);
	initiator_free(i);
	message = ap_req_options(buf_view(&ap_req));
	assert_non_null(message.p);
	ap_req.p[message.p - ap_req.p] = options;
	return ap_req;
}

#define U2U_OPTIONS (AP_OPTION_USE_SESSION_KEY | AP_OPTION_MUTUAL_REQUIRED)

static struct buf resp_with(struct buf ap_req)
{
	return neg_resp(SPNEGO_ACCEPT_INCOMPLETE, frame(GSS_MECH_USER_TO_USER, USER_TO_USER_AP_REQ, ap_req),
			buf_new(0));
}

#define AP_REQ_ALTERATION(name, keytab, set, clear, options) \
	static struct buf name(struct talk *t, struct buf token) \
	{ \
		(void)t; \
		buf_free(&token); \
		return resp_with(foreign_ap_req(keytab, set, clear, options)); \
	}
AP_REQ_ALTERATION(another_clients, tgt.keytab, 0, 0, U2U_OPTIONS)
AP_REQ_ALTERATION(under_others_tgt, others.keytab, 0, 0, U2U_OPTIONS)
AP_REQ_ALTERATION(under_long_term_key, long_term, 0, 0, U2U_OPTIONS)
AP_REQ_ALTERATION(under_host_key, host_key, 0, 0, U2U_OPTIONS)
AP_REQ_ALTERATION(without_use_session_key, tgt.keytab, 0, 0, AP_OPTION_MUTUAL_REQUIRED)
AP_REQ_ALTERATION(without_options, tgt.keytab, 0, 0, 0)
AP_REQ_ALTERATION(without_mutual_option, tgt.keytab, 0, 0, AP_OPTION_USE_SESSION_KEY)
AP_REQ_ALTERATION(without_mutual_flag, tgt.keytab, 0, GSS_C_MUTUAL_FLAG, U2U_OPTIONS)
AP_REQ_ALTERATION(dce_style, tgt.keytab, GSS_C_DCE_STYLE, 0, U2U_OPTIONS)

static void test_ap_req(void **unused)
{
	assert_harmless(AP_REQ, another_clients);
	assert_altered("another server's TGT", AP_REQ, under_others_tgt, REFUSAL_BAD_CREDENTIALS, ": ");
	assert_altered("the long-term key", AP_REQ, under_long_term_key, REFUSAL_BAD_CREDENTIALS, ": ");
	assert_altered("another service's key", AP_REQ, under_host_key, REFUSAL_BAD_CREDENTIALS, ": ");
	assert_altered("no USE_SESSION_KEY", AP_REQ, without_use_session_key, REFUSAL_PROTOCOL, "USE_SESSION_KEY");
	assert_altered("no options", AP_REQ, without_options, REFUSAL_PROTOCOL, "USE_SESSION_KEY");
	assert_altered("no MUTUAL in ap-options", AP_REQ, without_mutual_option, REFUSAL_REPLAY, "mutual");
	assert_altered("no MUTUAL in the authenticator", AP_REQ, without_mutual_flag, REFUSAL_REPLAY, "mutual");
	/* MIT knows by the flag that it should have come without a frame */
	assert_altered("DCE style", AP_REQ, dce_style, REFUSAL_BAD_CREDENTIALS, ": ");
}

/* The other way round: an ordinary AP-REQ, but the ticket is under the session key of our TGT. */
static void test_service_ticket_under_session_key(void **unused)
{
	for (int spnego = 0; spnego < 2; spnego++) {
		struct talk *t = service_talk(&krb5, spnego, tgt.keytab);

		send_start(t);
		refused(t, authenticate(t), REFUSAL_BAD_CREDENTIALS, NTSTATUS_LOGON_FAILURE);
		t = service_talk(&u2u_only, spnego, tgt.keytab);
		send_start(t);
		assert_int_equal(authenticate(t), WORKER_NOT_MINE);
		assert_int_equal(finish(t), 0);
		whole(service_talk(&krb5, spnego, long_term), CLIENT);
	}
}

/* ---- tokens out of order, and of others ---- */

static struct buf tgt_req_again(struct talk *t, struct buf token)
{
	buf_free(&token);
	return mstsc_init(JOIN(component(LIT("TERMSRV")), component(LIT(HOST))));
}

static struct buf tgt_req_in_resp(struct talk *t, struct buf token)
{
	struct buf request = tgt_req_of(JOIN(component(LIT("TERMSRV")), component(LIT(HOST))));

	buf_free(&token);
	return neg_resp(SPNEGO_ACCEPT_INCOMPLETE, frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REQ, request),
			buf_new(0));
}

static struct buf ap_req_first(struct talk *t, struct buf token)
{
	struct buf ap_req = foreign_ap_req(tgt.keytab, 0, 0, U2U_OPTIONS);

	buf_free(&token);
	return neg_init(JOIN(mech(GSS_MECH_MS_KRB5), mech(GSS_MECH_KRB5)),
			frame(GSS_MECH_USER_TO_USER, USER_TO_USER_AP_REQ, ap_req));
}

static struct buf tgt_rep_first(struct talk *t, struct buf token)
{
	buf_free(&token);
	return neg_init(mech(GSS_MECH_USER_TO_USER),
			frame(GSS_MECH_USER_TO_USER, USER_TO_USER_TGT_REP, tgt_req_of(component(LIT("x")))));
}

/* The message in a frame of Kerberos, that is for a service ticket. */
static struct buf krb5_frame_in_resp(struct talk *t, struct buf token)
{
	struct buf ap_req = foreign_ap_req(tgt.keytab, 0, 0, U2U_OPTIONS);

	buf_free(&token);
	return neg_resp(SPNEGO_ACCEPT_INCOMPLETE, frame(GSS_MECH_KRB5, USER_TO_USER_AP_REQ, ap_req), buf_new(0));
}

static struct buf krb5_frame_raw(struct talk *t, struct buf token)
{
	buf_free(&token);
	return frame(GSS_MECH_KRB5, USER_TO_USER_AP_REQ, foreign_ap_req(long_term, 0, 0, U2U_OPTIONS));
}

static struct buf u2u_frame_raw(struct talk *t, struct buf token)
{
	struct spnego_resp r = read_resp(buf_view(&token));
	struct buf raw = view_buf(r.response_token.p ? r.response_token : r.mech_list_mic);

	buf_free(&token);
	return raw;
}

/* The third message of an NTLM exchange with another server, unchanged. */
static struct buf authenticate_message(void)
{
	struct talk *t = &talk; /* stays as it is: the other one is another worker's */
	static struct talk kept;
	struct buf message;

	kept = *t;
	t = spawn(&ntlm);
	assert_int_equal(initiator_new_ntlm("D\\alice", "Passw0rd", false, &t->initiator), 0);
	send_start(t);
	assert_int_equal(give(t, next_token(t), VIEW_NULL), WORKER_REPLY);
	message = next_token(t);
	assert_memory_equal(message.p, "NTLMSSP\0\3", 9);
	assert_int_equal(finish(t), 0);
	talk = kept;
	return message;
}

static struct buf ntlm_raw(struct talk *t, struct buf token)
{
	buf_free(&token);
	return authenticate_message();
}

static struct buf ntlm_in_resp(struct talk *t, struct buf token)
{
	buf_free(&token);
	return neg_resp(SPNEGO_ACCEPT_INCOMPLETE, authenticate_message(), buf_new(0));
}

static struct buf empty_resp(struct talk *t, struct buf token)
{
	buf_free(&token);
	return neg_resp(SPNEGO_ACCEPT_INCOMPLETE, buf_new(0), buf_new(0));
}

static struct buf nonsense(struct talk *t, struct buf token)
{
	buf_free(&token);
	return LIT("nonsense");
}

static struct buf with_octet_behind(struct talk *t, struct buf token)
{
	return JOIN(token, LIT("\0"));
}

static struct buf without_last_octet(struct talk *t, struct buf token)
{
	token.len--;
	return token;
}

/* The same token, with another negState. */
static struct buf with_state(struct buf token, enum spnego_state state)
{
	struct spnego_resp r = read_resp(buf_view(&token));
	struct buf other = neg_resp(state, view_buf(r.response_token), view_buf(r.mech_list_mic));

	buf_free(&token);
	return other;
}

static struct buf rejecting(struct talk *t, struct buf token)
{
	return with_state(token, SPNEGO_REJECT);
}

static struct buf requesting_mic(struct talk *t, struct buf token)
{
	return with_state(token, SPNEGO_REQUEST_MIC);
}

/* The right AP-REQ, with a MIC beside it, which no client can have made yet. */
static struct buf with_mic(struct talk *t, struct buf token)
{
	struct spnego_resp r = read_resp(buf_view(&token));
	struct buf both_ = neg_resp(r.state, view_buf(r.response_token), LIT("a MIC"));

	buf_free(&token);
	return both_;
}

/* The right MIC, and a token beside it. */
static struct buf with_token(struct talk *t, struct buf token)
{
	struct spnego_resp r = read_resp(buf_view(&token));
	struct buf both_ = neg_resp(r.state, LIT("a token"), view_buf(r.mech_list_mic));

	buf_free(&token);
	return both_;
}

static void test_first_token(void **unused)
{
	assert_harmless(TGT_REQ, tgt_req_again);
	assert_altered("AP-REQ first", TGT_REQ, ap_req_first, REFUSAL_PROTOCOL, "without a TGT-REQ");
	assert_altered("TGT-REP first", TGT_REQ, tgt_rep_first, REFUSAL_PROTOCOL, "no AP-REQ");
}

static void test_second_token(void **unused)
{
	assert_altered("TGT-REQ twice", AP_REQ, tgt_req_again, REFUSAL_PROTOCOL, "a second NegTokenInit");
	assert_altered("TGT-REQ in NegTokenResp", AP_REQ, tgt_req_in_resp, REFUSAL_PROTOCOL, "a second TGT-REQ");
	assert_altered("frame of Kerberos", AP_REQ, krb5_frame_in_resp, REFUSAL_PROTOCOL, "not the Kerberos token");
	assert_altered("frame of Kerberos, raw", AP_REQ, krb5_frame_raw, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("without SPNEGO", AP_REQ, u2u_frame_raw, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("NTLM", AP_REQ, ntlm_raw, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("NTLM in NegTokenResp", AP_REQ, ntlm_in_resp, REFUSAL_PROTOCOL, "not the Kerberos token");
	assert_altered("nothing in it", AP_REQ, empty_resp, REFUSAL_PROTOCOL, "without a token or a mechListMIC");
	assert_altered("nonsense", AP_REQ, nonsense, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("an octet more", AP_REQ, with_octet_behind, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("an octet less", AP_REQ, without_last_octet, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("reject", AP_REQ, rejecting, REFUSAL_PROTOCOL, "rejected the negotiation");
	assert_altered("a MIC beside it", AP_REQ, with_mic, REFUSAL_REPLAY, "not made with the acceptor's subkey");
	assert_harmless(AP_REQ, requesting_mic);
}

static void test_third_token(void **unused)
{
	assert_altered("TGT-REQ", MIC, tgt_req_again, REFUSAL_PROTOCOL, "a second NegTokenInit");
	assert_altered("TGT-REQ in NegTokenResp", MIC, tgt_req_in_resp, REFUSAL_PROTOCOL, "a token out of order");
	assert_altered("AP-REQ again", MIC, another_clients, REFUSAL_PROTOCOL, "a token out of order");
	assert_altered("frame of Kerberos", MIC, krb5_frame_in_resp, REFUSAL_PROTOCOL, "a token out of order");
	assert_altered("frame of Kerberos, raw", MIC, krb5_frame_raw, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("MIC without SPNEGO", MIC, u2u_frame_raw, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("NTLM", MIC, ntlm_raw, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("NTLM in NegTokenResp", MIC, ntlm_in_resp, REFUSAL_PROTOCOL, "a token out of order");
	assert_altered("no MIC", MIC, empty_resp, REFUSAL_PROTOCOL, "without a token or a mechListMIC");
	assert_altered("nonsense", MIC, nonsense, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("an octet more", MIC, with_octet_behind, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("an octet less", MIC, without_last_octet, REFUSAL_PROTOCOL, "malformed SPNEGO");
	assert_altered("reject", MIC, rejecting, REFUSAL_PROTOCOL, "rejected the negotiation");
	assert_altered("a token beside it", MIC, with_token, REFUSAL_PROTOCOL,
		       "a token and a mechListMIC out of order");
	assert_harmless(MIC, requesting_mic);
}

/* Nothing but pubKeyAuth or authInfo, where a token is owed. */
static void test_no_token(void **unused)
{
	FOR_BOTH(template)
	{
		for (unsigned i = 0; i < 4; i++) {
			struct talk *t = u2u_talk(*template, &tgt, &as_mstsc);
			struct buf token AUTO_BUF = up_to(t, i == 3 ? AP_REQ : MIC);
			struct tsrequest out = { .version = 0 };
			uint8_t octets[100] = { 5, 4, 6 };

			if (i == 0) /* without the MIC, but rightly sealed */
				out.pub_key_auth = sealed_key(t);
			else if (i == 1)
				out.auth_info = (struct view){ octets, sizeof octets };
			else /* beside a token that another one must follow */
				out.pub_key_auth = (struct view){ octets, sizeof octets };
			if (i == 3)
				out.nego_token = buf_view(&token);
			send_tsrequest(t, &out);
			refused(t, receive(t), REFUSAL_PROTOCOL, 0);
		}
	}
}

/* After the MIC there is no token any more. */
static void test_fourth_token(void **unused)
{
	FOR_BOTH(template)
	{
		struct talk *t = u2u_talk(*template, &tgt, &as_mstsc);
		struct buf token = up_to(t, MIC), again = buf_copy(token.p, token.len);

		assert_int_equal(give(t, token, VIEW_NULL), WORKER_REPLY);
		refused(t, give(t, again, VIEW_NULL), REFUSAL_PROTOCOL, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_ap_req),
		cmocka_unit_test(test_service_ticket_under_session_key),
		cmocka_unit_test(test_first_token),
		cmocka_unit_test(test_second_token),
		cmocka_unit_test(test_third_token),
		cmocka_unit_test(test_no_token),
		cmocka_unit_test(test_fourth_token),
	};

	return cmocka_run_group_tests(tests, altered_set_up, altered_tear_down);
}
