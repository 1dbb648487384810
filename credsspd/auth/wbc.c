/* SPDX-License-Identifier: MIT */
/*
 * Declared here rather than by including wbclient.h: the header belongs to
 * Samba's development package, and only these parts of its ABI (libwbclient.so.0,
 * version 0.15) are used. The start-up self-test fails when they do not fit.
 *
 * Three things that gss-ntlmssp 1.2.0 relies on without checking:
 * - wbcCtxCredentialCache() must set its result even when it fails;
 * - wbcCtxInterfaceDetails() must give a domain, which may be empty;
 * - the user info must hold at least one SID: an empty list makes it free a block twice.
 */
#include "credsspd/auth/wbc.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credsspd/util/packet.h"
#include "credsspd/verifier/record.h"
#include "include/credssp/secret.h"

/* ---- the ABI ---- */

typedef int wbcErr; /* an enum there */

enum {
	WBC_ERR_SUCCESS = 0,
	WBC_ERR_NOT_IMPLEMENTED = 1,
	WBC_ERR_NO_MEMORY = 3,
	WBC_ERR_INVALID_PARAM = 5,
	WBC_ERR_WINBIND_NOT_AVAILABLE = 6,
	WBC_ERR_AUTH_ERROR = 10,
};

struct wbcContext;
struct wbcCredentialCacheParams;
struct wbcCredentialCacheInfo;
struct wbcAuthErrorInfo;
struct wbcNamedBlob;

struct wbcDomainSid {
	uint8_t sid_rev_num, num_auths, id_auth[6];
	uint32_t sub_auths[15];
};

struct wbcSidWithAttr {
	struct wbcDomainSid sid;
	uint32_t attributes;
};

struct wbcInterfaceDetails {
	uint32_t interface_version;
	char *winbind_version;
	char winbind_separator;
	char *netbios_name, *netbios_domain, *dns_domain;
};

#define WBC_AUTH_USER_LEVEL_RESPONSE 3

struct wbcAuthUserParams {
	const char *account_name, *domain_name, *workstation_name;
	uint32_t flags, parameter_control;
	int level;
	union {
		uint8_t hashes[32];
		struct {
			uint8_t challenge[8];
			uint32_t nt_length;
			uint8_t *nt_data;
			uint32_t lm_length;
			uint8_t *lm_data;
		} response;
	} password;
};

struct wbcAuthUserInfo {
	uint32_t user_flags;
	char *account_name, *user_principal, *full_name, *domain_name, *dns_domain_name;
	uint32_t acct_flags;
	uint8_t user_session_key[16], lm_session_key[8];
	uint16_t logon_count, bad_password_count;
	uint64_t times[6];
	char *logon_server, *logon_script, *profile_path, *home_directory, *home_drive;
	uint32_t num_sids;
	struct wbcSidWithAttr *sids;
};

_Static_assert(sizeof(void *) != 8 ||
		   (sizeof(struct wbcAuthUserParams) == 80 && sizeof(struct wbcAuthUserInfo) == 184 &&
		    sizeof(struct wbcInterfaceDetails) == 48 && sizeof(struct wbcDomainSid) == 68),
	       "sizes of libwbclient 0.15");
_Static_assert(sizeof(void *) != 8 || (offsetof(struct wbcAuthUserParams, password.response.nt_data) == 56 &&
				       offsetof(struct wbcAuthUserInfo, user_session_key) == 52 &&
				       offsetof(struct wbcAuthUserInfo, sids) == 176),
	       "offsets of libwbclient 0.15");

struct wbcContext *wbcCtxCreate(void);
void wbcCtxFree(struct wbcContext *ctx);
wbcErr wbcCtxInterfaceDetails(struct wbcContext *ctx, struct wbcInterfaceDetails **details);
wbcErr wbcCtxCredentialCache(struct wbcContext *ctx, struct wbcCredentialCacheParams *params,
			     struct wbcCredentialCacheInfo **info, struct wbcAuthErrorInfo **error);
wbcErr wbcCtxAuthenticateUserEx(struct wbcContext *ctx, const struct wbcAuthUserParams *params,
				struct wbcAuthUserInfo **info, struct wbcAuthErrorInfo **error);
wbcErr wbcAddNamedBlob(size_t *num_blobs, struct wbcNamedBlob **blobs, const char *name, uint32_t flags, uint8_t *data,
		       size_t length);
void wbcFreeMemory(void *p);
int wbcSidToStringBuf(const struct wbcDomainSid *sid, char *buf, int buflen);

/* ---- state: one handshake a process ---- */

static int verifier = -1;
static unsigned calls;
static enum refusal last_refusal = REFUSAL_NONE;

void wbc_attach(int verifier_fd)
{
	verifier = verifier_fd;
}

unsigned wbc_calls(void)
{
	return calls;
}

enum refusal wbc_refusal(void)
{
	return last_refusal;
}

/* ---- the question ---- */

static int copy_name(char out[RECORD_NAME_MAX], const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len > ACCOUNT_NAME_MAX)
		return -1;
	memcpy(out, name ? name : "", len);
	return 0;
}

