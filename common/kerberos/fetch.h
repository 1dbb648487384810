/* SPDX-License-Identifier: MIT */
/* Ticket-granting tickets of this server, from a KDC with a key of a keytab. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/ipc/tgt-agent-msg.h"

#define FETCH_ERROR_MAX 512U

/* What a keytab says of user-to-user. */
struct keytab_list {
	unsigned n;
	char principal[TGTS_MAX][RECORD_PRINCIPAL_MAX];
	struct keeper_names names;
};

/*
 * Reads the keytab @path. Whose tickets user-to-user needs: accounts (names without '/'), to which Active Directory
 * gives them and of which the service names are aliases: the machine's ("HOST$"), and those that a TERMSRV/ name
 * belongs to; without any, every TERMSRV/ principal, which MIT's KDC wants to be the client of the ticket. A name
 * belongs to the account that has the key of its newest version, among those that an account has: keys of one account
 * have one salt. Returns 0, or -EIO with a text in @ret_error.
 */
int fetch_list(const char *path, struct keytab_list *ret_, char ret_error[FETCH_ERROR_MAX]);

/* A ticket that a process of its own is getting: a KDC may block it. */
struct fetch {
	pid_t pid; /* 0: none */
	int fd;    /* readable when it is through */
	char principal[RECORD_PRINCIPAL_MAX];
};

/*
 * Begins to get a ticket of @principal, with an AES session key. The process ends with this one, and after
 * KEEPER_FETCH_TIMEOUT_SEC. Returns 0 or -errno.
 */
int fetch_start(const char *path, const char *principal, struct fetch *ret_);

/* Ends @f, which is through; @ret_ is its ticket. Returns 0, or -EIO with a text in @ret_error. */
int fetch_finish(struct fetch *f, struct keeper_tgt *ret_, char ret_error[FETCH_ERROR_MAX]);
