/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/logon-table.h"

#include "common/base/refusal.h"
#include "include/credssp/channel.h"

#define TLS_ALERT_ACCESS_DENIED 49 /* RFC 8446 6.2 */

static const struct logon_step table[LOGON_STATES_][LOGON_EVENTS_] = {
	[LOGON_FIRST] = {
		[LOGON_GOT_TSREQUEST] = { LOGON_SPAWN, LOGON_OPENING },
	},
	[LOGON_OPENING] = {
		[LOGON_GOT_ASKED] = { LOGON_NOTE, LOGON_OPENING },
		[LOGON_GOT_NOT_MINE] = { LOGON_RESPAWN, LOGON_OPENING },
		[LOGON_GOT_REPLY] = { LOGON_REPLY, LOGON_CLIENT },
		[LOGON_GOT_REFUSED] = { LOGON_REFUSE, LOGON_FAILED },
	},
	[LOGON_WORKING] = {
		[LOGON_GOT_REPLY] = { LOGON_REPLY, LOGON_CLIENT },
		[LOGON_GOT_AUTHENTICATED] = { LOGON_RESOLVE, LOGON_RESOLVING },
		[LOGON_GOT_REFUSED] = { LOGON_REFUSE, LOGON_FAILED },
	},
	[LOGON_CLIENT] = {
		[LOGON_GOT_TSREQUEST] = { LOGON_FORWARD, LOGON_WORKING },
	},
	[LOGON_RESOLVING] = {
		[LOGON_GOT_ACCOUNT] = { LOGON_CHECK, LOGON_CHECKING },
		[LOGON_GOT_NO_ACCOUNT] = { LOGON_DENY, LOGON_REFUSING },
	},
	[LOGON_CHECKING] = {
		[LOGON_GOT_STATE] = { LOGON_GRANT, LOGON_CONFIRMING },
		[LOGON_GOT_BAD_STATE] = { LOGON_DENY, LOGON_REFUSING },
	},
	[LOGON_REFUSING] = {
		[LOGON_GOT_REFUSED] = { LOGON_REFUSE, LOGON_FAILED },
	},
	[LOGON_CONFIRMING] = {
		[LOGON_GOT_REPLY] = { LOGON_REPLY, LOGON_AUTHINFO },
		[LOGON_GOT_REFUSED] = { LOGON_REFUSE, LOGON_FAILED },
	},
	[LOGON_AUTHINFO] = {
		[LOGON_GOT_TSREQUEST] = { LOGON_FORWARD, LOGON_DECRYPTING },
	},
	[LOGON_DECRYPTING] = {
		[LOGON_GOT_DELEGATED] = { LOGON_COMPARE, LOGON_COMPARING },
		[LOGON_GOT_REFUSED] = { LOGON_REFUSE, LOGON_FAILED },
	},
	[LOGON_COMPARING] = {
		[LOGON_GOT_ACCOUNT] = { LOGON_FINISH, LOGON_DONE },
		[LOGON_GOT_NO_ACCOUNT] = { LOGON_REFUSE, LOGON_FAILED },
		[LOGON_GOT_END] = { LOGON_IGNORE, LOGON_COMPARING },
	},
};

struct logon_step logon_step(enum logon_state state, enum logon_event event)
{
	struct logon_step step = { LOGON_FAIL, LOGON_FAILED };

	if ((unsigned)state < LOGON_STATES_ && (unsigned)event < LOGON_EVENTS_ &&
	    table[state][event].action != LOGON_FAIL)
		step = table[state][event];
	return step;
}

const char *logon_state_name(enum logon_state state)
{
	static const char *const name[LOGON_STATES_] = {
		[LOGON_FIRST] = "first",           [LOGON_OPENING] = "opening",       [LOGON_WORKING] = "working",
		[LOGON_CLIENT] = "client",         [LOGON_RESOLVING] = "resolving",   [LOGON_CHECKING] = "checking",
		[LOGON_REFUSING] = "refusing",     [LOGON_CONFIRMING] = "confirming", [LOGON_AUTHINFO] = "authinfo",
		[LOGON_DECRYPTING] = "decrypting", [LOGON_COMPARING] = "comparing",   [LOGON_DONE] = "done",
		[LOGON_FAILED] = "failed",
	};

	return (unsigned)state < LOGON_STATES_ ? name[state] : "?";
}

bool logon_awaits_client(enum logon_state state)
{
	return state == LOGON_FIRST || state == LOGON_CLIENT || state == LOGON_AUTHINFO;
}

bool logon_awaits_worker(enum logon_state state)
{
	return state == LOGON_OPENING || state == LOGON_WORKING || state == LOGON_REFUSING ||
	       state == LOGON_CONFIRMING || state == LOGON_DECRYPTING;
}

bool logon_is_over(enum logon_state state)
{
	return state == LOGON_DONE || state == LOGON_FAILED;
}

struct refusal_signal logon_refusal_signal(unsigned refusal, bool confirmed, bool told, bool early, bool credssp_ended)
{
	struct refusal_signal s = { .alert = TLS_ALERT_ACCESS_DENIED, .early_result = CHANNEL_EARLY_NONE };

	if (told || refusal == REFUSAL_CANCELLED || refusal == REFUSAL_ABANDONED)
		s.alert = 0;
	else if (confirmed && early && credssp_ended)
		s = (struct refusal_signal){ .alert = 0, .early_result = CHANNEL_EARLY_ACCESS_DENIED };
	return s;
}
