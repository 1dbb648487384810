/* SPDX-License-Identifier: MIT */
/*
 * xrdp answers every hidden prompt with the string that it was given, which is the ticket. Without the filter pam_sss
 * would send it to the domain as a wrong password, and pam_krb5 with an expired password would make it the user's new
 * one (both seen).
 *
 * The module is linked with nodelete: the filter stays callable when libpam has closed the module.
 */
#include "pam_credssp/logon.h"

#include <security/pam_ext.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "include/credssp/handover.h"
#include "include/credssp/limits.h"

#define DATA_NAME "pam_credssp_logon"

struct logon {
	pam_handle_t *pamh;
	struct logon_redeemed redeemed;
	struct pam_conv application; /* behind the filter */
};

bool logon_is_ticket(const char *s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const size_t prefix = sizeof TICKET_PREFIX - 1;

	return strlen(s) == TICKET_LEN && strncmp(s, TICKET_PREFIX, prefix) == 0 &&
	       strspn(s + prefix, digits) == TICKET_LEN - prefix;
}

/* Messages pass, questions do not: a batch with a question in it is refused as a whole. */
static int filter(int n, const struct pam_message **messages, struct pam_response **responses, void *appdata)
{
	struct logon *l = appdata;

	for (int i = 0; i < n; i++) {
		int style = messages[i]->msg_style;

		if (style == PAM_ERROR_MSG || style == PAM_TEXT_INFO)
			continue;
		pam_syslog(l->pamh, LOG_WARNING,
			   "a module behind pam_credssp asks a question; with a ticket in play nobody answers");
		return PAM_CONV_ERR;
	}
	if (!l->application.conv)
		return PAM_CONV_ERR;
	return l->application.conv(n, messages, responses, l->application.appdata_ptr);
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

/* The application gets its conversation back before the filter's memory goes. */
static void cleanup(pam_handle_t *pamh, void *data, int status)
{
	struct logon *l = data;
	const void *item = NULL;

	(void)status;
	secret_done(&l->redeemed.handover);
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
	secret_done(&l->redeemed.handover);
	l->redeemed = (struct logon_redeemed){ .kind = CREDENTIAL_NONE };
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
