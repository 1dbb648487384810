/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: the processes of the real program are under filters, which the runtime does not survive. */
/* Kerberos user-to-user: the client's mechListMIC, and replays, which it is there against. */
#include <gssapi/gssapi_krb5.h>

#include "common/initiator/initiator-krb5.h"
#include "tests/unit/altered.h"

/* ---- mechListMIC ---- */

#define USAGE_ACCEPTOR_SIGN 23 /* RFC 4121 2 */
#define USAGE_INITIATOR_SIGN 25
#define SUBKEY_OF_ACCEPTOR 4U /* RFC 4121 4.2.2 */

/* A MIC of our own making, under one of the context's keys; the context is gone then. */
static struct buf mic_over(struct talk *t, bool acceptors, uint8_t flags, krb5_keyusage usage, struct buf list)
{
	const uint8_t header[16] = { 4, 4, flags, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1 };
	const gss_krb5_lucid_context_v1_t *lucid;
	const gss_krb5_lucid_key_t *from;
	krb5_keyblock key = { .magic = 0 };
	struct buf signed_octets AUTO_BUF = JOIN(list, buf_copy(header, sizeof header));
	krb5_data in = { .length = (unsigned)signed_octets.len, .data = (char *)signed_octets.p };
	krb5_checksum sum;
	struct buf mic;
	OM_uint32 minor;
	void *exported;

	assert_int_equal(
	    gss_krb5_export_lucid_sec_context(&minor, &((struct krb5_initiator *)t->initiator)->ctx, 1, &exported),
	    GSS_S_COMPLETE);
	lucid = exported;
	assert_int_equal(lucid->cfx_kd.have_acceptor_subkey, 1);
	from = acceptors ? &lucid->cfx_kd.acceptor_subkey : &lucid->cfx_kd.ctx_key;
	key.enctype = (krb5_enctype)from->type;
	key.length = from->length;
	key.contents = from->data;
	assert_int_equal(krb5_c_make_checksum(krb5_lib, 0, &key, usage, &in, &sum), 0);
	mic = JOIN(buf_copy(header, sizeof header), buf_copy(sum.contents, sum.length));
	krb5_free_checksum_contents(krb5_lib, &sum);
	(void)gss_krb5_free_lucid_sec_context(&minor, exported);
	return mic;
}

static struct buf mstsc_list(void)
{
	return sequence(JOIN(mech(GSS_MECH_MS_KRB5), mech(GSS_MECH_KRB5), mech(GSS_MECH_NEGOEX), mech(GSS_MECH_NTLM)));
}

static struct buf other_list(void)
{
	return sequence(JOIN(mech(GSS_MECH_MS_KRB5), mech(GSS_MECH_KRB5), mech(GSS_MECH_NTLM)));
}

#define MIC_ALTERATION(name, acceptors, flags, usage, list) \
	static struct buf name(struct talk *t, struct buf token) \
	{ \
		buf_free(&token); \
		return neg_resp(SPNEGO_ACCEPT_COMPLETED, buf_new(0), mic_over(t, acceptors, flags, usage, list)); \
	}
MIC_ALTERATION(our_mic, true, SUBKEY_OF_ACCEPTOR, USAGE_INITIATOR_SIGN, mstsc_list())
MIC_ALTERATION(mic_of_other_list, true, SUBKEY_OF_ACCEPTOR, USAGE_INITIATOR_SIGN, other_list())
MIC_ALTERATION(mic_of_nothing, true, SUBKEY_OF_ACCEPTOR, USAGE_INITIATOR_SIGN, buf_new(0))
MIC_ALTERATION(mic_of_initiators_subkey, false, 0, USAGE_INITIATOR_SIGN, mstsc_list())
MIC_ALTERATION(mic_of_initiators_subkey_that_lies, false, SUBKEY_OF_ACCEPTOR, USAGE_INITIATOR_SIGN, mstsc_list())
MIC_ALTERATION(mic_in_our_direction, true, SUBKEY_OF_ACCEPTOR | 1, USAGE_ACCEPTOR_SIGN, mstsc_list())
MIC_ALTERATION(mic_with_our_usage, true, SUBKEY_OF_ACCEPTOR, USAGE_ACCEPTOR_SIGN, mstsc_list())
MIC_ALTERATION(mic_without_list_tag, true, SUBKEY_OF_ACCEPTOR, USAGE_INITIATOR_SIGN, mech(GSS_MECH_MS_KRB5))

