/* SPDX-License-Identifier: MIT */
/* RFC 4120 5.8.1. Only the presence of each part is checked; libkrb5 reads the contents afterwards. */
#include "pam_credssp/helper/krb-cred.h"

#include <openssl/asn1t.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "pam_credssp/helper/kerberos.h"

/* ---- KRB-CRED ---- */

typedef struct {
	ASN1_INTEGER *etype, *kvno;
	ASN1_OCTET_STRING *cipher;
} ENCRYPTED_DATA;

typedef struct {
	ASN1_INTEGER *pvno, *msg_type;
	STACK_OF(ASN1_TYPE) * tickets;
	ENCRYPTED_DATA *enc_part;
} KRB_CRED;

ASN1_SEQUENCE(ENCRYPTED_DATA) = {
	ASN1_EXP(ENCRYPTED_DATA, etype, ASN1_INTEGER, 0),
	ASN1_EXP_OPT(ENCRYPTED_DATA, kvno, ASN1_INTEGER, 1),
	ASN1_EXP(ENCRYPTED_DATA, cipher, ASN1_OCTET_STRING, 2),
} static_ASN1_SEQUENCE_END(ENCRYPTED_DATA);

ASN1_SEQUENCE(KRB_CRED) = {
	ASN1_EXP(KRB_CRED, pvno, ASN1_INTEGER, 0),
	ASN1_EXP(KRB_CRED, msg_type, ASN1_INTEGER, 1),
	ASN1_EXP_SEQUENCE_OF(KRB_CRED, tickets, ASN1_ANY, 2),
	ASN1_EXP(KRB_CRED, enc_part, ENCRYPTED_DATA, 3),
} static_ASN1_SEQUENCE_END(KRB_CRED);

/* ---- EncKrbCredPart ---- */

typedef struct {
	ASN1_TYPE *key, *prealm, *pname, *flags, *authtime, *starttime, *endtime, *renew_till, *srealm, *sname, *caddr;
} KRB_CRED_INFO;

typedef struct {
	STACK_OF(ASN1_TYPE) * ticket_info;
	ASN1_TYPE *nonce, *timestamp, *usec, *s_address, *r_address;
} ENC_KRB_CRED_PART;

ASN1_SEQUENCE(KRB_CRED_INFO) = {
	ASN1_EXP_OPT(KRB_CRED_INFO, key, ASN1_ANY, 0),      ASN1_EXP_OPT(KRB_CRED_INFO, prealm, ASN1_ANY, 1),
	ASN1_EXP_OPT(KRB_CRED_INFO, pname, ASN1_ANY, 2),    ASN1_EXP_OPT(KRB_CRED_INFO, flags, ASN1_ANY, 3),
	ASN1_EXP_OPT(KRB_CRED_INFO, authtime, ASN1_ANY, 4), ASN1_EXP_OPT(KRB_CRED_INFO, starttime, ASN1_ANY, 5),
	ASN1_EXP_OPT(KRB_CRED_INFO, endtime, ASN1_ANY, 6),  ASN1_EXP_OPT(KRB_CRED_INFO, renew_till, ASN1_ANY, 7),
	ASN1_EXP_OPT(KRB_CRED_INFO, srealm, ASN1_ANY, 8),   ASN1_EXP_OPT(KRB_CRED_INFO, sname, ASN1_ANY, 9),
	ASN1_EXP_OPT(KRB_CRED_INFO, caddr, ASN1_ANY, 10),
} static_ASN1_SEQUENCE_END(KRB_CRED_INFO);

ASN1_SEQUENCE(ENC_KRB_CRED_PART) = {
	ASN1_EXP_SEQUENCE_OF(ENC_KRB_CRED_PART, ticket_info, ASN1_ANY, 0),
	ASN1_EXP_OPT(ENC_KRB_CRED_PART, nonce, ASN1_ANY, 1),
	ASN1_EXP_OPT(ENC_KRB_CRED_PART, timestamp, ASN1_ANY, 2),
	ASN1_EXP_OPT(ENC_KRB_CRED_PART, usec, ASN1_ANY, 3),
	ASN1_EXP_OPT(ENC_KRB_CRED_PART, s_address, ASN1_ANY, 4),
	ASN1_EXP_OPT(ENC_KRB_CRED_PART, r_address, ASN1_ANY, 5),
} static_ASN1_SEQUENCE_END(ENC_KRB_CRED_PART);

/* ---- the checks ---- */

/*
 * Reads [APPLICATION @tag] at @p. Returns an @item for ASN1_item_free(), with *@ret_end after it, or NULL for other
 * data.
 */
static void *read_application(int tag, const uint8_t *p, size_t len, const ASN1_ITEM *item, const uint8_t **ret_end)
{
	const uint8_t *inside = p, *end;
	int found = 0, class = 0;
	long length = 0;
	ASN1_VALUE *v;

	/* constructed, and of a definite length */
	if (ASN1_get_object(&inside, &length, &found, &class, (long)len) != V_ASN1_CONSTRUCTED || found != tag ||
	    class != V_ASN1_APPLICATION)
		return NULL;
	end = inside + length;
	v = ASN1_item_d2i(NULL, &inside, length, item);
	if (v && inside != end) {
		ASN1_item_free(v, item);
		return NULL;
	}
	*ret_end = end;
	return v;
}

