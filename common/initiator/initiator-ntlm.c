/* SPDX-License-Identifier: MIT */
/* The client's side of NTLMv2 with a MIC, MS-NLMP 3.1.5. Only ASCII letters of a name are converted to upper case. */
#include <ctype.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "common/initiator/initiator-private.h"
#include "common/wire/ntlm-session.h"
#include "common/wire/ntlm.h"
#include "common/wire/utf16.h"

#define NAME_ROOM 256U /* UTF-16 units */
#define FLAGS (NTLM_REQUIRED | NTLM_REQUEST_TARGET | NTLM_ALWAYS_SIGN | NTLM_TARGET_INFO | NTLM_VERSION | NTLM_56)
#define NEGOTIATE_LEN 40U
#define CLIENT_CHALLENGE_LEN 8U
#define RESPONSE_ROOM (NTLM_RESPONSE_FIXED_LEN + NTLM_CHALLENGE_MAX)
#define AUTHENTICATE_ROOM (RESPONSE_ROOM + 2 * sizeof(struct utf16) + 128U)

struct utf16 {
	uint8_t p[2 * NAME_ROOM];
	size_t len;
};

static void utf16_wipe(struct utf16 *s)
{
	secret_wipe(s, sizeof *s);
}

struct key {
	uint8_t p[NTLM_KEY_LEN];
};

static void key_wipe(struct key *key)
{
	secret_wipe(key, sizeof *key);
}

#define AUTO_KEY CLEANUP(key_wipe)

struct ntlm_initiator {
	struct initiator base;
	struct utf16 domain, user;
	uint8_t nt_hash[NTLM_HASH_LEN];
	unsigned round;
	uint8_t negotiate[NEGOTIATE_LEN], response[RESPONSE_ROOM], authenticate[AUTHENTICATE_ROOM];
	struct ntlm_session session;
};

static struct ntlm_initiator *self(struct initiator *i)
{
	return (struct ntlm_initiator *)i;
}

static struct view view_of(const struct utf16 *s)
{
	return (struct view){ s->p, s->len };
}

static int to_utf16(const char *text, size_t len, struct utf16 *out)
{
	return utf8_to_utf16le((struct view){ (const uint8_t *)text, len }, out->p, sizeof out->p, &out->len);
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (size_t n = 0; n < 4; n++, v >>= 8)
		p[n] = (uint8_t)v;
}

/* ---- NEGOTIATE ---- */

