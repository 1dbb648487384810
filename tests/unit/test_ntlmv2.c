/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <uchar.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/limits.h"
#include "credsspd/ntlm-verifier/ntlmv2.h"

/* ---- MS-NLMP 4.2.1, 4.2.2.1.2 and 4.2.4 ---- */

static const uint8_t nt_hash[16] = {
	0xa4, 0xf4, 0x9c, 0x40, 0x65, 0x10, 0xbd, 0xca, 0xb6, 0x82, 0x4e, 0xe7, 0xc3, 0x0f, 0xd8, 0x52,
};
static const uint8_t server_challenge[8] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
static const uint8_t nt_response[] = {
	/* NTProofStr */
	0x68,
	0xcd,
	0x0a,
	0xb8,
	0x51,
	0xe5,
	0x1c,
	0x96,
	0xaa,
	0xbc,
	0x92,
	0x7b,
	0xeb,
	0xef,
	0x6a,
	0x1c,
	/* temp */
	0x01,
	0x01,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0xaa,
	0xaa,
	0xaa,
	0xaa,
	0xaa,
	0xaa,
	0xaa,
	0xaa,
	0x00,
	0x00,
	0x00,
	0x00,
	0x02,
	0x00,
	0x0c,
	0x00,
	0x44,
	0x00,
	0x6f,
	0x00,
	0x6d,
	0x00,
	0x61,
	0x00,
	0x69,
	0x00,
	0x6e,
	0x00,
	0x01,
	0x00,
	0x0c,
	0x00,
	0x53,
	0x00,
	0x65,
	0x00,
	0x72,
	0x00,
	0x76,
	0x00,
	0x65,
	0x00,
	0x72,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
};
static const uint8_t session_base_key[16] = {
	0x8d, 0xe4, 0x0c, 0xca, 0xdb, 0xc1, 0x4a, 0x82, 0xf1, 0x5c, 0xb0, 0xad, 0x0d, 0xe9, 0x5c, 0xa3,
};

static struct ntlmv2_claim claim_of(const char *user, const char *domain, const uint8_t *response, size_t len)
{
	return (struct ntlmv2_claim){
		.user = user,
		.domain = domain,
		.server_challenge = server_challenge,
		.response = { response, len },
	};
}

static void test_specification(void **state)
{
	struct ntlmv2_claim c = claim_of("User", "Domain", nt_response, sizeof nt_response);
	uint8_t hash[16], key[16] = { 0 };

	assert_int_equal(ntlmv2_hash_password((struct view){ (const uint8_t *)"Password", 8 }, hash), 0);
	assert_memory_equal(hash, nt_hash, 16);
	assert_int_equal(ntlmv2_verify(&c, nt_hash, key), 1);
	assert_memory_equal(key, session_base_key, 16);
}

static void test_names(void **state)
{
	static const struct {
		const char *user, *domain;
		int right;
	} row[] = {
		{ "user", "Domain", 1 }, { "USER", "Domain", 1 }, { "uSeR", "Domain", 1 },  { "User", "domain", 0 },
		{ "User", "DOMAIN", 0 }, { "User", "", 0 },       { "User2", "Domain", 0 }, { "Use", "rDomain", 0 },
		{ "", "Domain", 0 },     { "UserDomain", "", 0 },
	};
	uint8_t key[16];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct ntlmv2_claim c = claim_of(row[i].user, row[i].domain, nt_response, sizeof nt_response);

		assert_int_equal(ntlmv2_verify(&c, nt_hash, key), row[i].right);
	}
}

