/* SPDX-License-Identifier: MIT */
/* Every configuration x negotiated modes x mechanism x kind: which may log on, and what the worker is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "credsspd/supervisor/policy.h"

#define GUARD 1U
#define ADMIN 2U
#define KRB5 MECHANISM_KRB5
#define NTLM MECHANISM_NTLM

/* What is allowed; all else has to be refused. */
static bool allowed(const struct config *c, unsigned modes, unsigned mechanism, unsigned kind)
{
	switch (kind) {
	case CREDENTIAL_PASSWORD:
		return !(modes & GUARD);
	case CREDENTIAL_SMARTCARD:
		return !(modes & GUARD) && mechanism == KRB5 &&
		       (c->smartcard == CONFIG_SMARTCARD_PKINIT || c->smartcard == CONFIG_SMARTCARD_GSS);
	case CREDENTIAL_REMOTE_GUARD:
		return modes & GUARD && mechanism == KRB5 &&
		       (c->remote_guard == CONFIG_REMOTE_GUARD_ALLOW ||
			c->remote_guard == CONFIG_REMOTE_GUARD_REQUIRE_TICKETS);
	case CREDENTIAL_RESTRICTED_ADMIN:
		return modes & ADMIN && c->restricted_admin;
	default:
		return false;
	}
}

static void check(const struct config *c, unsigned modes, unsigned mechanism)
{
	const struct logon_peer peer = { .remote_guard = modes & GUARD, .restricted_admin = modes & ADMIN };
	unsigned flags = policy_worker_flags(c, &peer, mechanism);
	bool any = false, without_secret = false;
	const char *why = NULL;
	enum refusal refusal;

	for (unsigned kind = 0; kind < 256; kind++) {
		bool good = allowed(c, modes, mechanism, kind);

		why = NULL;
		refusal = policy_check_kind(c, &peer, mechanism, kind, &why);
		assert_int_equal(refusal, good ? REFUSAL_NONE : REFUSAL_CREDENTIAL_KIND);
		assert_int_equal(why == NULL, good);
		any |= good;
		without_secret |= good && (kind == CREDENTIAL_REMOTE_GUARD || kind == CREDENTIAL_RESTRICTED_ADMIN);
	}
	assert_int_equal(!!(flags & WORKER_SMARTCARD), allowed(c, modes, mechanism, CREDENTIAL_SMARTCARD));
	assert_int_equal(!!(flags & WORKER_REMOTE_GUARD), allowed(c, modes, mechanism, CREDENTIAL_REMOTE_GUARD));
	assert_int_equal(!!(flags & WORKER_RESTRICTED_ADMIN),
			 allowed(c, modes, mechanism, CREDENTIAL_RESTRICTED_ADMIN));
	assert_int_equal(flags & ~(unsigned)(WORKER_SMARTCARD | WORKER_REMOTE_GUARD | WORKER_RESTRICTED_ADMIN), 0);

	why = NULL;
	refusal = policy_check_negotiated(c, &peer, mechanism, &why);
	/* a client that required a mode without secrets gets one of them or is refused before it sends anything */
	assert_int_equal(refusal, modes == 0 || without_secret ? REFUSAL_NONE : REFUSAL_CREDENTIAL_KIND);
	assert_int_equal(why == NULL, refusal == REFUSAL_NONE);
	if (refusal == REFUSAL_NONE)
		assert_true(any);
}

static void test_all(void **state)
{
	for (int card = CONFIG_SMARTCARD_REFUSE; card <= CONFIG_SMARTCARD_GSS; card++)
		for (int guard = CONFIG_REMOTE_GUARD_REFUSE; guard <= CONFIG_REMOTE_GUARD_ALLOW; guard++)
			for (int admin = 0; admin < 2; admin++)
				for (unsigned modes = 0; modes < 4; modes++)
					for (unsigned mechanism = KRB5; mechanism <= NTLM; mechanism++) {
						const struct config c = {
							.smartcard = (enum config_smartcard)card,
							.remote_guard = (enum config_remote_guard)guard,
							.restricted_admin = admin,
						};

						check(&c, modes, mechanism);
					}
}

