/* SPDX-License-Identifier: MIT */
/* What is asked of winbind and what is made of its answers, with a table of functions in libwbclient's place. */
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspd/ntlm-verifier/winbind.h"

#define ALICE \
	{ \
		.sid_rev_num = 1, .id_auth = { [5] = 5 }, .num_auths = 5, .sub_auths = { 1103, 21, 7, 8, 4294967295U } \
	}
#define ALICE_TEXT "S-1-5-1103-21-7-8-4294967295"

static char context;
#define ctx ((struct wbcContext *)(void *)&context)

/* ---- the library ---- */

static struct {
	/* what it will say */
	wbcErr auth, ping, pw;
	uint32_t nt_status, user_flags, num_sids;
	const char *domain, *dns, *name;
	uid_t uid;
	uint8_t key;
	enum wbcSidType type; /* of the name that is looked up; 0: it is unknown */
	/* what happened */
	unsigned asked, blocks;
	struct wbcAuthUserParams params;
	uint32_t looked_up; /* the last part of the SID */
	char asked_name[2 * ACCOUNT_NAME_MAX];
} lib;

static void *block(size_t size)
{
	void *p = calloc(1, size);

	assert_non_null(p);
	lib.blocks++;
	return p;
}

static void free_memory(void *p)
{
	lib.blocks--;
	free(p);
}

static struct wbcContext *ctx_create(void)
{
	lib.blocks++;
	return ctx;
}

static void ctx_free(struct wbcContext *c)
{
	assert_ptr_equal(c, ctx);
	lib.blocks--;
}

static wbcErr ctx_ping(struct wbcContext *c)
{
	assert_ptr_equal(c, ctx);
	return lib.ping;
}

static wbcErr ctx_authenticate(struct wbcContext *c, const struct wbcAuthUserParams *params,
			       struct wbcAuthUserInfo **info, struct wbcAuthErrorInfo **error)
{
	static struct wbcSidWithAttr sids[2] = { { .sid = ALICE },
						 { .sid = { .num_auths = 1, .sub_auths = { 513 } } } };
	struct wbcAuthUserInfo *i;

	assert_ptr_equal(c, ctx);
	lib.asked++;
	lib.params = *params;
	if (lib.auth == WBC_ERR_AUTH_ERROR) {
		*error = block(sizeof **error);
		(*error)->nt_status = lib.nt_status;
	}
	if (lib.auth != WBC_ERR_SUCCESS)
		return lib.auth;
	i = block(sizeof *i);
	i->user_flags = lib.user_flags;
	i->domain_name = (char *)(uintptr_t)lib.domain;
	i->dns_domain_name = (char *)(uintptr_t)lib.dns;
	memset(i->user_session_key, lib.key, sizeof i->user_session_key);
	i->num_sids = lib.num_sids;
	i->sids = sids;
	*info = i;
	return WBC_ERR_SUCCESS;
}

static wbcErr ctx_lookup_name(struct wbcContext *c, const char *domain, const char *name, struct wbcDomainSid *sid,
			      enum wbcSidType *type)
{
	assert_ptr_equal(c, ctx);
	(void)snprintf(lib.asked_name, sizeof lib.asked_name, "%.250s\\%.250s", domain, name);
	if (!lib.type)
		return WBC_ERR_DOMAIN_NOT_FOUND;
	*sid = (struct wbcDomainSid)ALICE;
	*type = lib.type;
	return WBC_ERR_SUCCESS;
}

static wbcErr ctx_getpwsid(struct wbcContext *c, struct wbcDomainSid *sid, struct passwd **pw)
{
	assert_ptr_equal(c, ctx);
	lib.looked_up = sid->sub_auths[0];
	if (lib.pw != WBC_ERR_SUCCESS)
		return lib.pw;
	*pw = block(sizeof **pw);
	(*pw)->pw_name = (char *)(uintptr_t)lib.name;
	(*pw)->pw_uid = lib.uid;
	return WBC_ERR_SUCCESS;
}