static unsigned check_info(const KRB_CRED_INFO *i, struct helper_result *result)
{
	if (!i->key)
		return helper_say(result, HELPER_TICKET, "the KRB-CRED has no key with its ticket");
	if (!i->prealm || !i->pname)
		return helper_say(result, HELPER_TICKET, "the KRB-CRED names no client of its ticket");
	if (!i->srealm || !i->sname)
		return helper_say(result, HELPER_TICKET, "the KRB-CRED names no service of its ticket");
	return HELPER_SUCCESS;
}

static unsigned read_info(const ASN1_TYPE *of, struct helper_result *result)
{
	const uint8_t *p = of->type == V_ASN1_SEQUENCE ? ASN1_STRING_get0_data(of->value.sequence) : NULL;
	KRB_CRED_INFO *i = NULL;
	unsigned status;

	if (p)
		i = (KRB_CRED_INFO *)ASN1_item_d2i(NULL, &p, ASN1_STRING_length(of->value.sequence),
						   ASN1_ITEM_rptr(KRB_CRED_INFO));
	if (!i)
		return helper_say(result, HELPER_TICKET, "KRB-CRED: its KrbCredInfo cannot be decoded");
	status = check_info(i, result);
	ASN1_item_free((ASN1_VALUE *)i, ASN1_ITEM_rptr(KRB_CRED_INFO));
	return status;
}

/* Returns the seconds of a KerberosTime; 0 when it is absent or malformed. */
static int64_t seconds_of(const ASN1_TYPE *t)
{
	struct tm tm;
	time_t at;

	if (!t || t->type != V_ASN1_GENERALIZEDTIME || ASN1_TIME_to_tm(t->value.generalizedtime, &tm) != 1)
		return 0;
	at = timegm(&tm);
	return at > 0 ? at : 0;
}

static unsigned check_part(const uint8_t *p, size_t len, int64_t *ret_at, struct helper_result *result)
{
	const uint8_t *end; /* not checked: some encryption types pad */
	ENC_KRB_CRED_PART *part = read_application(29, p, len, ASN1_ITEM_rptr(ENC_KRB_CRED_PART), &end);
	unsigned status;

	if (!part)
		return helper_say(result, HELPER_TICKET, "KRB-CRED: its inner part cannot be decoded");
	if (sk_ASN1_TYPE_num(part->ticket_info) != 1)
		status = helper_say(result, HELPER_TICKET, "KRB-CRED: %d tickets are described, one is expected",
				    sk_ASN1_TYPE_num(part->ticket_info));
	else
		status = read_info(sk_ASN1_TYPE_value(part->ticket_info, 0), result);
	*ret_at = seconds_of(part->timestamp);
	ASN1_item_free((ASN1_VALUE *)part, ASN1_ITEM_rptr(ENC_KRB_CRED_PART));
	return status;
}

static unsigned decrypt(krb5_context k, const krb5_keyblock *key, krb5_enctype e, const ASN1_OCTET_STRING *cipher,
			int64_t *ret_at, struct helper_result *result)
{
	const krb5_enc_data in = { .enctype = e,
				   .ciphertext = { .length = (unsigned)ASN1_STRING_length(cipher),
						   .data = (char *)(uintptr_t)ASN1_STRING_get0_data(cipher) } };
	AUTO_SECRET struct secret plain = SECRET_NULL;
	krb5_data out = { .length = in.ciphertext.length };
	krb5_error_code code;

	if (secret_init(&plain, out.length + 1) < 0)
		return helper_say(result, HELPER_INTERNAL, "out of memory");
	out.data = secret_expose(&plain);
	code = krb5_c_decrypt(k, key, KRB5_KEYUSAGE_KRB_CRED_ENCPART, NULL, &in, &out);
	if (code == 0)
		return check_part((const uint8_t *)out.data, out.length, ret_at, result);
	return kerberos_say(k, result, HELPER_TICKET, "KRB-CRED", code);
}

static unsigned check(krb5_context k, const krb5_keyblock *key, const KRB_CRED *c, struct krb_cred_made *ret_made,
		      struct helper_result *result)
{
	const ASN1_OCTET_STRING *cipher = c->enc_part->cipher;
	int64_t e;

	if (!ASN1_INTEGER_get_int64(&e, c->enc_part->etype) || e < INT32_MIN || e > INT32_MAX)
		return helper_say(result, HELPER_TICKET, "KRB-CRED: its encryption type is out of range");
	if (sk_ASN1_TYPE_num(c->tickets) != 1)
		return helper_say(result, HELPER_TICKET, "%d tickets in the KRB-CRED, one is expected",
				  sk_ASN1_TYPE_num(c->tickets));
	ret_made->sealed = e != ENCTYPE_NULL;
	return ret_made->sealed ? decrypt(k, key, (krb5_enctype)e, cipher, &ret_made->at, result)
				: check_part(ASN1_STRING_get0_data(cipher), (size_t)ASN1_STRING_length(cipher),
					     &ret_made->at, result);
}

unsigned krb_cred_check(krb5_context k, const krb5_keyblock *key, const krb5_data *der, struct krb_cred_made *ret_made,
			struct helper_result *result)
{
	const uint8_t *p = (const uint8_t *)der->data, *end = NULL;
	KRB_CRED *c = read_application(22, p, der->length, ASN1_ITEM_rptr(KRB_CRED), &end);
	struct krb_cred_made made = { .sealed = false };
	unsigned status;

	if (c && end == p + der->length)
		status = check(k, key, c, &made, result);
	else
		status = helper_say(result, HELPER_TICKET, "KRB-CRED: it cannot be decoded");
	ASN1_item_free((ASN1_VALUE *)c, ASN1_ITEM_rptr(KRB_CRED));
	if (status == HELPER_SUCCESS)
		*ret_made = made;
	return status;
}
