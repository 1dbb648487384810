/* SPDX-License-Identifier: MIT */
/* org.credssp1 of pam_credssp, called with a deadline. The only file of the module that knows D-Bus is bus.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"

enum bus_result {
	BUS_OK = 0,
	BUS_NO_TICKET, /* unknown, used or expired */
	BUS_MISMATCH,  /* for another service or user; it is gone */
	BUS_DENIED,    /* this process may not redeem, or change the store */
	BUS_ABSENT,    /* no bus, or no owner of the name */
	BUS_TIMEOUT,
	BUS_NO_RECORD, /* of this user in the NTLM store, or there is no store */
	BUS_REJECTED,  /* an argument, or what is in the pipe, is not taken */
	BUS_ERROR,     /* anything else */
	BUS_RESULT_MAX_
};

/* What the ticket stood for; strings are NUL-terminated. */
struct bus_about {
	char user[ACCOUNT_NAME_MAX + 1]; /* canonical pw_name */
	char kind[32];
	char rhost[RHOST_MAX + 1];
	char principal[PRINCIPAL_MAX + 1];
	char mechanism[8]; /* "krb5" or "ntlm" */
	char proof[8];     /* CREDSSP_PROOF_*, or empty */
	uint64_t logon;
	int pipe; /* read end; the caller's */
};

/*
 * Redeems @ticket. @deadline is by clock_msec(). On BUS_OK fills @ret_about; otherwise @ret_error has
 * one line for the log (empty when there is nothing to add).
 */
enum bus_result bus_redeem(const char *ticket, const char *service, const char *user, int64_t deadline,
			   struct bus_about *ret_about, char ret_error[160]);

/*
 * The user's new password, all of it in the pipe @fd (which stays the caller's), for the NTLM store; @create: also for
 * a user without a record. Otherwise as bus_redeem().
 */
enum bus_result bus_update_verifier(const char *user, bool create, int fd, int64_t deadline, char ret_error[160]);
