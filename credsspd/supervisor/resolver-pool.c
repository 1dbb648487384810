/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/resolver-pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/service.h"

#define FIRST_RESOLVERS 2U /* started with the daemon; the others are started when there is work for them */

struct resolve {
	struct resolver_pool *pool;
	TAILQ_ENTRY(resolve) entry;
	struct resolver_request question;
	resolve_fn fn; /* NULL once cancelled */
	void *userdata;
	bool of_domain;
	struct process *resolver; /* the process that was asked; NULL while the question waits */
	sd_event_source *deadline;
};

struct resolver_pool {
	sd_event *event;
	const struct config *config;
	struct service *service[RESOLVER_POOL];
	unsigned started;
	TAILQ_HEAD(resolves, resolve) waiting, asked;
	unsigned n_waiting;
	unsigned n_of_domain; /* questions of domains among those that were asked */
	uint64_t last_id;
	bool closing;
	void (*changed)(void *userdata);
	void *userdata;
};

static int on_record(struct process *c, const void *p, size_t len, void *userdata);
static void on_gone(struct process *c, void *userdata);
static void on_ready(struct service *s, void *userdata);

static const struct service_ops ops = {
	.name = "resolver",
	.socket = WARDEN_SOCKETS "/resolver",
	.ready_type = RESOLVER_READY,
	.record_max = sizeof(struct resolver_answer),
	.record = on_record,
	.gone = on_gone,
	.ready = on_ready,
};

/* Takes the question out of the pool and answers it. */
static void resolve_finish(struct resolve *r, const struct resolver_answer *answer)
{
	resolve_fn fn = r->fn;
	void *userdata = r->userdata;

	if (r->resolver) {
		TAILQ_REMOVE(&r->pool->asked, r, entry);
		r->pool->n_of_domain -= r->of_domain;
		r->resolver->lookup = NULL;
		process_unref(r->resolver);
	} else {
		TAILQ_REMOVE(&r->pool->waiting, r, entry);
		r->pool->n_waiting--;
	}
	(void)sd_event_source_disable_unref(r->deadline);
	free(r);
	if (fn)
		fn(answer, userdata);
}

static void dispatch_requests(struct resolver_pool *p);

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct resolve *r = userdata;
	struct resolver_pool *pool = r->pool;

	if (r->resolver) {
		log_line(LOG_ERR,
			 "resolver: the name service (nsswitch.conf) did not answer a lookup of %s within %u s; killed",
			 r->of_domain ? "an account of a domain" : "an account", RESOLVER_TIMEOUT_SEC);
		process_kill(r->resolver);
	} else {
		log_line(LOG_ERR,
			 "resolver: the name service (nsswitch.conf) is too slow: a lookup of %s was given up after "
			 "%u s in the queue",
			 r->of_domain ? "an account of a domain" : "an account", RESOLVER_WAIT_SEC);
	}
	resolve_finish(r, NULL);
	dispatch_requests(pool);
	return 0;
}

static void send_request(struct process *c, struct resolve *r)
{
	TAILQ_REMOVE(&r->pool->waiting, r, entry);
	r->pool->n_waiting--;
	TAILQ_INSERT_HEAD(&r->pool->asked, r, entry);
	r->pool->n_of_domain += r->of_domain;
	r->resolver = c;
	c->lookup = r;
	process_ref(c);
	if (packet_send(c->control, &r->question, sizeof r->question, NULL, 0) < 0 ||
	    sd_event_source_set_time_relative(r->deadline, RESOLVER_TIMEOUT_SEC * USEC_PER_SEC) < 0)
		process_kill(c); /* on_gone() answers the question */
}

/* Returns the next question to ask, or NULL. A hanging name service of a domain must not take the reserved resolvers.
 */
static struct resolve *next_waiting(const struct resolver_pool *p)
{
	struct resolve *r;

	TAILQ_FOREACH(r, &p->waiting, entry)
		if (!r->of_domain || p->n_of_domain < RESOLVER_POOL - RESOLVER_RESERVED)
			break;
	return r;
}

/* Gives waiting questions to idle resolvers; starts another resolver when no resolver is idle. */
static void dispatch_requests(struct resolver_pool *p)
{
	struct resolve *r = p->closing ? NULL : next_waiting(p);

	for (unsigned i = 0; i < p->started && r; i++) {
		struct process *c = service_current(p->service[i]);

		if (!c || c->lookup)
			continue;
		send_request(c, r);
		r = next_waiting(p);
	}
	if (r && p->started < RESOLVER_POOL)
		(void)service_start(p->service[p->started++]); /* the service itself tries again */
}

