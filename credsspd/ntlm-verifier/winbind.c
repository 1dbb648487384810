/* SPDX-License-Identifier: MIT */
/*
 * libwbclient is loaded only with ntlm = winbind, so that other hosts need no package of Samba. The library is needed
 * because winbind's protocol changes between versions of Samba.
 */
#include "credsspd/ntlm-verifier/winbind.h"

#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ntstatus.h"
#include "common/base/secret.h"
#include "common/wire/name.h"

#define LIBRARY "libwbclient.so.0"

/* ---- the library ---- */

int winbind_open(struct winbind *ret_, char **ret_error)
{
	static const struct {
		const char *name;
		size_t offset;
	} row[] = {
		{ "wbcCtxCreate", offsetof(struct winbind, ctx_create) },
		{ "wbcCtxFree", offsetof(struct winbind, ctx_free) },
		{ "wbcCtxPing", offsetof(struct winbind, ctx_ping) },
		{ "wbcCtxAuthenticateUserEx", offsetof(struct winbind, ctx_authenticate) },
		{ "wbcCtxLookupName", offsetof(struct winbind, ctx_lookup_name) },
		{ "wbcCtxGetpwsid", offsetof(struct winbind, ctx_getpwsid) },
		{ "wbcFreeMemory", offsetof(struct winbind, free_memory) },
		{ "wbcErrorString", offsetof(struct winbind, error_string) },
	};
	struct winbind w = { .library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) };
	bool found = w.library != NULL;

	for (size_t i = 0; found && i < sizeof row / sizeof *row; i++) {
		void *symbol = dlsym(w.library, row[i].name);

		memcpy((char *)&w + row[i].offset, &symbol, sizeof symbol);
		found = symbol != NULL;
	}
	if (found) {
		*ret_ = w;
		return 0;
	}
	if (asprintf(ret_error, "ntlm = winbind needs libwbclient: %s", dlerror()) < 0)
		*ret_error = NULL;
	winbind_close(&w);
	return -ENOENT;
}

void winbind_close(struct winbind *w)
{
	if (w->library)
		(void)dlclose(w->library);
	*w = (struct winbind){ .library = NULL };
}

/* ---- refusals ---- */

__attribute__((format(printf, 3, 4))) static void refuse(struct winbind_reply *r, enum refusal refusal, const char *fmt,
							 ...)
{
	va_list ap;

	r->refusal = refusal;
	va_start(ap, fmt);
	(void)vsnprintf(r->detail, sizeof r->detail, fmt, ap);
	va_end(ap);
}

/* The library returns the same error when winbindd does not answer and when its privileged pipe may not be opened. */
static void refuse_unreachable(const struct winbind *w, struct wbcContext *ctx, struct winbind_reply *r)
{
	if (w->ctx_ping(ctx) == WBC_ERR_SUCCESS)
		refuse(r, REFUSAL_UNAVAILABLE,
		       "winbindd runs, but does not answer this user: is credsspd-ntlm in group winbindd_priv?");
	else
		refuse(r, REFUSAL_UNAVAILABLE, "winbindd does not answer: does it run?");
}

/* Statuses that say nothing about the account, and what the administrator should check. */
static const char *trouble(uint32_t ntstatus)
{
	static const struct {
		uint32_t ntstatus;
		const char *text;
	} row[] = {
		{ NTSTATUS_ACCESS_DENIED,
		  "winbindd refuses the question of this user: is credsspd-ntlm in group winbindd_priv?" },
		{ 0xC000005EU, "no domain controller answers" },
		{ 0xC0000233U, "no domain controller is found" },
		{ 0xC00000B5U, "the domain controller does not answer in time" },
		{ 0xC00000DAU, "the host is no member of a domain" },
		{ 0xC000018AU, "the host's account in the domain is lost: join it again" },
		{ 0xC000018BU, "the host's account in the domain is lost: join it again" },
		{ 0xC000018CU, "the host's domain does not trust the user's domain" },
		{ 0xC000018DU, "the host's account in the domain is lost: join it again" },
		{ 0xC0000133U, "the clocks of host and domain controller differ" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].ntstatus == ntstatus)
			return row[i].text;
	return "the domain cannot answer";
}

static void refuse_status(uint32_t ntstatus, struct winbind_reply *r)
{
	enum refusal refusal = refusal_of_ntstatus(ntstatus);

	if (refusal == REFUSAL_UNAVAILABLE)
		refuse(r, refusal, "%s (%08X)", trouble(ntstatus), ntstatus);
	else
		refuse(r, refusal, "the domain's status is %08X", ntstatus);
}

/* ---- which account was asked about ---- */

static void take_sid(const struct wbcDomainSid *sid, struct winbind_reply *r)
{
	size_t at = (size_t)snprintf(r->account, sizeof r->account, "S-%u-%u", sid->sid_rev_num, sid->id_auth[5]);

	for (size_t i = 0; i < sid->num_auths && i < WBC_MAXSUBAUTHS; i++)
		at += (size_t)snprintf(r->account + at, sizeof r->account - at, "-%u", sid->sub_auths[i]);
}

/* Asks the domain which account a name means, because names have many forms. The default domain is the host's own. */
static void find_account(const struct winbind *w, const struct config *config, struct wbcContext *ctx,
			 const struct verifier_query *q, struct winbind_reply *r)
{
	char domain[ACCOUNT_NAME_MAX + 1], user[ACCOUNT_NAME_MAX + 1];
	struct wbcDomainSid sid = { .num_auths = 0 };
	enum wbcSidType type = WBC_SID_NAME_USE_NONE;

	if (name_split(q->domain, q->user, domain, user) == 0 &&
	    w->ctx_lookup_name(ctx, *domain ? domain : config->domains[0], user, &sid, &type) == WBC_ERR_SUCCESS &&
	    (type == WBC_SID_NAME_USER || type == WBC_SID_NAME_COMPUTER))
		take_sid(&sid, r);
}

