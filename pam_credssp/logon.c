/* SPDX-License-Identifier: MIT */
/*
 * xrdp answers every hidden prompt with the string that it got from the client, which is the ticket. Without the filter
 * pam_sss would send the ticket to the domain as a wrong password, and pam_krb5 would set it as the new password of a
 * user with an expired password (both seen). With the filter a module that asks for the password gets the password.
 *
 * The module is linked with nodelete: the filter stays callable when libpam has closed the module.
 */
#include "pam_credssp/logon.h"

#include <security/pam_ext.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/ipc/handover.h"
#include "pam_credssp/pin.h"
#include "pam_credssp/prompt.h"

#define DATA_NAME "pam_credssp_logon"

struct logon {
	pam_handle_t *pamh;
	struct logon_redeemed redeemed;
	struct logon_ccache ccache;
	struct secret pin; /* NUL-terminated; empty: no PIN */
	bool final_try;
	struct pam_conv application; /* the application's conversation */
};

bool logon_is_ticket(const char *s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const size_t prefix = sizeof TICKET_PREFIX - 1;

	return strlen(s) == TICKET_LEN && strncmp(s, TICKET_PREFIX, prefix) == 0 &&
	       strspn(s + prefix, digits) == TICKET_LEN - prefix;
}

void logon_ccache_drop(struct logon_ccache *c)
{
	if (c->temporary[0])
		(void)unlink(c->temporary);
	c->temporary[0] = '\0';
}

/* ---- the filter ---- */

static bool is_question(const struct pam_message *m)
{
	return m->msg_style != PAM_ERROR_MSG && m->msg_style != PAM_TEXT_INFO;
}

/* Returns the number of questions, and the last one in *@ret_one. */
static int questions(int n, const struct pam_message **messages, const struct pam_message **ret_one)
{
	int found = 0;

	for (int i = 0; i < n; i++) {
		if (!is_question(messages[i]))
			continue;
		found++;
		*ret_one = messages[i];
	}
	return found;
}

static int refuse_question(const struct logon *l, const char *why)
{
	pam_syslog(l->pamh, LOG_WARNING,
		   "a later module asks the user a question; in a logon by ticket it is refused%s", why);
	return PAM_CONV_ERR;
}

/* Answers the question, and passes the other messages to the application one by one. */
static int give(struct logon *l, int n, const struct pam_message **messages, struct pam_response **responses,
		const char *answer)
{
	AUTO_FREE struct pam_response *r = calloc((size_t)n, sizeof *r);

	if (!r)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		struct pam_response *unused = NULL;

		if (is_question(messages[i]))
			r[i].resp = strdup(answer);
		else if (l->application.conv)
			(void)l->application.conv(1, &messages[i], &unused, l->application.appdata_ptr);
		free(unused);
	}
	*responses = TAKE_PTR(r);
	return PAM_SUCCESS;
}

/*
 * Returns the password that `redeem` put into PAM_AUTHTOK, or NULL. libpam clears it at the end of pam_authenticate(),
 * so that later phases get no answer.
 */
static const char *redeemed_password(const struct logon *l)
{
	const void *item = NULL;

	if (l->redeemed.kind != CREDENTIAL_PASSWORD || pam_get_item(l->pamh, PAM_AUTHTOK, &item) != PAM_SUCCESS ||
	    !item || logon_is_ticket(item))
		return NULL;
	return item;
}

static int answer_pin(struct logon *l, int n, const struct pam_message **messages, struct pam_response **responses,
		      const char *prompt)
{
	int r;

	if (pin_is_in_danger(prompt) && !l->final_try) {
		secret_done(&l->pin);
		return refuse_question(l, ": one more wrong PIN would lock the card (final_try)");
	}
	r = give(l, n, messages, responses, secret_expose(&l->pin));
	secret_done(&l->pin);
	pam_syslog(l->pamh, LOG_INFO, "gave the PIN to the module that asked for it; a second question is refused");
	return r;
}

