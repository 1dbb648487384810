/* SPDX-License-Identifier: MIT */
/*
 * The choice of the mechanism: without a user name, Kerberos with the existing tickets; with USER@REALM, Kerberos with
 * a ticket for the password, and NTLM when KDC or server name do not allow that; with any other name, NTLM.
 */
#include "credsspctl/try/try.h"

#include <errno.h>
#include <krb5/krb5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/initiator/initiator.h"
#include "credsspctl/host/exit-status.h"
#include "credsspctl/host/password.h"
#include "credsspctl/try/connection.h"
#include "credsspctl/try/credssp.h"
#include "credsspctl/try/report.h"

struct attempt {
	const struct try_wish *wish;
	struct connection_target target;
	struct secret password;        /* with a NUL at its end */
	char domain[ACCOUNT_NAME_MAX]; /* of --user, which is at most as long, backslash included */
	const char *user;              /* without the domain */
};

/* ---- Kerberos ---- */

static void krb5_trouble(krb5_context k, krb5_error_code code, const char *what)
{
	const char *text = krb5_get_error_message(k, code);

	report_step("kerberos", "%s: %s", what, text);
	krb5_free_error_message(k, text);
}

/* Gets a ticket-granting ticket for the password into a cache in memory, which becomes the default one. */
static krb5_error_code kinit(krb5_context k, const struct attempt *a, krb5_ccache *ret)
{
	krb5_principal client = NULL;
	krb5_creds creds = { .magic = 0 };
	AUTO_FREE char *name = NULL;
	krb5_error_code code = krb5_parse_name(k, a->wish->user, &client);

	if (code == 0)
		code = krb5_get_init_creds_password(k, &creds, client, secret_expose(&a->password), NULL, NULL, 0, NULL,
						    NULL);
	if (code == 0)
		code = krb5_cc_new_unique(k, "MEMORY", NULL, ret);
	if (code == 0)
		code = krb5_cc_initialize(k, *ret, client);
	if (code == 0)
		code = krb5_cc_store_cred(k, *ret, &creds);
	if (code == 0 &&
	    (asprintf(&name, "MEMORY:%s", krb5_cc_get_name(k, *ret)) < 0 || setenv("KRB5CCNAME", name, 1) < 0))
		code = ENOMEM;
	krb5_free_cred_contents(k, &creds);
	krb5_free_principal(k, client);
	return code;
}

/* Returns whether there is a ticket-granting ticket; gets one first when there is a password. */
static bool has_tickets(const struct attempt *a, krb5_context k, krb5_ccache *ret)
{
	krb5_principal owner = NULL;
	char *name = NULL;
	krb5_error_code code;

	if (a->wish->user) {
		code = kinit(k, a, ret);
		if (code)
			krb5_trouble(k, code, "no ticket for the password");
		else
			report_step("kerberos", "the KDC gave a ticket for %s", a->wish->user);
		return code == 0;
	}
	code = krb5_cc_default(k, ret);
	if (code == 0)
		code = krb5_cc_get_principal(k, *ret, &owner);
	if (code == 0)
		code = krb5_unparse_name(k, owner, &name);
	if (code)
		krb5_trouble(k, code, "no tickets");
	else
		report_step("kerberos", "tickets of %s", name);
	krb5_free_unparsed_name(k, name);
	krb5_free_principal(k, owner);
	return code == 0;
}

/* Gets the service ticket before GSSAPI would, so that an error of the KDC is reported as such. */
static bool has_service_ticket(krb5_context k, krb5_ccache ccache, const char *service)
{
	krb5_creds in = { .magic = 0 }, *out = NULL;
	char *name = NULL;
	krb5_error_code code = krb5_parse_name(k, service, &in.server);

	if (code == 0)
		code = krb5_cc_get_principal(k, ccache, &in.client);
	if (code == 0)
		code = krb5_get_credentials(k, 0, ccache, &in, &out);
	if (code == 0)
		code = krb5_unparse_name(k, out->server, &name);
	if (code)
		krb5_trouble(k, code, service);
	else
		report_step("kerberos", "ticket for %s", name);
	krb5_free_unparsed_name(k, name);
	krb5_free_creds(k, out);
	krb5_free_cred_contents(k, &in);
	return code == 0;
}

/* Returns an initiator, or NULL after a line with the reason. The caller closes *@ret_ccache. */
static struct initiator *by_kerberos(const struct attempt *a, krb5_context k, krb5_ccache *ret_ccache)
{
	struct initiator *initiator = NULL;
	AUTO_FREE char *service = NULL;