static const char *error_string(wbcErr e)
{
	return e == WBC_ERR_DOMAIN_NOT_FOUND ? "WBC_ERR_DOMAIN_NOT_FOUND" : "WBC_ERR_OTHER";
}

static const struct winbind fake = {
	.ctx_create = ctx_create,
	.ctx_free = ctx_free,
	.ctx_ping = ctx_ping,
	.ctx_authenticate = ctx_authenticate,
	.ctx_lookup_name = ctx_lookup_name,
	.ctx_getpwsid = ctx_getpwsid,
	.free_memory = free_memory,
	.error_string = error_string,
};

static char *domains[] = { (char[]){ "CORP" }, (char[]){ "corp.example" }, NULL };
static const struct config config = { .ntlm = CONFIG_NTLM_WINBIND, .domains = domains };

static void all_is_well(void)
{
	memset(&lib, 0, sizeof lib);
	lib.domain = "CORP";
	lib.name = "CORP\\alice";
	lib.uid = 101103;
	lib.num_sids = 2;
	lib.key = 0x5a;
}

static struct winbind_question query(const char *domain, const char *user)
{
	struct winbind_question q = { .server_challenge = "\1\2\3\4\5\6\7",
				      .query = { .type = VERIFIER_QUERY, .nt_response_len = 44 } };

	(void)snprintf(q.query.domain, sizeof q.query.domain, "%s", domain);
	(void)snprintf(q.query.user, sizeof q.query.user, "%s", user);
	return q;
}

static struct winbind_reply reply_to(const struct winbind_question *q)
{
	struct winbind_reply r;

	memset(&r, 0xaa, sizeof r);
	winbind_ask(&fake, &config, q, &r);
	assert_int_equal(lib.blocks, 0); /* all given back */
	assert_non_null(memchr(r.detail, '\0', sizeof r.detail));
	if (r.refusal != REFUSAL_NONE) {
		static const uint8_t no_key[16];

		assert_memory_equal(r.session_key, no_key, sizeof no_key);
		assert_int_equal(r.uid, (uid_t)-1);
	}
	return r;
}

static void expect(const struct winbind_reply *r, enum refusal refusal, const char *detail)
{
	if (r->refusal != refusal || !strstr(r->detail, detail))
		fail_msg("%s \"%s\", not %s \"%s\"", refusal_word(r->refusal), r->detail, refusal_word(refusal),
			 detail);
}

/* ---- tests ---- */

static void test_granted(void **state)
{
	struct winbind_question q = query("corp", "ALICE");
	struct winbind_reply r;

	all_is_well();
	r = reply_to(&q);
	expect(&r, REFUSAL_NONE, "");
	assert_int_equal(r.uid, 101103);
	assert_string_equal(r.name, "CORP\\alice");
	assert_int_equal(r.session_key[0], 0x5a);
	assert_int_equal(r.session_key[15], 0x5a);
	assert_int_equal(lib.looked_up, 1103); /* the user's SID, not a group's */
	/* as the client typed it, and as this host: the response is good for nothing else */
	assert_string_equal(lib.params.account_name, "ALICE");
	assert_string_equal(lib.params.domain_name, "corp");
	assert_null(lib.params.workstation_name);
	assert_int_equal(lib.params.level, WBC_AUTH_USER_LEVEL_RESPONSE);
	assert_int_equal(lib.params.parameter_control, 0); /* no computer's account logs on */
	assert_int_equal(lib.params.flags, 0);
	assert_int_equal(lib.params.password.response.nt_length, 44);
	assert_ptr_equal(lib.params.password.response.nt_data, q.query.nt_response);
	assert_int_equal(lib.params.password.response.lm_length, 0);
	assert_memory_equal(lib.params.password.response.challenge, q.server_challenge, 8);
	/* either name of the domain will do */
	lib.domain = "OTHER";
	lib.dns = "CORP.EXAMPLE";
	r = reply_to(&q);
	expect(&r, REFUSAL_NONE, "");
}

