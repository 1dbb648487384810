/* SPDX-License-Identifier: MIT */
/*
 * Checks the AV pairs of an NTLMv2 response, MS-NLMP 2.2.2.1: whether it was made for this exchange. NTProofStr
 * authenticates them with the password, so a hostile worker cannot change them.
 */
#pragma once

#include <stdbool.h>

#include "common/base/refusal.h"
#include "common/wire/ntlm.h"

struct response_rules {
	const uint8_t *timestamp; /* NTLM_TIMESTAMP_LEN bytes: the timestamp of the CHALLENGE */
	const char *nb_computer;  /* NbComputerName of the CHALLENGE, ASCII */
	bool require_mic;
};

/*
 * Returns REFUSAL_NONE, with *@ret_mic true when the response claims that the AUTHENTICATE message has a MIC; or the
 * reason and a text for the log (static). The password is not checked here.
 */
enum refusal response_check(struct view response, const struct response_rules *rules, bool *ret_mic,
			    const char **ret_detail);
