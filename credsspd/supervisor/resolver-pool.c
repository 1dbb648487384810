/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/resolver-pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/service.h"

#define USEC_PER_SEC_ 1000000ULL
#define FIRST_RESOLVERS 2U /* started with the daemon; the others when there is work for them */

struct resolve {
	struct resolver_pool *pool;
	struct resolve *next;
	struct resolver_request question;
	resolve_fn fn; /* NULL once cancelled */
	void *userdata;
	bool of_domain;
	struct child *child; /* who has been asked; NULL while it waits */
	sd_event_source *deadline;
};

struct resolver_pool {
	sd_event *event;
	const struct config *config;
	struct service *service[RESOLVER_POOL];
	unsigned started;
	struct resolve *waiting, *asked;
	unsigned n_waiting;
	unsigned n_of_domain; /* of those asked */
	uint64_t last_id;
	bool closing;
	void (*changed)(void *userdata);
	void *userdata;
};

static int on_record(struct child *c, const void *p, size_t len, void *userdata);
static void on_gone(struct child *c, void *userdata);
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

static void unlink_from(struct resolve **list, struct resolve *r)
{
	while (*list && *list != r)
		list = &(*list)->next;
	if (*list)
		*list = r->next;
	r->next = NULL;
}

/* Takes the question out of the pool and answers it. */
static void finish(struct resolve *r, const struct resolver_answer *answer)
{
	resolve_fn fn = r->fn;
	void *userdata = r->userdata;

	unlink_from(&r->pool->asked, r);
	r->pool->n_of_domain -= r->of_domain;
	if (r->child) {
		r->child->use = NULL;
		child_unref(r->child);
	}
	(void)sd_event_source_disable_unref(r->deadline);
	free(r);
	if (fn)
		fn(answer, userdata);
}

static void dispatch(struct resolver_pool *p);

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct resolve *r = userdata;
	struct resolver_pool *pool = r->pool;

	(void)source;
	(void)usec;
	log_line(LOG_ERR,
		 "resolver: the name service (nsswitch.conf) did not answer a lookup of %s within %u s; killed",
		 r->of_domain ? "an account of a domain" : "an account", RESOLVER_TIMEOUT_SEC);
	child_kill(r->child);
	finish(r, NULL);
	dispatch(pool);
	return 0;
}

static void ask(struct child *c, struct resolve *r)
{
	unlink_from(&r->pool->waiting, r);
	r->pool->n_waiting--;
	r->next = r->pool->asked;
	r->pool->asked = r;
	r->pool->n_of_domain += r->of_domain;
	r->child = c;
	c->use = r;
	child_ref(c);
	if (packet_send(c->control, &r->question, sizeof r->question, NULL, 0) < 0 ||
	    sd_event_add_time_relative(r->pool->event, &r->deadline, CLOCK_BOOTTIME,
				       RESOLVER_TIMEOUT_SEC * USEC_PER_SEC_, 100000, on_deadline, r) < 0)
		child_kill(c); /* its end answers the question */
}

/* The one whose turn it is. A name service that hangs keeps all that may ask for a domain's names, and they would keep
 * those of this host's. */
static struct resolve *next_waiting(const struct resolver_pool *p)
{
	struct resolve *r = p->waiting;

	while (r && r->of_domain && p->n_of_domain >= RESOLVER_POOL - RESOLVER_RESERVED)
		r = r->next;
	return r;
}

/* Gives waiting questions to idle resolvers; starts another resolver when there are none. */
static void dispatch(struct resolver_pool *p)
{
	struct resolve *r = p->closing ? NULL : next_waiting(p);

	for (unsigned i = 0; i < p->started && r; i++) {
		struct child *c = service_current(p->service[i]);

		if (!c || c->use)
			continue;
		ask(c, r);
		r = next_waiting(p);
	}
	if (r && p->started < RESOLVER_POOL)
		(void)service_start(p->service[p->started++]); /* one that cannot be started now is tried again */
}

static int on_record(struct child *c, const void *p, size_t len, void *userdata)
{
	struct resolver_pool *pool = userdata;
	struct resolve *r = c->use;
	struct resolver_answer answer;

	if (len != sizeof answer || !r)
		return -EPROTO;
	memcpy(&answer, p, sizeof answer);
	if (answer.type != RESOLVER_ANSWER || answer.id != r->question.id ||
	    !memchr(answer.name, '\0', sizeof answer.name) || (answer.refusal == 0 && !answer.name[0]))
		return -EPROTO;
	finish(r, &answer);
	dispatch(pool);
	return 0;
}

static void on_gone(struct child *c, void *userdata)
{
	struct resolve *r = c->use;

	if (!r)
		return;
	finish(r, NULL);
	dispatch(userdata); /* of a retired one nobody hears that it has ended */
}

static void on_ready(struct service *s, void *userdata)
{
	struct resolver_pool *p = userdata;

	(void)s;
	dispatch(p);
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
	if (!p)
		return;
	p->closing = true;
	for (struct resolve *r = p->asked; r; r = r->next)
		r->fn = NULL; /* the end of its resolver frees it */
	resolver_pool_hang_up(p);
	for (unsigned i = 0; i < RESOLVER_POOL; i++)
		service_free(p->service[i]);
	while (p->waiting) {
		struct resolve *r = p->waiting;

		unlink_from(&p->waiting, r);
		free(r);
	}
	free(p);
}

int resolver_pool_ready(const struct resolver_pool *p)
{
	for (unsigned i = 0; i < p->started; i++)
		if (service_current(p->service[i]))
			return 1;
	return 0;
}

int resolver_pool_failed_to_start(const struct resolver_pool *p)
{
	return service_failed_to_start(p->service[0]);
}

int resolver_pool_starting(const struct resolver_pool *p)
{
	for (unsigned i = 0; i < p->started; i++)
		if (service_starting(p->service[i]))
			return 1;
	return 0;
}

int resolver_pool_stale(const struct resolver_pool *p)
{
	for (unsigned i = 0; i < p->started; i++)
		if (service_stale(p->service[i]))
			return 1;
	return 0;
}

void resolver_pool_restart(struct resolver_pool *p)
{
	uint64_t serial;

	for (unsigned i = 0; i < p->started; i++)
		(void)service_renew(p->service[i], &serial);
}

/*
 * Whether a domain's name may be asked for. By what is known here: winbind and SSSD may be set up to call accounts of
 * the domain as this host calls its own.
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
	struct resolve **last = &p->waiting;
	struct resolve *r;

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
	while (*last)
		last = &(*last)->next;
	*last = r;
	p->n_waiting++;
	*ret_resolve = r;
	dispatch(p);
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	r->fn = NULL;
	if (!r->child) {
		unlink_from(&r->pool->waiting, r);
		r->pool->n_waiting--;
		free(r);
	}
}
