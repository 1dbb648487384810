/* SPDX-License-Identifier: MIT */
/*
 * Redeemed is not verified: the client has authenticated to credsspd, but later modules decide whether the delegated
 * password is right and the account may log on. So `redeem` returns PAM_IGNORE: whatever the control of its line, a
 * later module must still verify the password.
 */
#include "pam_credssp/redeem.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/ipc/account-msg.h"
#include "common/ipc/handover.h"
#include "include/credssp/bus-api.h"
#include "pam_credssp/bus.h"
#include "pam_credssp/item.h"
#include "pam_credssp/log-word.h"
#include "pam_credssp/logon.h"

/* Reasons for a refusal. The first ones are enum bus_result. */
enum problem {
	PROBLEM_SLOW_PIPE = BUS_RESULT_MAX_,
	PROBLEM_PIPE,
	PROBLEM_HANDOVER,
	PROBLEM_USER,
	PROBLEM_PASSWORD,
	PROBLEM_PAM,
	PROBLEM_NONE_GIVEN,
	PROBLEM_NO_ACCOUNT,
	PROBLEM_SYSTEM_ACCOUNT,
	PROBLEMS_
};

static const struct {
	int pam;
	const char *text;
} problems[PROBLEMS_] = {
	[BUS_OK] = { PAM_SYSTEM_ERR, "no problem" },
	[BUS_NO_TICKET] = { PAM_AUTH_ERR, "the ticket is unknown, used or expired" },
	[BUS_MISMATCH] = { PAM_AUTH_ERR, "the ticket was for another user or service, and is destroyed" },
	[BUS_DENIED] = { PAM_AUTHINFO_UNAVAIL,
			 "this process may not redeem tickets (redeemers in credsspd.conf, bus policy)" },
	[BUS_ABSENT] = { PAM_AUTHINFO_UNAVAIL, "credsspd is not running (systemctl status credsspd)" },
	[BUS_TIMEOUT] = { PAM_AUTHINFO_UNAVAIL, "credsspd or the bus gave no answer in time" },
	[BUS_NO_RECORD] = { PAM_SYSTEM_ERR, "an answer to another request" },
	[BUS_REJECTED] = { PAM_SYSTEM_ERR, "credsspd rejects the call as malformed (versions differ?)" },
	[BUS_ERROR] = { PAM_SYSTEM_ERR, "the bus call failed" },
	[PROBLEM_SLOW_PIPE] = { PAM_AUTHINFO_UNAVAIL, "the credentials did not arrive in time" },
	[PROBLEM_PIPE] = { PAM_SYSTEM_ERR, "the credentials cannot be read" },
	[PROBLEM_HANDOVER] = { PAM_SYSTEM_ERR, "the credentials are in an unknown format (versions differ?)" },
	[PROBLEM_USER] = { PAM_AUTH_ERR, "credsspd answered for another user" },
	[PROBLEM_PASSWORD] = { PAM_AUTH_ERR, "the password is empty, or longer than PAM allows" },
	[PROBLEM_PAM] = { PAM_SYSTEM_ERR, "a function of libpam failed" },
	[PROBLEM_NONE_GIVEN] = { PAM_AUTH_ERR, "no ticket, and require_ticket is set" },
	[PROBLEM_NO_ACCOUNT] = { PAM_USER_UNKNOWN, "this host has no such account" },
	[PROBLEM_SYSTEM_ACCOUNT] = { PAM_PERM_DENIED,
				     "the account's uid is below minimum_uid (pam_credssp(8)) of this PAM line" },
};

_Static_assert(PROBLEM_SLOW_PIPE == BUS_ERROR + 1, "bus results come first");

/* Logs one line (user, address, reason), and clears PAM_AUTHTOK, so that later modules do not take the ticket for a
 * password. */
static int refuse(pam_handle_t *pamh, unsigned problem, const char *user, const char *rhost, const char *detail)
{
	int pam = problem < PROBLEMS_ ? problems[problem].pam : PAM_SYSTEM_ERR;
	char who[LOG_WORD_MAX + 1], where[LOG_WORD_MAX + 1];

	(void)pam_set_item(pamh, PAM_AUTHTOK, NULL);
	pam_syslog(pamh, LOG_WARNING, "refused user=%s rhost=%s: %s%s%s", log_word(user, who), log_word(rhost, where),
		   problem < PROBLEMS_ ? problems[problem].text : "?", detail && *detail ? ": " : "",
		   detail ? detail : "");
	return pam;
}

