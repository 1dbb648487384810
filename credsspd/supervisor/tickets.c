/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/tickets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/refusal.h"
#include "common/ipc/handover.h"
#include "common/ipc/packet.h"

/* The channel of a logon with an outstanding ticket. */
struct ticket_channel {
	struct tickets *tickets;
	TAILQ_ENTRY(ticket_channel) entry;
	uint64_t logon;
	int channel;
	sd_event_source *io;
};

struct tickets {
	sd_event *event;
	const struct config *config;
	struct vault *vault;
	sd_event_source *expiry;
	TAILQ_HEAD(, ticket_channel) channels;
	struct tickets_counters counters;
};

static struct log_logon who_of(const struct vault_logon *about)
{
	return (struct log_logon){
		.logon = about->logon, .user = about->user, .rhost = about->rhost, .service = about->service
	};
}

/* ---- the channel ---- */

static void ticket_channel_free(struct ticket_channel *c)
{
	TAILQ_REMOVE(&c->tickets->channels, c, entry);
	(void)sd_event_source_disable_unref(c->io);
	(void)packet_close(c->channel);
	free(c);
}

/* Closes the channel of @logon: its ticket has ended. */
static void close_channel(struct tickets *t, uint64_t logon)
{
	struct ticket_channel *c;

	TAILQ_FOREACH(c, &t->channels, entry)
		if (c->logon == logon)
			break;
	if (c)
		ticket_channel_free(c);
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct ticket_channel *c = userdata;

	if (revents & (EPOLLHUP | EPOLLERR))
		tickets_revoke(c->tickets, c->logon);
	return 0;
}

void tickets_attach_channel(struct tickets *t, uint64_t logon, int *fd)
{
	struct ticket_channel *c = calloc(1, sizeof *c);

	if (!c) {
		tickets_revoke(t, logon);
		return;
	}
	*c = (struct ticket_channel){ .tickets = t, .logon = logon, .channel = -1 };
	TAILQ_INSERT_HEAD(&t->channels, c, entry);
	/* EPOLLHUP is always reported */
	if (sd_event_add_io(t->event, &c->io, *fd, 0, on_channel, c) < 0)
		tickets_revoke(t, logon);
	else
		c->channel = TAKE_FD(*fd);
}

/* ---- expiry ---- */

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata);

static void arm_expiry(struct tickets *t)
{
	uint64_t next = vault_next_expiry(t->vault);

	t->expiry = sd_event_source_disable_unref(t->expiry);
	if (next != UINT64_MAX &&
	    sd_event_add_time(t->event, &t->expiry, CLOCK_BOOTTIME, next, 100000, on_expiry, t) < 0)
		log_line(LOG_ERR, "tickets: out of memory for the expiry timer; expired tickets are destroyed when the "
				  "next one is issued");
}

static void expire(struct tickets *t)
{
	struct vault_logon about;

	while (vault_expire(t->vault, clock_usec(), &about)) {
		struct log_logon who = who_of(&about);

		t->counters.expired++;
		log_logon_line(LOG_WARNING, &who, "ticket expired unused");
		close_channel(t, about.logon);
	}
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct tickets *t = userdata;

	expire(t);
	arm_expiry(t);
	return 0;
}

/* ---- a ticket ---- */

/* Evicts a ticket of the account with the most tickets, so that one account cannot keep the others out. */
static void evict(struct tickets *t)
{
	struct vault_logon about;

	while (vault_evict(t->vault, &about)) {
		struct log_logon who = who_of(&about);

		who.reason = refusal_word(REFUSAL_LIMIT);
		t->counters.evicted++;
		log_logon_line(LOG_WARNING, &who,
			       "ticket evicted: %u tickets are outstanding, and this account has the most",
			       TICKETS_MAX);
		close_channel(t, about.logon);
	}
}

int tickets_issue(struct tickets *t, const struct vault_logon *about, int pipe_fd, char ret_ticket[TICKET_LEN + 1])
{
	uint64_t expires = clock_usec() + t->config->ticket_lifetime_sec * USEC_PER_SEC;
	int r;

	expire(t);
	/* an account at its limit gets no ticket: then no other account may lose one */
	if (!vault_account_is_full(t->vault, about->uid))
		evict(t);
	r = vault_put(t->vault, about, pipe_fd, expires, ret_ticket);
	arm_expiry(t);
	return r;
}

void tickets_revoke(struct tickets *t, uint64_t logon)
{
	struct vault_logon about;

	if (vault_revoke(t->vault, logon, &about)) {
		struct log_logon who = who_of(&about);

		t->counters.revoked++;
		log_logon_line(LOG_INFO, &who, "ticket revoked: the connection that it was for has ended");
		arm_expiry(t);
	}
	close_channel(t, logon);
}

enum vault_result tickets_redeem(struct tickets *t, const char *ticket, const char *service, const char *user,
				 struct vault_logon *ret_about, int *ret_fd)
{
	struct vault_logon about = { .logon = 0 };
	enum vault_result result = vault_redeem(t->vault, ticket, service, user, clock_usec(), &about, ret_fd);
	struct log_logon who = { .logon = about.logon, .user = user, .rhost = about.rhost, .service = service };

	if (result == VAULT_GRANTED) {
		t->counters.redeemed++;
		who.kind = credential_kind_name(about.kind);
		log_logon_line(LOG_INFO, &who, "ticket redeemed");
		*ret_about = about;
	} else {
		t->counters.redeem_refused++;
		who.reason = result == VAULT_MISMATCH ? "ticket-mismatch" : "no-such-ticket";
		if (result == VAULT_MISMATCH)
			log_logon_line(LOG_WARNING, &who, "ticket of %s for service %s refused and destroyed",
				       about.user, about.service);
		else
			log_logon_line(LOG_WARNING, &who, "ticket refused: unknown, used or expired");
	}
	if (result != VAULT_NO_TICKET)
		close_channel(t, about.logon);
	arm_expiry(t);
	return result;
}

/* ---- all of them ---- */

int tickets_new(sd_event *event, const struct config *config, struct tickets **ret_tickets)
{
	struct tickets *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	*t = (struct tickets){ .event = event, .config = config, .vault = vault_new() };
	TAILQ_INIT(&t->channels);
	if (!t->vault) {
		free(t);
		return -ENOMEM;
	}
	*ret_tickets = t;
	return 0;
}

void tickets_free(struct tickets *t)
{
	struct ticket_channel *c;

	if (!t)
		return;
	while ((c = TAILQ_FIRST(&t->channels)))
		ticket_channel_free(c);
	(void)sd_event_source_disable_unref(t->expiry);
	vault_free(t->vault);
	free(t);
}

unsigned tickets_outstanding(const struct tickets *t)
{
	return (unsigned)vault_count(t->vault);
}

const struct tickets_counters *tickets_counters(const struct tickets *t)
{
	return &t->counters;
}
