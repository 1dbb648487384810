/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: configuration, limits, tickets, and the processes that do the work. It parses no token and has no
 * network. D-Bus (credsspd/bus/) calls the functions of its parts:
 *
 *	admission		whether a Begin may start a logon
 *	logon, its table	one logon, from Begin to the ticket
 *	logon-worker		its worker
 *	services, resolver-pool, tickets, ntlm-store, keytab-watch
 *	service, vault, backoff, policy
 *
 * A part calls only parts below it; results go up through callbacks.
 */
#pragma once

#include "credsspd/supervisor/logon.h"
#include "credsspd/supervisor/ntlm-store.h"
#include "credsspd/supervisor/services.h"
#include "credsspd/supervisor/tickets.h"

struct reload;

struct supervisor {
	struct config config;
	struct services services;
	struct logons logons;
	struct resolver_pool *resolvers;
	struct account_pool *accounts;
	struct tickets *tickets;
	struct ntlm_store *store;
	struct backoff *backoff;
	struct keytab_watch *keytab;
	void (*ready)(void *userdata);
	void (*failed)(void *userdata);
	void *userdata;
	bool was_ready;
	TAILQ_HEAD(, reload) reloads;
};

/*
 * Starts the supervisor and its processes. @ready is called when all processes of the configuration are ready, @failed
 * when logons are impossible. @config_path must outlive the supervisor. Returns 0, or -errno with one sentence in
 * *@ret_error, which the caller frees; it may be NULL.
 */
int supervisor_new(sd_event *event, const char *config_path, void (*ready)(void *userdata),
		   void (*failed)(void *userdata), void *userdata, struct supervisor **ret_supervisor,
		   char **ret_error);
/* Ends all logons and processes, and waits for the processes; only supervisor_free() may follow. NULL is allowed. */
void supervisor_stop(struct supervisor *s);
void supervisor_free(struct supervisor *s);

/*
 * Reads the configuration again and renews the processes. When it cannot be read, nothing changes: returns -errno and
 * one sentence in *@ret_error as above. Else returns 0 and calls @fn once: RELOAD_DONE when the new processes are
 * ready, RELOAD_STALE with the names of the processes that continue with the old configuration in @stale, or
 * RELOAD_STOPPED when the supervisor stops before that.
 */
enum reload_result { RELOAD_DONE, RELOAD_STALE, RELOAD_STOPPED };
typedef void (*supervisor_reloaded_fn)(enum reload_result result, const char *stale, void *userdata);
int supervisor_reload(struct supervisor *s, supervisor_reloaded_fn fn, void *userdata, char **ret_error);

/* Writes the names of the processes that do not run with the present configuration to @out; may be empty. */
void supervisor_stale(const struct supervisor *s, char *out, size_t size);
