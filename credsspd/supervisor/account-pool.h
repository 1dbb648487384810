/* SPDX-License-Identifier: MIT */
/*
 * Connections to account checkers (credsspd/account-checker/), processes of root's that ask the account phase of PAM. A
 * PAM module may block. So each question has a deadline, at which the connection is closed and its warden kills the
 * process.
 *
 * The check only gives the client an early reason: PAM decides again when the session begins. So a question is not
 * retried and does not wait for the service to start, and a logon continues when there is no answer.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/ipc/account-msg.h"

struct account_pool;
struct account_ask;

/* Takes the answer, or NULL and in @why the reason (valid during the call). The question is freed after the call. */
typedef void (*account_fn)(const struct account_answer *answer, const char *why, void *userdata);

/* @socket: the path on which the warden of account checkers listens; must outlive the pool. Returns 0 or -errno. */
int account_pool_new(sd_event *event, const char *socket, struct account_pool **ret_pool);

/* Asks the warden to end all processes, without waiting. Only account_pool_free() may follow. NULL is allowed. */
void account_pool_hang_up(struct account_pool *p);

/*
 * Waits for the end of all processes, at most 2 * WARDEN_END_SEC, and frees. The functions of open questions are not
 * called. NULL is allowed.
 */
void account_pool_free(struct account_pool *p);

/* Retires all processes after a reload: a process with the old configuration gets no further question. */
void account_pool_renew(struct account_pool *p);

/*
 * Connects to one account checker now, so that the first logon does not wait for its start. Errors are ignored; the
 * first question reports them.
 */
void account_pool_warm_up(struct account_pool *p);

/*
 * Sends @question, after setting its type and id. Returns 0; then @fn is called later, never within this call.
 * Returns -errno when the service cannot be reached, and -EAGAIN while the check pauses: ACCOUNT_CHECK_MISSES processes
 * in a row gave no answer in time. A question that only waited for a process until its deadline does not count.
 */
int account_ask(struct account_pool *p, const struct account_question *question, account_fn fn, void *userdata,
		struct account_ask **ret_ask);

/* Cancels the question: its function is not called. NULL is allowed. */
void account_ask_cancel(struct account_ask *a);
