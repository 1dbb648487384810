/* SPDX-License-Identifier: MIT */
/* What supervisor.c, logon.c, keytab-watch.c and ntlm-store.c share. */
#pragma once

#include "common/base/file-watch.h"
#include "common/ipc/tgt-agent-msg.h"
#include "credsspd/supervisor/backoff.h"
#include "credsspd/supervisor/resolver-pool.h"
#include "credsspd/supervisor/service.h"
#include "credsspd/supervisor/supervisor.h"

struct grant;
struct reload;
struct handshake;
struct store_call;

struct supervisor {
	sd_event *event;
	const char *config_path;
	struct config config;
	void (*ready_fn)(void *userdata);
	void (*failed_fn)(void *userdata);
	void *userdata;
	void (*begin_fn)(void *userdata);
	void *begin_userdata;
	bool was_ready;
	struct service *krb5, *ntlm, *verifier, *keeper; /* NULL when not configured */
	struct keeper_state keeper_state;                /* of the keeper with that serial */
	uint64_t keeper_serial;
	struct watch *keytab;
	uint64_t keys_wanted;        /* serial of the krb5 template that is to have the new keys, or 0 */
	sd_event_source *keys_timer; /* while logons wait for it */
	struct resolver_pool *resolvers;
	struct vault *vault;
	sd_event_source *vault_timer;
	struct backoff *backoff;
	struct grant *grants;
	struct reload *reloads;
	struct handshake *handshakes;
	unsigned n_handshakes;
	uint64_t last_logon;
	struct store_call *store_calls;
	uint64_t last_store_call;
	struct supervisor_counters counters;
};

/* CLOCK_BOOTTIME in microseconds. */
uint64_t supervisor_now(void);

/* Puts @about and the pipe into the vault and arms the expiry timer; as vault_put(). */
int supervisor_put_ticket(struct supervisor *s, const struct vault_logon *about, int pipe_fd,
			  char ret_ticket[TICKET_LEN + 1]);

/* Destroys the ticket of @logon, if it is still there: its front end has closed the channel. */
void supervisor_revoke(struct supervisor *s, uint64_t logon);

/* Starts, renews and ends services so that they are as the configuration says. Returns 0 or -errno. */
int supervisor_settle(struct supervisor *s);

/* reload.c: answers those who asked for a reload, when all that was started is ready or has failed. */
void reload_check(struct supervisor *s);
void reload_free_all(struct supervisor *s);

/* The keeper is to read configuration and keytab again; it keeps its tickets. Returns 0 or -errno. */
int supervisor_reread_keeper(struct supervisor *s);

/* A worker ended abnormally: its template is replaced by one with another layout. */
void supervisor_worker_crashed(struct supervisor *s, struct service *template);

/* logon.c */
int handshake_template_record(struct child *c, const void *p, size_t len, void *userdata);
void handshake_template_gone(struct child *c, void *userdata);
int handshake_verifier_result(struct supervisor *s, const struct verifier_result *result);
void handshake_verifier_gone(struct supervisor *s, struct child *c);
void handshake_free_all(struct supervisor *s);
void handshake_first_over(struct supervisor *s); /* one has left LOGON_FIRST */
void handshake_resume_all(struct supervisor *s); /* those that wait for keys */

/*
 * keytab-watch.c. keys_watch(): the configuration has been read; call it before the keytab is. keys_expect(): the krb5
 * template of that serial is to have the new keys. keys_service_changed(): one is ready, or has ended. keys_pending():
 * whether a Kerberos logon should wait for keys; handshake_resume_all() follows.
 */
int keys_watch(struct supervisor *s);
void keys_expect(struct supervisor *s, uint64_t serial);
void keys_service_changed(struct supervisor *s);
bool keys_pending(struct supervisor *s);
void keys_done(struct supervisor *s);

/* ntlm-store.c: records that answer SET, UPDATE, DELETE and LIST. Returns 0 or -EPROTO. */
int store_record(struct supervisor *s, const void *p, size_t len);
/* Fails the calls that @verifier has been asked; NULL: all. */
void store_verifier_gone(struct supervisor *s, struct child *verifier);
