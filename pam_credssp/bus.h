/* SPDX-License-Identifier: MIT */
/* Calls of org.credssp1 with a deadline. bus.c is the only file of the module that uses D-Bus. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"

enum bus_result {
	BUS_OK = 0,
	BUS_NO_TICKET, /* unknown, used or expired */
	BUS_MISMATCH,  /* the ticket was for another service or user, and is destroyed */
	BUS_DENIED,    /* this process may not redeem, or change the store */
	BUS_ABSENT,    /* no bus, or no owner of the name */
	BUS_TIMEOUT,
	BUS_NO_RECORD, /* the NTLM store has no record of the user, or is off */
	BUS_REJECTED,  /* an argument, or the content of the pipe, is malformed */
	BUS_ERROR,     /* anything else */
	BUS_RESULT_MAX_
};

/* The logon of the ticket; strings are NUL-terminated. */
struct bus_about {
	char user[ACCOUNT_NAME_MAX + 1]; /* canonical pw_name */
	char kind[32];
	char rhost[RHOST_MAX + 1];
	char principal[PRINCIPAL_MAX + 1];
	char mechanism[8]; /* "krb5" or "ntlm" */
	char proof[8];     /* CREDSSP_PROOF_*, or empty */
	uint64_t logon;
	int pipe; /* read end; owned by the caller */
};

/*
 * Redeems @ticket. @deadline is by clock_msec(). On BUS_OK fills @ret_about; otherwise @ret_error has
 * one line for the log (empty when there is nothing to add).
 */
enum bus_result bus_redeem(const char *ticket, const char *service, const char *user, int64_t deadline,
			   struct bus_about *ret_about, char ret_error[160]);

/*
 * Stores the user's new password in the NTLM store; the whole password is in the pipe @fd, which stays the caller's.
 * @create: also for a user without a record. Deadline, results and @ret_error as for bus_redeem().
 */
enum bus_result bus_update_verifier(const char *user, bool create, int fd, int64_t deadline, char ret_error[160]);
