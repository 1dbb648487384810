/* SPDX-License-Identifier: MIT */
/*
 *   > NEGOTIATE                          flags: all of NTLM_REQUIRED or nothing
 *   < CHALLENGE                          with challenge and timestamp of the verifier
 *   > AUTHENTICATE                       the verifier judges the response; then the MIC, when one is claimed
 *
 * Without a MIC a man in the middle can change flags. The flags decide how strong the session is, so both messages of
 * the client must have all of NTLM_REQUIRED. With these flags each direction has keys of its own that only the client's
 * password gives, so that nothing can be forged even without a MIC. NTProofStr authenticates the AV pairs of the
 * response: whether there is a MIC, for which service the response was made, and the timestamp of the CHALLENGE. The
 * verifier checks them.
 */
#include "credsspd/mech/ntlm.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/explain.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "common/ipc/packet.h"
#include "common/wire/ntlm-session.h"
#include "common/wire/utf16.h"

/* The flags of NEGOTIATE that the CHALLENGE repeats. */
#define FLAGS_ECHOED (NTLM_REQUIRED | NTLM_REQUEST_TARGET | NTLM_ALWAYS_SIGN | NTLM_56 | NTLM_VERSION)

enum ntlm_state { NTLM_NEGOTIATING, NTLM_CHALLENGED, NTLM_ENDED };

struct ntlm {
	struct mech mech;
	struct ntlm_names names;
	bool domain;
	int verifier;
	enum ntlm_state state;
	size_t negotiate_len, challenge_len;
	uint8_t negotiate[NTLM_NEGOTIATE_MAX], challenge[NTLM_CHALLENGE_MAX]; /* as received and sent, for the MIC */
	char name[2 * RECORD_NAME_MAX];                                       /* DOMAIN\user, as the client wrote it */
	struct ntlm_session session;
};

static struct ntlm *self(struct mech *m)
{
	return (struct ntlm *)m;
}

static enum mech_result refuse(struct ntlm *n, enum refusal refusal, const char *detail)
{
	return mech_refuse(&n->mech.reply, refusal, detail);
}

static enum mech_result refuse_weak(struct ntlm *n, const char *message, uint32_t flags)
{
	char *detail = n->mech.reply.detail;
	int len = snprintf(detail, sizeof n->mech.reply.detail, "%s lacks ", message);

	ntlm_missing_flags(flags, detail + len, sizeof n->mech.reply.detail - (size_t)len);
	return refuse(n, REFUSAL_WEAK_NTLM, NULL);
}

/* ---- NEGOTIATE ---- */

static enum mech_result take_negotiate(struct ntlm *n, struct view token)
{
	struct verifier_challenge c;
	uint32_t flags;

	if (ntlm_negotiate_read(token, &flags) < 0)
		return refuse(n, REFUSAL_BAD_CREDENTIALS, "malformed NEGOTIATE");
	if ((flags & NTLM_REQUIRED) != NTLM_REQUIRED)
		return refuse_weak(n, "NEGOTIATE", flags);
	memcpy(n->negotiate, token.p, token.len);
	n->negotiate_len = token.len;
	if (n->verifier < 0 || packet_recv(n->verifier, &c, sizeof c, NULL, 0) != (ssize_t)sizeof c ||
	    c.type != VERIFIER_CHALLENGE)
		return refuse(n, REFUSAL_UNAVAILABLE, "no challenge from the verifier");
	flags =
	    (flags & FLAGS_ECHOED) | NTLM_TARGET_INFO | (n->domain ? NTLM_TARGET_TYPE_DOMAIN : NTLM_TARGET_TYPE_SERVER);
	if (ntlm_challenge_write(flags, &n->names, c.server_challenge, c.timestamp, n->challenge, sizeof n->challenge,
				 &n->challenge_len) < 0 ||
	    mech_give(&n->mech.reply, (struct view){ n->challenge, n->challenge_len }) < 0)
		return refuse(n, REFUSAL_INTERNAL, "no CHALLENGE");
	n->state = NTLM_CHALLENGED;
	return MECH_CONTINUE;
}

/* ---- AUTHENTICATE: the question to the verifier ---- */

static enum mech_result take_name(struct ntlm *n, struct view utf16, char out[RECORD_NAME_MAX])
{
	size_t len;
	int r = utf16le_to_utf8(utf16, (uint8_t *)out, ACCOUNT_NAME_MAX, &len);

	if (r < 0)
		return refuse(n, r == -ENOSPC ? REFUSAL_NAME : REFUSAL_BAD_CREDENTIALS,
			      "a name in AUTHENTICATE is malformed or too long");
	if (memchr(out, '\0', len))
		return refuse(n, REFUSAL_BAD_CREDENTIALS, "a name in AUTHENTICATE has a NUL");
	out[len] = '\0';
	return MECH_COMPLETE;
}

