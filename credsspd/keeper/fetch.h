/* SPDX-License-Identifier: MIT */
/* Ticket-granting tickets of this server, from a KDC with a key of a keytab. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "credsspd/keeper/record.h"

#define FETCH_ERROR_MAX 512U

/*
 * Whose tickets user-to-user needs, by what the keytab @path holds: the machine's account ("HOST$"), to which Active
 * Directory gives a ticket and of which the service names are aliases; without one every TERMSRV/ principal, which
 * MIT's KDC wants to be the client of the ticket. Fills @ret_ with at most TGTS_MAX names. Returns how many, or -EIO
 * with a text in @ret_error.
 */
int fetch_principals(const char *path, char ret_[TGTS_MAX][RECORD_PRINCIPAL_MAX], char ret_error[FETCH_ERROR_MAX]);

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
