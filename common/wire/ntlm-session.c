/* SPDX-License-Identifier: MIT */
#include "common/wire/ntlm-session.h"

#include <errno.h>
#include <string.h>

#define CHECKSUM_LEN 8U

static void put_le32(uint8_t *p, uint32_t v)
{
	for (size_t i = 0; i < 4; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

/* SIGNKEY and SEALKEY, MS-NLMP 3.4.5.2 and 3.4.5.3; the constants end with their NUL. */
static int derive(const uint8_t key[NTLM_HASH_LEN], const char *constant, uint8_t out[NTLM_HASH_LEN])
{
	const struct view parts[] = { { key, NTLM_HASH_LEN }, { (const uint8_t *)constant, strlen(constant) + 1 } };

	return ntlm_md5(parts, sizeof parts / sizeof *parts, out);
}

int ntlm_session_init(struct ntlm_session *s, const uint8_t key[NTLM_HASH_LEN])
{
	static const struct {
		const char *sign, *seal;
	} constant[NTLM_DIRECTIONS_] = {
		[NTLM_TO_SERVER] = { "session key to client-to-server signing key magic constant",
				     "session key to client-to-server sealing key magic constant" },
		[NTLM_TO_CLIENT] = { "session key to server-to-client signing key magic constant",
				     "session key to server-to-client sealing key magic constant" },
	};

	*s = NTLM_SESSION_NULL;
	for (size_t i = 0; i < NTLM_DIRECTIONS_; i++) {
		if (derive(key, constant[i].sign, s->way[i].sign_key) < 0 ||
		    derive(key, constant[i].seal, s->way[i].seal_key) < 0)
			return -EIO;
		s->way[i].seal = ntlm_rc4_new();
		if (!s->way[i].seal)
			return -ENOMEM;
		if (ntlm_rc4_start(s->way[i].seal, s->way[i].seal_key) < 0)
			return -EIO;
	}
	return 0;
}

void ntlm_session_done(struct ntlm_session *s)
{
	for (size_t i = 0; i < NTLM_DIRECTIONS_; i++)
		ntlm_rc4_free(s->way[i].seal);
	secret_wipe(s, sizeof *s);
	*s = NTLM_SESSION_NULL;
}

/* The next message's signature, MS-NLMP 3.4.4.2. Its checksum is encrypted after the message itself. */
static int sign(struct ntlm_session *s, enum ntlm_direction way, struct view clear,
		uint8_t out[NTLM_SEAL_SIGNATURE_LEN])
{
	uint8_t number[4], mac[NTLM_HASH_LEN];
	const struct view parts[] = { { number, sizeof number }, clear };
	int r;

	put_le32(number, s->way[way].sequence++);
	put_le32(out, 1); /* Version */
	memcpy(out + 4 + CHECKSUM_LEN, number, sizeof number);
	r = ntlm_hmac_md5(s->way[way].sign_key, parts, sizeof parts / sizeof *parts, mac);
	return r < 0 ? r : ntlm_rc4_crypt(s->way[way].seal, mac, CHECKSUM_LEN, out + 4);
}

int ntlm_session_seal(struct ntlm_session *s, enum ntlm_direction way, struct view clear, uint8_t *out, size_t size,
		      size_t *ret_len)
{
	if (size < NTLM_SEAL_SIGNATURE_LEN || clear.len > size - NTLM_SEAL_SIGNATURE_LEN)
		return -ENOSPC;
	if (ntlm_rc4_crypt(s->way[way].seal, clear.p, clear.len, out + NTLM_SEAL_SIGNATURE_LEN) < 0 ||
	    sign(s, way, clear, out) < 0)
		return -EIO;
	*ret_len = NTLM_SEAL_SIGNATURE_LEN + clear.len;
	return 0;
}

int ntlm_session_unseal(struct ntlm_session *s, enum ntlm_direction way, struct view sealed, struct secret *ret_)
{
	uint8_t signature[NTLM_SEAL_SIGNATURE_LEN];
	AUTO_SECRET struct secret clear = SECRET_NULL;
	size_t len = sealed.len - sizeof signature;
	int r;

	if (sealed.len < sizeof signature)
		return -EBADMSG;
	r = secret_init(&clear, len);
	if (r < 0)
		return r;
	if (ntlm_rc4_crypt(s->way[way].seal, sealed.p + sizeof signature, len, secret_expose(&clear)) < 0 ||
	    secret_set_len(&clear, len) < 0 || sign(s, way, (struct view){ secret_expose(&clear), len }, signature) < 0)
		return -EIO;
	if (!secret_equal(signature, sealed.p, sizeof signature))
		return -EBADMSG;
	secret_move(ret_, &clear);
	return 0;
}

int ntlm_session_mic(struct ntlm_session *s, enum ntlm_direction way, struct view message,
		     uint8_t ret_mic[NTLM_SEAL_SIGNATURE_LEN])
{
	int r = sign(s, way, message, ret_mic);

	return r < 0 ? r : ntlm_rc4_start(s->way[way].seal, s->way[way].seal_key);
}

int ntlm_session_verify_mic(struct ntlm_session *s, enum ntlm_direction way, struct view message, struct view mic)
{
	uint8_t expected[NTLM_SEAL_SIGNATURE_LEN];
	int r = ntlm_session_mic(s, way, message, expected);

	if (r < 0)
		return r;
	return mic.len == sizeof expected && secret_equal(expected, mic.p, sizeof expected) ? 0 : -EBADMSG;
}
