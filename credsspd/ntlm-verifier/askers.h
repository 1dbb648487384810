/* SPDX-License-Identifier: MIT */
/*
 * Processes that ask winbind, one question each: a question that hangs delays no other question, and ends with its
 * process. At most WINBIND_ASKERS_MAX run; the other questions wait their turn, oldest first.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>

#include "common/ipc/ntlm-verifier-msg.h"
#include "credsspd/ntlm-verifier/winbind.h"

struct askers;
struct asking;

/* @ask answers @question in the new process. */
typedef void (*askers_ask_fn)(const void *context, const struct winbind_question *question,
			      struct winbind_reply *ret_reply);

/* Called once, at most WINBIND_TIMEOUT_SEC after askers_ask(). The question is freed after the call. */
typedef void (*askers_answer_fn)(const struct winbind_reply *reply, void *userdata);

/* SIGCHLD must be ignored, because the processes are not waited for. Returns NULL without memory. */
struct askers *askers_new(sd_event *event, askers_ask_fn ask, const void *context);
void askers_free(struct askers *a);

/* Copies @question. Returns 0 or -errno. */
int askers_ask(struct askers *a, const struct winbind_question *question, askers_answer_fn fn, void *userdata,
	       struct asking **ret_asking);

/* Cancels a question, so that its answer is dropped. @a may be NULL. */
void asking_cancel(struct asking *q);
