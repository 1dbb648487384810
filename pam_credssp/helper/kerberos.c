/* SPDX-License-Identifier: MIT */
#include "pam_credssp/helper/kerberos.h"

static const struct {
	krb5_error_code code;
	unsigned status;
} rows[] = {
	{ KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, HELPER_UNKNOWN_PRINCIPAL },
	{ KRB5KDC_ERR_CLIENT_NAME_MISMATCH, HELPER_OTHER_PRINCIPAL },
	{ KRB5KDC_ERR_CERTIFICATE_MISMATCH, HELPER_OTHER_PRINCIPAL },
	{ KRB5KDC_ERR_INCONSISTENT_KEY_PURPOSE, HELPER_CERTIFICATE_USE },
	{ KRB5KDC_ERR_CLIENT_REVOKED, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_NAME_EXP, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_KEY_EXP, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_POLICY, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_CANT_VERIFY_CERTIFICATE, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_INVALID_CERTIFICATE, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_REVOKED_CERTIFICATE, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_REVOCATION_STATUS_UNKNOWN, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_REVOCATION_STATUS_UNAVAILABLE, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_CLIENT_NOT_TRUSTED, HELPER_KDC_REFUSES },
	{ KRB5KDC_ERR_INVALID_SIG, HELPER_KDC_REFUSES },
	{ KRB5_KDC_UNREACH, HELPER_NO_KDC },
	{ KRB5_REALM_CANT_RESOLVE, HELPER_NO_KDC },
	{ KRB5_REALM_UNKNOWN, HELPER_NO_KDC },
	{ KRB5KRB_AP_ERR_SKEW, HELPER_CONFIGURATION },
	{ KRB5_CONFIG_CANTOPEN, HELPER_CONFIGURATION },
	{ KRB5_CONFIG_BADFORMAT, HELPER_CONFIGURATION },
};

unsigned kerberos_status(krb5_context k, krb5_error_code code, unsigned otherwise, struct helper_result *result)
{
	const char *text = krb5_get_error_message(k, code);
	unsigned status = otherwise;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == code)
			status = rows[i].status;
	(void)helper_say(result, status, "%s", text);
	krb5_free_error_message(k, text);
	return status;
}

unsigned kerberos_say(krb5_context k, struct helper_result *result, unsigned status, const char *what,
		      krb5_error_code code)
{
	const char *text = krb5_get_error_message(k, code);

	(void)helper_say(result, status, "%s: %s", what, text);
	krb5_free_error_message(k, text);
	return status;
}

/* Returns 0 when the keytab has a key at all, because later errors of libkrb5 would not show an empty keytab. */
static krb5_error_code has_keys(krb5_context k)
{
	krb5_keytab keytab;
	krb5_error_code code = krb5_kt_default(k, &keytab);

	if (code)
		return code;
	code = krb5_kt_have_content(k, keytab);
	(void)krb5_kt_close(k, keytab);
	return code;
}

unsigned kerberos_verify(krb5_context k, krb5_creds *creds, struct helper_result *result)
{
	krb5_verify_init_creds_opt o;
	krb5_error_code code = has_keys(k);

	if (code)
		return kerberos_status(k, code, HELPER_NO_HOST_KEY, result);
	krb5_verify_init_creds_opt_init(&o);
	krb5_verify_init_creds_opt_set_ap_req_nofail(&o, 1);
	code = krb5_verify_init_creds(k, creds, NULL, NULL, NULL, &o);
	if (code == KRB5_KT_NOTFOUND || code == KRB5_KT_KVNONOTFOUND || code == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN)
		return kerberos_status(k, code, HELPER_NO_HOST_KEY, result);
	return code ? kerberos_status(k, code, HELPER_NOT_VERIFIED, result) : (unsigned)HELPER_SUCCESS;
}
