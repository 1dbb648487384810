/* SPDX-License-Identifier: MIT */
/* The encryption types that this project uses: AES, as far as krb5.conf permits it. */
#pragma once

#include <krb5.h>
#include <stdbool.h>

#define AES_ENCTYPES_MAX 4U

/* Returns true for the AES encryption types of RFC 3962 and RFC 8009. */
bool enctype_is_aes(krb5_enctype e);

/*
 * Writes the AES encryption types that permitted_enctypes of krb5.conf allows to @ret_, in its order, and returns their
 * number; 0 when krb5.conf allows no AES type, or without memory.
 */
unsigned enctypes_permitted(krb5_context k, krb5_enctype ret_[AES_ENCTYPES_MAX]);
