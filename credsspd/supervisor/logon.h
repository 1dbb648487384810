/* SPDX-License-Identifier: MIT */
/*
 * One logon of the supervisor, as logon.c (its events and its end), logon-worker.c (its worker),
 * logon-steps.c (what is done in answer to an event) and admission.c (the front end's side) share it.
 */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/refusal.h"
#include "credsspd/supervisor/logon-table.h"
#include "credsspd/supervisor/supervisor-private.h"

struct handshake {
	struct supervisor *s;
	struct handshake *next;
	uint64_t id;
	enum logon_state state;
	uint64_t began;
	/* the front end */
	uid_t caller;
	struct supervisor_peer peer;
	struct backoff_key address;
	bool counted; /* by backoff_begin() */
	bool judging; /* by backoff_judge() */
	bool queued;  /* behind others of its address that are being judged */
	int channel;
	sd_event_source *channel_io, *deadline, *step;
	/* the worker */
	struct service *template;                      /* whose worker it is */
	struct child *template_child, *verifier_child; /* NULL once gone */
	unsigned templates_tried;
	bool last_resort; /* the worker that runs is the last that may know the token */
	bool waits;       /* for a krb5 template with new keys */
	int worker;
	sd_event_source *worker_io;
	bool worker_ended;
	uint8_t *first; /* the first TSRequest as a packet, for the other template */
	size_t first_len;
	/* what is known */
	struct resolve *question;
	bool proved; /* the verifier has answered for this logon, with yes */
	struct verifier_result proof;
	uint8_t mechanism; /* enum mechanism of the template in use */
	uint8_t credssp_version;
	bool user_to_user;
	char asked[RECORD_PRINCIPAL_MAX]; /* for the log: the name that a client asked for that began user-to-user */
	bool told, confirmed, delegated;
	enum refusal refusal;
	char detail[WORKER_DETAIL_MAX];
	int pipe[2];
	struct vault_logon about;
	struct worker_delegated delegation;
	size_t public_key_len;
	uint8_t public_key[];
};

/*
 * Something happened: takes the row of logon-table.h and does its action. @h may be gone afterwards. @p and @len: the
 * record or packet, if the event has one.
 */
void handshake_event(struct handshake *h, enum logon_event event, const uint8_t *p, size_t len);

/* Ends it: tells the front end, logs, frees. handshake_refuse() for the reason that is in @h. */
void handshake_refuse(struct handshake *h);
void handshake_fail(struct handshake *h, enum refusal refusal, const char *detail);

/* Frees without a word. */
void handshake_free(struct handshake *h);

/* Takes back what backoff_begin() counted; @weight as in backoff_end(). */
void handshake_uncount(struct handshake *h, unsigned weight);

/* admission.c: the worker has judged the client's answer, or never will: those of the address that wait ask again. */
void handshake_judged(struct handshake *h);

struct log_logon handshake_who(const struct handshake *h);
__attribute__((format(printf, 2, 3))) void handshake_trace(const struct handshake *h, const char *fmt, ...);

/* logon-worker.c: forks a worker of the next template to try and gives it the first TSRequest; ends the present
 * one; ends the logon, whose worker has ended before its time. */
void handshake_spawn_next(struct handshake *h);
void handshake_drop_worker(struct handshake *h);
void handshake_worker_lost(struct handshake *h);

/* logon-steps.c */
void handshake_act(struct handshake *h, enum logon_action action, const uint8_t *p, size_t len);

static inline bool record_terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}
