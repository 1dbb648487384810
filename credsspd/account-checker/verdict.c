/* SPDX-License-Identifier: MIT */
#include "credsspd/account-checker/verdict.h"

#include <security/pam_appl.h>
#include <stdio.h>
#include <string.h>

#define NEVER (-1)

/* ---- the account's entry in shadow(5) ---- */

/* As pam_unix, for which day 0 is a date, too. */
static bool has_expired(const struct spwd *s, long today)
{
	return s && s->sp_expire != NEVER && today >= s->sp_expire;
}

static bool is_inactive(const struct spwd *s, long today)
{
	return s && s->sp_lstchg > 0 && s->sp_max != NEVER && s->sp_inact != NEVER &&
	       today - s->sp_lstchg > s->sp_max + s->sp_inact;
}

/*
 * "!" and a hash: usermod -L, passwd -l. "!" alone is also written by useradd for an account that never had a password
 * of this host; such an account may log on with a password that another module verifies.
 */
static bool is_locked(const struct spwd *s)
{
	const char *hash = s && s->sp_pwdp && s->sp_pwdp[0] == '!' ? s->sp_pwdp + strspn(s->sp_pwdp, "!") : "";

	return strlen(hash) > 1;
}

/* ---- PAM's answer ---- */

enum answer {
	NO_VERDICT, /* a module or its service failed, or the user is unknown to the modules */
	AGREES,
	NEW_PASSWORD,
	REFUSES,
};

static const struct {
	int pam;
	const char *name;
	enum answer answer;
} rows[] = {
	{ PAM_SUCCESS, "PAM_SUCCESS", AGREES },
	{ PAM_NEW_AUTHTOK_REQD, "PAM_NEW_AUTHTOK_REQD", NEW_PASSWORD },
	{ PAM_ACCT_EXPIRED, "PAM_ACCT_EXPIRED", REFUSES },
	{ PAM_AUTHTOK_EXPIRED, "PAM_AUTHTOK_EXPIRED", REFUSES },
	{ PAM_PERM_DENIED, "PAM_PERM_DENIED", REFUSES },
	{ PAM_AUTH_ERR, "PAM_AUTH_ERR", REFUSES },
	{ PAM_USER_UNKNOWN, "PAM_USER_UNKNOWN", NO_VERDICT },
	{ PAM_AUTHINFO_UNAVAIL, "PAM_AUTHINFO_UNAVAIL", NO_VERDICT },
	{ PAM_SERVICE_ERR, "PAM_SERVICE_ERR", NO_VERDICT },
	{ PAM_SYSTEM_ERR, "PAM_SYSTEM_ERR", NO_VERDICT },
	{ PAM_OPEN_ERR, "PAM_OPEN_ERR", NO_VERDICT },
	{ PAM_SYMBOL_ERR, "PAM_SYMBOL_ERR", NO_VERDICT },
	{ PAM_BUF_ERR, "PAM_BUF_ERR", NO_VERDICT },
	{ PAM_CONV_ERR, "PAM_CONV_ERR", NO_VERDICT },
	{ PAM_ABORT, "PAM_ABORT", NO_VERDICT },
	{ PAM_MODULE_UNKNOWN, "PAM_MODULE_UNKNOWN", NO_VERDICT },
};

/* A result without a row is NO_VERDICT: modules may not return it from the account phase. */
static enum answer answer_of(int pam, const char **ret_name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].pam != pam)
			continue;
		*ret_name = rows[i].name;
		return rows[i].answer;
	}
	*ret_name = "an undocumented result";
	return NO_VERDICT;
}

static enum refusal refusal_of(const struct verdict_facts *f, enum answer answer)
{
	const struct spwd *s = f->shadow;
	enum refusal refusal = REFUSAL_ACCOUNT_RESTRICTION;

	if (answer == NO_VERDICT)
		refusal = REFUSAL_NONE;
	else if (answer == AGREES)
		refusal = f->local_password && is_locked(s) ? REFUSAL_ACCOUNT_DISABLED : REFUSAL_NONE;
	else if (answer == NEW_PASSWORD)
		refusal = s && s->sp_lstchg != 0 ? REFUSAL_PASSWORD_EXPIRED : REFUSAL_PASSWORD_MUST_CHANGE;
	else if (has_expired(s, f->today))
		refusal = REFUSAL_ACCOUNT_EXPIRED;
	else if (is_inactive(s, f->today))
		refusal = REFUSAL_PASSWORD_EXPIRED;
	else if (f->pam == PAM_ACCT_EXPIRED)
		refusal = REFUSAL_ACCOUNT_EXPIRED;
	else if (f->pam == PAM_AUTHTOK_EXPIRED)
		refusal = REFUSAL_PASSWORD_EXPIRED;
	return refusal;
}

/* ---- for the log ---- */

/* Accounts with an entry in shadow(5) are this host's: its tools apply, and SSSD does not decide about them. */
static void describe(const struct verdict_facts *f, enum refusal refusal, const char *name, char *detail, size_t size)
{
	const bool local = f->shadow != NULL;
	const char *remedy = "the user sets a new one elsewhere, or an administrator of the domain does";
	size_t n = (size_t)snprintf(detail, size, "%s from the account phase of PAM service %s", name, f->service);

	if (n >= size)
		return;
	detail += n;
	size -= n;
	if (refusal == REFUSAL_ACCOUNT_RESTRICTION && !local) {
		(void)snprintf(detail, size,
			       ": if pam_sss refuses, sssd.conf needs ad_gpo_map_remote_interactive = +%s, or FreeIPA "
			       "an HBAC rule for that service (credsspctl check); if pam_access does, access.conf "
			       "denies the address",
			       f->service);
		return;
	}
	if (refusal == REFUSAL_ACCOUNT_RESTRICTION)
		remedy = "the refusing module's own line in the log names its rule (pam_access: access.conf denies the "
			 "address, pam_time: time.conf, pam_nologin: /etc/nologin)";
	else if (refusal == REFUSAL_ACCOUNT_EXPIRED)
		remedy = local ? "chage -E changes the date" : "its directory has the date";
	else if (local)
		remedy = "the user sets a new one elsewhere (console, SSH), or root does (passwd; chage -l shows the "
			 "dates)";
	(void)snprintf(detail, size, ": %s", remedy);
}

enum refusal verdict_of(const struct verdict_facts *f, char *detail, size_t size)
{
	const char *name;
	enum answer answer = answer_of(f->pam, &name);
	enum refusal refusal = refusal_of(f, answer);

	detail[0] = '\0';
	if (refusal == REFUSAL_ACCOUNT_DISABLED)
		(void)snprintf(detail, size, "its password is locked in shadow: usermod -U unlocks it");
	else if (refusal != REFUSAL_NONE)
		describe(f, refusal, name, detail, size);
	else if (answer == NO_VERDICT)
		(void)snprintf(detail, size, "%s from the account phase of PAM service %s", name, f->service);
	return refusal;
}
