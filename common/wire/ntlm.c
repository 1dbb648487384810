/* SPDX-License-Identifier: MIT */
#include "common/wire/ntlm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/wire/utf16.h"

enum message_type { NEGOTIATE = 1, CHALLENGE = 2, AUTHENTICATE = 3 };

#define NEGOTIATE_MIN 16U    /* signature, type, flags */
#define CHALLENGE_HEADER 56U /* with Version */
#define CHALLENGE_MIN 48U    /* without Version */
#define AUTHENTICATE_MIN 64U /* without Version and MIC */
#define VERSION_LEN 8U
#define AUTHENTICATE_HEADER (AUTHENTICATE_MIN + VERSION_LEN + NTLM_MIC_LEN)
#define AV_HEADER 4U

static const uint8_t signature[NTLM_SIGNATURE_LEN] = "NTLMSSP";
/* MS-NLMP 2.2.2.10: of Windows Server 2022; NTLMRevisionCurrent 15 is the only value that has a meaning */
static const uint8_t version[VERSION_LEN] = { 10, 0, 0x7c, 0x4f, 0, 0, 0, 15 };

static uint32_t get_le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void put_le(uint8_t *p, uint32_t v, size_t n)
{
	for (; n--; v >>= 8)
		*p++ = (uint8_t)v;
}

static bool is_message(struct view m, enum message_type type, size_t min)
{
	return m.len >= min && ntlm_is_message(m) && get_le(m.p + NTLM_SIGNATURE_LEN, 4) == type;
}

bool ntlm_is_message(struct view token)
{
	return token.len >= NTLM_SIGNATURE_LEN && memcmp(token.p, signature, sizeof signature) == 0;
}

void ntlm_missing_flags(uint32_t flags, char *out, size_t size)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} row[] = {
		{ NTLM_UNICODE, "UNICODE" },
		{ NTLM_SIGN, "SIGN" },
		{ NTLM_SEAL, "SEAL" },
		{ NTLM_NTLM, "NTLM" },
		{ NTLM_EXTENDED_SESSIONSECURITY, "EXTENDED_SESSIONSECURITY" },
		{ NTLM_128, "128" },
		{ NTLM_KEY_EXCH, "KEY_EXCH" },
	};
	size_t n = 0;

	if (size)
		out[0] = '\0';
	for (size_t i = 0; i < sizeof row / sizeof *row && n < size; i++)
		if (!(flags & row[i].flag))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "", row[i].name);
}

int ntlm_negotiate_read(struct view message, uint32_t *ret_flags)
{
	if (!is_message(message, NEGOTIATE, NEGOTIATE_MIN) || message.len > NTLM_NEGOTIATE_MAX)
		return -EPROTO;
	*ret_flags = get_le(message.p + 12, 4);
	return 0;
}

/* ---- fields: length, maximum length, offset ---- */

static int get_field(struct view m, size_t at, size_t header, struct view *ret_)
{
	uint32_t len = get_le(m.p + at, 2), offset = get_le(m.p + at + 4, 4);

	if (len == 0) {
		*ret_ = (struct view){ m.p + m.len, 0 };
		return 0;
	}
	if (offset < header || offset > m.len || len > m.len - offset)
		return -EPROTO;
	*ret_ = (struct view){ m.p + offset, len };
	return 0;
}

/* A message that is being written: the header first, then the payload, field after field. */
struct writer {
	uint8_t *out;
	size_t size, used;
	int error;
};

static struct writer begin(uint8_t *out, size_t size, enum message_type type, size_t header)
{
	struct writer w = { .out = out, .size = size, .used = header };

	if (header > size) {
		w.error = -ENOSPC;
		return w;
	}
	memset(out, 0, header);
	memcpy(out, signature, sizeof signature);
	put_le(out + NTLM_SIGNATURE_LEN, type, 4);
	return w;
}

/* Describes @len bytes at the end of the payload in the field at @at. */
static void put_field_header(struct writer *w, size_t at, size_t len)
{
	put_le(w->out + at, (uint32_t)len, 2);
	put_le(w->out + at + 2, (uint32_t)len, 2);
	put_le(w->out + at + 4, (uint32_t)(w->used - len), 4);
}

static void put_bytes(struct writer *w, const void *p, size_t len)
{
	if (!w->error && (len > w->size - w->used || len > UINT16_MAX))
		w->error = -ENOSPC;
	if (w->error)
		return;
	if (len)
		memcpy(w->out + w->used, p, len);
	w->used += len;
}

static void put_field(struct writer *w, size_t at, struct view v)
{
	put_bytes(w, v.p, v.len);
	if (!w->error)
		put_field_header(w, at, v.len);
}

static size_t put_utf16(struct writer *w, const char *text)
{
	size_t len = 0;

	if (!w->error)
		w->error = utf8_to_utf16le((struct view){ (const uint8_t *)text, strlen(text) }, w->out + w->used,
					   w->size - w->used, &len);
	if (w->error)
		return 0;
	w->used += len;
	return len;
}

static int finish(const struct writer *w, size_t *ret_len)
{
	if (!w->error)
		*ret_len = w->used;
	return w->error;
}

/* ---- AV pairs ---- */

int ntlm_av_next(struct view *pairs, uint16_t *ret_id, struct view *ret_value)
{
	size_t len;

	if (pairs->len < AV_HEADER)
		return -EPROTO;
	*ret_id = (uint16_t)get_le(pairs->p, 2);
	len = get_le(pairs->p + 2, 2);
	if (*ret_id == NTLM_AV_EOL)
		return len == 0 ? 0 : -EPROTO;
	if (len > pairs->len - AV_HEADER)
		return -EPROTO;
	*ret_value = (struct view){ pairs->p + AV_HEADER, len };
	*pairs = (struct view){ pairs->p + AV_HEADER + len, pairs->len - AV_HEADER - len };
	return 1;
}

