/* SPDX-License-Identifier: MIT */
/*
 * What an NTLMv2 response says about the exchange that it was made in: its AV pairs, MS-NLMP 2.2.2.1, which NTProofStr
 * authenticates with the password. So these rules hold even against a worker that lies.
 */
#pragma once

#include <stdbool.h>

#include "common/base/refusal.h"
#include "common/wire/ntlm.h"

struct response_rules {
	const uint8_t *timestamp; /* NTLM_TIMESTAMP_LEN bytes: the one in our CHALLENGE */
	const char *nb_computer;  /* NbComputerName in our CHALLENGE, ASCII */
	bool require_mic;
};

/*
 * Returns REFUSAL_NONE, with *@ret_mic true when the response claims that the AUTHENTICATE message carries a MIC; or
 * the reason and a text for the log (static). It says nothing about the password.
 */
enum refusal response_check(struct view response, const struct response_rules *rules, bool *ret_mic,
			    const char **ret_detail);
