/* SPDX-License-Identifier: MIT */
/* Recognises questions for a PIN by their words: those of pam_krb5 (libkrb5's PKINIT), pam_sss and pam_pkcs11. */
#pragma once

#include <stdbool.h>

/* Returns whether @prompt asks for the PIN of a card; not for a new PIN, a password or the security officer's PIN. */
bool pin_is_asked(const char *prompt);

/* Returns whether @prompt says that the card is locked, or would be after one more wrong PIN. */
bool pin_is_in_danger(const char *prompt);
