/* SPDX-License-Identifier: MIT */
/* Every state x event: what is not in the list below fails the logon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "credsspd/supervisor/logon-table.h"

static const struct {
	enum logon_state state;
	enum logon_event event;
	enum logon_action action;
	enum logon_state next;
} allowed[] = {
	{ LOGON_FIRST, LOGON_GOT_TSREQUEST, LOGON_SPAWN, LOGON_OPENING },
	{ LOGON_OPENING, LOGON_GOT_ASKED, LOGON_NOTE, LOGON_OPENING },
	{ LOGON_OPENING, LOGON_GOT_NOT_MINE, LOGON_RESPAWN, LOGON_OPENING },
	{ LOGON_OPENING, LOGON_GOT_REPLY, LOGON_REPLY, LOGON_CLIENT },
	{ LOGON_OPENING, LOGON_GOT_REFUSED, LOGON_REFUSE, LOGON_FAILED },
	{ LOGON_WORKING, LOGON_GOT_REPLY, LOGON_REPLY, LOGON_CLIENT },
	{ LOGON_WORKING, LOGON_GOT_AUTHENTICATED, LOGON_RESOLVE, LOGON_RESOLVING },
	{ LOGON_WORKING, LOGON_GOT_REFUSED, LOGON_REFUSE, LOGON_FAILED },
	{ LOGON_CLIENT, LOGON_GOT_TSREQUEST, LOGON_FORWARD, LOGON_WORKING },
	{ LOGON_RESOLVING, LOGON_GOT_ACCOUNT, LOGON_CHECK, LOGON_CHECKING },
	{ LOGON_RESOLVING, LOGON_GOT_NO_ACCOUNT, LOGON_DENY, LOGON_REFUSING },
	{ LOGON_CHECKING, LOGON_GOT_STATE, LOGON_GRANT, LOGON_CONFIRMING },
	{ LOGON_CHECKING, LOGON_GOT_BAD_STATE, LOGON_DENY, LOGON_REFUSING },
	{ LOGON_REFUSING, LOGON_GOT_REFUSED, LOGON_REFUSE, LOGON_FAILED },
	{ LOGON_CONFIRMING, LOGON_GOT_REPLY, LOGON_REPLY, LOGON_AUTHINFO },
	{ LOGON_CONFIRMING, LOGON_GOT_REFUSED, LOGON_REFUSE, LOGON_FAILED },
	{ LOGON_AUTHINFO, LOGON_GOT_TSREQUEST, LOGON_FORWARD, LOGON_DECRYPTING },
	{ LOGON_DECRYPTING, LOGON_GOT_DELEGATED, LOGON_COMPARE, LOGON_COMPARING },
	{ LOGON_DECRYPTING, LOGON_GOT_REFUSED, LOGON_REFUSE, LOGON_FAILED },
	{ LOGON_COMPARING, LOGON_GOT_ACCOUNT, LOGON_FINISH, LOGON_DONE },
	{ LOGON_COMPARING, LOGON_GOT_NO_ACCOUNT, LOGON_REFUSE, LOGON_FAILED },
	{ LOGON_COMPARING, LOGON_GOT_END, LOGON_IGNORE, LOGON_COMPARING },
};

static void test_every_pair(void **unused)
{
	for (unsigned s = 0; s <= LOGON_STATES_; s++) {
		for (unsigned e = 0; e <= LOGON_EVENTS_; e++) {
			struct logon_step want = { LOGON_FAIL, LOGON_FAILED };

			for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
				if (allowed[i].state == s && allowed[i].event == e)
					want = (struct logon_step){ allowed[i].action, allowed[i].next };
			struct logon_step got = logon_step((enum logon_state)s, (enum logon_event)e);

			assert_int_equal(got.action, want.action);
			assert_int_equal(got.next, want.next);
		}
	}
}

/* A ticket is minted only behind both lookups, a verdict only behind AUTHENTICATED. */
static void test_no_short_cut(void **unused)
{
	for (unsigned s = 0; s < LOGON_STATES_; s++) {
		for (unsigned e = 0; e < LOGON_EVENTS_; e++) {
			enum logon_action a = logon_step((enum logon_state)s, (enum logon_event)e).action;

			if (a == LOGON_FINISH)
				assert_true(s == LOGON_COMPARING && e == LOGON_GOT_ACCOUNT);
			if (a == LOGON_CHECK)
				assert_true(s == LOGON_RESOLVING && e == LOGON_GOT_ACCOUNT);
			if (a == LOGON_GRANT)
				assert_true(s == LOGON_CHECKING && e == LOGON_GOT_STATE);
			if (a == LOGON_RESOLVE)
				assert_true(e == LOGON_GOT_AUTHENTICATED);
			/* the first TSRequest is kept for another worker until there was a reply, and no longer */
			if (a == LOGON_RESPAWN)
				assert_true(s == LOGON_OPENING);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_no_short_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
