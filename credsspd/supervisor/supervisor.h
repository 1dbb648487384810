/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: configuration, limits, vault, and the processes that do the
 * work. It parses no token and speaks to no network; what D-Bus asks of it
 * (credsspd/bus/) are the functions here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "common/base/refusal.h"
#include "common/config/config.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "common/ipc/tgt-agent-msg.h"
#include "credsspd/supervisor/logon-table.h"
#include "credsspd/supervisor/vault.h"

struct supervisor;

struct supervisor_peer {
	char rhost[RHOST_MAX + 8U];
	uint16_t rport;
	bool restricted_admin, remote_guard, early_authorization;
};

struct supervisor_counters {
	uint64_t granted, refused, redeemed, redeem_refused, expired, revoked, evicted, crashes;
	uint64_t refusals[REFUSAL_MAX_];
};

/*
 * @config_path outlives the supervisor. @ready is called when everything that the configuration
 * names has started; @failed when it cannot. Returns 0 or -errno with one sentence in *@ret_error.
 */
int supervisor_new(sd_event *event, const char *config_path, void (*ready)(void *userdata),
		   void (*failed)(void *userdata), void *userdata, struct supervisor **ret_supervisor,
		   char **ret_error);
/* Ends all processes and exchanges, and waits for the processes. NULL is fine. */
void supervisor_stop(struct supervisor *s);
void supervisor_free(struct supervisor *s);

/*
 * Reads the configuration again and renews the processes. When it cannot be read (-errno and one sentence in
 * *@ret_error) everything stays as it was. Else @fn is called once, when the new processes are ready or have failed:
 * with NULL, or with the names of those that have not become what the configuration says.
 */
typedef void (*supervisor_reloaded_fn)(const char *stale, void *userdata);
int supervisor_reload(struct supervisor *s, supervisor_reloaded_fn fn, void *userdata, char **ret_error);

/* The same names at any time, into @out; empty when all is as the configuration says. */
void supervisor_stale(const struct supervisor *s, char *out, size_t size);

const struct config *supervisor_config(const struct supervisor *s);
const struct supervisor_counters *supervisor_counters(const struct supervisor *s);

/* The tickets of user-to-user, NULL when it is switched off. */
const struct keeper_state *supervisor_keeper(const struct supervisor *s);
unsigned supervisor_handshakes(const struct supervisor *s);

/* How many of them are in each state. */
void supervisor_states(const struct supervisor *s, unsigned ret_count[LOGON_STATES_]);
unsigned supervisor_tickets(const struct supervisor *s);

/*
 * Begins a logon for the front end @caller. Returns 0, the id and the front end's end of the channel (the
 * caller's), or -EACCES (not its service), -EINVAL, -EBUSY (limit), -EAGAIN (the address has to wait),
 * -ENETDOWN (a process that is needed is not there), -ENOMEM. It has logged why.
 */
int supervisor_begin(struct supervisor *s, uid_t caller, const char *service, const void *public_key,
		     size_t public_key_len, const struct supervisor_peer *peer, uint64_t *ret_logon, int *ret_channel);

/*
 * Whether @caller has so many handshakes with nothing on their channels yet that another one has to wait; @fn is called
 * whenever that may have changed.
 */
bool supervisor_begin_waits(const struct supervisor *s, uid_t caller);
void supervisor_on_begin(struct supervisor *s, void (*fn)(void *userdata), void *userdata);

/* Redeems a ticket (the caller has been checked); see vault_redeem(). Logs. */
enum vault_result supervisor_redeem(struct supervisor *s, const char *ticket, const char *service, const char *user,
				    struct vault_logon *ret_about, int *ret_fd);

/*
 * The NTLM store, through the verifier. @fn is called once, later, with 0 or -errno: -ENOENT unknown user or
 * record, -EINVAL, -ENETDOWN when there is no verifier. @pipe_fd stays the caller's.
 */
typedef void (*supervisor_changed_fn)(int result, void *userdata);
int supervisor_set_verifier(struct supervisor *s, const char *user, int pipe_fd, supervisor_changed_fn fn,
			    void *userdata);
/*
 * The user has a new password: replaces the record there is. -ENOENT without one, or when no store is in use; @create
 * makes one for an account whose uid may log on.
 */
int supervisor_update_verifier(struct supervisor *s, const char *user, bool create, int pipe_fd,
			       supervisor_changed_fn fn, void *userdata);
int supervisor_delete_verifier(struct supervisor *s, const char *user, supervisor_changed_fn fn, void *userdata);

/* Called for each record, and once with NULL and a result (0 or -errno) at the end. */
typedef void (*supervisor_listed_fn)(const char *name, int result, void *userdata);
int supervisor_list_verifiers(struct supervisor *s, supervisor_listed_fn fn, void *userdata);