/* One bit anywhere in hash, challenge or response. */
static void test_every_bit_counts(void **state)
{
	uint8_t hash[16], challenge[8], response[sizeof nt_response], key[16];
	size_t bits = 8 * (sizeof hash + sizeof challenge + sizeof response);

	for (size_t i = 0; i < bits; i++) {
		struct ntlmv2_claim c = claim_of("User", "Domain", response, sizeof response);
		uint8_t *at = i / 8 < 16 ? &hash[i / 8] : i / 8 < 24 ? &challenge[i / 8 - 16] : &response[i / 8 - 24];

		memcpy(hash, nt_hash, sizeof hash);
		memcpy(challenge, server_challenge, sizeof challenge);
		memcpy(response, nt_response, sizeof response);
		*at = (uint8_t)(*at ^ 1U << i % 8);
		c.server_challenge = challenge;
		memset(key, 0x55, sizeof key);
		assert_true(ntlmv2_verify(&c, hash, key) != 1);
		for (size_t k = 0; k < sizeof key; k++)
			assert_int_equal(key[k], 0x55);
	}
}

static void test_shapes(void **state)
{
	static uint8_t longest[NTLM_RESPONSE_MAX];
	uint8_t key[16];

	memcpy(longest, nt_response, sizeof nt_response);
	/* LM, NTLMv1 and NTLM2 session responses are 24 octets; so is every length up to the least NTLMv2 one refused
	 */
	for (size_t len = 0; len < 44; len++) {
		struct ntlmv2_claim c = claim_of("User", "Domain", nt_response, len);

		assert_int_equal(ntlmv2_verify(&c, nt_hash, key), -EINVAL);
	}
	for (size_t len = 44; len <= NTLM_RESPONSE_MAX; len++) {
		struct ntlmv2_claim c = claim_of("User", "Domain", longest, len);

		assert_int_equal(ntlmv2_verify(&c, nt_hash, key), len == sizeof nt_response);
	}
	struct ntlmv2_claim c = claim_of("User", "Domain", longest, sizeof nt_response);

	longest[16] = 2; /* RespType */
	assert_int_equal(ntlmv2_verify(&c, nt_hash, key), -EINVAL);
	longest[16] = 1;
	longest[17] = 0; /* HiRespType */
	assert_int_equal(ntlmv2_verify(&c, nt_hash, key), -EINVAL);
}

/* ---- what a client does, for names that the specification has no vector of ---- */

static size_t utf16(const char16_t *s, uint8_t *out)
{
	size_t n = 0;

	for (; *s; s++) {
		out[n++] = (uint8_t)*s;
		out[n++] = (uint8_t)(*s >> 8);
	}
	return n;
}

/* @upper is how the client has it in upper case. */
static void respond(const char16_t *upper, const char16_t *domain, uint8_t response[44])
{
	uint8_t name[512], key[16], message[8 + 28] = { 0 };
	size_t n = utf16(upper, name);

	n += utf16(domain, name + n);
	assert_non_null(HMAC(EVP_md5(), nt_hash, 16, name, n, key, NULL));
	memcpy(message, server_challenge, 8);
	message[8] = message[9] = 1;
	assert_non_null(HMAC(EVP_md5(), key, 16, message, sizeof message, response, NULL));
	memcpy(response + 16, message + 8, 28);
}

static void test_upper_case(void **state)
{
	static const struct {
		const char *user;
		const char16_t *upper;
		int right;
	} row[] = {
		{ "j\xc3\xbcrgen", u"J\u00dcRGEN", 1 },
		{ "J\xc3\x9crgen", u"J\u00dcRGEN", 1 },
		{ "j\xc3\xbcrgen", u"J\u00fcRGEN", 0 },
		{ "stra\xc3\x9f"
		  "e",
		  u"STRA\u00dfE", 1 },                                                  /* no one-to-one upper case */
		{ "\xce\xb1\xcf\x83\xcf\x82", u"\u0391\u03a3\u03a3", 1 },               /* Greek, final sigma */
		{ "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd", u"\u0418\u0412\u0410\u041d", 1 }, /* Cyrillic */
		{ "\xc2\xb5m", u"\u00b5M", 1 },                                         /* micro sign: Windows */
		{ "\xc2\xb5m", u"\u039cM", 1 },                                         /* micro sign: Unicode */
		{ "\xc4\xb1", u"\u0131", 1 },
		{ "\xc4\xb1", u"I", 1 },
		{ "\xf0\x90\x90\xa8", u"\xd801\xdc28", 1 }, /* beyond the BMP: as it is */
		{ "\xc3\xbf", u"\u0178", 1 },
	};
	uint8_t response[44], key[16];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct ntlmv2_claim c = claim_of(row[i].user, "b\xc3\xbcro", response, sizeof response);

		respond(row[i].upper, u"b\u00fcro", response);
		if (ntlmv2_verify(&c, nt_hash, key) != row[i].right)
			fail_msg("row %zu", i);
	}
}