static enum mech_result check_authenticate(struct ntlm *n, const struct ntlm_authenticate *a)
{
	if ((a->flags & NTLM_REQUIRED) != NTLM_REQUIRED)
		return refuse_weak(n, "AUTHENTICATE", a->flags);
	if ((a->flags & NTLM_ANONYMOUS) || a->user.len == 0)
		return refuse(n, REFUSAL_BAD_CREDENTIALS, "an anonymous logon");
	if (!ntlm_is_v2_response(a->nt_response))
		return refuse(n, REFUSAL_WEAK_NTLM, "the response is not NTLMv2");
	if (a->nt_response.len > NTLM_RESPONSE_MAX || a->session_key.len != NTLM_KEY_LEN)
		return refuse(n, REFUSAL_BAD_CREDENTIALS, "a field of AUTHENTICATE has a wrong length");
	return MECH_COMPLETE;
}

/* The reason for the client; the supervisor gets the true reason from the verifier. */
static enum refusal refusal_of_answer(const struct verifier_answer *a)
{
	enum refusal refusal = refusal_of_ntstatus(a->ntstatus);

	if (a->ntstatus == refusal_ntstatus(REFUSAL_WEAK_NTLM))
		refusal = REFUSAL_WEAK_NTLM;
	return refusal == REFUSAL_UNAVAILABLE ? REFUSAL_BAD_PASSWORD : refusal;
}

static enum mech_result ask_verifier(struct ntlm *n, const struct ntlm_authenticate *a, struct verifier_answer *ret_)
{
	static struct verifier_query q; /* too large for the stack */
	const size_t head = offsetof(struct verifier_query, nt_response);
	enum mech_result result;
	bool sent;

	q = (struct verifier_query){ .type = VERIFIER_QUERY, .nt_response_len = (uint32_t)a->nt_response.len };
	memcpy(q.nt_response, a->nt_response.p, a->nt_response.len);
	result = take_name(n, a->user, q.user);
	if (result == MECH_COMPLETE)
		result = take_name(n, a->domain, q.domain);
	if (result != MECH_COMPLETE)
		return result;
	(void)snprintf(n->name, sizeof n->name, "%s%s%s", q.domain, *q.domain ? "\\" : "", q.user);
	sent = packet_send(n->verifier, &q, head + a->nt_response.len, NULL, 0) == 0;
	secret_wipe(&q, sizeof q); /* passwords can be guessed with the response */
	if (!sent || packet_recv(n->verifier, ret_, sizeof *ret_, NULL, 0) != (ssize_t)sizeof *ret_ ||
	    ret_->type != VERIFIER_ANSWER)
		return refuse(n, REFUSAL_UNAVAILABLE, "no answer from the verifier");
	return ret_->granted == 1 ? MECH_COMPLETE : refuse(n, refusal_of_answer(ret_), "");
}

/* ---- AUTHENTICATE: the keys ---- */

/* HMAC-MD5(ExportedSessionKey, NEGOTIATE, CHALLENGE, AUTHENTICATE with its MIC zero): MS-NLMP 3.1.5.1.2. */
static enum mech_result check_mic(struct ntlm *n, struct view token, size_t offset, const uint8_t key[NTLM_KEY_LEN])
{
	static const uint8_t zero[NTLM_MIC_LEN];
	const size_t after = offset + sizeof zero;
	uint8_t mic[NTLM_MIC_LEN];
	const struct view parts[] = {
		{ n->negotiate, n->negotiate_len },
		{ n->challenge, n->challenge_len },
		{ token.p, offset },
		{ zero, sizeof zero },
		{ token.p + after, token.len - after },
	};

	if (!offset)
		return refuse(n, REFUSAL_BAD_CREDENTIALS, "AUTHENTICATE claims a MIC and has no room for it");
	if (ntlm_hmac_md5(key, parts, sizeof parts / sizeof *parts, mic) < 0)
		return refuse(n, REFUSAL_INTERNAL, "no MIC");
	return secret_equal(mic, token.p + offset, sizeof mic)
		   ? MECH_COMPLETE
		   : refuse(n, REFUSAL_BAD_CREDENTIALS, "the MIC is wrong: the messages were changed on the way");
}

/* RC4(SessionBaseKey, EncryptedRandomSessionKey): MS-NLMP 3.2.5.1.2. */
static int decrypt_key(const uint8_t base_key[NTLM_KEY_LEN], const uint8_t encrypted[NTLM_KEY_LEN],
		       uint8_t ret_[NTLM_KEY_LEN])
{
	struct ntlm_rc4 *rc4 = ntlm_rc4_new();
	int r = rc4 ? ntlm_rc4_start(rc4, base_key) : -ENOMEM;

	if (r == 0)
		r = ntlm_rc4_crypt(rc4, encrypted, NTLM_KEY_LEN, ret_);
	ntlm_rc4_free(rc4);
	return r;
}