static void test_statuses(void **state)
{
	static const struct {
		uint32_t status;
		enum refusal refusal;
		const char *detail;
	} row[] = {
		{ 0xc000006a, REFUSAL_BAD_PASSWORD, "the domain's status is C000006A" },
		{ 0xc000006d, REFUSAL_BAD_PASSWORD, "C000006D" },
		{ 0xc0000064, REFUSAL_UNKNOWN_USER, "C0000064" },
		{ 0xc0000072, REFUSAL_ACCOUNT_DISABLED, "C0000072" },
		{ 0xc0000234, REFUSAL_ACCOUNT_LOCKED, "C0000234" },
		{ 0xc000006f, REFUSAL_LOGON_HOURS, "C000006F" },
		{ 0xc000005e, REFUSAL_UNAVAILABLE, "no domain controller answers (C000005E)" },
		{ 0xc0000022, REFUSAL_UNAVAILABLE, "is credsspd-ntlm in group winbindd_priv? (C0000022)" },
		{ 0xc000018b, REFUSAL_UNAVAILABLE, "join it again" },
		{ 0xc00000da, REFUSAL_UNAVAILABLE, "no member of a domain" },
		{ 0xc0001234, REFUSAL_UNAVAILABLE, "the domain cannot answer (C0001234)" },
		{ 0, REFUSAL_UNAVAILABLE, "the domain cannot answer (00000000)" },
	};
	struct winbind_question q = query("CORP", "alice");

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct winbind_reply r;

		all_is_well();
		lib.auth = WBC_ERR_AUTH_ERROR;
		lib.nt_status = row[i].status;
		r = reply_to(&q);
		expect(&r, row[i].refusal, row[i].detail);
	}
}

static void test_no_winbind(void **state)
{
	struct winbind_question q = query("CORP", "alice");
	struct winbind_reply r;

	all_is_well();
	lib.auth = WBC_ERR_WINBIND_NOT_AVAILABLE;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNAVAILABLE, "is credsspd-ntlm in group winbindd_priv?");
	lib.ping = WBC_ERR_WINBIND_NOT_AVAILABLE;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNAVAILABLE, "does it run?");
	lib.auth = WBC_ERR_DOMAIN_NOT_FOUND;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNAVAILABLE, "WBC_ERR_DOMAIN_NOT_FOUND");
}

/* A yes that is none. */
static void test_not_this_account(void **state)
{
	struct winbind_question q = query("CORP", "alice");
	char longest[ACCOUNT_NAME_MAX + 2];
	struct winbind_reply r;

	all_is_well();
	lib.user_flags = WBC_AUTH_USER_INFO_GUEST;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNKNOWN_USER, "guest");
	all_is_well();
	lib.key = 0;
	r = reply_to(&q);
	expect(&r, REFUSAL_BAD_CREDENTIALS, "no session key");
	all_is_well();
	lib.num_sids = 0;
	r = reply_to(&q);
	expect(&r, REFUSAL_BAD_CREDENTIALS, "");
	all_is_well();
	lib.domain = "TS1"; /* the host's own Samba accounts */
	r = reply_to(&q);
	expect(&r, REFUSAL_UNKNOWN_USER, "an account of TS1, which is not in domains");
	lib.domain = NULL;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNKNOWN_USER, "not in domains");
	all_is_well();
	lib.pw = WBC_ERR_DOMAIN_NOT_FOUND;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNKNOWN_USER, "idmap config");
	lib.pw = WBC_ERR_WINBIND_NOT_AVAILABLE;
	r = reply_to(&q);
	expect(&r, REFUSAL_UNAVAILABLE, "");
	all_is_well();
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	lib.name = longest;
	r = reply_to(&q);
	expect(&r, REFUSAL_NAME, "");
	lib.name = longest + 1;
	r = reply_to(&q);
	expect(&r, REFUSAL_NONE, "");
}

