/* SPDX-License-Identifier: MIT */
/*
 * The life of a ticket: issued at the end of a logon, then redeemed once, expired, revoked or evicted. Each of these is
 * logged here.
 *
 * A ticket belongs to the connection that it was made for. The channel of its logon stays open for the life of the
 * ticket. The supervisor closes its end when the ticket was redeemed, has expired or was evicted, which tells the front
 * end. When the front end closes its end, the ticket is revoked.
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/config/config.h"
#include "credsspd/supervisor/vault.h"

struct tickets;

struct tickets_counters {
	uint64_t redeemed, redeem_refused, expired, revoked, evicted;
};

/* @config outlives the tickets and may change. Returns 0 or -errno. */
int tickets_new(sd_event *event, const struct config *config, struct tickets **ret_tickets);

/* Closes all pipes and channels. NULL is allowed. */
void tickets_free(struct tickets *t);

/*
 * Issues a ticket for @about. When there are TICKETS_MAX tickets, evicts a ticket of the account with the most tickets.
 * Results and ownership are those of vault_put().
 */
int tickets_issue(struct tickets *t, const struct vault_logon *about, int pipe_fd, char ret_ticket[TICKET_LEN + 1]);

/*
 * Attaches the channel *@fd, which moves here (-1 afterwards), to the ticket of @logon. When that fails, the ticket is
 * revoked and *@fd is unchanged.
 */
void tickets_attach_channel(struct tickets *t, uint64_t logon, int *fd);

/* Destroys the ticket of @logon if it is outstanding, because its front end has closed the channel. */
void tickets_revoke(struct tickets *t, uint64_t logon);

/* Redeems a ticket, and logs the outcome; see vault_redeem(). The caller on D-Bus was checked before. */
enum vault_result tickets_redeem(struct tickets *t, const char *ticket, const char *service, const char *user,
				 struct vault_logon *ret_about, int *ret_fd);

unsigned tickets_outstanding(const struct tickets *t);
const struct tickets_counters *tickets_counters(const struct tickets *t);
