/* SPDX-License-Identifier: MIT */
/* The client's side of CredSSP, MS-CSSP 3.1.5, over a TLS connection, with a line for each step. */
#pragma once

#include "common/base/secret.h"
#include "common/initiator/initiator.h"
#include "credsspctl/try/connection.h"

struct delegation {
	const char *domain, *user; /* UTF-8 */
	const struct secret *password;
};

/*
 * Runs the exchange up to the server's verdict: its reply to pubKeyAuth. With @delegation the credentials are sent
 * after it, and with early authorization the server's answer to them is read. Prints the sentence at the end. Returns 0
 * when the server grants the logon; -EACCES when it refuses; another -errno when the exchange fails.
 */
int credssp_run(struct try_connection *c, struct initiator *initiator, const struct delegation *delegation);
