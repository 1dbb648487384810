/* SPDX-License-Identifier: MIT */
/* Connects the parts: start, reload, stop, and the callbacks from one part to another. */
#include "credsspd/supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reload {
	TAILQ_ENTRY(reload) entry;
	supervisor_reloaded_fn fn;
	void *userdata;
};

/* ---- reload ---- */

void supervisor_stale(const struct supervisor *s, char *out, size_t size)
{
	size_t n = services_stale(&s->services, out, size);

	if (n < size && resolver_pool_stale(s->resolvers))
		(void)snprintf(out + n, size - n, "%sresolver", n ? ", " : "");
}

/* Answers all waiting reloads. */
static void answer_reloads(struct supervisor *s, enum reload_result result, const char *stale)
{
	struct reload *r;

	while ((r = TAILQ_FIRST(&s->reloads))) {
		TAILQ_REMOVE(&s->reloads, r, entry);
		r->fn(result, stale, r->userdata);
		free(r);
	}
}

/* A reload is over when every process that it has started is ready or has failed. */
static void check_reloads(struct supervisor *s)
{
	char stale[128];

	if (TAILQ_EMPTY(&s->reloads) || services_starting(&s->services) || resolver_pool_starting(s->resolvers))
		return;
	supervisor_stale(s, stale, sizeof stale);
	if (stale[0]) {
		log_line(LOG_ERR,
			 "reload: %s did not restart (the lines above say why): the old process, if any, continues "
			 "with the old configuration",
			 stale);
		answer_reloads(s, RELOAD_STALE, stale);
	} else {
		log_line(LOG_INFO, "configuration and keys read again");
		answer_reloads(s, RELOAD_DONE, NULL);
	}
}

/* Starts, renews and ends processes as the configuration says. Returns 0 or -errno; failed starts are retried later. */
static int supervisor_settle(struct supervisor *s)
{
	uint64_t krb5;
	int watched = keytab_watch_settle(s->keytab); /* before the keytab is read */
	int r = services_settle(&s->services, &krb5);

	account_check_reset(&s->logons);
	if (krb5 && s->was_ready)
		keytab_watch_expect(s->keytab, krb5);
	return watched < 0 ? watched : r;
}

int supervisor_reload(struct supervisor *s, supervisor_reloaded_fn fn, void *userdata, char **ret_error)
{
	struct reload *reload = calloc(1, sizeof *reload);
	struct config config;
	int r = reload ? config_load(s->services.config_path, &config, ret_error) : -ENOMEM;

	if (r < 0) {
		free(reload);
		return r;
	}
	config_done(&s->config);
	s->config = config;
	log_set_debug(s->config.debug);
	backoff_configure(s->backoff, s->config.backoff_failures, s->config.backoff_max_sec);
	resolver_pool_restart(s->resolvers);
	r = supervisor_settle(s);
	if (r < 0)
		log_line(LOG_ERR, "reload: not every process could be started: %s", strerror(-r));
	*reload = (struct reload){ .fn = fn, .userdata = userdata };
	TAILQ_INSERT_TAIL(&s->reloads, reload, entry);
	check_reloads(s);
	return 0;
}

/* ---- what one part reports to others ---- */

static void on_changed(void *userdata)
{
	struct supervisor *s = userdata;
	const struct process *krb5 = service_current(s->services.krb5);

	if (!s->resolvers) /* called from resolver_pool_new() */
		return;
	keytab_watch_template(s->keytab, krb5 ? krb5->serial : 0,
			      s->services.krb5 && service_starting(s->services.krb5));
	if (!s->was_ready && (services_failed_to_start(&s->services) || resolver_pool_failed_to_start(s->resolvers))) {
		s->failed(s->userdata);
	} else if (!s->was_ready && services_ready(&s->services) && resolver_pool_ready(s->resolvers)) {
		s->was_ready = true;
		services_log_off(&s->services);
		s->ready(s->userdata);
	}
	check_reloads(s);
}

