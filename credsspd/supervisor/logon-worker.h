/* SPDX-License-Identifier: MIT */
/* The worker of a logon: the choice of its template, its start, messages and end. */
#pragma once

#include "credsspd/supervisor/logon-table.h"
#include "credsspd/supervisor/services.h"

struct logon_worker;

/*
 * Takes an event of the worker: a message, LOGON_GOT_END, or LOGON_EVENTS_ for a malformed message. It may call the
 * functions below.
 */
typedef void (*logon_worker_fn)(enum logon_event event, const uint8_t *record, size_t len, void *userdata);

struct logon_worker {
	struct services *services;
	uint64_t logon;
	logon_worker_fn fn;
	void *userdata;
	int fd;                              /* -1 without a worker */
	uint8_t mechanism;                   /* enum mechanism of its template, 0 before the first worker */
	struct process *template, *verifier; /* NULL after they have ended */
	unsigned templates_tried;
	bool ended;
	sd_event_source *io;
	uint8_t *first; /* the first TSRequest as a packet, for the other template */
	size_t first_len;
};

/* Prepares @w; the fields above "fd" are set. */
void logon_worker_init(struct logon_worker *w);

/* Keeps the first TSRequest, a packet of the channel, until logon_worker_forget_first(). Returns 0 or -ENOMEM. */
int logon_worker_keep_first(struct logon_worker *w, const uint8_t *packet, size_t len);
void logon_worker_forget_first(struct logon_worker *w);

/*
 * Returns the next template to try and counts it, or NULL when both were tried. *@ret_last: no template is left after
 * it. Which one comes first is guessed by the NTLMSSP signature in the first TSRequest; a wrong guess only costs one
 * more worker.
 */
struct service *logon_worker_next_template(struct logon_worker *w, bool *ret_last);

/*
 * Forks a worker from @template and sends it @start, its key @public_key, and the first TSRequest. Sets the type, logon
 * and key length of @start. Returns 0 or -errno.
 */
int logon_worker_start(struct logon_worker *w, struct service *template, struct worker_start *start,
		       const void *public_key, size_t public_key_len);

/* Ends the worker if it has not ended by itself. */
void logon_worker_drop(struct logon_worker *w);

/* Returns whether the template has ended too: then the worker's end is not the worker's fault. */
bool logon_worker_template_died(const struct logon_worker *w);

/* Clears the pointers to @p, which has ended. */
void logon_worker_process_gone(struct logon_worker *w, const struct process *p);

/* Pings the processes that may be the cause of a worker's silence. */
void logon_worker_suspect(const struct logon_worker *w);
