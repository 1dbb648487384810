/* SPDX-License-Identifier: MIT */
/* KERB_VALIDATION_INFO of a PAC, which a KDC made. */
#include "common/wire/logoninfo.h"
#include "common/wire/name.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char account[ACCOUNT_NAME_MAX + 1];

	if (logon_info_account((struct view){ data, size }, account) < 0)
		return 0;
	PROMISE(memchr(account, '\0', sizeof account) && account[0]);
	PROMISE(name_check(account, strlen(account)) == 0);
	return 0;
}