static void put_av_header(struct writer *w, enum ntlm_av_id id, size_t len)
{
	uint8_t header[AV_HEADER];

	put_le(header, id, 2);
	put_le(header + 2, (uint32_t)len, 2);
	put_bytes(w, header, sizeof header);
}

static void put_av_name(struct writer *w, enum ntlm_av_id id, const char *name)
{
	size_t header = w->used, len;

	put_av_header(w, id, 0);
	len = put_utf16(w, name);
	if (!w->error)
		put_le(w->out + header + 2, (uint32_t)len, 2);
}

/* ---- CHALLENGE ---- */

static void put_target_name(struct writer *w, const char *name)
{
	size_t len = put_utf16(w, name);

	if (!w->error)
		put_field_header(w, 12, len);
}

int ntlm_challenge_write(uint32_t flags, const struct ntlm_names *names,
			 const uint8_t server_challenge[NTLM_SERVER_CHALLENGE_LEN],
			 const uint8_t timestamp[NTLM_TIMESTAMP_LEN], uint8_t *out, size_t size, size_t *ret_len)
{
	struct writer w = begin(out, size, CHALLENGE, CHALLENGE_HEADER);
	size_t info;

	if (w.error)
		return w.error;
	put_le(out + 20, flags, 4);
	memcpy(out + 24, server_challenge, NTLM_SERVER_CHALLENGE_LEN);
	if (flags & NTLM_VERSION)
		memcpy(out + CHALLENGE_MIN, version, sizeof version);
	if (flags & NTLM_REQUEST_TARGET)
		put_target_name(&w, flags & NTLM_TARGET_TYPE_DOMAIN ? names->nb_domain : names->nb_computer);
	info = w.used;
	put_av_name(&w, NTLM_AV_NB_DOMAIN_NAME, names->nb_domain);
	put_av_name(&w, NTLM_AV_NB_COMPUTER_NAME, names->nb_computer);
	put_av_name(&w, NTLM_AV_DNS_DOMAIN_NAME, names->dns_domain);
	put_av_name(&w, NTLM_AV_DNS_COMPUTER_NAME, names->dns_computer);
	put_av_header(&w, NTLM_AV_TIMESTAMP, NTLM_TIMESTAMP_LEN);
	put_bytes(&w, timestamp, NTLM_TIMESTAMP_LEN);
	put_av_header(&w, NTLM_AV_EOL, 0);
	if (!w.error)
		put_field_header(&w, 40, w.used - info);
	return finish(&w, ret_len);
}

int ntlm_challenge_read(struct view message, struct ntlm_challenge *ret_)
{
	struct ntlm_challenge c;

	if (!is_message(message, CHALLENGE, CHALLENGE_MIN) || get_field(message, 40, CHALLENGE_MIN, &c.target_info) < 0)
		return -EPROTO;
	c.flags = get_le(message.p + 20, 4);
	c.server_challenge = message.p + 24;
	*ret_ = c;
	return 0;
}

/* ---- AUTHENTICATE ---- */

/* Returns the field at @i, in the order of the header. */
static struct view *field_of(struct ntlm_authenticate *a, size_t i)
{
	struct view *const field[] = { &a->lm_response, &a->nt_response, &a->domain,
				       &a->user,        &a->workstation, &a->session_key };

	return i < sizeof field / sizeof *field ? field[i] : NULL;
}

#define FIELD_OFFSET(i) (12U + 8U * (i))

int ntlm_authenticate_read(struct view message, struct ntlm_authenticate *ret_)
{
	struct ntlm_authenticate a = { .mic_offset = 0 };
	const uint8_t *payload = message.p + message.len;
	struct view *field;
	size_t header;

	if (!is_message(message, AUTHENTICATE, AUTHENTICATE_MIN))
		return -EPROTO;
	for (size_t i = 0; (field = field_of(&a, i)); i++) {
		if (get_field(message, FIELD_OFFSET(i), AUTHENTICATE_MIN, field) < 0)
			return -EPROTO;
		if (field->p < payload)
			payload = field->p;
	}
	header = (size_t)(payload - message.p);
	if (header >= AUTHENTICATE_HEADER)
		a.mic_offset = AUTHENTICATE_MIN + VERSION_LEN;
	else if (header >= AUTHENTICATE_MIN + NTLM_MIC_LEN)
		a.mic_offset = AUTHENTICATE_MIN;
	a.flags = get_le(message.p + 60, 4);
	*ret_ = a;
	return 0;
}

int ntlm_authenticate_write(const struct ntlm_authenticate *a, uint8_t *out, size_t size, size_t *ret_len)
{
	struct writer w = begin(out, size, AUTHENTICATE, AUTHENTICATE_HEADER);
	struct ntlm_authenticate fields = *a;
	struct view *field;

	if (w.error)
		return w.error;
	put_le(out + 60, a->flags, 4);
	memcpy(out + AUTHENTICATE_MIN, version, sizeof version);
	for (size_t i = 0; (field = field_of(&fields, i)); i++)
		put_field(&w, FIELD_OFFSET(i), *field);
	return finish(&w, ret_len);
}

/* ---- the response ---- */

bool ntlm_is_v2_response(struct view response)
{
	return response.len >= NTLM_RESPONSE_FIXED_LEN && response.p[NTLM_PROOF_LEN] == 1 &&
	       response.p[NTLM_PROOF_LEN + 1] == 1;
}