static int on_record(struct process *c, const void *p, size_t len, void *userdata)
{
	struct resolver_pool *pool = userdata;
	struct resolve *r = c->lookup;
	struct resolver_answer answer;

	if (len != sizeof answer || !r)
		return -EPROTO;
	memcpy(&answer, p, sizeof answer);
	if (answer.type != RESOLVER_ANSWER || answer.id != r->question.id ||
	    !packet_text_ends(answer.name, sizeof answer.name) || (answer.refusal == 0 && !answer.name[0]))
		return -EPROTO;
	resolve_finish(r, &answer);
	dispatch_requests(pool);
	return 0;
}

static void on_gone(struct process *c, void *userdata)
{
	struct resolve *r = c->lookup;

	if (!r)
		return;
	resolve_finish(r, NULL);
	dispatch_requests(userdata); /* on_ready() is not called for a retired process */
}

static void on_ready(struct service *s, void *userdata)
{
	struct resolver_pool *p = userdata;

	dispatch_requests(p);
	p->changed(p->userdata);
}

int resolver_pool_new(sd_event *event, const char *config_path, const struct config *config,
		      void (*changed)(void *userdata), void *userdata, struct resolver_pool **ret_pool)
{
	struct resolver_pool *p = calloc(1, sizeof *p);
	int r = p ? 0 : -ENOMEM;

	if (!p)
		return r;
	p->event = event;
	p->config = config;
	p->changed = changed;
	p->userdata = userdata;
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->asked);
	for (unsigned i = 0; i < RESOLVER_POOL && r == 0; i++)
		r = service_new(event, &ops, config_path, p, &p->service[i]);
	for (unsigned i = 0; i < FIRST_RESOLVERS && r == 0; i++, p->started++)
		r = service_start(p->service[i]);
	if (r < 0) {
		resolver_pool_free(p);
		return r;
	}
	*ret_pool = p;
	return 0;
}

void resolver_pool_hang_up(struct resolver_pool *p)
{
	for (unsigned i = 0; p && i < RESOLVER_POOL; i++)
		service_hang_up(p->service[i]);
}

void resolver_pool_free(struct resolver_pool *p)
{
	struct resolve *r;

	if (!p)
		return;
	p->closing = true;
	TAILQ_FOREACH(r, &p->asked, entry)
		r->fn = NULL; /* the end of its resolver frees it */
	resolver_pool_hang_up(p);
	for (unsigned i = 0; i < RESOLVER_POOL; i++)
		service_free(p->service[i]);
	while ((r = TAILQ_FIRST(&p->waiting))) {
		r->fn = NULL;
		resolve_finish(r, NULL);
	}
	free(p);
}

bool resolver_pool_ready(const struct resolver_pool *p)
{
	for (unsigned i = 0; i < p->started; i++)
		if (service_current(p->service[i]))
			return true;
	return false;
}

bool resolver_pool_failed_to_start(const struct resolver_pool *p)
{
	return service_failed_to_start(p->service[0]);
}

bool resolver_pool_starting(const struct resolver_pool *p)
{
	for (unsigned i = 0; i < p->started; i++)
		if (service_starting(p->service[i]))
			return true;
	return false;
}

bool resolver_pool_stale(const struct resolver_pool *p)
{
	for (unsigned i = 0; i < p->started; i++)
		if (service_stale(p->service[i]))
			return true;
	return false;
}

void resolver_pool_restart(struct resolver_pool *p)
{
	uint64_t serial;

	for (unsigned i = 0; i < p->started; i++)
		(void)service_renew(p->service[i], &serial);
}

/*
 * Returns whether the lookup may ask a domain. Only a guess: winbind and SSSD can be configured to give accounts of a
 * domain names like those of local accounts.
 */
static bool of_domain(const struct config *c, const struct resolver_request *q)
{
	const char *realm = strrchr(q->principal, '@');

	return (q->mechanism == MECHANISM_NTLM && c->ntlm == CONFIG_NTLM_WINBIND) || strpbrk(q->user, "\\@") ||
	       config_is_domain(c, q->domain) || strchr(q->principal, '\\') ||
	       (realm && config_is_domain(c, realm + 1));
}

int resolve(struct resolver_pool *p, const struct resolver_request *question, resolve_fn fn, void *userdata,
	    struct resolve **ret_resolve)
{
	struct resolve *r;
	int e;

	if (p->n_waiting >= RESOLVER_QUEUE_MAX)
		return -EBUSY;
	r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	r->pool = p;
	r->question = *question;
	r->question.id = ++p->last_id;
	r->fn = fn;
	r->userdata = userdata;
	r->of_domain = of_domain(p->config, question);
	e = sd_event_add_time_relative(p->event, &r->deadline, CLOCK_BOOTTIME, RESOLVER_WAIT_SEC * USEC_PER_SEC, 100000,
				       on_deadline, r);
	if (e < 0) {
		free(r);
		return e;
	}
	TAILQ_INSERT_TAIL(&p->waiting, r, entry);
	p->n_waiting++;
	*ret_resolve = r;
	dispatch_requests(p);
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	r->fn = NULL;
	if (!r->resolver)
		resolve_finish(r, NULL);
}