static void test_longest_names(void **state)
{
	char user[ACCOUNT_NAME_MAX + 1], domain[ACCOUNT_NAME_MAX + 1];
	struct ntlmv2_claim c = claim_of(user, domain, nt_response, sizeof nt_response);
	uint8_t key[16];

	memset(user, 'u', sizeof user - 1);
	memset(domain, 'd', sizeof domain - 1);
	user[ACCOUNT_NAME_MAX] = domain[ACCOUNT_NAME_MAX] = '\0';
	assert_int_equal(ntlmv2_verify(&c, nt_hash, key), 0);
	c.user = "\xff";
	assert_int_equal(ntlmv2_verify(&c, nt_hash, key), -EILSEQ);
}

static void test_passwords(void **state)
{
	static const struct {
		const char *password;
		uint8_t hash[16];
	} row[] = {
		/* both are found in every list of NT hashes */
		{ "",
		  { 0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31, 0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0 } },
		{ "password",
		  { 0x88, 0x46, 0xf7, 0xea, 0xee, 0x8f, 0xb1, 0x17, 0xad, 0x06, 0xbd, 0xd8, 0x30, 0xb7, 0x58, 0x6c } },
	};
	uint8_t hash[16];
	uint8_t longest[PASSWORD_MAX + 1];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct view v = { (const uint8_t *)row[i].password, strlen(row[i].password) };

		assert_int_equal(ntlmv2_hash_password(v, hash), 0);
		assert_memory_equal(hash, row[i].hash, 16);
	}
	memset(longest, 'x', sizeof longest);
	assert_int_equal(ntlmv2_hash_password((struct view){ longest, PASSWORD_MAX }, hash), 0);
	assert_int_equal(ntlmv2_hash_password((struct view){ longest, PASSWORD_MAX + 1 }, hash), -ENOSPC);
	assert_int_equal(ntlmv2_hash_password((struct view){ (const uint8_t *)"\xff", 1 }, hash), -EILSEQ);
}

/* ---- hosts without the algorithms ---- */

static int init_in_child(int fips)
{
	pid_t pid = fork();
	const char *error;
	int w;

	if (pid == 0) {
		if (fips)
			(void)EVP_default_properties_enable_fips(NULL, 1);
		else
			(void)setenv("OPENSSL_MODULES", "/nonexistent", 1);
		_exit(-ntlmv2_init(&error));
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w));
	return -WEXITSTATUS(w);
}

static int setup(void **state)
{
	const char *error;

	/* before it is loaded here */
	assert_int_equal(init_in_child(1), -ENOTSUP);
	assert_int_equal(init_in_child(0), -ENOTSUP);
	assert_int_equal(ntlmv2_init(&error), 0);
	assert_int_equal(ntlmv2_init(&error), 0);
	return 0;
}

/* What it has loaded is its own: the rest of the process still has no MD4. */
static void test_md4_is_private(void **state)
{
	EVP_MD *md4 = EVP_MD_fetch(NULL, "MD4", NULL);

	assert_null(md4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specification),    cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_bit_counts), cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_upper_case),       cmocka_unit_test(test_longest_names),
		cmocka_unit_test(test_passwords),        cmocka_unit_test(test_md4_is_private),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
