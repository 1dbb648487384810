/* SPDX-License-Identifier: MIT */
/* Arguments of the module's lines in /etc/pam.d; pam_credssp(8) documents them. */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>

enum action {
	ACTION_REDEEM, /* trade the ticket for the credentials */
	ACTION_VERIFY, /* verify credentials other than passwords */
};

enum ccache_route {
	CCACHE_OWN,      /* written for the user by this module */
	CCACHE_PAM_KRB5, /* passed to pam_krb5 by PAM_KRB5CCNAME */
	CCACHE_NONE,
};

enum pin_route {
	PIN_PKINIT,       /* the helper gets a ticket with it */
	PIN_CONVERSATION, /* it answers one question of a later module */
};

struct options {
	int action;           /* enum action */
	bool require_ticket;  /* a logon without a ticket is refused */
	unsigned minimum_uid; /* `redeem`: no ticket of an account below it is redeemed */
	bool create;          /* password: store the hash of users without a record */
	bool debug;
	unsigned timeout; /* ms: `redeem` for everything on the bus and the pipe together, `verify` for the helper */
	/* for `verify` */
	const char *pkcs11_module; /* NULL: the helper's default */
	int final_try;             /* the last try before the card locks may be used */
	int any_certificate;       /* the certificate need not name the principal */
	int ccache;                /* enum ccache_route */
	int pin;                   /* enum pin_route */
	bool accept_proof;         /* accepts users that CredSSP alone has proved */
};

struct options_row {
	const char *word;    /* "require_ticket", or "timeout=" when a value follows */
	const char *meaning; /* one line */
};

/* The table of words, ended by a NULL word; tests compare it with the manual. */
const struct options_row *options_rows(void);

/* Reads the arguments; an unknown or malformed one is logged and makes the call fail. Returns PAM_SUCCESS or
 * PAM_SERVICE_ERR. */
int options_parse(pam_handle_t *pamh, int argc, const char **argv, struct options *ret_options);
