/* SPDX-License-Identifier: MIT */
/*
 * Calls about the NTLM store, passed on to the verifier: only the verifier opens the store. Names are resolved first,
 * so that a record is kept under the canonical name and its uid.
 */
#pragma once

#include "credsspd/supervisor/resolver-pool.h"
#include "credsspd/supervisor/services.h"

struct ntlm_store;

/* @services, @resolvers and @config outlive the store. Returns 0 or -ENOMEM. */
int ntlm_store_new(struct services *services, struct resolver_pool *resolvers, const struct config *config,
		   struct ntlm_store **ret_store);
/* Answers all calls with -ENETDOWN and frees. NULL is allowed. */
void ntlm_store_free(struct ntlm_store *s);

/* Takes the answer of a call, once: 0 or -errno. */
typedef void (*ntlm_store_changed_fn)(int result, void *userdata);
/* Takes the name of each record with result 0, and at the end NULL with the result, 0 or -errno. */
typedef void (*ntlm_store_listed_fn)(const char *name, int result, void *userdata);

/*
 * The calls return 0, and @fn is called later. Or they return -EINVAL (the name is too long), -ENETDOWN (NTLM is off)
 * or another -errno, and @fn is not called. @fn gets 0, -ENOENT (no such user or record), -EINVAL (empty or malformed
 * password) or -ENETDOWN (no verifier or name service).
 */

/* Stores the password that is read from @pipe_fd until end of file. @pipe_fd stays the caller's. */
int ntlm_store_set(struct ntlm_store *s, const char *user, int pipe_fd, ntlm_store_changed_fn fn, void *userdata);
/*
 * As ntlm_store_set(), for a user who has a record; with @create also for an account without one, if its uid may log
 * on. The result is -ENOENT without a record, and when no store is in use: a password change must not fail then.
 */
int ntlm_store_update(struct ntlm_store *s, const char *user, bool create, int pipe_fd, ntlm_store_changed_fn fn,
		      void *userdata);
int ntlm_store_delete(struct ntlm_store *s, const char *user, ntlm_store_changed_fn fn, void *userdata);
int ntlm_store_list(struct ntlm_store *s, ntlm_store_listed_fn fn, void *userdata);

/* Takes an answer of the verifier. Returns 0, or -EPROTO for a message that does not answer a call. */
int ntlm_store_answer(struct ntlm_store *s, const void *record, size_t len);
/* Fails the calls that @verifier, which has ended, has not answered. */
void ntlm_store_verifier_gone(struct ntlm_store *s, const struct process *verifier);