/* Our own MIC, sent back. */
static struct buf reflected(struct talk *t, struct buf token)
{
	struct spnego_resp r = read_resp(t->reply.nego_token);

	buf_free(&token);
	return neg_resp(SPNEGO_ACCEPT_COMPLETED, buf_new(0), view_buf(r.mech_list_mic));
}

static struct buf empty_mic(struct talk *t, struct buf token)
{
	buf_free(&token);
	return LIT("\xa1\x0d\x30\x0b\xa0\x03\x0a\x01\x00\xa3\x04\x04\x02\x04\x04");
}

static struct buf cut_mic(struct talk *t, struct buf token)
{
	struct spnego_resp r = read_resp(buf_view(&token));
	struct buf cut =
	    neg_resp(SPNEGO_ACCEPT_COMPLETED, buf_new(0), buf_copy(r.mech_list_mic.p, r.mech_list_mic.len - 1));

	buf_free(&token);
	return cut;
}

static struct buf longer_mic(struct talk *t, struct buf token)
{
	struct spnego_resp r = read_resp(buf_view(&token));
	struct buf longer = neg_resp(SPNEGO_ACCEPT_COMPLETED, buf_new(0), JOIN(view_buf(r.mech_list_mic), LIT("\0")));

	buf_free(&token);
	return longer;
}

static void test_mic(void **unused)
{
	const char *not_ours = "not made with the acceptor's subkey";

	assert_harmless(MIC, our_mic);
	assert_altered("another list", MIC, mic_of_other_list, REFUSAL_REPLAY, ": ");
	assert_altered("no list", MIC, mic_of_nothing, REFUSAL_REPLAY, ": ");
	assert_altered("the first mechanism", MIC, mic_without_list_tag, REFUSAL_REPLAY, ": ");
	assert_altered("the initiator's subkey", MIC, mic_of_initiators_subkey, REFUSAL_REPLAY, not_ours);
	assert_altered("the same, as ours", MIC, mic_of_initiators_subkey_that_lies, REFUSAL_REPLAY, ": ");
	assert_altered("in our direction", MIC, mic_in_our_direction, REFUSAL_REPLAY, not_ours);
	assert_altered("with our usage", MIC, mic_with_our_usage, REFUSAL_REPLAY, ": ");
	assert_altered("ours, sent back", MIC, reflected, REFUSAL_REPLAY, not_ours);
	assert_altered("two octets", MIC, empty_mic, REFUSAL_REPLAY, not_ours);
	assert_altered("an octet less", MIC, cut_mic, REFUSAL_REPLAY, not_ours);
	assert_altered("an octet more", MIC, longer_mic, REFUSAL_REPLAY, ": ");
}

/* ---- replay ---- */

/* Everything that was sent, to another worker: also to one that has got another ticket since, in the overlap. */
static void test_replay(void **unused)
{
	FOR_BOTH(template)
	{
		for (unsigned i = 0; i < 4; i++) {
			struct talk *t = u2u_talk(*template, &tgt, i % 2 ? &as_mstsc : &as_freerdp);

			t->late_key = i / 2;
			u2u_whole(t);
			replay(t, REFUSAL_REPLAY);
		}
	}
}

static struct buf recorded_ap_req;

static struct buf replayed_ap_req(struct talk *t, struct buf token)
{
	buf_free(&token);
	return buf_copy(recorded_ap_req.p, recorded_ap_req.len);
}

/* The AP-REQ alone is taken, as there is no replay cache; but nothing that was sent or is known goes on from there. */
static void test_replayed_ap_req(void **unused)
{
	FOR_BOTH(template)
	{
		struct talk *t = u2u_talk(*template, &tgt, &as_mstsc);
		struct buf mic;

		recorded_ap_req = up_to(t, AP_REQ);
		assert_int_equal(give(t, buf_copy(recorded_ap_req.p, recorded_ap_req.len), VIEW_NULL), WORKER_REPLY);
		mic = next_token(t);
		assert_int_equal(finish(t), 0);
		t = u2u_talk(*template, &tgt, &as_mstsc);
		assert_int_equal(altered(t, AP_REQ, replayed_ap_req, false), WORKER_REPLY);
		refused(t, give(t, mic, VIEW_NULL), REFUSAL_REPLAY, 0);
		buf_free(&recorded_ap_req);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mic),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replayed_ap_req),
	};

	return cmocka_run_group_tests(tests, altered_set_up, altered_tear_down);
}
