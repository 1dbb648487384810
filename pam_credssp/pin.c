/* SPDX-License-Identifier: MIT */
/*
 * "alice PIN (Warning: PIN final try): " (libkrb5), "PIN for alice: " (pam_sss), "Smart card PIN: " and "PIN for token:
 * " (pam_pkcs11). Translations of these keep the word "PIN". A question of any other form gets no PIN, because
 * a PIN that is sent away as a password is disclosed.
 */
#include "pam_credssp/pin.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static const char *const others[] = { "passw",  "passphrase", "passcode", "kennwort", "new ",   "again",  "repeat",
				      "retype", "confirm",    "change",   "puk",      "so pin", "officer" };
static const char *const dangers[] = { "final try", "locked", "last try" };

static bool has_any(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}

static bool is_letter(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Returns whether @text has the word PIN, in capitals. */
static bool has_pin(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, "PIN"))) {
		if ((at == text || !is_letter(at[-1])) && !is_letter(at[3]))
			return true;
		at += 3;
	}
	return false;
}

bool pin_is_asked(const char *prompt)
{
	return prompt && has_pin(prompt) && !has_any(prompt, others, sizeof others / sizeof *others);
}

bool pin_is_in_danger(const char *prompt)
{
	return has_any(prompt, dangers, sizeof dangers / sizeof *dangers);
}
