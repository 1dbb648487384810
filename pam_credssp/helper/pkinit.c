/* SPDX-License-Identifier: MIT */
/*
 * Mode `pkinit`: one exchange with the KDC, with PIN and card. krb5_get_init_creds_password() is not used, because it
 * repeats the exchange with the primary KDC, nor a prompter: either would use a wrong PIN twice (seen). libkrb5 asks
 * for the PIN through the responder, which answers once and only while the card still allows a try.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "pam_credssp/helper/card-lock.h"
#include "pam_credssp/helper/card.h"
#include "pam_credssp/helper/kerberos.h"
#include "pam_credssp/helper/principal-account.h"
#include "pam_credssp/helper/privileges.h"
#include "pam_credssp/helper/ticket-file.h"

struct attempt {
	const struct helper_request *request;
	struct handover_field pin;
	bool final_try;
	struct helper_result *result;
	bool answered;
	unsigned refused; /* the status that stopped the responder */
	unsigned login;   /* the status for the card's refusal of the PIN, else HELPER_SUCCESS */
};

/* ---- the card's answer ---- */

/*
 * krb5_trace_callback. libkrb5 has one error code for a PIN that the card refuses, a certificate that is not trusted
 * and other failures; only its trace shows the card's answer. With another wording of a later libkrb5 a wrong PIN
 * becomes HELPER_NOT_TRUSTED, which refuses the logon, too.
 */
static void listen(krb5_context k, const krb5_trace_info *info, void *data)
{
	struct attempt *a = data;
	const char *said = info ? strstr(info->message, "C_Login failed: ") : NULL;

	if (!said)
		return;
	a->login = strstr(said, "pin locked") ? HELPER_PIN_LOCKED : HELPER_PIN_WRONG;
	(void)helper_say(a->result, a->login, "the card reports: %.*s", (int)strcspn(said + 16, "\n"), said + 16);
}

/* ---- the answer with the PIN ---- */

static unsigned judge_challenge(struct attempt *a, const krb5_responder_pkinit_challenge *c)
{
	krb5_int32 flags;

	if (a->answered)
		return helper_say(a->result, HELPER_PIN_WRONG, "libkrb5 asks for the PIN a second time");
	if (!c || !c->identities[0] || c->identities[1])
		return helper_say(a->result, HELPER_MANY_CERTIFICATES, "libkrb5 found not exactly one certificate");
	flags = c->identities[0]->token_flags;
	if (flags > 0 && flags & KRB5_RESPONDER_PKINIT_FLAGS_TOKEN_USER_PIN_LOCKED)
		return HELPER_PIN_LOCKED;
	if (flags > 0 && flags & KRB5_RESPONDER_PKINIT_FLAGS_TOKEN_USER_PIN_FINAL_TRY && !a->final_try)
		return HELPER_PIN_FINAL_TRY;
	return HELPER_SUCCESS;
}

static krb5_error_code give_pin(krb5_context k, struct attempt *a, krb5_responder_context r, const char *identity)
{
	AUTO_SECRET struct secret pin = SECRET_NULL;

	if (secret_init(&pin, a->pin.len + 1) < 0 || secret_append(&pin, a->pin.p_, a->pin.len) < 0 ||
	    secret_append(&pin, "", 1) < 0)
		return ENOMEM;
	a->answered = true;
	return krb5_responder_pkinit_set_answer(k, r, identity, secret_expose(&pin));
}

/* krb5_responder_fn. An error ends the exchange before the card gets the PIN. */
static krb5_error_code respond(krb5_context k, void *data, krb5_responder_context r)
{
	krb5_responder_pkinit_challenge *c = NULL;
	struct attempt *a = data;
	krb5_error_code code;

	/* no question about PKINIT: nothing to answer */
	if (!krb5_responder_get_challenge(k, r, KRB5_RESPONDER_QUESTION_PKINIT))
		return 0;
	code = krb5_responder_pkinit_get_challenge(k, r, &c);
	if (code)
		return code;
	a->refused = judge_challenge(a, c);
	code = a->refused == HELPER_SUCCESS ? give_pin(k, a, r, c->identities[0]->identity) : KRB5_LIBOS_CANTREADPWD;
	krb5_responder_pkinit_challenge_free(k, r, c);
	return code;
}

