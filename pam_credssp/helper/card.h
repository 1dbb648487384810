/* SPDX-License-Identifier: MIT */
/*
 * Which card, which certificate: PKCS#11 without a login. What the client said about its card is only ever compared
 * with what the cards say; two numbers come out, and nothing else reaches libkrb5.
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
	const char *principal; /* whose certificate it has to be */
	bool any_name;         /* certificates that name another user, or no user, are accepted */
	const struct anchors *anchors;
	bool final_try; /* the last try before the card locks may be used */
};

/*
 * Chooses exactly one certificate on one card for the PIN in @handover. Returns HELPER_SUCCESS and fills @ret_card, or
 * says why not. The PIN is not used; only its length is looked at.
 */
unsigned card_choose(const struct card_policy *policy, const struct handover *handover, struct card *ret_card,
		     struct helper_result *result);
