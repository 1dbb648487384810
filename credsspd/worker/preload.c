/* SPDX-License-Identifier: MIT */
/*
 * Each line was found by a worker that failed or died without it. The
 * self-handshake that follows shows whether the list is complete on this host.
 */
#include "credsspd/worker/preload.h"

#include <errno.h>
#include <iconv.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "credsspd/auth/wbc.h"

static const uint8_t broken_ap_req[] = { 0x60, 0x1b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12,
					 0x01, 0x02, 0x02, 0x01, 0x00, 0x6e, 0x0c, 0x30, 0x0a, 0xa0,
					 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x0e };
static const uint8_t ntlm_negotiate[40] = { 'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 1, 0, 0, 0, 0x37, 0x82, 0x08, 0xe2 };
static const uint8_t broken_ntlm[] = { 'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 9, 0, 0, 0, 0, 0, 0, 0 };

static int say(char **ret_error, const char *what)
{
	if (asprintf(ret_error, "%s", what) < 0)
		*ret_error = NULL;
	return -ENOTSUP;
}

/* gss-ntlmssp opens these by these names in every context; while they are open here their modules stay loaded. */
static int open_iconv(char **ret_error)
{
	static iconv_t kept[2];

	kept[0] = iconv_open("UTF16LE", "UTF-8");
	kept[1] = iconv_open("UTF-8", "UTF16LE");
	return kept[0] == (iconv_t)-1 || kept[1] == (iconv_t)-1
		   ? say(ret_error, "NTLM is not available: iconv has no UTF-16LE")
		   : 0;
}

/* Configuration, providers, generators, and the hash of pubKeyAuth. */
static int use_openssl(char **ret_error)
{
	uint8_t in[16] = { 0 }, out[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
	    RAND_bytes(in, sizeof in) != 1 || RAND_priv_bytes(in, sizeof in) != 1 ||
	    EVP_Digest(in, sizeof in, out, &len, EVP_sha256(), NULL) != 1)
		return say(ret_error, "OpenSSL cannot be used");
	return 0;
}

/* The acceptor's part of NTLMv2: HMAC-MD5 and RC4; in FIPS mode there is none of it. */
static int use_md5(char **ret_error)
{
	uint8_t in[16] = { 0 }, out[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return HMAC(EVP_md5(), in, sizeof in, in, sizeof in, out, &len)
		   ? 0
		   : say(ret_error, "NTLM is not available: OpenSSL has no MD5 (FIPS mode?); set ntlm = off");
}

/* Accepts that fail: error tables, their texts, and whatever else the first call of a function loads. */
static void fail_once(struct acceptor *a, const uint8_t *token, size_t len)
{
	acceptor_fail(a, (struct view){ token, len });
}

static int preload_krb5(struct acceptor *a, char **ret_error)
{
	(void)ret_error;
	fail_once(a, broken_ap_req, sizeof broken_ap_req);
	return 0;
}

static int preload_ntlm(struct acceptor *a, char **ret_error)
{
	int r = open_iconv(ret_error);

	if (r == 0)
		r = use_md5(ret_error);
	if (r < 0)
		return r;
	fail_once(a, broken_ntlm, sizeof broken_ntlm);
	fail_once(a, ntlm_negotiate, sizeof ntlm_negotiate);
	/* else gss-ntlmssp speaks to a real winbind, and nobody here would know the accounts */
	return wbc_calls() ? 0 : say(ret_error, "NTLM is not available: gss-ntlmssp does not use credsspd's verifier");
}

int preload(enum mechanism mechanism, struct acceptor *acceptor, char **ret_error)
{
	*ret_error = NULL;
	tzset();
	(void)strerror(ENOENT);
	if (use_openssl(ret_error) < 0)
		return -ENOTSUP;
	return mechanism == MECHANISM_KRB5 ? preload_krb5(acceptor, ret_error) : preload_ntlm(acceptor, ret_error);
}
