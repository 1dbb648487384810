/* SPDX-License-Identifier: MIT */
/* The interface between initiator.c (SPNEGO) and its mechanisms, initiator-krb5.c and initiator-ntlm.c. */
#pragma once

#include "common/base/limits.h"
#include "common/initiator/initiator.h"

#define INITIATOR_DETAIL_SIZE 200U
#define INITIATOR_MECHS_MAX 8U
#define INITIATOR_TOKEN_MAX 16384U
#define INITIATOR_MIC_MAX 128U

struct initiator_ops {
	/* As initiator_step(), with raw tokens. */
	int (*step)(struct initiator *i, struct view token, struct view *ret_token);
	/* Makes the MIC over SPNEGO's MechTypeList, and verifies the acceptor's. Return 0 or -EIO. */
	int (*mic)(struct initiator *i, struct view message, uint8_t *out, size_t size, size_t *ret_len);
	int (*verify_mic)(struct initiator *i, struct view message, struct view mic);
	/* As initiator_wrap() and initiator_unwrap(). */
	int (*wrap)(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);
	int (*unwrap)(struct initiator *i, struct view in, uint8_t *out, size_t size, size_t *ret_len);
	void (*flags)(struct initiator *i, unsigned set, unsigned clear);
	void (*free)(struct initiator *i);
};

/* The first member of every mechanism's initiator. At first only its first three members are not zero. */
struct initiator {
	const struct initiator_ops *ops;
	enum gss_mech mech; /* KRB5 stands for MS_KRB5, too */
	bool always_mic;    /* it sends a mechListMIC although the acceptor does not require it */
	bool complete;      /* the context */
	/* SPNEGO; n_mechs is 0 without it */
	enum gss_mech mechs[INITIATOR_MECHS_MAX];
	size_t n_mechs;
	bool begun, token_sent, mic_demanded, mic_sent, mic_received;
	size_t list_len;
	uint8_t list[MECH_TYPES_MAX]; /* MechTypeList, as sent */
	uint8_t out[INITIATOR_TOKEN_MAX];
	char detail[INITIATOR_DETAIL_SIZE];
};

/* Stores @what as the detail of the failure, and returns @r. */
int initiator_fail(struct initiator *i, int r, const char *what);

/* Ends a constructor: frees @i when @r is negative, else stores it in *@ret_. Returns @r. */
int initiator_made(struct initiator *i, int r, struct initiator **ret_);
