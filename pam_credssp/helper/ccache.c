/* SPDX-License-Identifier: MIT */
/*
 * Modes `store` and `forget`: the user's credentials cache at the place that krb5.conf names (default_ccache_name). The
 * process becomes the user first, so that files and links of other users in /tmp or in a home cannot misuse root's
 * rights. Each session has a cache of its own, as with pam_krb5, so that the end of another session does not remove its
 * tickets. `forget` removes the cache only while it still holds the ticket that `store` put there.
 */
#include <errno.h>
#include <grp.h>
#include <krb5.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "pam_credssp/helper/kerberos.h"

/* Not MEMORY, which ends with this process. A session keyring of another process cannot be reached either. */
static const char *const types[] = { "FILE", "DIR", "KEYRING", "KCM" };

/* ---- becoming the user ---- */

static int become(const char *user)
{
	pid_t parent = getppid();
	const struct passwd *p;

	errno = 0;
	p = getpwnam(user);
	if (!p)
		return errno ? -errno : -ENOENT;
	if (p->pw_uid == geteuid() && geteuid() != 0)
		return 0;
	if (initgroups(user, p->pw_gid) < 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
		return -errno;
	/* the change of ids has cleared it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

/* ---- the ticket ---- */

static int hash_ticket(const krb5_data *ticket, char out[HELPER_TICKET_MAX + 1])
{
	unsigned char h[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!EVP_Digest(ticket->data, ticket->length, h, &len, EVP_sha256(), NULL) || 2 * len != HELPER_TICKET_MAX)
		return -EIO;
	for (unsigned i = 0; i < len; i++)
		(void)sprintf(out + 2 * i, "%02x", h[i]);
	return 0;
}

static bool is_tgt(const krb5_creds *c)
{
	const krb5_data *service = c->server->data;

	return c->server->length == 2 && service->length == KRB5_TGS_NAME_SIZE &&
	       memcmp(service->data, KRB5_TGS_NAME, KRB5_TGS_NAME_SIZE) == 0;
}

/* Finds the first TGT in @cc: its hash, and when it ends. */
static krb5_error_code find_tgt(krb5_context k, krb5_ccache cc, char out[HELPER_TICKET_MAX + 1], time_t *ret_end)
{
	krb5_error_code code, found = KRB5_CC_NOTFOUND;
	krb5_cc_cursor cursor;
	krb5_creds c;

	code = krb5_cc_start_seq_get(k, cc, &cursor);
	if (code)
		return code;
	while (found && !krb5_cc_next_cred(k, cc, &cursor, &c)) {
		if (!krb5_is_config_principal(k, c.server) && is_tgt(&c)) {
			found = hash_ticket(&c.ticket, out) < 0 ? KRB5_CRYPTO_INTERNAL : 0;
			*ret_end = (time_t)(uint32_t)c.times.endtime;
		}
		krb5_free_cred_contents(k, &c);
	}
	(void)krb5_cc_end_seq_get(k, cc, &cursor);
	return found;
}

/* ---- store ---- */

static bool type_is_known(krb5_context k, krb5_ccache cc)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(krb5_cc_get_type(k, cc), types[i]) == 0)
			return true;
	return false;
}

/*
 * The default name may be in a directory that every user can write to: a file that another user has put there would
 * receive the user's tickets, or give the other user's tickets to the user. This name cannot be guessed.
 */
static krb5_error_code new_file(krb5_context k, krb5_ccache named, krb5_ccache *ret_cc)
{
	char name[CCACHE_NAME_MAX + 1];
	uint64_t r;
	int n;

	if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
		return KRB5_CRYPTO_INTERNAL;
	n = snprintf(name, sizeof name, "FILE:%s_%016llx", krb5_cc_get_name(k, named), (unsigned long long)r);
	return n < 0 || (size_t)n >= sizeof name ? KRB5_CC_BADNAME : krb5_cc_resolve(k, name, ret_cc);
}