/* ---- the pipe ---- */

/* Reads until end of file. Returns 0, PROBLEM_SLOW_PIPE or PROBLEM_PIPE. */
static unsigned read_pipe(int fd, int64_t deadline, struct secret *out)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - clock_msec();
		ssize_t n;

		if (left <= 0)
			return PROBLEM_SLOW_PIPE;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return PROBLEM_PIPE;
		if (!p.revents)
			continue;
		n = read(fd, (char *)secret_expose(out) + secret_len(out), secret_room(out));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n == 0)
			return 0;
		if (n < 0 || secret_set_len(out, secret_len(out) + (size_t)n) < 0 || secret_room(out) == 0)
			return PROBLEM_PIPE; /* an error, or longer than the longest hand-over */
	}
}

/* ---- the hand-over ---- */

static unsigned take_password(pam_handle_t *pamh, struct handover_field f)
{
	AUTO_SECRET struct secret text = SECRET_NULL;
	unsigned r = PROBLEM_PASSWORD;

	if (f.len == 0 || f.len > PASSWORD_MAX || memchr(f.p_, '\0', f.len))
		return r;
	if (secret_init(&text, f.len + 1) < 0 || secret_append(&text, f.p_, f.len) < 0 ||
	    secret_append(&text, "", 1) < 0)
		return PROBLEM_PAM;
	/* libpam keeps a copy, and wipes it */
	return pam_set_item(pamh, PAM_AUTHTOK, secret_expose(&text)) == PAM_SUCCESS ? 0 : PROBLEM_PAM;
}

