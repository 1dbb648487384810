/* SPDX-License-Identifier: MIT */
/*
 * Connections to account checkers (credsspd/account-checker/), processes of root's that ask the account phase of PAM. A
 * module may block for as long as it likes: each question has a deadline, and its process is killed then, by the warden
 * at the other end of the connection.
 *
 * The check is a courtesy to the client: PAM decides again when the session begins. So there is no wait for the service
 * to start, no retry of a question, and no answer is neither a yes nor a no.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/ipc/account-msg.h"

struct account_pool;
struct account_ask;

/* The answer, or NULL and why there is none, a string that is valid during the call. The question is gone after it. */
typedef void (*account_fn)(const struct account_answer *answer, const char *why, void *userdata);

/* @socket: where the warden of account checkers listens; it outlives the pool. Returns 0 or -errno. */
int account_pool_new(sd_event *event, const char *socket, struct account_pool **ret_pool);

/* Asks the warden to end all processes, and does not wait; the pool is only freed after that. NULL is fine. */
void account_pool_hang_up(struct account_pool *p);

/*
 * Waits for the end of all processes, at most 2 * WARDEN_END_SEC, and frees. Questions that are open get no call. NULL
 * is fine.
 */
void account_pool_free(struct account_pool *p);

/* The configuration was read again: a process that has an older one answers no further question. */
void account_pool_renew(struct account_pool *p);

/*
 * Connects to one account checker now, so that the first logon does not wait for it to start. A failure is noticed by
 * the first question.
 */
void account_pool_warm_up(struct account_pool *p);

/*
 * Asks. The type and the id of @question are set here. Returns 0, and @fn is called later, never from within this call.
 * Returns -errno when the service cannot be reached, and -EAGAIN while the check pauses: ACCOUNT_CHECK_MISSES questions
 * in a row had no answer in time.
 */
int account_ask(struct account_pool *p, const struct account_question *question, account_fn fn, void *userdata,
		struct account_ask **ret_ask);

/* The question is no longer of interest; its function is not called. NULL is fine. */
void account_ask_cancel(struct account_ask *a);
