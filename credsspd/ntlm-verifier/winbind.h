/* SPDX-License-Identifier: MIT */
/*
 * Has the domain verify an NTLMv2 response, through libwbclient. This blocks, for seconds when a domain controller does
 * not answer: only processes made for one question call winbind_ask() (askers.c).
 */
#pragma once

#include <stdbool.h> /* wbclient.h uses it */
#include <stdint.h>
#include <wbclient.h>

#include "common/base/refusal.h"
#include "common/config/config.h"
#include "common/ipc/ntlm-verifier-msg.h"

/* The functions of libwbclient that are used. */
struct winbind {
	void *library;
	struct wbcContext *(*ctx_create)(void);
	void (*ctx_free)(struct wbcContext *ctx);
	wbcErr (*ctx_ping)(struct wbcContext *ctx);
	wbcErr (*ctx_authenticate)(struct wbcContext *ctx, const struct wbcAuthUserParams *params,
				   struct wbcAuthUserInfo **info, struct wbcAuthErrorInfo **error);
	wbcErr (*ctx_lookup_name)(struct wbcContext *ctx, const char *domain, const char *name,
				  struct wbcDomainSid *sid, enum wbcSidType *type);
	wbcErr (*ctx_getpwsid)(struct wbcContext *ctx, struct wbcDomainSid *sid, struct passwd **pw);
	void (*free_memory)(void *p);
	const char *(*error_string)(wbcErr e);
};

struct winbind_question {
	uint8_t server_challenge[NTLM_SERVER_CHALLENGE_LEN];
	struct verifier_query query; /* well-formed, and the response has passed response_check() */
};

#define WINBIND_ACCOUNT_MAX (WBC_SID_STRING_BUFLEN + 1)

struct winbind_reply {
	enum refusal refusal;              /* REFUSAL_NONE: all other fields except detail are set */
	char account[WINBIND_ACCOUNT_MAX]; /* SID of the user that was asked about; may be empty */
	uid_t uid;
	uint8_t session_key[16];
	char name[RECORD_NAME_MAX];       /* pw_name, as winbind has it */
	char detail[VERIFIER_DETAIL_MAX]; /* for the log */
};

/* Loads libwbclient.so.0. Returns 0, or -errno with a sentence in *@ret_error (malloc'ed, may be NULL without memory).
 */
int winbind_open(struct winbind *ret_, char **ret_error);
void winbind_close(struct winbind *w);

/*
 * Asks the domain, blocking. The account must belong to one of config's domains: the host's own Samba accounts and
 * those of trusted domains that are not listed are unknown users. A wrong password or an account's state is a refusal.
 * Without an answer of the domain the refusal is REFUSAL_UNAVAILABLE, and detail says what an administrator should
 * check.
 */
void winbind_ask(const struct winbind *w, const struct config *config, const struct winbind_question *question,
		 struct winbind_reply *ret_);
