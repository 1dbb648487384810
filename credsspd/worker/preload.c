/* SPDX-License-Identifier: MIT */
/*
 * A worker failed or died without each of these calls. The self-test that follows shows whether the list is complete on
 * this host.
 */
#include "credsspd/worker/preload.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "common/base/explain.h"

/* Configuration, providers, generators, and the hash of pubKeyAuth. */
static int use_openssl(void)
{
	uint8_t in[16] = { 0 }, out[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 &&
		       RAND_bytes(in, sizeof in) == 1 && RAND_priv_bytes(in, sizeof in) == 1 &&
		       EVP_Digest(in, sizeof in, out, &len, EVP_sha256(), NULL) == 1
		   ? 0
		   : -ENOTSUP;
}

int preload(struct acceptor *acceptor, char **ret_error)
{
	*ret_error = NULL;
	tzset();
	(void)strerror(ENOENT);
	if (use_openssl() < 0)
		return explain(ret_error, -ENOTSUP, "OpenSSL cannot be used");
	acceptor_warm_up(acceptor);
	return 0;
}
