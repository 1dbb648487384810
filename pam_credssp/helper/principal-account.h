/* SPDX-License-Identifier: MIT */
/* Checks, independently of credsspd, whether a Kerberos principal belongs to an account. */
#pragma once

#include <krb5.h>

#include "pam_credssp/helper/mode.h"

/*
 * Returns HELPER_SUCCESS when localauth of krb5.conf or the name service maps @principal to the account @user;
 * otherwise HELPER_OTHER_PRINCIPAL, with both names in @result.
 */
unsigned principal_account_check(krb5_context k, krb5_const_principal principal, const char *user,
				 struct helper_result *result);
