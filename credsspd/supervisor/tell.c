/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/tell.h"

#include "common/base/refusal.h"
#include "include/credssp/channel.h"

#define TLS_ALERT_ACCESS_DENIED 49 /* RFC 8446 6.2 */

struct tell tell_refusal(unsigned refusal, enum tell_phase phase, bool told, bool early, bool credssp_ended)
{
	struct tell t = { .alert = TLS_ALERT_ACCESS_DENIED, .early_result = CHANNEL_EARLY_NONE };

	if (told || refusal == REFUSAL_CANCELLED || refusal == REFUSAL_ABANDONED)
		t.alert = 0;
	else if (phase == TELL_AFTER_BINDING_REPLY && early && credssp_ended)
		t = (struct tell){ .alert = 0, .early_result = CHANNEL_EARLY_ACCESS_DENIED };
	return t;
}