static enum mech_result open_session(struct ntlm *n, struct view token, const struct ntlm_authenticate *a,
				     const struct verifier_answer *answer)
{
	enum mech_result result = MECH_COMPLETE;
	uint8_t key[NTLM_KEY_LEN];

	if (decrypt_key(answer->session_key, a->session_key.p, key) < 0)
		return refuse(n, REFUSAL_INTERNAL, "no session key");
	if (answer->mic)
		result = check_mic(n, token, a->mic_offset, key);
	if (result == MECH_COMPLETE && ntlm_session_init(&n->session, key) < 0)
		result = refuse(n, REFUSAL_INTERNAL, "no session security");
	secret_wipe(key, sizeof key);
	return result;
}

static enum mech_result take_authenticate(struct ntlm *n, struct view token)
{
	struct verifier_answer answer = { .type = 0 };
	struct ntlm_authenticate a;
	enum mech_result result;

	if (ntlm_authenticate_read(token, &a) < 0)
		return refuse(n, REFUSAL_BAD_CREDENTIALS, "malformed AUTHENTICATE");
	result = check_authenticate(n, &a);
	if (result == MECH_COMPLETE)
		result = ask_verifier(n, &a, &answer);
	if (result == MECH_COMPLETE)
		result = open_session(n, token, &a, &answer);
	secret_wipe(&answer, sizeof answer);
	return result;
}

static enum mech_result ntlm_accept(struct mech *m, struct view token)
{
	struct ntlm *n = self(m);

	mech_drop_token(&m->reply);
	switch (n->state) {
	case NTLM_NEGOTIATING:
		return take_negotiate(n, token);
	case NTLM_CHALLENGED:
		n->state = NTLM_ENDED; /* one answer for each challenge, also when it is refused */
		return take_authenticate(n, token);
	case NTLM_ENDED:
		break;
	}
	return refuse(n, REFUSAL_PROTOCOL, "a token after the last one");
}

/* ---- messages ---- */

static int ntlm_mic(struct mech *m, struct view message, uint8_t *out, size_t size, size_t *ret_len)
{
	if (size < NTLM_SEAL_SIGNATURE_LEN)
		return -EIO;
	*ret_len = NTLM_SEAL_SIGNATURE_LEN;
	return ntlm_session_mic(&self(m)->session, NTLM_TO_CLIENT, message, out);
}

static int ntlm_verify_mic(struct mech *m, struct view message, struct view mic)
{
	int r = ntlm_session_verify_mic(&self(m)->session, NTLM_TO_SERVER, message, mic);

	if (r == 0)
		return 0;
	(void)refuse(self(m), r == -EBADMSG ? REFUSAL_BAD_CREDENTIALS : REFUSAL_INTERNAL, "the mechListMIC is wrong");
	return -EBADMSG;
}

static int ntlm_wrap(struct mech *m, struct view in, uint8_t *out, size_t size, size_t *ret_len)
{
	return ntlm_session_seal(&self(m)->session, NTLM_TO_CLIENT, in, out, size, ret_len);
}

static int ntlm_unwrap(struct mech *m, uint8_t *token, size_t len, struct secret *ret_)
{
	int r = ntlm_session_unseal(&self(m)->session, NTLM_TO_SERVER, (struct view){ token, len }, ret_);

	if (r == 0)
		return 0;
	(void)refuse(self(m), r == -EBADMSG ? REFUSAL_BAD_CREDENTIALS : REFUSAL_INTERNAL,
		     r == -EBADMSG ? "a sealed message with a wrong signature"
				   : "a sealed message cannot be decrypted");
	return -EBADMSG;
}

static int ntlm_name(struct mech *m, char *out, size_t size, size_t *ret_len)
{
	size_t len = strlen(self(m)->name);

	if (len > size)
		return -EINVAL;
	memcpy(out, self(m)->name, len);
	*ret_len = len;
	return 0;
}

/* ---- life ---- */

static void ntlm_reset(struct mech *m)
{
	struct ntlm *n = self(m);

	ntlm_session_done(&n->session);
	mech_reply_reset(&m->reply);
	n->state = NTLM_NEGOTIATING;
	n->negotiate_len = n->challenge_len = 0;
	n->name[0] = '\0';
}

static void ntlm_free(struct mech *m)
{
	ntlm_reset(m);
	free(m);
}

static const struct mech_ops ops = {
	.accept = ntlm_accept,
	.mic = ntlm_mic,
	.verify_mic = ntlm_verify_mic,
	.wrap = ntlm_wrap,
	.unwrap = ntlm_unwrap,
	.name = ntlm_name,
	.reset = ntlm_reset,
	.free = ntlm_free,
};

int ntlm_new(const struct ntlm_names *names, bool domain, struct mech **ret_, char **ret_error)
{
	const char *error;
	struct ntlm *n;
	int r = ntlm_crypto_init(&error);

	*ret_error = NULL;
	if (r < 0)
		return explain(ret_error, r, "NTLM is not available: %s; set ntlm = off", error);
	n = calloc(1, sizeof *n);
	if (!n)
		return -ENOMEM;
	n->mech.ops = &ops;
	n->names = *names;
	n->domain = domain;
	n->verifier = -1;
	*ret_ = &n->mech;
	return 0;
}

void ntlm_attach(struct mech *m, int verifier)
{
	self(m)->verifier = verifier;
}
