/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/stack-play.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

const struct stack_play stack_play_wrong = { PAMSTACK_IGNORE, PAMSTACK_IGNORE, PAMSTACK_FAILURE, PAMSTACK_FAILURE,
					     SIZE_MAX };
const struct stack_play stack_play_right = { PAMSTACK_IGNORE, PAMSTACK_IGNORE, PAMSTACK_SUCCESS, PAMSTACK_SUCCESS,
					     SIZE_MAX };
const struct stack_play stack_play_proved = { PAMSTACK_IGNORE, PAMSTACK_SUCCESS, PAMSTACK_FAILURE, PAMSTACK_FAILURE,
					      SIZE_MAX };
const struct stack_play stack_play_refused = { PAMSTACK_FAILURE, PAMSTACK_IGNORE, PAMSTACK_SUCCESS, PAMSTACK_SUCCESS,
					       SIZE_MAX };
const struct stack_play stack_play_counted = { PAMSTACK_SUCCESS, PAMSTACK_IGNORE, PAMSTACK_FAILURE, PAMSTACK_FAILURE,
					       SIZE_MAX };

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

enum stack_kind stack_kind_of(const struct pamstack_line *l)
{
	static const char *const password[] = { "pam_unix", "pam_krb5",   "pam_sss",         "pam_winbind",
						"pam_ldap", "pam_ccreds", "pam_systemd_home" };
	static const char *const neutral[] = {
		"pam_permit",   "pam_nologin", "pam_faildelay", "pam_cap",           "pam_group",
		"pam_shells",   "pam_warn",    "pam_access",    "pam_gnome_keyring", "pam_mount",
		"pam_kwallet5", "pam_kwallet", "pam_keyinit",   "pam_usertype",
	};

	if (strcmp(l->module, STACK_MODULE) == 0)
		return pamstack_has_arg(l, "verify") ? STACK_VERIFY : STACK_REDEEM;
	if (is_one_of(l->module, password, COUNT(password)))
		return STACK_PASSWORD;
	return is_one_of(l->module, neutral, COUNT(neutral)) ? STACK_NEUTRAL : STACK_OTHER;
}

bool stack_asks(const struct pamstack_line *l)
{
	static const char *const others[] = {
		"pam_gnome_keyring", "pam_kwallet5", "pam_kwallet",
		"pam_mount",         "pam_ecryptfs", "pam_fscrypt",
		"pam_fprintd",       "pam_u2f",      "pam_yubico",
		"pam_oath",          "pam_otpw",     "pam_duo",
		"pam_radius_auth",   "pam_pkcs11",   "pam_p11",
		"pam_ssh",           "pam_zfs_key",  "pam_google_authenticator",
	};

	return stack_kind_of(l) == STACK_PASSWORD || is_one_of(l->module, others, COUNT(others));
}

const struct pamstack_line *stack_first(const struct pamstack *s, enum stack_kind kind)
{
	for (size_t i = 0; i < s->n; i++)
		if (*s->line[i].module && stack_kind_of(&s->line[i]) == kind)
			return &s->line[i];
	return NULL;
}

static enum pamstack_result answer(const struct pamstack_line *l, size_t i, const void *userdata)
{
	/* modules that do not verify the password */
	static const char *const ignored[] = { "pam_env", "pam_selinux_permit" };
	const struct stack_play *p = userdata;

	if (strcmp(l->module, "pam_deny") == 0)
		return PAMSTACK_FAILURE;
	if (is_one_of(l->module, ignored, COUNT(ignored)))
		return PAMSTACK_IGNORE;
	if (strcmp(l->module, "pam_faillock") == 0)
		return pamstack_has_arg(l, "authfail") ? PAMSTACK_FAILURE : PAMSTACK_SUCCESS;
	switch (stack_kind_of(l)) {
	case STACK_REDEEM:
		return p->redeem;
	case STACK_VERIFY:
		return p->verify;
	case STACK_PASSWORD:
		return p->only == SIZE_MAX || p->only == i ? p->password : PAMSTACK_FAILURE;
	case STACK_NEUTRAL:
		return PAMSTACK_SUCCESS;
	case STACK_OTHER:
		break;
	}
	return p->other;
}

bool stack_play_succeeds(const struct pamstack *s, const struct stack_play *play)
{
	return pamstack_succeeds(s, answer, play);
}
