/* SPDX-License-Identifier: MIT */
/* For the tests of user-to-user with clients that do something wrong: an exchange in which one token is another. */
#pragma once

#include "tests/unit/u2u.h"

static char u2u_config[96], long_term[112], host_key[112]; /* files; the last ones with FILE: */
static struct template u2u_only = { .mechanism = "krb5", .config = u2u_config, .control = -1 };
static struct template *const both[] = { &krb5, &u2u_only };
#define FOR_BOTH(var) for (struct template *const *var = both; var < both + 2; var++)
static struct tgt tgt, others; /* ours, and that of another server */

enum step { TGT_REQ, AP_REQ, MIC, STEPS };

/* What is sent instead of @token, which it frees. */
typedef struct buf alteration(struct talk *t, struct buf token);

/* Goes through the first steps with nothing wrong; the client's token for @step. */
static inline struct buf up_to(struct talk *t, enum step step)
{
	send_start(t);
	for (unsigned s = 0; s < (unsigned)step; s++)
		assert_int_equal(give(t, next_token(t), VIEW_NULL), WORKER_REPLY);
	return next_token(t);
}

/* The worker's answer to what @alter makes of the token of @step. */
static inline uint8_t altered(struct talk *t, enum step step, alteration *alter, bool bound)
{
	struct buf token = up_to(t, step);
	struct view key = bound ? sealed_key(t) : VIEW_NULL; /* before the context is taken apart */

	return give(t, alter(t, token), key);
}

static inline void assert_altered(const char *name, enum step step, alteration *alter, enum refusal refusal,
				  const char *detail)
{
	FOR_BOTH(template)
	{
		/* the last token stands alone, and beside pubKeyAuth */
		for (unsigned bound = 0; bound < (step == MIC ? 2 : 1); bound++) {
			struct talk *t = u2u_talk(*template, &tgt, &as_mstsc);
			uint8_t type = altered(t, step, alter, bound);

			if (type != WORKER_FAILED)
				fail_msg("%s: taken (%u)", name, type);
			refused(t, type, refusal, refusal_ntstatus(refusal));
			if (!strstr(t->failed.detail, detail))
				fail_msg("%s: %s", name, t->failed.detail);
		}
	}
}

/* The twin: what @alter makes is as good as what the client made. */
static inline void assert_harmless(enum step step, alteration *alter)
{
	FOR_BOTH(template)
	{
		struct talk *t = u2u_talk(*template, &tgt, &as_mstsc);

		assert_int_equal(altered(t, step, alter, false), WORKER_REPLY);
		assert_int_equal(finish(t), 0);
		if (step != MIC)
			continue;
		t = u2u_talk(*template, &tgt, &as_mstsc);
		assert_int_equal(altered(t, step, alter, true), WORKER_AUTHENTICATED);
		assert_int_equal(finish(t), 0);
	}
}

static inline struct buf as_it_is(struct talk *t, struct buf token)
{
	return token;
}

/* ---- set-up ---- */

static inline void start_with(struct template *template)
{
	int keeper;

	start(template);
	keeper = keeper_attach(template);
	keeper_give(keeper, &tgt);
	(void)close(keeper);
}

static inline int altered_set_up(void **unused)
{
	talk_set_up();
	assert_int_equal(krb5_init_context(&krb5_lib), 0);
	(void)snprintf(long_term, sizeof long_term, "FILE:%s", keytab_path);
	(void)snprintf(host_key, sizeof host_key, "FILE:%s", host_keytab);
	(void)snprintf(u2u_config, sizeof u2u_config, "%s/u2u.conf", talk_dir);
	make_config(u2u_config, "\tkerberos = user-to-user\n\tkeytab = /nonexistent\n");
	tgt_make(&tgt, "RDP$@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	tgt_make(&others, "RDP$@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96, 3600);
	start_with(&krb5);
	start_with(&u2u_only);
	start(&ntlm);
	return 0;
}

static inline int altered_tear_down(void **unused)
{
	FOR_BOTH(template)
	assert_int_equal(stop(*template), 0);
	assert_int_equal(stop(&ntlm), 0);
	tgt_done(&tgt);
	tgt_done(&others);
	krb5_free_context(krb5_lib);
	(void)unlink(u2u_config);
	return talk_tear_down();
}