/* ---- the exchange ---- */

static unsigned status_of(krb5_context k, krb5_error_code code, const struct attempt *a)
{
	unsigned status;

	if (a->refused != HELPER_SUCCESS)
		return a->refused;
	if (a->login != HELPER_SUCCESS)
		return a->login;
	status = kerberos_status(k, code, HELPER_INTERNAL, a->result);
	if (status != HELPER_INTERNAL)
		return status;
	if (code == KRB5_PREAUTH_FAILED || code == KRB5_LIBOS_CANTREADPWD)
		return a->answered ? (unsigned)HELPER_NOT_TRUSTED : (unsigned)HELPER_CONFIGURATION;
	return HELPER_KDC_REFUSES;
}

static krb5_error_code exchange(krb5_context k, krb5_principal client, const char *identity, struct attempt *a,
				krb5_creds *ret_creds)
{
	krb5_get_init_creds_opt *o = NULL;
	krb5_init_creds_context i = NULL;
	krb5_error_code code = krb5_get_init_creds_opt_alloc(k, &o);

	if (!code)
		code = krb5_get_init_creds_opt_set_pa(k, o, "X509_user_identity", identity);
	if (!code)
		code = krb5_get_init_creds_opt_set_responder(k, o, respond, a);
	if (!code)
		code = krb5_init_creds_init(k, client, NULL, NULL, 0, o, &i);
	if (!code)
		code = krb5_init_creds_get(k, i);
	if (!code)
		code = krb5_init_creds_get_creds(k, i, ret_creds);
	krb5_init_creds_free(k, i);
	krb5_get_init_creds_opt_free(k, o);
	return code;
}

/*
 * Returns HELPER_SUCCESS when the PIN was used, the ticket is the requested client's and from the true KDC, and the
 * client is the account that logs on.
 */
static unsigned judge(krb5_context k, krb5_const_principal client, const struct attempt *a, krb5_creds *creds)
{
	unsigned status;

	if (!a->answered)
		return helper_say(a->result, HELPER_CARD_UNUSABLE, "the KDC gave a ticket without use of the PIN");
	if (!krb5_principal_compare(k, client, creds->client))
		return helper_say(a->result, HELPER_OTHER_PRINCIPAL, "the KDC's ticket is for another principal");
	status = kerberos_verify(k, creds, a->result);
	/* after NTLM client_of() has done this check */
	if (status == HELPER_SUCCESS && strcmp(a->request->mechanism, "krb5") == 0)
		status = principal_account_check(k, client, a->request->user, a->result);
	return status;
}

static unsigned write_ticket(const krb5_creds *creds, const struct attempt *a)
{
	AUTO_CLOSE int fd = -1;
	unsigned status = ticket_file_open(a->request->ccache, &fd, a->result);

	return status == HELPER_SUCCESS ? ticket_file_write(fd, creds, a->result) : status;
}

static unsigned with_card(krb5_context k, krb5_principal client, const struct card *card, struct attempt *a)
{
	char identity[MODULE_PATH_MAX + sizeof card->id + 64];
	krb5_creds creds = { 0 };
	krb5_error_code code;
	unsigned status;

	(void)snprintf(identity, sizeof identity, "PKCS11:module_name=%s:slotid=%lu:certid=%s", a->request->module,
		       card->slot, card->id);
	code = exchange(k, client, identity, a, &creds);
	if (code)
		return status_of(k, code, a);
	status = judge(k, client, a, &creds);
	if (status == HELPER_SUCCESS)
		status = write_ticket(&creds, a);
	krb5_free_cred_contents(k, &creds);
	return status;
}

