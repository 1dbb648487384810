/* SPDX-License-Identifier: MIT */
/*
 * A PAM module for tests, to stand behind pam_credssp. It tells by a message what it finds in PAM_AUTHTOK, PAM_USER and
 * PAM_RHOST; "hidden" and "visible" make it ask a question and tell the answer; "fail" makes authenticate fail;
 * "want=S" makes it fail unless PAM_AUTHTOK is S.
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>

static const char *item(pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	return pam_get_item(pamh, type, &value) == PAM_SUCCESS && value ? value : "(none)";
}

static void ask(pam_handle_t *pamh, const char *phase, int style)
{
	char *answer = NULL;
	int r = pam_prompt(pamh, style, &answer, "probe asks: ");

	(void)pam_info(pamh, "%s: answer=%s (%d)", phase, answer ? answer : "(none)", r);
	free(answer);
}

static int probe(pam_handle_t *pamh, const char *phase, int argc, const char **argv)
{
	int result = PAM_SUCCESS;

	(void)pam_info(pamh, "%s: user=%s rhost=%s authtok=%s", phase, item(pamh, PAM_USER), item(pamh, PAM_RHOST),
		       item(pamh, PAM_AUTHTOK));
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "hidden") == 0)
			ask(pamh, phase, PAM_PROMPT_ECHO_OFF);
		else if (strcmp(argv[i], "visible") == 0)
			ask(pamh, phase, PAM_PROMPT_ECHO_ON);
		else if (strcmp(argv[i], "fail") == 0)
			result = PAM_AUTH_ERR;
		else if (strncmp(argv[i], "want=", 5) == 0 && strcmp(item(pamh, PAM_AUTHTOK), argv[i] + 5) != 0)
			result = PAM_AUTH_ERR;
	}
	return result;
}

#define ENTRY(name) \
	int pam_sm_##name(pam_handle_t *pamh, int flags, int argc, const char **argv) \
	{ \
		(void)flags; \
		return probe(pamh, #name, argc, argv); \
	}

ENTRY(authenticate)
ENTRY(setcred)
ENTRY(acct_mgmt)
ENTRY(open_session)
ENTRY(close_session)
ENTRY(chauthtok)
