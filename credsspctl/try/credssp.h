/* SPDX-License-Identifier: MIT */
/* One CredSSP exchange as the client over a TLS connection, with a line for each step. */
#pragma once

#include "common/base/secret.h"
#include "common/initiator/initiator.h"
#include "credsspctl/try/connection.h"

struct try_credentials {
	const char *domain, *user; /* UTF-8 */
	const struct secret *password;
};

/*
 * Runs the exchange up to the server's reply to pubKeyAuth. @credentials, unless NULL, are sent after it, and with early
 * authorization the server's answer to them is read. Prints the sentence at the end.
 *
 * Returns 0 when the server has not refused: it authenticated the user; only with @credentials and early authorization it
 * has granted the logon, too. Returns -EACCES when the server refuses with an error code, the TLS alert access_denied or
 * an early result. Returns another -errno when the exchange fails: also when the server closes the connection, which is
 * how a server refuses without a reason.
 */
int credssp_run(struct try_connection *c, struct initiator *initiator, const struct try_credentials *credentials);
