/* SPDX-License-Identifier: MIT */
/*
 * The spine: which processes exist, when the daemon is ready, tickets and their
 * end. One handshake is handshake.c; D-Bus is credsspd/bus/.
 */
#include "credsspd/logon/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "credsspd/logon/supervisor-private.h"
#include "credsspd/util/log.h"
#include "include/credssp/handover.h"

#define USEC_PER_SEC_ 1000000ULL

uint64_t supervisor_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC_ + (uint64_t)t.tv_nsec / 1000;
}

/* ---- processes ---- */

static int on_verifier_record(struct child *c, const void *p, size_t len, void *userdata)
{
	struct supervisor *s = userdata;
	struct verifier_result result;

	(void)c;
	if (*(const uint8_t *)p != VERIFIER_RESULT)
		return store_record(s, p, len);
	if (len != sizeof result)
		return -EPROTO;
	memcpy(&result, p, sizeof result);
	return handshake_verifier_result(s, &result);
}

static void on_verifier_gone(struct child *c, void *userdata)
{
	struct supervisor *s = userdata;

	handshake_verifier_gone(s, c);
	store_verifier_gone(s);
}

static bool service_settled(struct service *sv)
{
	return !sv || service_current(sv);
}

static void check_ready(struct supervisor *s)
{
	if (s->was_ready)
		return;
	if ((s->krb5 && service_failed_to_start(s->krb5)) || (s->ntlm && service_failed_to_start(s->ntlm)) ||
	    (s->verifier && service_failed_to_start(s->verifier)) || resolver_pool_failed_to_start(s->resolvers)) {
		s->failed_fn(s->userdata);
		return;
	}
	if (service_settled(s->krb5) && service_settled(s->ntlm) && service_settled(s->verifier) &&
	    resolver_pool_ready(s->resolvers)) {
		s->was_ready = true;
		s->ready_fn(s->userdata);
	}
}

static void on_service_ready(struct service *sv, void *userdata)
{
	(void)sv;
	check_ready(userdata);
}

static void on_resolvers_changed(void *userdata)
{
	struct supervisor *s = userdata;

	/* the first call comes from within resolver_pool_new() at the earliest */
	if (s->resolvers)
		check_ready(s);
}

static const struct service_ops krb5_ops = {
	.name = "krb5 template",
	.arg1 = "--template",
	.arg2 = "krb5",
	.ready_type = TEMPLATE_READY,
	.record_max = sizeof(struct template_record),
	.record = handshake_template_record,
	.gone = handshake_template_gone,
	.ready = on_service_ready,
};

static const struct service_ops ntlm_ops = {
	.name = "ntlm template",
	.arg1 = "--template",
	.arg2 = "ntlm",
	.ready_type = TEMPLATE_READY,
	.record_max = sizeof(struct template_record),
	.record = handshake_template_record,
	.gone = handshake_template_gone,
	.ready = on_service_ready,
};

static const struct service_ops verifier_ops = {
	.name = "verifier",
	.arg1 = "--verifier",
	.ready_type = VERIFIER_READY,
	.record_max = sizeof(struct verifier_result),
	.record = on_verifier_record,
	.gone = on_verifier_gone,
	.ready = on_service_ready,
	/* who was proved is known before the worker's word of it is read */
	.priority = SD_EVENT_PRIORITY_IMPORTANT,
};

/* Starts, renews or ends the service so that it is as @wanted says. */
static int settle(struct supervisor *s, struct service **service, const struct service_ops *ops, bool wanted)
{
	int r = 0;

	if (wanted) {
		if (!*service)
			r = service_new(s->event, ops, s->config_path, s, service);
		return r < 0 ? r : service_start(*service);
	}
	if (*service)
		log_line(LOG_NOTICE, "%s: switched off", ops->name);
	service_free(*service);
	*service = NULL;
	return 0;
}

static int settle_all(struct supervisor *s)
{
	bool ntlm = s->config.ntlm != CONFIG_NTLM_OFF;
	int r;

	r = settle(s, &s->verifier, &verifier_ops, ntlm);
	if (r == 0)
		r = settle(s, &s->ntlm, &ntlm_ops, ntlm);
	if (r == 0)
		r = settle(s, &s->krb5, &krb5_ops, s->config.kerberos);
	return r;
}

void supervisor_worker_crashed(struct supervisor *s, struct service *template)
{
	s->counters.crashes++;
	(void)service_start(template);
}

/* ---- tickets ---- */

static int on_vault_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void arm_vault_timer(struct supervisor *s)
{
	uint64_t next = vault_next_expiry(s->vault);

	s->vault_timer = sd_event_source_disable_unref(s->vault_timer);
	if (next != UINT64_MAX &&
	    sd_event_add_time(s->event, &s->vault_timer, CLOCK_BOOTTIME, next, 100000, on_vault_timer, s) < 0)
		log_line(LOG_ERR, "vault: no timer; tickets are swept when the next one is put");
}

