/* SPDX-License-Identifier: MIT */
/*
 * The helper program: one mode per run, `pam-credssp-verify MODE KEY=VALUE...`, the hand-over on standard input, the
 * answer as one record (helper-msg.h). Started by helper-run.c: environment empty, standard output and error nowhere.
 */
#pragma once

#include <stdarg.h>

#include "common/ipc/handover.h"
#include "common/ipc/helper-msg.h"

/* The arguments; "" where one is absent. Nothing here is secret, and nothing was written by the client but what
 * credsspd has judged: user is an account, principal what GSSAPI displayed. */
struct helper_request {
	const char *user;
	const char *principal;
	const char *mechanism; /* "krb5" or "ntlm": what proved the principal */
	const char *ccache;    /* path of the temporary cache; "": no cache. Mode `forget`: the user's cache, by name */
	const char *ticket;    /* mode `forget`: which ticket made the cache ours */
	const char *module;    /* PKCS#11 module */
	const char *final_try; /* "allow": the last try before the card locks may be used */
	const char *certificate; /* "any": it need not name the principal */
	const char *deadline;    /* when the module stops waiting for the answer: clock_msec() */
};

/*
 * Runs one mode. @handover is NULL for a mode that needs no hand-over; the caller wipes it. Returns an enum
 * helper_status; a mode that proves credentials returns HELPER_SUCCESS only when they were proved.
 */
typedef unsigned helper_mode(const struct helper_request *request, const struct handover *handover,
			     struct helper_result *result);

helper_mode pkinit_run, remote_guard_mode, ccache_store_run, ccache_forget_run;

/* Puts a line for the log into @result, cut at its size. Returns @status, for `return helper_say(...)`. */
unsigned helper_say(struct helper_result *result, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