/* An unknown value is LOGON_PROOF_NONE, which `verify` refuses. */
static enum logon_proof proof_of(const char *word)
{
	static const struct {
		const char *word;
		enum logon_proof proof;
	} row[] = {
		{ CREDSSP_PROOF_PAM, LOGON_PROOF_PAM },
		{ CREDSSP_PROOF_GSS, LOGON_PROOF_GSS },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (strcmp(word, row[i].word) == 0)
			return row[i].proof;
	return LOGON_PROOF_NONE;
}

/* Stores the data for `verify`; takes over @handover. */
static void remember(struct logon_redeemed *to, const struct bus_about *about, unsigned kind, struct secret *handover)
{
	to->kind = kind;
	to->proof = proof_of(about->proof);
	to->kerberos = strcmp(about->mechanism, "krb5") == 0;
	to->logon = about->logon;
	strcpy(to->user, about->user);
	strcpy(to->principal, about->principal);
	if (kind != CREDENTIAL_PASSWORD)
		secret_move(&to->handover, handover);
}

static unsigned take_handover(pam_handle_t *pamh, const struct bus_about *about, int64_t deadline)
{
	AUTO_SECRET struct secret in = SECRET_NULL;
	const char *kind;
	struct handover h;
	unsigned r;

	if (secret_init(&in, HANDOVER_MAX + 1) < 0)
		return PROBLEM_PAM;
	r = read_pipe(about->pipe, deadline, &in);
	if (r)
		return r;
	if (handover_read(&in, &h) < 0)
		return PROBLEM_HANDOVER;
	kind = credential_kind_name(h.kind);
	if (!kind || strcmp(kind, about->kind) != 0)
		return PROBLEM_HANDOVER;
	if (h.kind == CREDENTIAL_PASSWORD)
		r = take_password(pamh, h.field[HANDOVER_PASSWORD]);
	else if (pam_set_item(pamh, PAM_AUTHTOK, NULL) != PAM_SUCCESS) /* the ticket must not be taken for a password */
		r = PROBLEM_PAM;
	if (r == 0)
		remember(logon_redeemed(logon_get(pamh)), about, h.kind, &in);
	return r;
}

static unsigned take_about(pam_handle_t *pamh, const struct bus_about *about, const char *user)
{
	/* credsspd has compared it, too; this notices a module that has changed PAM_USER */
	if (strcmp(about->user, user) != 0)
		return PROBLEM_USER;
	if (!*text_item(pamh, PAM_RHOST) && about->rhost[0] &&
	    pam_set_item(pamh, PAM_RHOST, about->rhost) != PAM_SUCCESS)
		return PROBLEM_PAM;
	return 0;
}

/* credsspd has the same rule; this one also holds when credsspd was taken over. */
static unsigned check_account(pam_handle_t *pamh, const struct options *o, const char *user)
{
	const struct passwd *pw = pam_modutil_getpwnam(pamh, user);

	if (!pw)
		return PROBLEM_NO_ACCOUNT;
	return pw->pw_uid < o->minimum_uid ? PROBLEM_SYSTEM_ACCOUNT : BUS_OK;
}

/* Not inline: redeem_ticket() has a large frame already. */
__attribute__((noinline)) static void log_redeemed(pam_handle_t *pamh, const struct bus_about *about, const char *user)
{
	char who[LOG_WORD_MAX + 1], where[LOG_WORD_MAX + 1], principal[LOG_WORD_MAX + 1];

	pam_syslog(pamh, LOG_INFO, "redeemed user=%s rhost=%s logon=%llu kind=%s principal=%s", log_word(user, who),
		   log_word(text_item(pamh, PAM_RHOST), where), (unsigned long long)about->logon, about->kind,
		   log_word(about->principal, principal));
}

static int redeem_ticket(pam_handle_t *pamh, const struct options *o, const char *ticket)
{
	struct bus_about about = { .pipe = -1 };
	const char *service = text_item(pamh, PAM_SERVICE), *user = NULL;
	int64_t deadline = clock_msec() + o->timeout;
	char error[160] = "";
	unsigned problem;
	int r;

	r = logon_begin(pamh);
	if (r == PAM_SUCCESS)
		r = pam_get_user(pamh, &user,
				 NULL); /* the filter refuses the question: the application must set PAM_USER */
	if (r != PAM_SUCCESS || !user || !*user)
		return refuse(pamh, PROBLEM_PAM, "?", text_item(pamh, PAM_RHOST), "the application named no user");
	problem = check_account(pamh, o, user);
	if (problem == BUS_OK)
		problem = bus_redeem(ticket, service, user, deadline, &about, error);
	if (problem == BUS_OK)
		problem = take_about(pamh, &about, user);
	if (problem == 0)
		problem = take_handover(pamh, &about, deadline);
	(void)close_fd(about.pipe);
	if (problem)
		return refuse(pamh, problem, user,
			      *text_item(pamh, PAM_RHOST) ? text_item(pamh, PAM_RHOST) : about.rhost, error);
	log_redeemed(pamh, &about, user);
	return PAM_IGNORE;
}

/* ---- no ticket ---- */

static int no_ticket(pam_handle_t *pamh, const struct options *o)
{
	struct logon *earlier = logon_get(pamh);

	if (earlier)
		logon_forget(earlier);
	if (!o->require_ticket) {
		if (o->debug)
			pam_syslog(pamh, LOG_DEBUG, "no ticket: pam_credssp ignores this logon");
		return PAM_IGNORE;
	}
	return refuse(pamh, PROBLEM_NONE_GIVEN, text_item(pamh, PAM_USER), text_item(pamh, PAM_RHOST), NULL);
}

int redeem_account(pam_handle_t *pamh, const struct options *o)
{
	struct logon *l = logon_get(pamh);
	bool redeemed = l && logon_redeemed(l)->kind != CREDENTIAL_NONE && logon_is_of_user(pamh, l);

	/* libpam makes PAM_PERM_DENIED of a stack where all modules ignore, as pam_krb5 does without its auth phase */
	if (redeem_is_question())
		return PAM_SUCCESS;
	return redeemed || !o->require_ticket ? PAM_IGNORE : no_ticket(pamh, o);
}

/* The symbol is weak: its address is NULL unless the program that has loaded this module defines it. */
bool redeem_is_question(void)
{
	return ACCOUNT_QUESTION_SYMBOL != NULL;
}

int redeem_authenticate(pam_handle_t *pamh, const struct options *o)
{
	AUTO_SECRET struct secret ticket = SECRET_NULL;
	const char *given = NULL;

	/* asks for the password, unless an earlier module did; PAM keeps it for later modules */
	if (pam_get_authtok(pamh, PAM_AUTHTOK, &given, NULL) != PAM_SUCCESS || !given || !logon_is_ticket(given))
		return no_ticket(pamh, o);
	/* a copy, because PAM_AUTHTOK is replaced below */
	if (secret_init(&ticket, TICKET_LEN + 1) < 0 || secret_append(&ticket, given, TICKET_LEN + 1) < 0)
		return refuse(pamh, PROBLEM_PAM, text_item(pamh, PAM_USER), text_item(pamh, PAM_RHOST),
			      "out of memory");
	return redeem_ticket(pamh, o, secret_expose(&ticket));
}
