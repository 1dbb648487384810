/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's processes by role: the templates of the workers, the verifier of NTLM responses, and the keeper of
 * the server's own tickets. The resolvers are in resolver-pool.h.
 */
#pragma once

#include "common/config/config.h"
#include "common/ipc/keeper-msg.h"
#include "common/ipc/ntlm-verifier-msg.h"
#include "credsspd/supervisor/service.h"

struct services;

struct services_ops {
	/* A process of a template or of the verifier has ended and is freed after the call. */
	void (*gone)(const struct process *p, void *userdata);
	/* The verifier's result for one logon. Returns 0, or -EPROTO to have the verifier killed. */
	int (*verifier_result)(const struct verifier_result *result, void *userdata);
	/* Another message of the verifier: an answer to a call about the NTLM store. Returns 0 or -EPROTO, as above. */
	int (*store_answer)(const void *record, size_t len, void *userdata);
	/* The readiness of a service may have changed. */
	void (*changed)(void *userdata);
};

struct services {
	sd_event *event;
	const char *config_path;
	const struct config *config;
	const struct services_ops *ops;
	void *userdata;
	struct service *krb5, *ntlm, *verifier, *keeper; /* NULL when not configured */
	struct keeper_state keeper_state;                /* of the keeper with that serial */
	uint64_t keeper_serial;
	uint64_t crashes; /* workers that ended abnormally */
};

/*
 * Starts, renews and ends services as the configuration says. The fields above "krb5" must be set. Continues after an
 * error with the other services. Returns 0 or the first -errno; *@ret_krb5 is the serial of the krb5 template that
 * reads the present keys, or 0.
 */
int services_settle(struct services *s, uint64_t *ret_krb5);

/* Starts a krb5 template with the present keytab, and makes the keeper read it. Returns 0 and the serial, or -errno. */
int services_renew_keys(struct services *s, uint64_t *ret_krb5);

/* Returns whether every configured service is ready or could not be started. */
bool services_ready(const struct services *s);
/* Returns whether no mechanism is available, because services could not be started. */
bool services_failed_to_start(const struct services *s);
/* Return whether a configured mechanism is off, because a process of it could not be started. */
bool services_kerberos_off(const struct services *s);
bool services_ntlm_off(const struct services *s);
bool services_usertouser_off(const struct services *s);
/* Logs these mechanisms. */
void services_log_off(const struct services *s);
/* Returns whether a process is starting. */
bool services_starting(const struct services *s);

/* Writes the names of the services that continue with an older configuration to @out, and returns the length. */
size_t services_stale(const struct services *s, char *out, size_t size);

/* Returns what the keeper has reported last, all zero before that, or NULL when user-to-user is switched off. */
const struct keeper_state *services_keeper_state(const struct services *s);

/* See service_hang_up() and service_free(). */
void services_hang_up(struct services *s);
void services_free(struct services *s);