static int send_negotiate(struct ntlm_initiator *n, struct view *ret_token)
{
	static const uint8_t head[] = { 'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 1 };

	memset(n->negotiate, 0, sizeof n->negotiate);
	memcpy(n->negotiate, head, sizeof head);
	put_le32(n->negotiate + 12, FLAGS);
	*ret_token = (struct view){ n->negotiate, sizeof n->negotiate };
	return 1;
}

/* ---- AUTHENTICATE ---- */

/* NTLMv2_CLIENT_CHALLENGE: the server's pairs, and the flag that says that there is a MIC. Returns the length after
 * NTProofStr, or 0. */
static size_t write_client_challenge(struct ntlm_initiator *n, const struct ntlm_challenge *c)
{
	static const uint8_t end[] = { NTLM_AV_FLAGS, 0, 4, 0, NTLM_AV_FLAG_MIC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t *p = n->response + NTLM_PROOF_LEN;
	const uint8_t *timestamp = NULL;
	struct view pairs = c->target_info, value;
	size_t len;
	uint16_t id;
	int r;

	while ((r = ntlm_av_next(&pairs, &id, &value)) == 1)
		if (id == NTLM_AV_TIMESTAMP && value.len == NTLM_TIMESTAMP_LEN)
			timestamp = value.p;
	len = (size_t)(pairs.p - c->target_info.p);
	if (r < 0 || !timestamp || len > sizeof n->response - NTLM_RESPONSE_FIXED_LEN - sizeof end)
		return 0;
	memset(p, 0, NTLM_RESPONSE_FIXED_LEN - NTLM_PROOF_LEN);
	p[0] = p[1] = 1;
	memcpy(p + 8, timestamp, NTLM_TIMESTAMP_LEN);
	if (RAND_bytes(p + 16, CLIENT_CHALLENGE_LEN) != 1)
		return 0;
	p += NTLM_RESPONSE_FIXED_LEN - NTLM_PROOF_LEN;
	memcpy(p, c->target_info.p, len);
	memcpy(p + len, end, sizeof end);
	return NTLM_RESPONSE_FIXED_LEN - NTLM_PROOF_LEN + len + sizeof end;
}

/* NTOWFv2 and the response, MS-NLMP 3.3.2. Returns its length, or 0. */
static size_t write_response(struct ntlm_initiator *n, const struct ntlm_challenge *c, struct key *ret_base_key)
{
	struct utf16 upper = n->user;
	const struct view names[] = { view_of(&upper), view_of(&n->domain) };
	size_t len = write_client_challenge(n, c);
	const struct view parts[] = { { c->server_challenge, NTLM_SERVER_CHALLENGE_LEN },
				      { n->response + NTLM_PROOF_LEN, len } };
	const struct view proof = { n->response, NTLM_PROOF_LEN };
	AUTO_KEY struct key key;

	for (size_t at = 0; at < upper.len; at += 2)
		if (upper.p[at + 1] == 0)
			upper.p[at] = (uint8_t)toupper(upper.p[at]);
	if (len == 0 || ntlm_hmac_md5(n->nt_hash, names, 2, key.p) < 0 ||
	    ntlm_hmac_md5(key.p, parts, 2, n->response) < 0 || ntlm_hmac_md5(key.p, &proof, 1, ret_base_key->p) < 0)
		return 0;
	return NTLM_PROOF_LEN + len;
}

static int encrypt_key(const struct key *base_key, const struct key *key, uint8_t ret_[NTLM_KEY_LEN])
{
	struct ntlm_rc4 *rc4 = ntlm_rc4_new();
	int r = rc4 ? ntlm_rc4_start(rc4, base_key->p) : -ENOMEM;

	if (r == 0)
		r = ntlm_rc4_crypt(rc4, key->p, NTLM_KEY_LEN, ret_);
	ntlm_rc4_free(rc4);
	return r;
}

static int send_authenticate(struct ntlm_initiator *n, struct view token, struct view *ret_token)
{
	AUTO_KEY struct key base_key;
	AUTO_KEY struct key key;
	uint8_t encrypted[NTLM_KEY_LEN];
	struct ntlm_authenticate a = { .domain = view_of(&n->domain), .user = view_of(&n->user) };
	struct ntlm_challenge c;
	size_t len;

	if (ntlm_challenge_read(token, &c) < 0)
		return initiator_fail(&n->base, -EACCES, "no CHALLENGE");
	a.flags = c.flags;
	a.nt_response = (struct view){ n->response, write_response(n, &c, &base_key) };
	if (!a.nt_response.len || RAND_bytes(key.p, sizeof key.p) != 1 || encrypt_key(&base_key, &key, encrypted) < 0)
		return initiator_fail(&n->base, -EACCES, "no NTLMv2 response");
	a.session_key = (struct view){ encrypted, sizeof encrypted };
	if (ntlm_authenticate_write(&a, n->authenticate, sizeof n->authenticate, &len) < 0 ||
	    ntlm_authenticate_read((struct view){ n->authenticate, len }, &a) < 0)
		return initiator_fail(&n->base, -EACCES, "no AUTHENTICATE");
	*ret_token = (struct view){ n->authenticate, len };
	if (ntlm_hmac_md5(key.p, (const struct view[]){ { n->negotiate, sizeof n->negotiate }, token, *ret_token }, 3,
			  n->authenticate + a.mic_offset) < 0 ||
	    ntlm_session_init(&n->session, key.p) < 0)
		return initiator_fail(&n->base, -EACCES, "no session key");
	return 0;
}

static int ntlm_step(struct initiator *i, struct view token, struct view *ret_token)
{
	struct ntlm_initiator *n = self(i);

	switch (n->round++) {
	case 0:
		return send_negotiate(n, ret_token);
	case 1:
		return send_authenticate(n, token, ret_token);
	default:
		return initiator_fail(i, -EACCES, "a token after the last one");
	}
}

/* ---- messages ---- */

static int ntlm_mic(struct initiator *i, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	if (size < NTLM_SEAL_SIGNATURE_LEN)
		return -ENOSPC;
	*ret_len = NTLM_SEAL_SIGNATURE_LEN;
	return ntlm_session_mic(&self(i)->session, NTLM_TO_SERVER, message, out);
}

static int ntlm_verify_mic(struct initiator *i, struct view message, struct view mic)
{
	return ntlm_session_verify_mic(&self(i)->session, NTLM_TO_CLIENT, message, mic);
}

static int ntlm_wrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	return ntlm_session_seal(&self(i)->session, NTLM_TO_SERVER, in, out, size, ret_len);
}

static int ntlm_unwrap(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	AUTO_SECRET struct secret clear = SECRET_NULL;
	int r = ntlm_session_unseal(&self(i)->session, NTLM_TO_CLIENT, in, &clear);

	if (r < 0)
		return initiator_fail(i, -EIO, "a message with a wrong signature");
	if (secret_len(&clear) > size)
		return -ENOSPC;
	*ret_len = secret_len(&clear);
	memcpy(out, secret_expose(&clear), *ret_len);
	return 0;
}

/* ---- life ---- */

static void ntlm_free(struct initiator *i)
{
	ntlm_session_done(&self(i)->session);
	secret_wipe(self(i)->nt_hash, NTLM_HASH_LEN);
	free(i);
}

static const struct initiator_ops ops = {
	.step = ntlm_step,
	.mic = ntlm_mic,
	.verify_mic = ntlm_verify_mic,
	.wrap = ntlm_wrap,
	.unwrap = ntlm_unwrap,
	.free = ntlm_free,
};

static int set_names(struct ntlm_initiator *n, const char *name, const char *password)
{
	const char *backslash = strchr(name, '\\');
	const char *user = backslash ? backslash + 1 : name;
	CLEANUP(utf16_wipe) struct utf16 secret;
	const char *error;

	if (ntlm_crypto_init(&error) < 0)
		return initiator_fail(&n->base, -EIO, error);
	if (to_utf16(name, backslash ? (size_t)(backslash - name) : 0, &n->domain) < 0 ||
	    to_utf16(user, strlen(user), &n->user) < 0 || to_utf16(password, strlen(password), &secret) < 0)
		return initiator_fail(&n->base, -EIO, "a name or the password is too long, or not UTF-8");
	return ntlm_md4(view_of(&secret), n->nt_hash);
}

int initiator_new_ntlm(const char *name, const char *password, bool spnego, struct initiator **ret_initiator)
{
	struct ntlm_initiator *n = calloc(1, sizeof *n);

	if (!n)
		return -ENOMEM;
	n->base.ops = &ops;
	n->base.mech = GSS_MECH_NTLM;
	n->base.always_mic = true; /* as FreeRDP does */
	if (spnego)
		(void)initiator_offer(&n->base, &n->base.mech, 1);
	return initiator_made(&n->base, set_names(n, name, password), ret_initiator);
}
