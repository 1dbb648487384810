/* SPDX-License-Identifier: MIT */
/*
 * One row per kind of credentials. A proof by CredSSP alone ("proof" of the ticket) is accepted only for kinds whose
 * row allows it, and only when root's PAM line has accept_proof: without it a credsspd that was taken over, or another
 * owner of its name on the bus, cannot log a user on. Everything else is verified by the helper program.
 */
#include "pam_credssp/verify.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "common/base/clock.h"
#include "common/ipc/handover.h"
#include "include/credssp/bus-api.h"
#include "pam_credssp/account.h"
#include "pam_credssp/bus.h"
#include "pam_credssp/ccache.h"
#include "pam_credssp/helper-run.h"
#include "pam_credssp/helper-status.h"
#include "pam_credssp/item.h"
#include "pam_credssp/log-word.h"
#include "pam_credssp/logon.h"

enum gss {
	GSS_TICKETLESS, /* the helper must verify, but the session may have no tickets (HELPER_OPAQUE) */
	GSS_KERBEROS,   /* enough with Kerberos: the client got its ticket by PKINIT, with the card at the client */
	GSS_ANY,
};

static const struct route {
	unsigned kind;
	enum gss gss;
	const char *mode; /* of the helper program; NULL: the helper cannot verify this kind */
} routes[] = {
	{ CREDENTIAL_SMARTCARD, GSS_KERBEROS, "pkinit" },
	{ CREDENTIAL_REMOTE_GUARD, GSS_TICKETLESS, "remote-guard" },
	{ CREDENTIAL_RESTRICTED_ADMIN, GSS_ANY, NULL },
};

static const struct route *route_of(unsigned kind)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (routes[i].kind == kind)
			return &routes[i];
	return NULL;
}

static int refuse(pam_handle_t *pamh, const struct logon_redeemed *r, int pam, const char *text, const char *detail)
{
	char who[LOG_WORD_MAX + 1], where[LOG_WORD_MAX + 1], principal[LOG_WORD_MAX + 1];
	const char *kind = credential_kind_name(r->kind);

	(void)pam_set_item(pamh, PAM_AUTHTOK, NULL);
	pam_syslog(pamh, LOG_WARNING, "refused user=%s rhost=%s logon=%llu kind=%s principal=%s: %s%s%s",
		   log_word(r->user, who), log_word(text_item(pamh, PAM_RHOST), where), (unsigned long long)r->logon,
		   kind ? kind : "none", log_word(r->principal, principal), text, *detail ? ": " : "", detail);
	return pam;
}

static int accept_proved(pam_handle_t *pamh, const struct logon_redeemed *r, const char *by)
{
	char who[LOG_WORD_MAX + 1], where[LOG_WORD_MAX + 1], principal[LOG_WORD_MAX + 1];

	pam_syslog(pamh, LOG_INFO, "verified user=%s rhost=%s logon=%llu kind=%s principal=%s by=%s",
		   log_word(r->user, who), log_word(text_item(pamh, PAM_RHOST), where), (unsigned long long)r->logon,
		   credential_kind_name(r->kind), log_word(r->principal, principal), by);
	return PAM_SUCCESS;
}

/* ---- the helper ---- */

struct arguments {
	const char *argv[HELPER_ARGUMENTS_MAX + 3]; /* program, mode, arguments, NULL */
	size_t n;
	char text[HELPER_ARGUMENTS_MAX][PRINCIPAL_MAX + 32];
	size_t used;
};

/* key=value; values that are too long are refused, not cut. */
static bool add(struct arguments *a, const char *key, const char *value)
{
	int n;

	if (a->used == HELPER_ARGUMENTS_MAX)
		return false;
	n = snprintf(a->text[a->used], sizeof a->text[0], "%s=%s", key, value);
	if (n < 0 || (size_t)n >= sizeof a->text[0])
		return false;
	a->argv[a->n++] = a->text[a->used++];
	return true;
}

static bool add_all(struct arguments *a, const char *mode, const struct options *o, const struct logon_redeemed *r,
		    const struct logon_ccache *c)
{
	static const char program[] = PAM_HELPER_PATH;

	a->argv[a->n++] = program;
	a->argv[a->n++] = mode;
	return add(a, "user", r->user) && add(a, "principal", r->principal) &&
	       add(a, "mechanism", r->kerberos ? "krb5" : "ntlm") && add(a, "ccache", c->temporary) &&
	       add(a, "final_try", o->final_try ? "allow" : "refuse") &&
	       add(a, "certificate", o->any_certificate ? "any" : "match") &&
	       (!o->pkcs11_module || add(a, "pkcs11_module", o->pkcs11_module));
}

/* Returns whether the session may begin without tickets: the service ticket proved the user. */
static bool may_lack_tickets(const struct options *o, const struct route *route, const struct logon_redeemed *r,
			     unsigned status)
{
	return o->accept_proof && status == HELPER_OPAQUE && route->gss == GSS_TICKETLESS &&
	       r->proof == LOGON_PROOF_GSS && r->kerberos;
}