static void sweep_vault(struct supervisor *s)
{
	struct vault_logon about;

	while (vault_expire(s->vault, supervisor_now(), &about)) {
		struct log_logon who = {
			.logon = about.logon, .user = about.user, .rhost = about.rhost, .service = about.service
		};

		s->counters.expired++;
		log_logon_line(LOG_WARNING, &who, "ticket expired unused");
	}
}

static int on_vault_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct supervisor *s = userdata;

	(void)source;
	(void)usec;
	sweep_vault(s);
	arm_vault_timer(s);
	return 0;
}

int supervisor_put_ticket(struct supervisor *s, const struct vault_logon *about, int pipe_fd,
			  char ret_ticket[TICKET_LEN + 1])
{
	uint64_t expires = supervisor_now() + s->config.ticket_lifetime_sec * USEC_PER_SEC_;
	int r;

	sweep_vault(s);
	r = vault_put(s->vault, about, pipe_fd, expires, ret_ticket);
	arm_vault_timer(s);
	return r;
}

enum vault_result supervisor_redeem(struct supervisor *s, const char *ticket, const char *service, const char *user,
				    struct vault_logon *ret_about, int *ret_fd)
{
	struct vault_logon about = { .logon = 0 };
	enum vault_result result = vault_redeem(s->vault, ticket, service, user, supervisor_now(), &about, ret_fd);
	struct log_logon who = { .logon = about.logon, .user = user, .rhost = about.rhost, .service = service };

	if (result == VAULT_GRANTED) {
		s->counters.redeemed++;
		who.kind = credential_kind_name(about.kind);
		log_logon_line(LOG_INFO, &who, "ticket redeemed");
		*ret_about = about;
	} else {
		s->counters.redeem_refused++;
		who.reason = result == VAULT_MISMATCH ? "ticket-mismatch" : "no-such-ticket";
		if (result == VAULT_MISMATCH)
			log_logon_line(LOG_WARNING, &who, "ticket of %s for service %s refused and destroyed",
				       about.user, about.service);
		else
			log_logon_line(LOG_WARNING, &who, "ticket refused: unknown, used or expired");
	}
	arm_vault_timer(s);
	return result;
}

/* ---- life ---- */

int supervisor_new(sd_event *event, const char *config_path, void (*ready)(void *userdata),
		   void (*failed)(void *userdata), void *userdata, struct supervisor **ret_supervisor, char **ret_error)
{
	struct supervisor *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	s->event = event;
	s->config_path = config_path;
	s->ready_fn = ready;
	s->failed_fn = failed;
	s->userdata = userdata;
	/* ids do not repeat over restarts, so that a log can be searched for one */
	s->last_logon = (uint64_t)time(NULL) << 20;
	r = config_load(config_path, &s->config, ret_error);
	if (r < 0) {
		free(s);
		return r;
	}
	log_set_debug(s->config.debug);
	s->vault = vault_new();
	s->backoff = backoff_new(s->config.backoff_failures, s->config.backoff_max_sec);
	r = s->vault && s->backoff ? 0 : -ENOMEM;
	if (r == 0)
		r = resolver_pool_new(event, config_path, on_resolvers_changed, s, &s->resolvers);
	if (r == 0)
		r = settle_all(s);
	if (r < 0) {
		supervisor_free(s);
		return r;
	}
	*ret_supervisor = s;
	return 0;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	handshake_free_all(s);
	store_verifier_gone(s);
	service_free(s->krb5);
	service_free(s->ntlm);
	service_free(s->verifier);
	resolver_pool_free(s->resolvers);
	(void)sd_event_source_disable_unref(s->vault_timer);
	vault_free(s->vault);
	backoff_free(s->backoff);
	config_done(&s->config);
	free(s);
}

int supervisor_reload(struct supervisor *s, char **ret_error)
{
	struct config config;
	int r;

	r = config_load(s->config_path, &config, ret_error);
	if (r < 0)
		return r;
	config_done(&s->config);
	s->config = config;
	log_set_debug(s->config.debug);
	backoff_configure(s->backoff, s->config.backoff_failures, s->config.backoff_max_sec);
	resolver_pool_restart(s->resolvers);
	return settle_all(s);
}

const struct config *supervisor_config(const struct supervisor *s)
{
	return &s->config;
}

const struct supervisor_counters *supervisor_counters(const struct supervisor *s)
{
	return &s->counters;
}

unsigned supervisor_handshakes(const struct supervisor *s)
{
	return s->n_handshakes;
}

unsigned supervisor_tickets(const struct supervisor *s)
{
	return (unsigned)vault_count(s->vault);
}
