/* SPDX-License-Identifier: MIT */
/*
 * The client has proved the account by password, ticket or card, so it gets the account's state as the reason. Such a
 * refusal does not count as a failure of the client's address.
 */
#include "credsspd/supervisor/account-check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "credsspd/supervisor/logon.h"

static void log_no_answer(struct logon *h, const char *why)
{
	struct account_check_log *l = &h->logons->account_check_log;
	struct log_logon who = logon_who(h);

	if (l->failing)
		return;
	l->failing = true;
	log_logon_line(
	    LOG_WARNING, &who,
	    "the account's state is not known: %s (credsspd-account.service). Logons continue, and PAM decides "
	    "when the session begins; not logged again until there is an answer",
	    why);
}

static void log_no_verdict(struct logon *h, const struct account_answer *answer)
{
	struct account_check_log *l = &h->logons->account_check_log;
	uint64_t bit = 1ULL << (answer->pam >= 0 && answer->pam < 63 ? answer->pam : 63);
	struct log_logon who = logon_who(h);

	if (!answer->detail[0] || l->results & bit)
		return;
	l->results |= bit;
	log_logon_line(LOG_NOTICE, &who,
		       "the account's state is not known: %s. The logon continues, and PAM decides when the session "
		       "begins; this result is not logged again",
		       answer->detail);
}

bool account_check_answered(struct logon *h, const struct account_answer *answer, const char *why)
{
	h->account_ask = NULL;
	if (!answer) {
		log_no_answer(h, why);
		return true;
	}
	h->logons->account_check_log.failing = false;
	if (answer->refusal == REFUSAL_NONE) {
		log_no_verdict(h, answer);
		return true;
	}
	h->refusal = (enum refusal)answer->refusal;
	(void)snprintf(h->detail, sizeof h->detail, "%s", answer->detail);
	return false;
}

/* Returns whether the client proved a password of this host: the NTLM store's, not one of winbind or Kerberos. */
static bool proved_local_password(const struct logon *h)
{
	return h->worker.mechanism == MECHANISM_NTLM && !h->proof.by_domain;
}

void account_check_ask(struct logon *h)
{
	struct account_question q = { .local_password = proved_local_password(h) };
	int r;

	if (!h->logons->config->account_check)
		return;
	memcpy(q.service, h->about.service, sizeof q.service);
	memcpy(q.user, h->about.user, sizeof q.user);
	memcpy(q.rhost, h->about.rhost, sizeof q.rhost);
	r = account_ask(h->logons->accounts, &q, h->logons->checked, h, &h->account_ask);
	if (r == -EAGAIN)
		log_no_answer(h, "the check pauses after questions without an answer");
	else if (r < 0)
		log_no_answer(h, strerror(-r));
}

void account_check_reset(struct logons *l)
{
	l->account_check_log = (struct account_check_log){ .failing = false };
	account_pool_renew(l->accounts);
	if (l->config->account_check)
		account_pool_warm_up(l->accounts);
}
