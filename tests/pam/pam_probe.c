/* SPDX-License-Identifier: MIT */
/*
 * A PAM module for tests, to stand behind pam_credssp. It tells by a message what it finds in PAM_AUTHTOK, PAM_USER and
 * PAM_RHOST; "hidden" and "visible" make it ask a question and tell the answer, "hidden=TEXT" one with these words,
 * "two=TEXT" with a message in one go, "three=TEXT" with a second question; "fail" makes authenticate fail;
 * "want=S" makes it fail unless PAM_AUTHTOK is S; "user=S" makes S PAM_USER.
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

static void ask(pam_handle_t *pamh, const char *phase, int style, const char *text)
{
	char *answer = NULL;
	int r = pam_prompt(pamh, style, &answer, "%s", text);

	(void)pam_info(pamh, "%s: answer=%s (%d)", phase, answer ? answer : "(none)", r);
	free(answer);
}

/* @n of: a question, a message, another question. */
static void ask_many(pam_handle_t *pamh, const char *phase, int n, const char *text)
{
	const struct pam_message m[] = { { PAM_PROMPT_ECHO_OFF, text },
					 { PAM_TEXT_INFO, "probe says something" },
					 { PAM_PROMPT_ECHO_OFF, text } };
	const struct pam_message *p[] = { &m[0], &m[1], &m[2] };
	struct pam_response *answers = NULL;
	const void *item = NULL;
	const struct pam_conv *conv;
	int r;

	(void)pam_get_item(pamh, PAM_CONV, &item);
	conv = item;
	r = conv->conv(n, p, &answers, conv->appdata_ptr);
	(void)pam_info(pamh, "%s: many=%s (%d)", phase, answers && answers[0].resp ? answers[0].resp : "(none)", r);
	for (int i = 0; answers && i < n; i++)
		free(answers[i].resp);
	free(answers);
}

static int probe(pam_handle_t *pamh, const char *phase, int argc, const char **argv)
{
	int result = PAM_SUCCESS;

	(void)pam_info(pamh, "%s: user=%s rhost=%s authtok=%s", phase, item(pamh, PAM_USER), item(pamh, PAM_RHOST),
		       item(pamh, PAM_AUTHTOK));
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "hidden") == 0)
			ask(pamh, phase, PAM_PROMPT_ECHO_OFF, "probe asks: ");
		else if (strncmp(argv[i], "hidden=", 7) == 0)
			ask(pamh, phase, PAM_PROMPT_ECHO_OFF, argv[i] + 7);
		else if (strncmp(argv[i], "two=", 4) == 0)
			ask_many(pamh, phase, 2, argv[i] + 4);
		else if (strncmp(argv[i], "three=", 6) == 0)
			ask_many(pamh, phase, 3, argv[i] + 6);
		else if (strcmp(argv[i], "visible") == 0)
			ask(pamh, phase, PAM_PROMPT_ECHO_ON, "probe asks: ");
		else if (strncmp(argv[i], "visible=", 8) == 0)
			ask(pamh, phase, PAM_PROMPT_ECHO_ON, argv[i] + 8);
		else if (strcmp(argv[i], "fail") == 0)
			result = PAM_AUTH_ERR;
		else if (strncmp(argv[i], "user=", 5) == 0)
			(void)pam_set_item(pamh, PAM_USER, argv[i] + 5);
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
