/* SPDX-License-Identifier: MIT */
/* The Kerberos messages that a client may send: every other form is refused before libkrb5 looks at it. */
#pragma once

#include "common/wire/view.h"

/*
 * Checks the header of a Kerberos MIC token (RFC 4121 4.2.6.1): sent by the initiator, made with the acceptor's subkey.
 * Returns 0 or -EPROTO.
 */
int krb5_mic_guard(struct view token);

/*
 * Checks the header of a Kerberos wrap token (RFC 4121 4.2.6.2): CFX, sealed, EC = 0, sent by the initiator, under the
 * acceptor's subkey. Returns 0 or -EPROTO.
 */
int krb5_wrap_guard(struct view token);