static bool has_expired(krb5_context k, krb5_ccache cc, krb5_principal client)
{
	char hash[HELPER_TICKET_MAX + 1];
	krb5_principal of = NULL;
	time_t end = 0;
	bool expired = krb5_cc_get_principal(k, cc, &of) == 0 && krb5_principal_compare(k, of, client) &&
		       find_tgt(k, cc, hash, &end) == 0 && end <= time(NULL);

	krb5_free_principal(k, of);
	return expired;
}

/* Makes a cache in the default collection, or reuses an expired one of @client, so that their number does not grow. */
static krb5_error_code new_in_collection(krb5_context k, const char *type, krb5_principal client, krb5_ccache *ret_cc)
{
	krb5_cccol_cursor cursor;
	krb5_ccache cc, old = NULL;
	krb5_error_code code = krb5_cccol_cursor_new(k, &cursor);

	if (code)
		return code;
	while (!old && !krb5_cccol_cursor_next(k, cursor, &cc) && cc) {
		if (strcmp(krb5_cc_get_type(k, cc), type) == 0 && has_expired(k, cc, client))
			old = cc;
		else
			(void)krb5_cc_close(k, cc);
	}
	(void)krb5_cccol_cursor_free(k, &cursor);
	*ret_cc = old;
	return old ? 0 : krb5_cc_new_unique(k, type, NULL, ret_cc);
}

static krb5_error_code user_cache(krb5_context k, krb5_principal client, krb5_ccache *ret_cc)
{
	krb5_ccache cc;
	krb5_error_code code = krb5_cc_default(k, &cc);

	if (code)
		return code;
	if (!type_is_known(k, cc)) {
		(void)krb5_cc_close(k, cc);
		return KRB5_CC_UNKNOWN_TYPE;
	}
	if (krb5_cc_support_switch(k, krb5_cc_get_type(k, cc)))
		code = new_in_collection(k, krb5_cc_get_type(k, cc), client, ret_cc);
	else
		code = new_file(k, cc, ret_cc);
	(void)krb5_cc_close(k, cc);
	return code;
}

/* Writes the name for the session: the collection's, so that tickets of a second principal are found as well. */
static int name_cache(krb5_context k, krb5_ccache cc, struct helper_result *result)
{
	const char *name = krb5_cc_support_switch(k, krb5_cc_get_type(k, cc)) ? krb5_cc_default_name(k) : NULL;
	char *full = NULL;
	int n;

	if (!name && krb5_cc_get_full_name(k, cc, &full))
		return -ENOMEM;
	n = snprintf(result->ccache, sizeof result->ccache, "%s", name ? name : full);
	krb5_free_string(k, full);
	return n < 0 || (size_t)n >= sizeof result->ccache ? -ENAMETOOLONG : 0;
}

static krb5_error_code fill(krb5_context k, krb5_ccache from, krb5_principal client, struct helper_result *result)
{
	krb5_ccache cc = NULL;
	krb5_error_code code = user_cache(k, client, &cc);

	if (code)
		return code;
	code = krb5_cc_initialize(k, cc, client);
	if (!code)
		code = krb5_cc_copy_creds(k, from, cc);
	if (!code && krb5_cc_support_switch(k, krb5_cc_get_type(k, cc)))
		code = krb5_cc_switch(k, cc);
	if (!code && name_cache(k, cc, result) < 0)
		code = KRB5_CC_BADNAME;
	if (code)
		(void)krb5_cc_destroy(k, cc);
	else
		(void)krb5_cc_close(k, cc);
	return code;
}

/* Copies the FILE cache at @path into memory. */
static krb5_error_code read_temporary(krb5_context k, const char *path, krb5_ccache *ret_cc, krb5_principal *ret_client)
{
	char name[CCACHE_NAME_MAX + 1];
	krb5_ccache from, to = NULL;
	krb5_error_code code;

	if ((size_t)snprintf(name, sizeof name, "FILE:%s", path) >= sizeof name)
		return KRB5_CC_BADNAME;
	code = krb5_cc_resolve(k, name, &from);
	if (code)
		return code;
	code = krb5_cc_get_principal(k, from, ret_client);
	if (!code)
		code = krb5_cc_new_unique(k, "MEMORY", NULL, &to);
	if (!code)
		code = krb5_cc_initialize(k, to, *ret_client);
	if (!code)
		code = krb5_cc_copy_creds(k, from, to);
	(void)krb5_cc_close(k, from);
	*ret_cc = to;
	return code;
}