static void on_gone(const struct process *p, void *userdata)
{
	struct supervisor *s = userdata;

	logons_process_gone(&s->logons, p);
	ntlm_store_verifier_gone(s->store, p);
}

static int on_verifier_result(const struct verifier_result *result, void *userdata)
{
	struct supervisor *s = userdata;

	return logons_verifier_result(&s->logons, result);
}

static int on_store_answer(const void *record, size_t len, void *userdata)
{
	const struct supervisor *s = userdata;

	return ntlm_store_answer(s->store, record, len);
}

static int renew_keys(uint64_t *ret_serial, void *userdata)
{
	struct supervisor *s = userdata;

	return services_renew_keys(&s->services, ret_serial);
}

static void resume_logons(void *userdata)
{
	struct supervisor *s = userdata;

	logons_resume(&s->logons);
}

/* ---- life ---- */

static const struct services_ops services_ops = {
	.gone = on_gone,
	.verifier_result = on_verifier_result,
	.store_answer = on_store_answer,
	.changed = on_changed,
};

static const struct keytab_watch_ops keytab_watch_ops = { .renew = renew_keys, .resume = resume_logons };

static int make_parts(struct supervisor *s, sd_event *event, const char *config_path)
{
	int r;

	s->services = (struct services){
		.event = event, .config_path = config_path, .config = &s->config, .ops = &services_ops, .userdata = s
	};
	s->backoff = backoff_new(s->config.backoff_failures, s->config.backoff_max_sec);
	r = s->backoff ? tickets_new(event, &s->config, &s->tickets) : -ENOMEM;
	if (r == 0)
		r = keytab_watch_new(event, &s->config, &keytab_watch_ops, s, &s->keytab);
	if (r == 0)
		r = resolver_pool_new(event, config_path, &s->config, on_changed, s, &s->resolvers);
	if (r == 0)
		r = account_pool_new(event, WARDEN_SOCKETS "/account-checker", &s->accounts);
	if (r == 0)
		r = ntlm_store_new(&s->services, s->resolvers, &s->config, &s->store);
	s->logons = (struct logons){
		.event = event,
		.config = &s->config,
		.services = &s->services,
		.resolvers = s->resolvers,
		.accounts = s->accounts,
		.tickets = s->tickets,
		.keytab = s->keytab,
		.backoff = s->backoff,
	};
	return r == 0 ? logons_init(&s->logons) : r;
}

int supervisor_new(sd_event *event, const char *config_path, void (*ready)(void *userdata),
		   void (*failed)(void *userdata), void *userdata, struct supervisor **ret_supervisor, char **ret_error)
{
	struct supervisor *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	s->ready = ready;
	s->failed = failed;
	s->userdata = userdata;
	TAILQ_INIT(&s->reloads);
	TAILQ_INIT(&s->logons.list);
	r = config_load(config_path, &s->config, ret_error);
	if (r < 0) {
		free(s);
		return r;
	}
	log_set_debug(s->config.debug);
	r = make_parts(s, event, config_path);
	if (r == 0)
		r = supervisor_settle(s);
	if (r < 0) {
		supervisor_free(s);
		return r;
	}
	*ret_supervisor = s;
	return 0;
}

void supervisor_stop(struct supervisor *s)
{
	if (!s || !s->backoff)
		return;
	logons_done(&s->logons);
	answer_reloads(s, RELOAD_STOPPED, NULL);
	tickets_free(s->tickets);
	services_hang_up(&s->services);
	resolver_pool_hang_up(s->resolvers);
	account_pool_hang_up(s->accounts);
	services_free(&s->services);
	ntlm_store_free(s->store);
	resolver_pool_free(s->resolvers);
	account_pool_free(s->accounts);
	keytab_watch_free(s->keytab);
	backoff_free(s->backoff);
	s->backoff = NULL;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	supervisor_stop(s);
	config_done(&s->config);
	free(s);
}
