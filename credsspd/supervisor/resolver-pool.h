/* SPDX-License-Identifier: MIT */
/*
 * The pool of resolvers: name service modules may block for as long as they
 * like, so each question goes to a process of its own, which is killed at a
 * deadline. Questions beyond the pool wait in order, but RESOLVER_RESERVED of it
 * are for names that are of no domain: they do not wait behind one that hangs.
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/config/config.h"
#include "common/ipc/resolver-msg.h"

struct resolver_pool;
struct resolve;

/* The answer; NULL when there will be none (deadline, resolver died). The question is gone after the call. */
typedef void (*resolve_fn)(const struct resolver_answer *answer, void *userdata);

/* @config is looked at with each question; it and @config_path outlive the pool. Returns 0 or -errno. */
int resolver_pool_new(sd_event *event, const char *config_path, const struct config *config,
		      void (*changed)(void *userdata), void *userdata, struct resolver_pool **ret_pool);
/* As service_hang_up(), for all of them; NULL is fine. */
void resolver_pool_hang_up(struct resolver_pool *p);
void resolver_pool_free(struct resolver_pool *p);

/* Whether at least one resolver has been ready, and whether the first one could not start. */
int resolver_pool_ready(const struct resolver_pool *p);
int resolver_pool_failed_to_start(const struct resolver_pool *p);

/* Whether any of them is starting, or goes on with an older configuration. */
int resolver_pool_starting(const struct resolver_pool *p);
int resolver_pool_stale(const struct resolver_pool *p);

/* Replaces all resolvers by new ones, which read the configuration again. */
void resolver_pool_restart(struct resolver_pool *p);

/*
 * Asks. The id of @question is set here. Returns 0, -EBUSY when RESOLVER_QUEUE_MAX questions wait, or -ENOMEM;
 * on success @fn is called later, never from within this call.
 */
int resolve(struct resolver_pool *p, const struct resolver_request *question, resolve_fn fn, void *userdata,
	    struct resolve **ret_resolve);

/* The question is no longer of interest; its function is not called. NULL is fine. */
void resolve_cancel(struct resolve *r);
