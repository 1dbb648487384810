/* SPDX-License-Identifier: MIT */
/* One question of a logon to the account checkers, and what its answer means for the logon. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct account_answer;
struct logon;
struct logons;

/* What has been logged already: a check that fails for every logon is one line. */
struct account_check_log {
	bool failing;     /* since the last answer */
	uint64_t results; /* a bit for each PAM result without a verdict */
};

/*
 * LOGON_CHECK: asks PAM whether the account of @h may log on now. Sets account_ask of @h, or leaves it NULL when there
 * is nothing to ask or no process to answer; the logon then continues at once.
 */
void account_check_ask(struct logon *h);

/*
 * Takes the answer to account_ask of @h, as account_fn has it. Returns whether the logon continues; when not, refusal
 * and detail of @h are the reason.
 */
bool account_check_answered(struct logon *h, const struct account_answer *answer, const char *why);

/* The configuration was read: starts the first account checker, or ends all of them, as it says. */
void account_check_reset(struct logons *l);