/* ---- the client's principal ---- */

/* Returns the client's principal. After NTLM, which proves an account: name@DEFAULT.REALM, if it maps to the
 * account. */
static krb5_error_code client_of(krb5_context k, const struct helper_request *r, krb5_principal *ret_client)
{
	krb5_error_code code;
	char local[ACCOUNT_NAME_MAX + 1];

	if (strcmp(r->mechanism, "krb5") == 0)
		return krb5_parse_name_flags(k, r->principal, KRB5_PRINCIPAL_PARSE_REQUIRE_REALM, ret_client);
	code = krb5_parse_name_flags(k, r->user, KRB5_PRINCIPAL_PARSE_NO_REALM, ret_client);
	if (!code) {
		char *realm = NULL;

		code = krb5_get_default_realm(k, &realm);
		if (!code)
			code = krb5_set_principal_realm(k, *ret_client, realm);
		krb5_free_default_realm(k, realm);
	}
	if (!code)
		code = krb5_aname_to_localname(k, *ret_client, (int)sizeof local, local);
	if (!code && strcmp(local, r->user) != 0)
		code = KRB5_NO_LOCALNAME;
	return code;
}

static unsigned with_principal(krb5_context k, krb5_principal client, struct attempt *a,
			       const struct handover *handover)
{
	const struct helper_request *r = a->request;
	struct card_policy policy = { .module = r->module, .final_try = a->final_try };
	struct anchors *anchors = NULL;
	struct card card;
	char *name = NULL;
	unsigned status;

	if (krb5_unparse_name(k, client, &name))
		return helper_say(a->result, HELPER_INTERNAL, "out of memory");
	if (anchors_load(k, &client->realm, &anchors) < 0) {
		krb5_free_unparsed_name(k, name);
		return helper_say(a->result, HELPER_INTERNAL, "out of memory");
	}
	policy.anchors = anchors;
	policy.principal = name;
	policy.any_name = strcmp(r->certificate, "any") == 0;
	status = card_choose(&policy, handover, &card, a->result);
	anchors_free(anchors);
	krb5_free_unparsed_name(k, name);
	return status == HELPER_SUCCESS ? with_card(k, client, &card, a) : status;
}

unsigned pkinit_run(const struct helper_request *request, const struct handover *handover, struct helper_result *result)
{
	struct attempt a = { .request = request,
			     .pin = handover->field[HANDOVER_PIN],
			     .result = result,
			     .refused = HELPER_SUCCESS,
			     .login = HELPER_SUCCESS };
	krb5_principal client = NULL;
	krb5_context k = NULL;
	krb5_error_code code;
	unsigned status;

	a.final_try = strcmp(request->final_try, "allow") == 0;
	/* the path becomes part of a string that libkrb5 splits at colons */
	if (request->module[0] != '/' || strchr(request->module, ':') || strlen(request->module) > MODULE_PATH_MAX)
		return helper_say(result, HELPER_CONFIGURATION, "pkcs11_module is no absolute path without colons");
	if (!a.pin.p_)
		return helper_say(result, HELPER_HANDOVER, "there is no PIN");
	status = privileges_for_cards(result);
	if (status == HELPER_SUCCESS)
		status = card_lock(request->deadline, result);
	if (status != HELPER_SUCCESS)
		return status;
	/* not the secure variant: the helper's environment is empty */
	code = krb5_init_context(&k);
	if (code)
		return kerberos_status(NULL, code, HELPER_CONFIGURATION, result);
	(void)krb5_set_trace_callback(k, listen, &a);
	code = client_of(k, request, &client);
	status =
	    code ? kerberos_status(k, code, HELPER_UNKNOWN_PRINCIPAL, result) : with_principal(k, client, &a, handover);
	krb5_free_principal(k, client);
	krb5_free_context(k);
	return status;
}
