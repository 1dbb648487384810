/* SPDX-License-Identifier: MIT */
/*
 * Chooses the card and the certificate, by PKCS#11 without a login. The client's description of its card is only
 * compared with the cards' data: libkrb5 gets nothing but the slot and the CKA_ID of the result.
 */
#pragma once

#include <stdbool.h>

#include "pam_credssp/helper/anchors.h"
#include "pam_credssp/helper/mode.h"

struct card {
	unsigned long slot;
	char id[2 * CARD_ID_MAX + 1]; /* CKA_ID in hexadecimal */
};

struct card_policy {
	const char *module;    /* path of the PKCS#11 module, local configuration */
	const char *principal; /* the certificate must name this principal */
	bool any_name;         /* accepts certificates that name another user, or no user */
	const struct anchors *anchors;
	bool final_try; /* the last try before the card locks may be used */
};

/*
 * Chooses exactly one certificate on one card for the PIN in @handover. Returns HELPER_SUCCESS and fills @ret_card, or
 * another status with the reason. The PIN is not used; only its form is checked.
 */
unsigned card_choose(const struct card_policy *policy, const struct handover *handover, struct card *ret_card,
		     struct helper_result *result);