/* The filter: passes messages to the application, and refuses a batch with a question in it as a whole. */
static int filter(int n, const struct pam_message **messages, struct pam_response **responses, void *appdata)
{
	const struct pam_message *question = NULL;
	const char *password;
	struct logon *l = appdata;
	int asked = questions(n, messages, &question);

	if (asked == 0)
		return l->application.conv ? l->application.conv(n, messages, responses, l->application.appdata_ptr)
					   : PAM_CONV_ERR;
	if (asked > 1 || question->msg_style != PAM_PROMPT_ECHO_OFF)
		return refuse_question(l, "");
	if (secret_len(&l->pin) > 0 && pin_is_asked(question->msg))
		return answer_pin(l, n, messages, responses, question->msg);
	password = prompt_asks_password(question->msg) ? redeemed_password(l) : NULL;
	return password ? give(l, n, messages, responses, password) : refuse_question(l, "");
}

static int install(struct logon *l)
{
	const struct pam_conv ours = { .conv = filter, .appdata_ptr = l };
	const void *item = NULL;
	int r = pam_get_item(l->pamh, PAM_CONV, &item);

	if (r != PAM_SUCCESS || !item)
		return r == PAM_SUCCESS ? PAM_SYSTEM_ERR : r;
	if (((const struct pam_conv *)item)->conv == filter)
		return PAM_SUCCESS;
	l->application = *(const struct pam_conv *)item;
	return pam_set_item(l->pamh, PAM_CONV, &ours);
}

/* Restores the application's conversation before the filter's memory is freed. */
static void cleanup(pam_handle_t *pamh, void *data, int status)
{
	struct logon *l = data;
	const void *item = NULL;

	secret_done(&l->redeemed.handover);
	secret_done(&l->pin);
	/* PAM_DATA_SILENT: this is a copy of the handle in a child; the application still uses the original */
	if (!(status & (int)PAM_DATA_SILENT))
		logon_ccache_drop(&l->ccache);
	if (pam_get_item(pamh, PAM_CONV, &item) == PAM_SUCCESS && item &&
	    ((const struct pam_conv *)item)->conv == filter)
		(void)pam_set_item(pamh, PAM_CONV, &l->application);
	free(l);
}

struct logon *logon_get(pam_handle_t *pamh)
{
	const void *data = NULL;

	return pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS ? (struct logon *)(uintptr_t)data : NULL;
}

void logon_forget(struct logon *l)
{
	secret_done(&l->redeemed.handover);
	secret_done(&l->pin);
	logon_ccache_drop(&l->ccache);
	l->redeemed = (struct logon_redeemed){ .kind = CREDENTIAL_NONE };
}

int logon_begin(pam_handle_t *pamh)
{
	struct logon *l = logon_get(pamh);
	int r;

	if (!l) {
		l = calloc(1, sizeof *l);
		if (!l)
			return PAM_BUF_ERR;
		l->pamh = pamh;
		r = pam_set_data(pamh, DATA_NAME, l, cleanup);
		if (r != PAM_SUCCESS) {
			free(l);
			return r;
		}
	}
	logon_forget(l);
	return install(l);
}

void logon_guard(pam_handle_t *pamh)
{
	struct logon *l = logon_get(pamh);

	if (l)
		(void)install(l);
}

struct logon_redeemed *logon_redeemed(struct logon *l)
{
	return &l->redeemed;
}

bool logon_is_of_user(pam_handle_t *pamh, struct logon *l)
{
	const void *user = NULL;

	return pam_get_item(pamh, PAM_USER, &user) == PAM_SUCCESS && user && strcmp(user, l->redeemed.user) == 0;
}

struct logon_ccache *logon_ccache(struct logon *l)
{
	return &l->ccache;
}

int logon_offer_pin(struct logon *l, const void *pin, size_t len, bool final_try)
{
	secret_done(&l->pin);
	if (secret_init(&l->pin, len + 1) < 0)
		return -ENOMEM;
	/* xrdp-sesman 0.9 opens the session in a child, which needs the PIN: without this it would be wiped by the
	 * fork */
	(void)madvise(secret_expose(&l->pin), len + 1, MADV_KEEPONFORK);
	(void)secret_append(&l->pin, pin, len);
	(void)secret_append(&l->pin, "", 1);
	l->final_try = final_try;
	return 0;
}
