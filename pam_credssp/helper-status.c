/* SPDX-License-Identifier: MIT */
/*
 * PAM_AUTH_ERR: the user did not prove the identity. PAM_AUTHINFO_UNAVAIL: this host could not check it. PAM_MAXTRIES:
 * the PIN was not tried, because the card would lock.
 */
#include "pam_credssp/helper-status.h"

#include <security/_pam_types.h>
#include <stddef.h>

static const struct {
	int pam;
	const char *text;
} rows[] = {
	[HELPER_NONE] = { PAM_SYSTEM_ERR, "the helper program ended without an answer" },
	[HELPER_SUCCESS] = { PAM_SUCCESS, "verified" },
	[HELPER_TIMEOUT] = { PAM_AUTHINFO_UNAVAIL, "the helper program did not finish in time" },
	[HELPER_INTERNAL] = { PAM_SYSTEM_ERR, "an error inside the helper program" },
	[HELPER_HANDOVER] = { PAM_SYSTEM_ERR, "the credentials are incomplete" },
	[HELPER_CCACHE] = { PAM_SYSTEM_ERR, "the credentials cache cannot be written" },
	[HELPER_CONFIGURATION] = { PAM_AUTHINFO_UNAVAIL, "krb5.conf or the PKCS#11 module cannot be used" },
	[HELPER_NO_HOST_KEY] = { PAM_AUTHINFO_UNAVAIL, "the host's keytab has no key to verify the KDC with" },
	[HELPER_NO_KDC] = { PAM_AUTHINFO_UNAVAIL, "no KDC answers" },
	[HELPER_UNKNOWN_PRINCIPAL] = { PAM_USER_UNKNOWN, "the KDC does not know the principal" },
	[HELPER_OTHER_PRINCIPAL] = { PAM_AUTH_ERR, "the credentials belong to another principal" },
	[HELPER_KDC_REFUSES] = { PAM_AUTH_ERR, "the KDC refuses the client" },
	[HELPER_NOT_TRUSTED] = { PAM_AUTHINFO_UNAVAIL,
				 "the certificate of the card or of the KDC is not trusted (pkinit_anchors)" },
	[HELPER_NOT_VERIFIED] = { PAM_AUTH_ERR, "the KDC's ticket fails the check with the host's key" },
	[HELPER_NO_CARD] = { PAM_AUTHINFO_UNAVAIL, "no card" },
	[HELPER_MANY_CARDS] = { PAM_AUTHINFO_UNAVAIL, "more than one card, and the client does not say which" },
	[HELPER_CARD_UNUSABLE] = { PAM_AUTHINFO_UNAVAIL, "the card cannot be given a PIN" },
	[HELPER_CARDS_BUSY] = { PAM_AUTHINFO_UNAVAIL, "other logons with cards did not finish in time" },
	[HELPER_NO_CERTIFICATE] = { PAM_AUTHINFO_UNAVAIL, "no certificate on the card" },
	[HELPER_MANY_CERTIFICATES] = { PAM_AUTHINFO_UNAVAIL,
				       "more than one certificate, and the client does not say which" },
	[HELPER_CERTIFICATE_USE] = { PAM_AUTH_ERR, "the certificate is not valid for logon" },
	[HELPER_CERTIFICATE_KEY] = { PAM_AUTHINFO_UNAVAIL, "the card's key is of a type that PKINIT cannot use here" },
	[HELPER_PIN_LOCKED] = { PAM_MAXTRIES, "the card's PIN is locked" },
	[HELPER_PIN_FINAL_TRY] = { PAM_MAXTRIES, "one more wrong PIN would lock the card (final_try)" },
	[HELPER_PIN_FORMAT] = { PAM_AUTH_ERR, "the PIN is too short or too long for the card" },
	[HELPER_PIN_WRONG] = { PAM_AUTH_ERR, "wrong PIN" },
	[HELPER_TICKET] = { PAM_AUTH_ERR, "the ticket is not accepted" },
	[HELPER_EXPIRED] = { PAM_AUTH_ERR, "the ticket has expired" },
	[HELPER_OPAQUE] = { PAM_AUTH_ERR, "the ticket's key stays at the client" },
};

_Static_assert(sizeof rows / sizeof *rows == HELPER_STATUSES_, "every status has a row");

int helper_status_pam(unsigned status)
{
	return status < HELPER_STATUSES_ ? rows[status].pam : PAM_SYSTEM_ERR;
}

const char *helper_status_text(unsigned status)
{
	return status < HELPER_STATUSES_ && rows[status].text ? rows[status].text : "an unknown status";
}
