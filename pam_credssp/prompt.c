/* SPDX-License-Identifier: MIT */
/*
 * pam_krb5, pam_sss and pam_winbind ask for the password themselves when they come first in a stack (without
 * use_first_pass and try_first_pass), as pam-auth-update and authselect list them. Only known questions are answered: a
 * password in answer to another question could be disclosed, or be set as the new password.
 */
#include "pam_credssp/prompt.h"

#include <stddef.h>
#include <string.h>

/* The texts before the word. */
static const char *const before[] = { "", "(current) unix ", "unix ", "kerberos ", "ldap ", "domain " };

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* ":" and blanks, or nothing. */
static bool is_end(const char *p)
{
	p = skip_blanks(p);
	return !*skip_blanks(p + (*p == ':'));
}

/* " for NAME:", where NAME is one word. */
static bool is_for_one(const char *p)
{
	p = skip_blanks(p);
	if (strncasecmp(p, "for ", 4) != 0)
		return false;
	p = skip_blanks(p + 4);
	if (!*p || *p == ':')
		return false;
	/* a name may have a colon in it, but not at its end */
	p += strcspn(p, " \t");
	return p[-1] == ':' ? !*skip_blanks(p) : is_end(p);
}

bool prompt_asks_password(const char *prompt)
{
	static const char word[] = "password";

	if (!prompt)
		return false;
	prompt = skip_blanks(prompt);
	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		size_t len = strlen(before[i]);
		const char *p = prompt + len;

		if (strncasecmp(prompt, before[i], len) == 0 && strncasecmp(p, word, sizeof word - 1) == 0)
			return is_end(p + sizeof word - 1) ||
			       (p[sizeof word - 1] == ' ' && is_for_one(p + sizeof word - 1));
	}
	return false;
}
