/* SPDX-License-Identifier: MIT */
/*
 * The vault: outstanding tickets, each with the read end of a pipe in which the
 * credentials lie. It never reads them; who redeems the ticket gets the
 * descriptor, and closing it destroys them. Tickets themselves are not kept, only
 * their SHA-256. No clock inside: @now is monotonic, in microseconds.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/limits.h"
#include "common/ipc/worker-msg.h"

/* Who has proved that the user is the user. */
enum vault_proof {
	VAULT_PROOF_PAM = 0, /* nobody yet: PAM has to verify what was handed over */
	VAULT_PROOF_GSS,     /* GSSAPI; policy says that this is enough */
};

/* What a ticket stands for. */
struct vault_logon {
	uint64_t logon;
	uid_t uid;
	uint8_t kind;      /* enum credential_kind */
	uint8_t mechanism; /* enum mechanism */
	uint8_t version;
	uint8_t proof;              /* enum vault_proof */
	char user[RECORD_NAME_MAX]; /* canonical pw_name */
	char service[PAM_SERVICE_MAX + 8U];
	char rhost[RHOST_MAX + 8U];
	char principal[RECORD_PRINCIPAL_MAX];
};

struct vault;

struct vault *vault_new(void);

/* Closes every pipe; NULL is fine. */
void vault_free(struct vault *v);

size_t vault_count(const struct vault *v);

/*
 * Makes room for a ticket of another account when there are TICKETS_MAX: drops the oldest ticket of the account that
 * has the most (of several such accounts, the oldest ticket of all of them). Returns 1 and says what it stood for, or 0
 * when there was room.
 */
int vault_evict(struct vault *v, struct vault_logon *ret_about);

/*
 * Mints a ticket for @about that lives until @expires; @pipe_fd moves into the vault on success
 * only. Returns 0 and the NUL-terminated ticket in @ret_ticket (the caller wipes it), -EMFILE when
 * TICKETS_MAX or TICKETS_PER_ACCOUNT_MAX is reached, or another -errno.
 */
int vault_put(struct vault *v, const struct vault_logon *about, int pipe_fd, uint64_t expires,
	      char ret_ticket[TICKET_LEN + 1]);

enum vault_result {
	VAULT_GRANTED = 0,
	VAULT_NO_TICKET, /* malformed, unknown, used or expired */
	VAULT_MISMATCH,  /* other service or user; the ticket is consumed */
};

/*
 * Redeems @ticket for exactly @service and @user. A ticket that was found is gone afterwards, whatever the
 * result. VAULT_GRANTED: the pipe in @ret_fd is the caller's. Except for VAULT_NO_TICKET, @ret_about
 * says what the ticket stood for.
 */
enum vault_result vault_redeem(struct vault *v, const char *ticket, const char *service, const char *user, uint64_t now,
			       struct vault_logon *ret_about, int *ret_fd);

/* Drops the ticket of @logon. Returns 1 and says what it stood for, or 0 when there is none any more. */
int vault_revoke(struct vault *v, uint64_t logon, struct vault_logon *ret_about);

/*
 * Drops one ticket that has expired at @now. Returns 1 and says which in @ret_about, or 0 when
 * there is none; call until 0.
 */
int vault_expire(struct vault *v, uint64_t now, struct vault_logon *ret_about);

/* When the next ticket expires; UINT64_MAX when there is none. */
uint64_t vault_next_expiry(const struct vault *v);
