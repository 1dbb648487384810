/* SPDX-License-Identifier: MIT */
/*
 * The messages of NTLM, MS-NLMP 2.2.1, the NTLMv2 response and its AV pairs, 2.2.2.1, 2.2.2.7 and 2.2.2.8. No I/O and
 * no cryptography. Views point into the message that was read. The readers return 0, or -EPROTO for a malformed
 * message; the writers return 0 and the length, or -ENOSPC.
 */
#pragma once

#include <stdbool.h>

#include "common/base/limits.h"
#include "common/wire/view.h"

/* NegotiateFlags, MS-NLMP 2.2.2.5. */
#define NTLM_UNICODE 0x00000001U
#define NTLM_REQUEST_TARGET 0x00000004U
#define NTLM_SIGN 0x00000010U
#define NTLM_SEAL 0x00000020U
#define NTLM_NTLM 0x00000200U
#define NTLM_ANONYMOUS 0x00000800U
#define NTLM_ALWAYS_SIGN 0x00008000U
#define NTLM_TARGET_TYPE_DOMAIN 0x00010000U
#define NTLM_TARGET_TYPE_SERVER 0x00020000U
#define NTLM_EXTENDED_SESSIONSECURITY 0x00080000U
#define NTLM_TARGET_INFO 0x00800000U
#define NTLM_VERSION 0x02000000U
#define NTLM_128 0x20000000U
#define NTLM_KEY_EXCH 0x40000000U
#define NTLM_56 0x80000000U

/*
 * The flags that a client must have. Without one of them the session could be forged or read: signing and sealing with
 * 128-bit keys for each direction, and a key that the client chooses. UNICODE: no other encoding of names is supported.
 */
#define NTLM_REQUIRED \
	(NTLM_UNICODE | NTLM_SIGN | NTLM_SEAL | NTLM_NTLM | NTLM_EXTENDED_SESSIONSECURITY | NTLM_128 | NTLM_KEY_EXCH)

#define NTLM_SIGNATURE_LEN 8U /* "NTLMSSP" with its NUL */
#define NTLM_SERVER_CHALLENGE_LEN 8U
#define NTLM_TIMESTAMP_LEN 8U /* FILETIME, little-endian */
#define NTLM_MIC_LEN 16U
#define NTLM_KEY_LEN 16U
#define NTLM_PROOF_LEN 16U                             /* NTProofStr */
#define NTLM_RESPONSE_FIXED_LEN (NTLM_PROOF_LEN + 28U) /* of an NTLMv2_RESPONSE: all before its AV pairs */

/* Writes the names of the flags of NTLM_REQUIRED that @flags lacks, separated by spaces; cut at @size. */
void ntlm_missing_flags(uint32_t flags, char *out, size_t size);

/* Returns whether @token begins with the signature of an NTLM message. */
bool ntlm_is_message(struct view token);

/* ---- NEGOTIATE, 2.2.1.1 ---- */

/* Reads the flags. Old clients end the message there, so the rest is ignored. */
int ntlm_negotiate_read(struct view message, uint32_t *ret_flags);

/* ---- AV pairs, 2.2.2.1 ---- */

enum ntlm_av_id {
	NTLM_AV_EOL = 0,
	NTLM_AV_NB_COMPUTER_NAME = 1,
	NTLM_AV_NB_DOMAIN_NAME = 2,
	NTLM_AV_DNS_COMPUTER_NAME = 3,
	NTLM_AV_DNS_DOMAIN_NAME = 4,
	NTLM_AV_FLAGS = 6,
	NTLM_AV_TIMESTAMP = 7,
	NTLM_AV_TARGET_NAME = 9,
	NTLM_AV_CHANNEL_BINDINGS = 10,
};

#define NTLM_AV_FLAG_MIC 0x00000002U /* the AUTHENTICATE message carries a MIC */

/*
 * Takes the next pair from *@pairs. Returns 1 with the pair, 0 at the end (MsvAvEOL; the rest is ignored),
 * or -EPROTO when a pair or the end is not inside *@pairs.
 */
int ntlm_av_next(struct view *pairs, uint16_t *ret_id, struct view *ret_value);

/* ---- CHALLENGE, 2.2.1.2 ---- */

struct ntlm_names { /* UTF-8, NUL-terminated */
	char nb_domain[ACCOUNT_NAME_MAX + 1], nb_computer[ACCOUNT_NAME_MAX + 1];
	char dns_domain[ACCOUNT_NAME_MAX + 1], dns_computer[ACCOUNT_NAME_MAX + 1];
};

struct ntlm_challenge {
	uint32_t flags;
	const uint8_t *server_challenge; /* NTLM_SERVER_CHALLENGE_LEN bytes */
	struct view target_info;         /* AV pairs */
};

/*
 * Writes a CHALLENGE with Windows' AV pairs in Windows' order: NbDomainName, NbComputerName, DnsDomainName,
 * DnsComputerName, Timestamp. The pairs Flags, TargetName and ChannelBindings are left out, because clients change them
 * in the copy of the CHALLENGE that their MIC covers. With NTLM_REQUEST_TARGET in @flags the field
 * TargetName has the domain's name when NTLM_TARGET_TYPE_DOMAIN is set, else the computer's. Returns -EILSEQ for a name
 * that is not UTF-8.
 */
int ntlm_challenge_write(uint32_t flags, const struct ntlm_names *names,
			 const uint8_t server_challenge[NTLM_SERVER_CHALLENGE_LEN],
			 const uint8_t timestamp[NTLM_TIMESTAMP_LEN], uint8_t *out, size_t size, size_t *ret_len);

/* Reads a CHALLENGE, for the client's side. */
int ntlm_challenge_read(struct view message, struct ntlm_challenge *ret_);

/* ---- AUTHENTICATE, 2.2.1.3 ---- */

struct ntlm_authenticate {
	uint32_t flags;
	struct view lm_response, nt_response;
	struct view domain, user, workstation; /* UTF-16LE */
	struct view session_key;               /* EncryptedRandomSessionKey */
	size_t mic_offset;                     /* of the MIC in the message; 0: there is no room for one */
};

/*
 * Reads an AUTHENTICATE message. Every field that is not empty must lie inside the message. The header ends at the
 * smallest offset of a field; its length shows whether it has Version and MIC. Clients that leave Version out have the
 * MIC in its place.
 */
int ntlm_authenticate_read(struct view message, struct ntlm_authenticate *ret_);

/* Writes an AUTHENTICATE message, for the client's side, with Version and a MIC of zeros. mic_offset is ignored. */
int ntlm_authenticate_write(const struct ntlm_authenticate *a, uint8_t *out, size_t size, size_t *ret_len);

/* ---- NTLMv2_RESPONSE, 2.2.2.8 ---- */

/* Returns whether @response has the form of NTLMv2, not LM or NTLMv1: RespType and HiRespType 1, and the fixed part. */
bool ntlm_is_v2_response(struct view response);