static void test_why(void **state)
{
	static const struct {
		unsigned modes, mechanism, kind;
		const char *why;
	} row[] = {
		{ 0, KRB5, CREDENTIAL_SMARTCARD, "smartcard = refuse" },
		{ 0, NTLM, CREDENTIAL_SMARTCARD, "smart cards need Kerberos" },
		{ GUARD, KRB5, CREDENTIAL_REMOTE_GUARD, "remote_guard = refuse" },
		{ GUARD, NTLM, CREDENTIAL_REMOTE_GUARD, "remote guard needs Kerberos" },
		{ 0, KRB5, CREDENTIAL_REMOTE_GUARD, "remote guard was not negotiated" },
		{ GUARD, KRB5, CREDENTIAL_PASSWORD, "a password, after remote guard was negotiated" },
		{ GUARD | ADMIN, KRB5, CREDENTIAL_PASSWORD, "a password, after remote guard was negotiated" },
		{ GUARD, KRB5, CREDENTIAL_SMARTCARD, "a PIN, after remote guard was negotiated" },
		{ GUARD, KRB5, CREDENTIAL_RESTRICTED_ADMIN, "no credentials, after remote guard was negotiated" },
		{ 0, KRB5, CREDENTIAL_RESTRICTED_ADMIN, "no credentials, and restricted admin was not negotiated" },
		{ ADMIN, NTLM, CREDENTIAL_RESTRICTED_ADMIN, "restricted_admin = refuse" },
		{ 0, KRB5, 77, "an unknown type of credentials" },
	};
	const struct config c = { .smartcard = CONFIG_SMARTCARD_REFUSE };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct logon_peer peer = { .remote_guard = row[i].modes & GUARD,
						 .restricted_admin = row[i].modes & ADMIN };
		const char *why = "";

		assert_int_equal(policy_check_kind(&c, &peer, row[i].mechanism, row[i].kind, &why),
				 REFUSAL_CREDENTIAL_KIND);
		assert_string_equal(why, row[i].why);
	}
}

/* Nothing but what the configuration says makes PAM's own proof unnecessary. */
static void test_proof(void **state)
{
	struct config c = { .smartcard = CONFIG_SMARTCARD_PKINIT,
			    .remote_guard = CONFIG_REMOTE_GUARD_REQUIRE_TICKETS,
			    .restricted_admin = true };

	for (unsigned kind = 0; kind < 256; kind++)
		assert_int_equal(policy_proof(&c, kind),
				 kind == CREDENTIAL_RESTRICTED_ADMIN ? VAULT_PROOF_GSS : VAULT_PROOF_PAM);
	c.smartcard = CONFIG_SMARTCARD_GSS;
	c.remote_guard = CONFIG_REMOTE_GUARD_ALLOW;
	for (unsigned kind = 0; kind < 256; kind++)
		assert_int_equal(policy_proof(&c, kind), kind == CREDENTIAL_RESTRICTED_ADMIN ||
								 kind == CREDENTIAL_SMARTCARD ||
								 kind == CREDENTIAL_REMOTE_GUARD
							     ? VAULT_PROOF_GSS
							     : VAULT_PROOF_PAM);
}

/* Whose account it is and who is proved are never two. */
static void test_principal(void **state)
{
	static const struct {
		const char *principal, *account, *proved;
	} row[] = {
		{ "bob@R.TEST", "", "bob@R.TEST" },
		{ "bob@R.TEST", "Bob", "bob@R.TEST" },
		{ "bob@R.TEST", "alice", "alice@R.TEST" },
		{ "lorenz@R.TEST", "lorenz$", "lorenz$@R.TEST" },
		{ "al.smith\\@mail.test@R.TEST", "alice", "alice@R.TEST" },
		{ "bob@R.TEST", "alice@R.TEST", "bob@R.TEST" },
		{ "bob", "alice", "bob" },
	};
	char principal[RECORD_PRINCIPAL_MAX], account[RECORD_NAME_MAX];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		(void)snprintf(principal, sizeof principal, "%s", row[i].principal);
		policy_principal(principal, row[i].account);
		assert_string_equal(principal, row[i].proved);
	}
	/* nothing is cut off */
	memset(account, 'a', sizeof account);
	account[sizeof account - 1] = '\0';
	memset(principal, 'r', sizeof principal);
	principal[1] = '@';
	principal[sizeof principal - 1] = '\0';
	policy_principal(principal, account);
	assert_int_equal(principal[0], 'r');
	assert_int_equal(principal[1], '@');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_principal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