/* What the domain is not even asked. */
static void test_not_asked(void **state)
{
	static const struct {
		const char *domain, *user;
		enum refusal refusal;
	} row[] = {
		{ "", "alice", REFUSAL_NONE },
		{ "DESKTOP-7F3A", "alice", REFUSAL_NONE },
		{ "", "alice@corp.example", REFUSAL_NONE },
		{ "", "CORP\\alice", REFUSAL_NONE },
		{ "", "", REFUSAL_NAME },
		{ "CORP", "al:ice", REFUSAL_NAME },
		{ "CORP", "al\nice", REFUSAL_NAME },
		{ "CO/RP", "alice", REFUSAL_NAME },
		{ "", "a\\b\\c", REFUSAL_NAME },
	};
	struct winbind_question q;
	struct winbind_reply r;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		all_is_well();
		q = query(row[i].domain, row[i].user);
		r = reply_to(&q);
		expect(&r, row[i].refusal, "");
		assert_int_equal(lib.asked, row[i].refusal == REFUSAL_NONE);
	}
}

/* Failures are counted for the account that is meant, by whatever name; not for one that is only called alike. */
static void test_whom_it_is_counted_for(void **state)
{
	static const struct {
		const char *domain, *user, *asked_name;
		enum wbcSidType type;
		bool found;
	} row[] = {
		{ "CORP", "alice", "CORP\\alice", WBC_SID_NAME_USER, true },
		{ "", "alice", "CORP\\alice", WBC_SID_NAME_USER, true },
		{ "", "Alice@corp.example", "corp.example\\Alice", WBC_SID_NAME_USER, true },
		{ "", "EVIL\\alice", "EVIL\\alice", 0, false },
		{ "CORP", "rdp1$", "CORP\\rdp1$", WBC_SID_NAME_COMPUTER, true },
		{ "CORP", "admins", "CORP\\admins", WBC_SID_NAME_DOM_GRP, false },
		{ "CORP", "gone", "CORP\\gone", WBC_SID_NAME_DELETED, false },
	};
	struct winbind_question q;
	struct winbind_reply r;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		all_is_well();
		lib.auth = WBC_ERR_AUTH_ERROR;
		lib.nt_status = 0xc000006a;
		lib.type = row[i].type;
		q = query(row[i].domain, row[i].user);
		r = reply_to(&q);
		assert_string_equal(lib.asked_name, row[i].asked_name);
		assert_string_equal(r.account, row[i].found ? ALICE_TEXT : "");
	}
	/* one that got in, by the same name */
	all_is_well();
	r = reply_to(&q);
	assert_string_equal(r.account, ALICE_TEXT);
	/* the guest account is refused */
	lib.user_flags = WBC_AUTH_USER_INFO_GUEST;
	r = reply_to(&q);
	assert_string_equal(r.account, "");
	/* an outage asks no more */
	all_is_well();
	lib.auth = WBC_ERR_WINBIND_NOT_AVAILABLE;
	r = reply_to(&q);
	assert_string_equal(r.account, "");
	assert_string_equal(lib.asked_name, "");
}

static void test_real_library(void **state)
{
	AUTO_FREE char *error = NULL;
	struct winbind w;
	struct wbcContext *c;

	if (winbind_open(&w, &error) < 0)
		fail_msg("%s", error);
	c = w.ctx_create();
	assert_non_null(c);
	w.ctx_free(c);
	assert_non_null(strstr(w.error_string(WBC_ERR_AUTH_ERROR), "WBC_ERR_AUTH_ERROR"));
	winbind_close(&w);
	winbind_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granted),      cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_no_winbind),   cmocka_unit_test(test_not_this_account),
		cmocka_unit_test(test_not_asked),    cmocka_unit_test(test_whom_it_is_counted_for),
		cmocka_unit_test(test_real_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