	if (a->target.is_address) {
		report_step("kerberos", "not for an address: a ticket needs the server's name");
		return NULL;
	}
	/* an empty realm: the KDC knows which */
	if (asprintf(&service, "TERMSRV/%s@", a->target.host) < 0) {
		service = NULL;
		return NULL;
	}
	if (!has_tickets(a, k, ret_ccache) || !has_service_ticket(k, *ret_ccache, service))
		return NULL;
	if (initiator_new_krb5_ccache(service, true, &initiator) < 0) {
		report_step("kerberos", "%s", initiator_detail(NULL));
		return NULL;
	}
	report_step("spnego", "offered Kerberos");
	return initiator;
}

/* ---- NTLM ---- */

static struct initiator *by_ntlm(const struct attempt *a)
{
	struct initiator *initiator = NULL;

	if (initiator_new_ntlm(a->wish->user, secret_expose(&a->password), true, &initiator) < 0) {
		report_step("ntlm", "%s", initiator_detail(NULL));
		return NULL;
	}
	report_step("spnego", "offered NTLM for user %s, domain %s", a->user, *a->domain ? a->domain : "(none)");
	return initiator;
}

/* ---- */

static struct initiator *make_initiator(const struct attempt *a, krb5_context k, krb5_ccache *ret_ccache)
{
	struct initiator *initiator = NULL;

	if (!a->wish->user || strchr(a->wish->user, '@'))
		initiator = by_kerberos(a, k, ret_ccache);
	return initiator || !a->wish->user ? initiator : by_ntlm(a);
}

static int run(const struct attempt *a)
{
	CLEANUP(connection_done) struct try_connection c = TRY_CONNECTION_NULL;
	const struct try_credentials d = { a->domain, a->user, &a->password };
	struct initiator *initiator;
	krb5_ccache ccache = NULL;
	krb5_context k = NULL;
	int r = connection_open(&c, &a->target);

	if (r < 0)
		return r;
	if (krb5_init_context(&k) != 0)
		return report_end(-EIO, "krb5.conf cannot be read");
	initiator = make_initiator(a, k, &ccache);
	if (initiator)
		r = credssp_run(&c, initiator, a->wish->delegate ? &d : NULL);
	else
		r = report_end(-ENOKEY, a->wish->user
					    ? "there is nothing to authenticate with"
					    : "Kerberos cannot be used: kinit first, or name a user with --user");
	initiator_free(initiator);
	if (ccache)
		(void)krb5_cc_close(k, ccache);
	krb5_free_context(k);
	return r;
}

static int read_password(struct attempt *a)
{
	AUTO_SECRET struct secret typed = SECRET_NULL;
	const char *problem;
	int r = password_read(STDIN_FILENO, a->wish->user, false, &typed, &problem);

	if (r < 0)
		(void)fprintf(stderr, "credsspctl: try: %s\n", problem);
	if (r == 0)
		r = secret_init(&a->password, secret_len(&typed) + 1);
	if (r == 0)
		r = secret_append(&a->password, secret_expose(&typed), secret_len(&typed));
	return r < 0 ? r : secret_append(&a->password, "", 1);
}

/* ---- the deadline ---- */

static char deadline_text[80];

/* A library may be at work: only what signal-safety(7) allows. Every line before this one has been flushed. */
__attribute__((noreturn)) static void deadline_passed(int sig)
{
	(void)!write(STDOUT_FILENO, deadline_text, strlen(deadline_text));
	_exit(CTL_FAILED);
}

static void start_deadline(void)
{
	(void)snprintf(deadline_text, sizeof deadline_text, "failed:     the logon did not end within %u seconds\n",
		       TRY_DEADLINE_SEC);
	(void)signal(SIGALRM, deadline_passed);
	(void)alarm(TRY_DEADLINE_SEC);
}

int try_run(const struct try_wish *wish)
{
	struct attempt a = { .wish = wish, .password = SECRET_NULL, .user = wish->user };
	const char *backslash = wish->user ? strchr(wish->user, '\\') : NULL;
	int r;

	if (connection_target_read(wish->server, &a.target) < 0) {
		(void)fputs("credsspctl: try: the server must be HOST[:PORT], with brackets around an IPv6 address "
			    "that has a port\n",
			    stderr);
		return CTL_USAGE;
	}
	if (backslash) {
		(void)snprintf(a.domain, sizeof a.domain, "%.*s", (int)(backslash - wish->user), wish->user);
		a.user = backslash + 1;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* a server that closes while OpenSSL writes is an error to report */
	r = wish->user ? read_password(&a) : 0;
	if (r == 0) {
		start_deadline();
		r = run(&a);
	}
	secret_done(&a.password);
	return r == 0 ? CTL_OK : CTL_FAILED;
}
