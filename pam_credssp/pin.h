/* SPDX-License-Identifier: MIT */
/* Questions for a PIN, by their words: pam_krb5 (libkrb5's PKINIT), pam_sss and pam_pkcs11. */
#pragma once

#include <stdbool.h>

/* @prompt asks for the PIN of a card, and not for a new one, a password, or the security officer's. */
bool pin_is_asked(const char *prompt);

/* @prompt says that the card is locked, or would be after one more wrong PIN. */
bool pin_is_in_danger(const char *prompt);
