/* SPDX-License-Identifier: MIT */
/* Whether a Kerberos principal is that of an account, found out here and not taken from credsspd. */
#pragma once

#include <krb5.h>

#include "pam_credssp/helper/mode.h"

/*
 * Returns HELPER_SUCCESS when localauth of krb5.conf or the name service says that the account @user is that of
 * @principal; otherwise HELPER_OTHER_PRINCIPAL, with both names in @result.
 */
unsigned principal_account_check(krb5_context k, krb5_const_principal principal, const char *user,
				 struct helper_result *result);