static int judge(pam_handle_t *pamh, const struct options *o, const struct route *route, const struct logon_redeemed *r,
		 const struct helper_result *result)
{
	char who[LOG_WORD_MAX + 1], where[LOG_WORD_MAX + 1];
	const char *text = helper_status_text(result->status);

	if (result->status == HELPER_SUCCESS)
		return accept_proved(pamh, r, route->mode);
	if (!may_lack_tickets(o, route, r, result->status))
		return refuse(pamh, r, helper_status_pam(result->status), text, result->detail);
	pam_syslog(pamh, LOG_WARNING, "no tickets for the session of user=%s rhost=%s logon=%llu: %s: %s",
		   log_word(r->user, who), log_word(text_item(pamh, PAM_RHOST), where), (unsigned long long)r->logon,
		   text, result->detail);
	return accept_proved(pamh, r, route->mode);
}

static int by_helper(pam_handle_t *pamh, const struct options *o, struct logon *l, const struct route *route)
{
	const struct logon_redeemed *r = logon_redeemed(l);
	struct helper_result result = { .status = HELPER_NONE };
	AUTO_FREE struct arguments *a = calloc(1, sizeof *a);
	struct logon_ccache *c = logon_ccache(l);
	int e = o->ccache == CCACHE_NONE ? 0 : ccache_prepare(c);

	if (e < 0)
		return refuse(pamh, r, PAM_SYSTEM_ERR, CCACHE_DIRECTORY, strerror(-e));
	c->own = o->ccache == CCACHE_OWN;
	if (!a)
		return refuse(pamh, r, PAM_BUF_ERR, strerror(ENOMEM), "");
	if (!add_all(a, route->mode, o, r, c))
		return refuse(pamh, r, PAM_SYSTEM_ERR, "a name is too long", "");
	helper_run(a->argv[0], a->argv, &r->handover, clock_msec() + o->timeout, &result);
	if (result.status != HELPER_SUCCESS || !result.has_ccache || ccache_hand_on(pamh, c) != PAM_SUCCESS)
		logon_ccache_drop(c); /* a helper that was killed may have written it */
	return judge(pamh, o, route, r, &result);
}

/* ---- the PIN for another module ---- */

static bool offer_pin(const struct options *o, struct logon *l)
{
	struct handover h;

	return o->pin == PIN_CONVERSATION && logon_redeemed(l)->kind == CREDENTIAL_SMARTCARD &&
	       handover_read(&logon_redeemed(l)->handover, &h) == 0 && h.field[HANDOVER_PIN].len > 0 &&
	       h.field[HANDOVER_PIN].len <= PIN_MAX &&
	       !memchr(h.field[HANDOVER_PIN].p_, '\0', h.field[HANDOVER_PIN].len) &&
	       logon_offer_pin(l, h.field[HANDOVER_PIN].p_, h.field[HANDOVER_PIN].len, o->final_try) == 0;
}

/* ---- the routes ---- */

/* Returns whether credsspd's proof is enough, apart from accept_proof. */
static bool gss_is_enough(const struct route *route, const struct logon_redeemed *r)
{
	return r->proof == LOGON_PROOF_GSS && (route->gss == GSS_ANY || (route->gss == GSS_KERBEROS && r->kerberos));
}

static int verify(pam_handle_t *pamh, const struct options *o, struct logon *l)
{
	const struct logon_redeemed *r = logon_redeemed(l);
	const struct route *route = route_of(r->kind);
	const char *text = "";
	bool offered;
	int state;

	if (r->kind == CREDENTIAL_PASSWORD)
		return PAM_IGNORE; /* later modules verify the password */
	if (!route)
		return refuse(pamh, r, PAM_AUTH_ERR, "no ticket was redeemed in this logon", "");
	if (!logon_is_of_user(pamh, l))
		return refuse(pamh, r, PAM_AUTH_ERR, "PAM_USER has changed since the ticket was redeemed", "");
	if (r->proof == LOGON_PROOF_NONE)
		return refuse(pamh, r, PAM_AUTH_ERR, "no proof of the user's identity", "");
	/* the PIN of the client's card must not be tried on a card of this host */
	if (gss_is_enough(route, r) && !o->accept_proof)
		return refuse(pamh, r, PAM_AUTH_ERR,
			      "only CredSSP has proved the user, and this PAM line has no accept_proof", "");
	/* no later module asks for a password, so no module would notice a locked account */
	state = account_check(pamh, r->user, &text);
	if (state != PAM_SUCCESS)
		return refuse(pamh, r, state, text, "");
	offered = offer_pin(o, l);
	if (gss_is_enough(route, r))
		return accept_proved(pamh, r, CREDSSP_PROOF_GSS);
	if (offered)
		return PAM_IGNORE; /* the module that asks for the PIN verifies it */
	if (!route->mode)
		return refuse(pamh, r, PAM_AUTH_ERR, "no proof of the user's identity", "");
	return by_helper(pamh, o, l, route);
}

int verify_authenticate(pam_handle_t *pamh, const struct options *o)
{
	struct logon *l = logon_get(pamh);
	int r;

	if (!l)
		return o->require_ticket ? PAM_AUTH_ERR : PAM_IGNORE;
	r = verify(pamh, o, l);
	secret_done(&logon_redeemed(l)->handover);
	if (r != PAM_IGNORE)
		logon_redeemed(l)->proof = LOGON_PROOF_NONE; /* a proof counts once */
	return r;
}