/* Asks the verifier. REFUSAL_NONE and the session key, or the reason. */
static enum refusal ask(const struct wbcAuthUserParams *params, uint8_t ret_session_key[16])
{
	static struct verifier_query q; /* too large for the stack */
	struct verifier_answer a;
	size_t len = params->password.response.nt_length;
	enum refusal refusal;

	if (len == 0 || len > sizeof q.nt_response)
		return REFUSAL_BAD_CREDENTIALS;
	q = (struct verifier_query){ .type = VERIFIER_QUERY, .nt_response_len = (uint32_t)len };
	if (copy_name(q.user, params->account_name) < 0 || copy_name(q.domain, params->domain_name) < 0)
		return REFUSAL_NAME;
	memcpy(q.server_challenge, params->password.response.challenge, sizeof q.server_challenge);
	memcpy(q.nt_response, params->password.response.nt_data, len);
	if (verifier < 0 ||
	    packet_send(verifier, &q, offsetof(struct verifier_query, nt_response) + len, NULL, 0) < 0 ||
	    packet_recv(verifier, &a, sizeof a, NULL, 0) != (ssize_t)sizeof a || a.type != VERIFIER_ANSWER)
		return REFUSAL_UNAVAILABLE;
	refusal = a.granted == 1 ? REFUSAL_NONE : refusal_of_ntstatus(a.ntstatus);
	if (refusal == REFUSAL_UNAVAILABLE)
		refusal = REFUSAL_BAD_PASSWORD; /* a no is a no; the supervisor knows the reason from the verifier */
	if (refusal == REFUSAL_NONE)
		memcpy(ret_session_key, a.session_key, sizeof a.session_key);
	secret_wipe(&a, sizeof a);
	return refusal;
}

/* ---- the entry points ---- */

struct wbcContext *wbcCtxCreate(void)
{
	static char context;

	calls++;
	return (struct wbcContext *)(void *)&context;
}

void wbcCtxFree(struct wbcContext *ctx)
{
	(void)ctx;
}

wbcErr wbcCtxInterfaceDetails(struct wbcContext *ctx, struct wbcInterfaceDetails **details)
{
	static char empty[1] = "";
	struct wbcInterfaceDetails *d = calloc(1, sizeof *d);

	(void)ctx;
	*details = d;
	if (!d)
		return WBC_ERR_NO_MEMORY;
	d->winbind_separator = '\\';
	d->winbind_version = d->netbios_name = d->netbios_domain = d->dns_domain = empty;
	return WBC_ERR_SUCCESS;
}

wbcErr wbcCtxCredentialCache(struct wbcContext *ctx, struct wbcCredentialCacheParams *params,
			     struct wbcCredentialCacheInfo **info, struct wbcAuthErrorInfo **error)
{
	(void)ctx;
	(void)params;
	if (info)
		*info = NULL;
	if (error)
		*error = NULL;
	return WBC_ERR_NOT_IMPLEMENTED;
}

wbcErr wbcCtxAuthenticateUserEx(struct wbcContext *ctx, const struct wbcAuthUserParams *params,
				struct wbcAuthUserInfo **info, struct wbcAuthErrorInfo **error)
{
	struct wbcAuthUserInfo *i;
	struct wbcSidWithAttr *nobody;

	(void)ctx;
	*info = NULL;
	if (error)
		*error = NULL;
	/* one handshake, one question: no second guess after a no */
	if (last_refusal != REFUSAL_NONE)
		return WBC_ERR_AUTH_ERROR;
	last_refusal = REFUSAL_BAD_CREDENTIALS;
	if (params->level != WBC_AUTH_USER_LEVEL_RESPONSE)
		return WBC_ERR_INVALID_PARAM;
	i = calloc(1, sizeof *i + sizeof *nobody); /* one block: it is freed by one wbcFreeMemory() */
	if (!i)
		return WBC_ERR_NO_MEMORY;
	last_refusal = ask(params, i->user_session_key);
	if (last_refusal != REFUSAL_NONE) {
		free(i);
		return last_refusal == REFUSAL_UNAVAILABLE ? WBC_ERR_WINBIND_NOT_AVAILABLE : WBC_ERR_AUTH_ERROR;
	}
	nobody = (struct wbcSidWithAttr *)(i + 1);
	nobody->sid.sid_rev_num = 1; /* S-1-0-0 */
	nobody->sid.num_auths = 1;
	i->num_sids = 1;
	i->sids = nobody;
	*info = i;
	return WBC_ERR_SUCCESS;
}

/* Only an initiator that asks winbind for its password would call it. */
wbcErr wbcAddNamedBlob(size_t *num_blobs, struct wbcNamedBlob **blobs, const char *name, uint32_t flags, uint8_t *data,
		       size_t length)
{
	(void)num_blobs;
	(void)blobs;
	(void)name;
	(void)flags;
	(void)data;
	(void)length;
	return WBC_ERR_NOT_IMPLEMENTED;
}

void wbcFreeMemory(void *p)
{
	free(p);
}

int wbcSidToStringBuf(const struct wbcDomainSid *sid, char *buf, int buflen)
{
	(void)sid;
	return snprintf(buf, buflen > 0 ? (size_t)buflen : 0, "S-1-0-0");
}
