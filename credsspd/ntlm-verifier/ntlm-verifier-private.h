/* SPDX-License-Identifier: MIT */
/* What the files of the verifier share: question.c serves workers, change.c the Manager's calls, ntlm-verifier.c owns
 * both.
 */
#pragma once

#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "common/ipc/ntlm-verifier-msg.h"
#include "common/wire/ntlm-names.h"
#include "credsspd/ntlm-verifier/askers.h"
#include "credsspd/ntlm-verifier/domains.h"
#include "credsspd/ntlm-verifier/store.h"
#include "credsspd/ntlm-verifier/throttle.h"

struct question;
struct change;
struct listing;

struct verifier {
	int control; /* to the supervisor; blocking */
	sd_event *event;
	struct store *store;   /* NULL with ntlm = winbind */
	struct askers *askers; /* NULL without ntlm = winbind */
	struct winbind winbind;
	const struct config *config;
	struct domains domains;
	struct ntlm_names names; /* as in the CHALLENGE */
	struct throttle *throttle;
	LIST_HEAD(, question) questions;
	unsigned n_questions;
	LIST_HEAD(, change) changes;
	unsigned n_changes;
	LIST_HEAD(, listing) listings;
};

/* Serves the worker on *@fd, which is taken (-1 afterwards) unless there are too many workers. */
void question_attach(struct verifier *v, uint64_t logon, int *fd);
void question_free(struct question *q);

/* Each answers the supervisor, now or later. *@fd is the pipe; -1 afterwards when it was taken. */
void change_set(struct verifier *v, const struct verifier_control *c, int *fd);
void change_delete(struct verifier *v, const struct verifier_control *c);
void change_list(struct verifier *v, const struct verifier_control *c);
/* Refuses a change: ntlm = winbind has no store. Returns 0, or -EPROTO for an unknown request. */
int change_refuse(struct verifier *v, const struct verifier_control *c);
void change_free(struct change *c);
void listing_free(struct listing *l);