/* ---- the account ---- */

static void take_account(const struct winbind *w, struct wbcContext *ctx, struct wbcDomainSid *sid,
			 struct winbind_reply *r)
{
	struct passwd *pw = NULL;
	wbcErr e = w->ctx_getpwsid(ctx, sid, &pw);

	if (e == WBC_ERR_WINBIND_NOT_AVAILABLE)
		refuse(r, REFUSAL_UNAVAILABLE, "winbindd closed the connection");
	else if (e != WBC_ERR_SUCCESS || !pw)
		refuse(r, REFUSAL_UNKNOWN_USER, "the account has no uid here (%s): see idmap config in smb.conf",
		       w->error_string(e));
	else if (strlen(pw->pw_name) > ACCOUNT_NAME_MAX)
		refuse(r, REFUSAL_NAME, "the account's name is too long");
	else {
		r->refusal = REFUSAL_NONE;
		r->uid = pw->pw_uid;
		memcpy(r->name, pw->pw_name, strlen(pw->pw_name) + 1);
	}
	if (pw)
		w->free_memory(pw);
}

static bool in_domains(const struct config *c, const struct wbcAuthUserInfo *info)
{
	return (info->domain_name && config_is_domain(c, info->domain_name)) ||
	       (info->dns_domain_name && config_is_domain(c, info->dns_domain_name));
}

static bool is_zero(const uint8_t *p, size_t len)
{
	uint8_t all = 0;

	for (size_t i = 0; i < len; i++)
		all |= p[i];
	return all == 0;
}

static void take_info(const struct winbind *w, const struct config *config, struct wbcContext *ctx,
		      struct wbcAuthUserInfo *info, struct winbind_reply *r)
{
	const bool guest = info->user_flags & WBC_AUTH_USER_INFO_GUEST;

	if (info->num_sids > 0 && !guest)
		take_sid(&info->sids[0].sid, r);
	/* a domain with an enabled guest account accepts unknown users as the guest */
	if (guest)
		refuse(r, REFUSAL_UNKNOWN_USER, "the domain took the user for a guest");
	else if (info->num_sids == 0 || is_zero(info->user_session_key, sizeof info->user_session_key))
		refuse(r, REFUSAL_BAD_CREDENTIALS, "the domain's answer has no session key");
	else if (!in_domains(config, info))
		refuse(r, REFUSAL_UNKNOWN_USER, "an account of %.64s, which is not in domains",
		       info->domain_name ? info->domain_name : "no domain");
	else
		take_account(w, ctx, &info->sids[0].sid, r);
	if (r->refusal == REFUSAL_NONE)
		memcpy(r->session_key, info->user_session_key, sizeof r->session_key);
	secret_wipe(info->user_session_key, sizeof info->user_session_key);
	secret_wipe(info->lm_session_key, sizeof info->lm_session_key);
}

/* ---- the question ---- */

/* The domain gets the names as the client sent them, because the response was made with them. */
static bool sane_names(const struct verifier_query *q)
{
	char domain[ACCOUNT_NAME_MAX + 1], user[ACCOUNT_NAME_MAX + 1];

	return name_check(q->user, strlen(q->user)) == 0 && name_check(q->domain, strlen(q->domain)) == 0 &&
	       name_split(q->domain, q->user, domain, user) == 0;
}

static void winbind_ask_domain(const struct winbind *w, const struct config *config, struct wbcContext *ctx,
			       const struct winbind_question *question, struct winbind_reply *r)
{
	const struct verifier_query *query = &question->query;
	struct wbcAuthUserParams params = { .account_name = query->user,
					    .domain_name = query->domain,
					    .level = WBC_AUTH_USER_LEVEL_RESPONSE };
	struct wbcAuthUserInfo *info = NULL;
	struct wbcAuthErrorInfo *error = NULL;
	wbcErr e;

	memcpy(params.password.response.challenge, question->server_challenge, sizeof question->server_challenge);
	params.password.response.nt_length = query->nt_response_len;
	params.password.response.nt_data = (uint8_t *)(uintptr_t)query->nt_response; /* it is only read */
	/* without workstation_name winbindd sends this host's name; the client's name must not count */
	e = w->ctx_authenticate(ctx, &params, &info, &error);
	if (e == WBC_ERR_SUCCESS && info)
		take_info(w, config, ctx, info, r);
	else if (e == WBC_ERR_AUTH_ERROR && error)
		refuse_status(error->nt_status, r);
	else if (e == WBC_ERR_WINBIND_NOT_AVAILABLE)
		refuse_unreachable(w, ctx, r);
	else
		refuse(r, REFUSAL_UNAVAILABLE, "winbindd's answer is malformed: %s", w->error_string(e));
	if (e == WBC_ERR_AUTH_ERROR)
		find_account(w, config, ctx, query, r);
	if (info)
		w->free_memory(info);
	if (error)
		w->free_memory(error);
}

void winbind_ask(const struct winbind *w, const struct config *config, const struct winbind_question *question,
		 struct winbind_reply *ret_)
{
	struct wbcContext *ctx;

	*ret_ = (struct winbind_reply){ .refusal = REFUSAL_INTERNAL, .uid = (uid_t)-1 };
	if (!sane_names(&question->query)) {
		refuse(ret_, REFUSAL_NAME, "%s", "");
		return;
	}
	ctx = w->ctx_create();
	if (!ctx) {
		refuse(ret_, REFUSAL_INTERNAL, "out of memory");
		return;
	}
	winbind_ask_domain(w, config, ctx, question, ret_);
	w->ctx_free(ctx);
}
