/* SPDX-License-Identifier: MIT */
/* Asks the KDC for tickets, as credsspd and as a client would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "credsspctl/check/check.h"
#include "credsspctl/check/kerberos.h"

#define SERVICE "TERMSRV"
#define SKEW_MAX_SEC 300 /* libkrb5's clockskew */

/* Asks the KDC, once. Returns NULL when the KDC cannot be asked. */
static struct kerberos *asked(struct check_context *ctx)
{
	struct kerberos *b = kerberos_get(ctx);

	if (b)
		kerberos_ask(b, ctx);
	return b && b->client ? b : NULL;
}

/* Returns whether the KDC refuses the key. */
static bool is_wrong_key(krb5_error_code code)
{
	return code == KRB5KDC_ERR_PREAUTH_FAILED || code == KRB5KRB_AP_ERR_BAD_INTEGRITY;
}

static bool wants_user_to_user(const struct check_context *ctx)
{
	return ctx->config.kerberos == CONFIG_KERBEROS_ANY || ctx->config.kerberos == CONFIG_KERBEROS_USER_TO_USER;
}

static enum check_result kdc(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);

	if (!b)
		return CHECK_NONE;
	(void)check_looked(found, "a KDC, as %s", b->client);
	if (!kerberos_unreachable(b->refusal))
		return CHECK_OK;
	(void)check_wrong(found, "%s", b->refusal_text ? b->refusal_text : "no answer");
	return check_remedy(found, "KRB5_TRACE=/dev/stderr kinit -k -t %s %s", ctx->config.keytab, b->client);
}

static enum check_result clock_skew(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);
	bool refused = b && (b->refusal == KRB5KRB_AP_ERR_SKEW || b->refusal == KRB5_KDCREP_SKEW);

	if (!b || (b->refusal && !refused))
		return CHECK_NONE;
	(void)check_looked(found, "the clocks of the KDC and of this host");
	if (!refused && labs(b->ahead) <= SKEW_MAX_SEC)
		return CHECK_OK;
	if (refused)
		(void)check_wrong(found, "%s", b->refusal_text);
	else
		(void)check_wrong(found, "the KDC's is %ld seconds %s", labs(b->ahead),
				  b->ahead > 0 ? "ahead" : "behind");
	return check_remedy(found, "timedatectl; chronyc tracking");
}

static enum check_result own_ticket(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);

	if (!b || !wants_user_to_user(ctx) || kerberos_unreachable(b->refusal) || is_wrong_key(b->refusal) ||
	    b->refusal == KRB5KRB_AP_ERR_SKEW || b->refusal == KRB5_KDCREP_SKEW)
		return CHECK_NONE;
	(void)check_looked(found, "a ticket-granting ticket for %s", b->client);
	if (b->refusal == 0)
		return CHECK_OK;
	(void)check_wrong(
	    found, "the KDC gives no ticket: %s; user-to-user, which Windows clients in a domain begin with, needs one",
	    b->refusal_text);
	return check_remedy(found,
			    "kinit -k -t %s %s; Active Directory: the key HOST$ in the keytab; or kerberos = "
			    "service-ticket in %s",
			    ctx->config.keytab, b->client, CONFIG_PATH_DEFAULT);
}

static enum check_result user_to_user(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);

	if (!b || b->refusal || !ctx->has_daemon || ctx->tgts < 0 || !wants_user_to_user(ctx))
		return CHECK_NONE;
	(void)check_looked(found, "credsspd's own ticket-granting tickets");
	if (ctx->tgts > 0)
		return CHECK_OK;
	(void)check_wrong(
	    found,
	    "credsspd has no ticket: it does not accept user-to-user, which Windows clients in a domain begin with");
	return check_remedy(found, "credsspctl reload; journalctl -t credsspd says why");
}

/* ---- tickets as clients get them ---- */

/* Gets a ticket for @service/@host in the realm of the keytab. Returns 0 or an error of libkrb5. */
static krb5_error_code get_ticket(struct kerberos *b, const char *service, const char *host, krb5_creds **ret_)
{
	const char *realm = b->keys.p[0].realm;
	krb5_creds in = { .magic = 0 };
	krb5_error_code code;

	code = krb5_build_principal(b->k, &in.server, (unsigned)strlen(realm), realm, service, host, (char *)NULL);
	if (code == 0)
		code = krb5_cc_get_principal(b->k, b->ccache, &in.client);
	if (code == 0)
		code = krb5_get_credentials(b->k, 0, b->ccache, &in, ret_);
	krb5_free_cred_contents(b->k, &in);
	return code;
}

/* Tries to decrypt the ticket with the keytab; *@ret_kvno is the key version of the ticket. */
static krb5_error_code decrypt(struct kerberos *b, const krb5_creds *creds, unsigned *ret_kvno)
{
	krb5_ticket *ticket = NULL;
	krb5_error_code code = krb5_decode_ticket(&creds->ticket, &ticket);

	if (code)
		return code;
	*ret_kvno = ticket->enc_part.kvno;
	code = krb5_server_decrypt_ticket_keytab(b->k, b->keytab, ticket);
	krb5_free_ticket(b->k, ticket);
	return code;
}

