/* SPDX-License-Identifier: MIT */
/*
 * One logon: a channel to the front end, a worker, and the table of logon-table.h between them. TSRequests pass through
 * unread.
 *
 * logon.c receives the events, logon-actions.c has the actions of the table, logon-end.c ends a logon; calls go in this
 * order only. A logon ends by its state, LOGON_DONE or LOGON_FAILED, and stays valid until the event loop calls
 * on_reap() of logon.c, which frees it. So a logon is never freed by a function that was called with it.
 */
#pragma once

#include <string.h>
#include <sys/queue.h>

#include "common/base/log.h"
#include "common/base/refusal.h"
#include "credsspd/supervisor/account-check.h"
#include "credsspd/supervisor/account-pool.h"
#include "credsspd/supervisor/backoff.h"
#include "credsspd/supervisor/keytab-watch.h"
#include "credsspd/supervisor/logon-worker.h"
#include "credsspd/supervisor/policy.h"
#include "credsspd/supervisor/resolver-pool.h"
#include "credsspd/supervisor/tickets.h"

struct logon;

/* All logons, and the parts of the supervisor that they use. */
struct logons {
	sd_event *event;
	const struct config *config;
	struct services *services;
	struct resolver_pool *resolvers;
	struct account_pool *accounts;
	struct tickets *tickets;
	struct keytab_watch *keytab;
	struct backoff *backoff;
	/* called when a logon has left LOGON_FIRST; may be NULL */
	void (*first_over)(void *userdata);
	void *userdata;
	TAILQ_HEAD(, logon) list; /* newest first; includes logons that have ended and are not freed yet */
	unsigned live;            /* logons that have not ended */
	uint64_t last_id;
	sd_event_source *reap;
	resolve_fn answered; /* takes the answer to logon.question */
	account_fn checked;  /* takes the answer to logon.account_ask */
	struct account_check_log account_check_log;
	uint64_t granted, refused;
	uint64_t refusals[REFUSAL_MAX_];
};

struct logon {
	struct logons *logons;
	TAILQ_ENTRY(logon) entry;
	uint64_t id;
	enum logon_state state;
	uint64_t began, turn_began; /* clock_usec(): the start of the logon, and of its present state */
	/* the front end */
	uid_t caller;
	struct logon_peer peer;
	struct backoff_key address;
	bool counted; /* by backoff_begin() */
	bool judging; /* by backoff_judge() */
	bool queued;  /* until another answer of its address has been judged */
	int channel;
	sd_event_source *channel_io, *deadline, *turn;
	/* the worker */
	struct logon_worker worker;
	bool last_resort; /* no other template is left to try */
	bool waits;       /* for a krb5 template with new keys */
	/* results so far */
	struct resolve *question;
	struct account_ask *account_ask;
	bool proved; /* the verifier has confirmed the response of this logon */
	struct verifier_result proof;
	uint8_t credssp_version;
	bool user_to_user;
	char asked[RECORD_PRINCIPAL_MAX]; /* for the log: the name that a user-to-user client asked for */
	bool told, confirmed, delegated;
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX];
	int pipe[2];
	struct vault_logon about; /* for the ticket; user and uid are set when the account was resolved */
	struct worker_delegated delegation;
	size_t public_key_len;
	uint8_t public_key[];
};

/* ---- logon.c ---- */

/* Prepares @l; the fields above "list" are set. Returns 0 or -errno. */
int logons_init(struct logons *l);
/* Frees all logons. The front ends see end of file. */
void logons_done(struct logons *l);

/*
 * Begins a logon that has been admitted. @counted: backoff_begin() counted it, and backoff_end() follows, also on
 * failure. Returns 0, the logon and the front end's end of the channel, which the caller owns; or -errno.
 */
int logon_new(struct logons *l, uid_t caller, const char *service, const void *public_key, size_t public_key_len,
	      const struct logon_peer *peer, bool counted, struct logon **ret_logon, int *ret_channel);

/* Counts the logons in each state. */
void logons_states(const struct logons *l, unsigned ret_count[LOGON_STATES_]);

/* Starts the workers of the logons that wait for keys. */
void logons_resume(struct logons *l);

/* Must be called when a process of a template or of the verifier has ended. */
void logons_process_gone(struct logons *l, const struct process *p);

/* Takes the verifier's result for one logon. Returns 0 or -EPROTO. */
int logons_verifier_result(struct logons *l, const struct verifier_result *result);

/* ---- logon-actions.c ---- */

/* Does the action of a row of the table. @record: the message that the event came with, or NULL. */
void logon_act(struct logon *h, enum logon_action action, const uint8_t *record, size_t len);

/* Starts the worker of a logon that has waited for keys. */
void logon_start_worker(struct logon *h, struct service *template);

/* Ends the logon because its worker ended before the result. */
void logon_worker_lost(struct logon *h);

/* ---- logon-end.c ---- */

/* Ends the logon as granted; a ticket was issued. */
void logon_end_granted(struct logon *h);

/* End the logon as refused: report it to the front end and log it. logon_refuse() takes the reason from @h. */
void logon_refuse(struct logon *h);
void logon_fail(struct logon *h, enum refusal refusal, const char *detail);

/* Ends what backoff_judge() began: the client's answer was judged, or will not be. Waiting logons of the address try
 * again. */
void logon_judged(struct logon *h);

/* Returns the fields of a log line; they point into @h. */
struct log_logon logon_who(const struct logon *h);
__attribute__((format(printf, 2, 3))) void logon_trace(const struct logon *h, const char *fmt, ...);