unsigned ccache_store_run(const struct helper_request *request, const struct handover *handover,
			  struct helper_result *result)
{
	krb5_principal client = NULL;
	krb5_context k = NULL;
	krb5_ccache memory = NULL;
	krb5_error_code code;
	time_t end;
	int r;

	code = krb5_init_context(&k);
	if (code)
		return kerberos_status(NULL, code, HELPER_CONFIGURATION, result);
	code = read_temporary(k, request->ccache, &memory, &client);
	if (!code)
		code = find_tgt(k, memory, result->ticket, &end);
	if (code)
		return kerberos_status(k, code, HELPER_CCACHE, result);
	/* %{uid} in default_ccache_name is expanded after this */
	r = become(request->user);
	if (r < 0)
		return helper_say(result, HELPER_CCACHE, "becoming %s: %s", request->user, strerror(-r));
	code = fill(k, memory, client, result);
	if (code)
		return kerberos_status(k, code, HELPER_CCACHE, result);
	result->has_ccache = 1;
	krb5_free_principal(k, client);
	(void)krb5_cc_destroy(k, memory);
	krb5_free_context(k);
	return HELPER_SUCCESS;
}

/* ---- forget ---- */

/* Makes a cache of another session of @client the primary one: without a primary cache it would have no tickets. */
static void switch_to_another(krb5_context k, krb5_principal client)
{
	krb5_ccache primary = NULL, other = NULL;
	krb5_principal of = NULL;

	if (krb5_cc_default(k, &primary) == 0 && krb5_cc_support_switch(k, krb5_cc_get_type(k, primary)) &&
	    krb5_cc_get_principal(k, primary, &of) != 0 && krb5_cc_cache_match(k, client, &other) == 0) {
		(void)krb5_cc_switch(k, other);
		(void)krb5_cc_close(k, other);
	}
	krb5_free_principal(k, of);
	if (primary)
		(void)krb5_cc_close(k, primary);
}

static krb5_error_code forget(krb5_context k, krb5_ccache cc, const char *ticket, bool *ret_ours)
{
	char hash[HELPER_TICKET_MAX + 1] = "";
	krb5_principal client = NULL;
	krb5_error_code code;
	time_t end;

	*ret_ours = find_tgt(k, cc, hash, &end) == 0 && strcmp(hash, ticket) == 0;
	if (!*ret_ours)
		return krb5_cc_close(k, cc);
	(void)krb5_cc_get_principal(k, cc, &client);
	code = krb5_cc_destroy(k, cc);
	if (!code && client)
		switch_to_another(k, client);
	krb5_free_principal(k, client);
	return code;
}

unsigned ccache_forget_run(const struct helper_request *request, const struct handover *handover,
			   struct helper_result *result)
{
	krb5_cccol_cursor cursor;
	krb5_context k = NULL;
	krb5_error_code code;
	krb5_ccache cc;
	bool ours = false;
	int r = become(request->user);

	if (r < 0)
		return helper_say(result, HELPER_CCACHE, "becoming %s: %s", request->user, strerror(-r));
	code = krb5_init_context(&k);
	if (code)
		return kerberos_status(NULL, code, HELPER_CONFIGURATION, result);
	code = krb5_cc_set_default_name(k, request->ccache);
	if (!code)
		code = krb5_cccol_cursor_new(k, &cursor);
	if (code)
		return kerberos_status(k, code, HELPER_CCACHE, result);
	while (!ours && !krb5_cccol_cursor_next(k, cursor, &cc) && cc)
		code = forget(k, cc, request->ticket, &ours);
	(void)krb5_cccol_cursor_free(k, &cursor);
	if (ours && code)
		return kerberos_status(k, code, HELPER_CCACHE, result);
	krb5_free_context(k);
	return helper_say(result, HELPER_SUCCESS, "%s", ours ? "removed" : "it is not ours any more");
}
