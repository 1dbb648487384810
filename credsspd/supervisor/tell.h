/* SPDX-License-Identifier: MIT */
/*
 * How a refusal reaches the client, by phase, CredSSP version and HYBRID_EX; the
 * same table is in docs/refusals.md ("What a refused client is told").
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tell_phase {
	TELL_BEFORE_BINDING_REPLY, /* the client still reads TSRequests */
	TELL_AFTER_BINDING_REPLY,  /* no client reads a TSRequest any more */
};

struct tell {
	uint8_t alert;        /* TLS alert description, 0 for none */
	uint8_t early_result; /* enum channel_early_result */
};

/*
 * What the front end has to do. @told: an errorCode reply has already gone out. @early: HYBRID_EX was
 * chosen. @credssp_ended: authInfo was received and decrypted, which MS-RDPBCGR wants before an early
 * result is sent.
 */
struct tell tell_refusal(unsigned refusal, enum tell_phase phase, bool told, bool early, bool credssp_ended);
