/* SPDX-License-Identifier: MIT */
/*
 * The helper program: one mode per run, `pam-credssp-verify MODE KEY=VALUE...`, the hand-over on standard input, the
 * result as one struct (helper-msg.h). helper-run.c starts it with an empty environment; standard output and error are
 * /dev/null.
 */
#pragma once

#include <stdarg.h>

#include "common/ipc/handover.h"
#include "common/ipc/helper-msg.h"

/* The arguments; "" for an absent one. They are not secret. Of the client's data only names are here that credsspd has
 * checked: user is an account, principal a name displayed by GSSAPI. */
struct helper_request {
	const char *user;
	const char *principal;
	const char *mechanism; /* "krb5" or "ntlm": the mechanism that proved the principal */
	const char *ccache;    /* path of the temporary cache; "": no cache. Mode `forget`: the user's cache, by name */
	const char *ticket;    /* mode `forget`: the hash of the ticket that `store` wrote */
	const char *module;    /* PKCS#11 module */
	const char *final_try; /* "allow": the last try before the card locks may be used */
	const char *certificate; /* "any": the certificate need not name the principal */
	const char *deadline;    /* when the module stops waiting for the answer: clock_msec() */
};

/*
 * Runs one mode. @handover is NULL for a mode that needs no hand-over; the caller wipes it. Returns an enum
 * helper_status; a mode that proves credentials returns HELPER_SUCCESS only when they were proved.
 */
typedef unsigned helper_mode(const struct helper_request *request, const struct handover *handover,
			     struct helper_result *result);

helper_mode pkinit_run, remote_guard_mode, ccache_store_run, ccache_forget_run;

/* Writes a line for the log to @result, cut at its size. Returns @status, for `return helper_say(...)`. */
unsigned helper_say(struct helper_result *result, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
