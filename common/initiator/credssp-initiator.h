/* SPDX-License-Identifier: MIT */
/*
 * The client's side of one CredSSP exchange, MS-CSSP 3.1.5, for the self-test at start and for credsspctl try. The
 * caller owns the GSSAPI initiator and the transport of TSRequests (step 1 is the caller's). The functions are called
 * in the order below.
 */
#pragma once

#include <stdbool.h>

#include "common/base/limits.h"
#include "common/initiator/initiator.h"
#include "common/wire/tsrequest.h"
#include "common/wire/view.h"

#define CREDSSP_PROTOCOL_VERSION 6U
#define CREDSSP_ROUNDS_MAX 16U
#define CREDSSP_CREDENTIALS_MAX 16384U
#define CREDSSP_SEAL_ROOM 256U

/* The callbacks return 0 or -errno. */
struct credssp_transport {
	int (*send)(void *userdata, struct view tsrequest);
	/* Receives one TSRequest; the views in *@ret_ stay valid until the next call. */
	int (*receive)(void *userdata, struct tsrequest *ret_);
};

/* Why a function below failed. */
enum credssp_fault {
	CREDSSP_TRANSPORT_FAILED, /* the function returned the callback's error */
	CREDSSP_TOO_LONG,         /* a TSRequest is longer than TSREQUEST_MAX */
	CREDSSP_BAD_TOKEN,        /* the initiator does not take the server's token; see initiator_detail() */
	CREDSSP_TOO_MANY_ROUNDS,  /* CREDSSP_ROUNDS_MAX */
	CREDSSP_NOT_SEALED,       /* the initiator cannot encrypt; see initiator_detail() */
	CREDSSP_NO_BINDING,       /* the server's reply has no pubKeyAuth */
	CREDSSP_OTHER_KEY,        /* pubKeyAuth of the server is for another key: a device between the two reads TLS */
};

/* The caller sets the first group, and zeroes the rest. */
struct credssp_initiator {
	const struct credssp_transport *transport;
	void *userdata; /* of the callbacks */
	struct initiator *initiator;
	struct view key; /* SubjectPublicKey of the server's certificate */
	uint8_t nonce[CLIENT_NONCE_LEN];

	bool bound; /* pubKeyAuth was sent: no negoToken can follow */
	enum credssp_fault fault;
	unsigned version; /* the smaller of both sides' */
	uint8_t sealed[CREDSSP_CREDENTIALS_MAX + CREDSSP_SEAL_ROOM];
	uint8_t out[TSREQUEST_MAX];
};

/*
 * Authenticates (step 2) and sends pubKeyAuth (step 3) with the last token, or after it when the server sent that.
 * Returns 0, or -errno with the reason in @c->fault.
 */
int credssp_authenticate(struct credssp_initiator *c);

/* Receives the server's pubKeyAuth of step 4 and compares it with the server's key, as step 5 demands. Returns 0, or
 * -errno with the reason in @c->fault. */
int credssp_check_binding(struct credssp_initiator *c);

/* Sends @credentials, a TSCredentials of at most CREDSSP_CREDENTIALS_MAX bytes, encrypted (step 5). Returns 0, or
 * -errno with the reason in @c->fault. */
int credssp_delegate(struct credssp_initiator *c, struct view credentials);