/* Returns the name number @i that clients use; NULL after the last. */
static const char *name_at(const struct check_context *ctx, size_t i)
{
	if (i == 0)
		return ctx->fqdn;
	for (size_t k = 0; ctx->names && ctx->names[k]; k++)
		if (k + 1 == i)
			return ctx->names[k];
	return NULL;
}

static enum check_result kdc_names(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);
	const char *name;

	if (!b || b->refusal)
		return CHECK_NONE;
	(void)check_looked(found, "tickets for %s/ from the KDC", SERVICE);
	for (size_t i = 0; (name = name_at(ctx, i)); i++) {
		krb5_creds *creds = NULL;
		krb5_error_code code = get_ticket(b, SERVICE, name, &creds);
		AUTO_FREE char *text = code ? kerberos_text(b->k, code) : NULL;

		if (code == 0) {
			krb5_free_creds(b->k, creds);
			continue;
		}
		(void)check_wrong(found, "the KDC gives no ticket for %s/%s: %s", SERVICE, name, text ? text : "");
		if (!ctx->config.domains[0])
			return check_remedy(found, "kadmin: addprinc -randkey %s/%s; FreeIPA: ipa service-add %s/%s",
					    SERVICE, name, SERVICE, name);
		if (i == 0)
			return check_remedy(found, "setspn -S %s/%s %s$", SERVICE, name, ctx->host);
		return check_remedy(
		    found, "one account owns the name, which is not a node's own: setspn -S %s/%s svc-rdp; " AD_PAGE,
		    SERVICE, name);
	}
	return CHECK_OK;
}

/* @name is the name that clients use. */
static enum check_result say_kvno(struct finding *found, const struct check_context *ctx, const char *name,
				  const char *why)
{
	(void)check_wrong(found, "%s: %s; the KDC has newer keys than the keytab %s", name, why, ctx->config.keytab);
	return check_remedy_keytab(found, ctx, name);
}

static enum check_result kvno(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);
	const char *name;

	if (!b || (b->refusal && !is_wrong_key(b->refusal)))
		return CHECK_NONE;
	(void)check_looked(found, "whether the keys in %s are the KDC's", ctx->config.keytab);
	if (b->refusal)
		return say_kvno(found, ctx, ctx->fqdn, b->refusal_text);
	for (size_t i = 0; (name = name_at(ctx, i)); i++) {
		const struct key *key = keys_find(&b->keys, SERVICE, name);
		krb5_creds *creds = NULL;
		krb5_error_code code;
		unsigned wanted = 0;
		char why[160];

		if (!key || get_ticket(b, SERVICE, name, &creds) != 0)
			continue;
		code = decrypt(b, creds, &wanted);
		krb5_free_creds(b->k, creds);
		if (code == 0)
			continue;
		(void)snprintf(why, sizeof why, "the KDC's tickets are for version %u of the key, the keytab has %u",
			       wanted, key->kvno);
		return say_kvno(found, ctx, name, why);
	}
	return CHECK_OK;
}

/* Remote guard: clients get a ticket for HOST/ before they connect. */
static enum check_result kdc_host(struct check_context *ctx, struct finding *found)
{
	struct kerberos *b = asked(ctx);
	krb5_creds *creds = NULL;
	AUTO_FREE char *text = NULL;
	krb5_error_code code;

	if (!b || b->refusal || ctx->config.remote_guard == CONFIG_REMOTE_GUARD_REFUSE)
		return CHECK_NONE;
	(void)check_looked(found, "a ticket for HOST/%s from the KDC", ctx->fqdn);
	code = get_ticket(b, "HOST", ctx->fqdn, &creds);
	if (code == 0) {
		krb5_free_creds(b->k, creds);
		return CHECK_OK;
	}
	text = kerberos_text(b->k, code);
	(void)check_wrong(found, "remote guard needs such a ticket, and the KDC refuses it: %s", text ? text : "");
	return check_remedy(found, "kadmin: addprinc -randkey HOST/%s, ktadd HOST/%s; or an alias of host/%s",
			    ctx->fqdn, ctx->fqdn, ctx->fqdn);
}

struct check_area check_kdc_area(void)
{
	static const struct check_row rows[] = {
		{ "kdc", CHECK_ERROR, kdc },
		{ "clock", CHECK_ERROR, clock_skew },
		{ "own-ticket", CHECK_ERROR, own_ticket },
		{ "user-to-user", CHECK_ERROR, user_to_user },
		{ "kdc-names", CHECK_ERROR, kdc_names },
		{ "kvno", CHECK_ERROR, kvno },
		{ "kdc-host", CHECK_ERROR, kdc_host },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
