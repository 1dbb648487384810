/* SPDX-License-Identifier: MIT */
#include "common/kerberos/enctypes.h"

bool enctype_is_aes(krb5_enctype e)
{
	return e == ENCTYPE_AES128_CTS_HMAC_SHA1_96 || e == ENCTYPE_AES256_CTS_HMAC_SHA1_96 ||
	       e == ENCTYPE_AES128_CTS_HMAC_SHA256_128 || e == ENCTYPE_AES256_CTS_HMAC_SHA384_192;
}

unsigned enctypes_permitted(krb5_context k, krb5_enctype ret_[AES_ENCTYPES_MAX])
{
	krb5_enctype *all = NULL;
	unsigned n = 0;

	if (krb5_get_permitted_enctypes(k, &all))
		return 0;
	for (krb5_enctype *e = all; e && *e && n < AES_ENCTYPES_MAX; e++)
		if (enctype_is_aes(*e))
			ret_[n++] = *e;
	krb5_free_enctypes(k, all);
	return n;
}
