/* SPDX-License-Identifier: MIT */
/* MS-CSSP 3.1.5: versions 2 to 4 wrap the key itself (CVE-2018-0886), later ones a hash with a nonce of the client. */
#include "common/wire/binding.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

/* The terminating NUL of the magic is hashed too. */
static const char client_to_server[] = "CredSSP Client-To-Server Binding Hash";
static const char server_to_client[] = "CredSSP Server-To-Client Binding Hash";

_Static_assert(sizeof client_to_server == sizeof server_to_client, "both magics are of one length");

static int hash(enum binding_direction direction, struct view nonce, struct view key, uint8_t *out, size_t *ret_len)
{
	const char *magic = direction == BINDING_CLIENT_TO_SERVER ? client_to_server : server_to_client;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned len = 0;
	int ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(c, magic, sizeof client_to_server) == 1 &&
		 EVP_DigestUpdate(c, nonce.p, nonce.len) == 1 && EVP_DigestUpdate(c, key.p, key.len) == 1 &&
		 EVP_DigestFinal_ex(c, out, &len) == 1;

	EVP_MD_CTX_free(c);
	if (!ok)
		return -EIO;
	*ret_len = len;
	return 0;
}

int binding_compute(unsigned version, enum binding_direction direction, struct view nonce, struct view key,
		    uint8_t out[BINDING_MAX], size_t *ret_len)
{
	if (!key.p || key.len == 0 || key.len > SUBJECT_PUBLIC_KEY_MAX)
		return -EINVAL;
	if (version >= 5)
		return nonce.p && nonce.len == CLIENT_NONCE_LEN ? hash(direction, nonce, key, out, ret_len) : -EINVAL;
	memcpy(out, key.p, key.len);
	if (direction == BINDING_SERVER_TO_CLIENT)
		out[0]++;
	*ret_len = key.len;
	return 0;
}
