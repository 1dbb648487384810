/* SPDX-License-Identifier: MIT */
/* Gets this server's own ticket-granting tickets from a KDC, with a key of a keytab. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/ipc/keeper-msg.h"

#define FETCH_ERROR_MAX 512U

/* The principals of a keytab that take part in user-to-user, and the names that they own. */
struct keytab_list {
	unsigned n;
	char principal[TGTS_MAX][RECORD_PRINCIPAL_MAX];
	struct keeper_names names;
};

/*
 * Reads the keytab @path and lists the principals that need a ticket-granting ticket for user-to-user. In Active
 * Directory these are accounts (names without '/'), of which service names are aliases: the machine's account
 * ("HOST$"), and each account that a TERMSRV/ name belongs to. If the keytab has no such account, they are all TERMSRV/
 * principals: MIT's KDC requires a service principal as the client of the ticket. A name belongs to the account that
 * has the same key (keys of one account have one salt), compared at the newest version that both have. Returns 0, or
 * -EIO with a text in @ret_error.
 */
int fetch_list(const char *path, struct keytab_list *ret_, char ret_error[FETCH_ERROR_MAX]);

/* A process that gets one ticket. It is a process of its own, because libkrb5 blocks while a KDC does not answer. */
struct fetch {
	pid_t pid; /* 0: there is no process */
	int fd;    /* readable when the process has finished */
	char principal[RECORD_PRINCIPAL_MAX];
};

/*
 * Starts a process that gets a ticket of @principal, with an AES session key. It ends with this process, or after
 * KEEPER_FETCH_TIMEOUT_SEC. Returns 0 or -errno.
 */
int fetch_start(const char *path, const char *principal, struct fetch *ret_);

/* Ends @f, which has finished, and puts its ticket into *@ret_. Returns 0, or -EIO with a text in @ret_error. */
int fetch_finish(struct fetch *f, struct keeper_tgt *ret_, char ret_error[FETCH_ERROR_MAX]);
