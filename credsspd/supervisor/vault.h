/* SPDX-License-Identifier: MIT */
/*
 * The vault: outstanding tickets, each with the read end of the pipe that holds the credentials. The vault never reads
 * the pipe; redeeming a ticket returns the descriptor, and closing it destroys the credentials. Only the SHA-256 of a
 * ticket is stored. No clock inside: @now is monotonic, in microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/limits.h"
#include "common/ipc/worker-msg.h"

/* How the user's identity was proved. */
enum vault_proof {
	VAULT_PROOF_PAM = 0, /* not proved yet: PAM must verify the delegated credentials */
	VAULT_PROOF_GSS,     /* by GSSAPI, and the configuration accepts that */
};

/* The logon of a ticket. */
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

/* Closes every pipe and frees. NULL is allowed. */
void vault_free(struct vault *v);

size_t vault_count(const struct vault *v);

/* Returns whether @uid has TICKETS_PER_ACCOUNT_MAX tickets. */
bool vault_account_is_full(const struct vault *v, uid_t uid);

/*
 * Makes room when there are TICKETS_MAX tickets: drops the oldest ticket of the account with the most tickets (of
 * several such accounts, the oldest ticket of all of them). Returns 1 and the ticket's logon, or 0 when there was room.
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
 * is the ticket's logon.
 */
enum vault_result vault_redeem(struct vault *v, const char *ticket, const char *service, const char *user, uint64_t now,
			       struct vault_logon *ret_about, int *ret_fd);

/* Drops the ticket of @logon. Returns 1 and the ticket's logon, or 0 when the ticket does not exist any more. */
int vault_revoke(struct vault *v, uint64_t logon, struct vault_logon *ret_about);

/*
 * Drops one ticket that has expired at @now. Returns 1 and the ticket's logon, or 0 when no ticket has expired: call it
 * until it returns 0.
 */
int vault_expire(struct vault *v, uint64_t now, struct vault_logon *ret_about);

/* Returns when the next ticket expires; UINT64_MAX without tickets. */
uint64_t vault_next_expiry(const struct vault *v);
