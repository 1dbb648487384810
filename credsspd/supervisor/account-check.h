/* SPDX-License-Identifier: MIT */
/* Asks an account checker about the account of a logon, and applies the answer to the logon. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct account_answer;
struct logon;
struct logons;

/* Failures that were logged already, so that a check that fails for every logon is logged once. */
struct account_check_log {
	bool failing;     /* a failure was logged after the last answer */
	uint64_t results; /* a bit for each PAM result without a verdict */
};

/*
 * LOGON_CHECK: asks PAM whether the account of @h may log on now. Sets account_ask of @h. When the check is off or no
 * account checker can be reached, account_ask stays NULL and the logon continues at once.
 */
void account_check_ask(struct logon *h);

/*
 * Takes the answer to account_ask of @h; the arguments are those of account_fn. Returns whether the logon continues;
 * when not, refusal and detail of @h are the reason.
 */
bool account_check_answered(struct logon *h, const struct account_answer *answer, const char *why);

/* Applies the configuration after it was read: starts the first account checker, or ends all of them. */
void account_check_reset(struct logons *l);
