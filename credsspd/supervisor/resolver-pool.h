/* SPDX-License-Identifier: MIT */
/*
 * The pool of resolvers. A name service module may block without limit, so each question goes to a process of its own,
 * which is killed after RESOLVER_TIMEOUT_SEC. Further questions wait in order, for at most RESOLVER_WAIT_SEC.
 * RESOLVER_RESERVED processes are kept for names without a domain, so that local accounts are found while the domain's
 * name service hangs.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/config/config.h"
#include "common/ipc/resolver-msg.h"

struct resolver_pool;
struct resolve;

/* Takes the answer, or NULL without an answer (deadline, the resolver died). The question is freed after the call. */
typedef void (*resolve_fn)(const struct resolver_answer *answer, void *userdata);

/*
 * @changed is called whenever the readiness of the pool may have changed. @config and @config_path outlive the pool;
 * @config may change. Returns 0 or -errno.
 */
int resolver_pool_new(sd_event *event, const char *config_path, const struct config *config,
		      void (*changed)(void *userdata), void *userdata, struct resolver_pool **ret_pool);
/* Calls service_hang_up() for each resolver. NULL is allowed. */
void resolver_pool_hang_up(struct resolver_pool *p);
/* Ends the resolvers and frees. No function of a question is called. NULL is allowed. */
void resolver_pool_free(struct resolver_pool *p);

/* Returns whether at least one resolver is ready. */
bool resolver_pool_ready(const struct resolver_pool *p);
/* Returns whether the first resolver could not start. */
bool resolver_pool_failed_to_start(const struct resolver_pool *p);

/* Returns whether any resolver is starting. */
bool resolver_pool_starting(const struct resolver_pool *p);
/* Returns whether any resolver continues with an older configuration. */
bool resolver_pool_stale(const struct resolver_pool *p);

/* Replaces all resolvers with new ones, which read the configuration again. */
void resolver_pool_restart(struct resolver_pool *p);

/*
 * Asks @question, whose id is set here. Returns 0, -EBUSY when RESOLVER_QUEUE_MAX questions wait, or another -errno.
 * After 0, @fn is called once, later, never from within this call.
 */
int resolve(struct resolver_pool *p, const struct resolver_request *question, resolve_fn fn, void *userdata,
	    struct resolve **ret_resolve);

/* Drops the question: its function is not called. NULL is allowed. */
void resolve_cancel(struct resolve *r);
