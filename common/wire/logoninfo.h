/* SPDX-License-Identifier: MIT */
/* KERB_VALIDATION_INFO of a ticket's PAC, MS-PAC 2.5: Active Directory's data about the account. */
#pragma once

#include "common/base/limits.h"
#include "common/wire/view.h"

/*
 * Reads EffectiveName, the sAMAccountName, from the PAC_INFO_BUFFER @info. Returns 0, or -EBADMSG for a malformed
 * buffer, and for a name that is empty or that name_check() refuses.
 */
int logon_info_account(struct view info, char ret_[ACCOUNT_NAME_MAX + 1]);
