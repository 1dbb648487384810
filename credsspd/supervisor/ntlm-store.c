/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/ntlm-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/refusal.h"
#include "common/ipc/packet.h"

struct store_call {
	struct ntlm_store *store;
	TAILQ_ENTRY(store_call) entry;
	uint64_t id;
	uint8_t type;             /* VERIFIER_SET, UPDATE, DELETE or LIST */
	bool create;              /* UPDATE becomes SET for an account that may log on */
	int pipe_fd;              /* SET, UPDATE: a duplicate */
	struct process *verifier; /* the process that has the call */
	struct resolve *question;
	ntlm_store_changed_fn changed;
	ntlm_store_listed_fn listed;
	void *userdata;
};

struct ntlm_store {
	struct services *services;
	struct resolver_pool *resolvers;
	const struct config *config;
	TAILQ_HEAD(, store_call) calls;
	uint64_t last_call;
};

static void call_free(struct store_call *c)
{
	TAILQ_REMOVE(&c->store->calls, c, entry);
	resolve_cancel(c->question);
	(void)close_fd(c->pipe_fd);
	if (c->verifier)
		process_unref(c->verifier);
	free(c);
}

/* Ends the call with its one answer. */
static void store_call_finish(struct store_call *c, int result)
{
	if (c->changed)
		c->changed(result, c->userdata);
	else
		c->listed(NULL, result, c->userdata);
	call_free(c);
}

static struct store_call *call_new(struct ntlm_store *s, uint8_t type, void *userdata)
{
	struct store_call *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	*c = (struct store_call){ .store = s, .id = ++s->last_call, .type = type, .pipe_fd = -1, .userdata = userdata };
	TAILQ_INSERT_TAIL(&s->calls, c, entry);
	return c;
}

static void send_call(struct store_call *c, const char *name, uint32_t uid)
{
	struct verifier_control r = { .type = c->type, .uid = uid, .id = c->id };
	struct process *verifier = service_current(c->store->services->verifier);
	int e;

	(void)snprintf(r.name, sizeof r.name, "%s", name);
	e = verifier ? packet_send(verifier->control, &r, sizeof r, &c->pipe_fd, c->pipe_fd >= 0 ? 1 : 0) : -ENETDOWN;
	c->pipe_fd = close_fd(c->pipe_fd);
	if (e < 0) {
		store_call_finish(c, e);
		return;
	}
	process_ref(verifier); /* after a reload it stays until it has answered */
	c->verifier = verifier;
	process_suspect(verifier); /* the ping is the call's deadline */
}

/* Checks the account rules about the uid: an account that may not log on needs no hash. */
static bool may_log_on(const struct config *c, uint32_t uid)
{
	return uid == 0 ? c->allow_root : uid >= c->minimum_uid;
}

static void on_name(const struct resolver_answer *answer, void *userdata)
{
	struct store_call *c = userdata;

	c->question = NULL;
	if (answer && c->create && may_log_on(c->store->config, answer->uid))
		c->type = VERIFIER_SET;
	if (!answer)
		store_call_finish(c, -ENETDOWN);
	else if (answer->refusal == REFUSAL_NONE)
		send_call(c, answer->name, answer->uid);
	else
		store_call_finish(c, answer->refusal == REFUSAL_UNAVAILABLE ? -ENETDOWN : -ENOENT);
}

static int begin_set(struct ntlm_store *s, uint8_t type, bool create, const char *user, int pipe_fd,
		     ntlm_store_changed_fn fn, void *userdata)
{
	struct resolver_request q = { .type = RESOLVE_NAME };
	struct store_call *c;
	int r;

	if (!s->services->verifier)
		return -ENETDOWN;
	if (strlen(user) > ACCOUNT_NAME_MAX)
		return -EINVAL;
	c = call_new(s, type, userdata);
	if (!c)
		return -ENOMEM;
	c->create = create;
	(void)snprintf(q.user, sizeof q.user, "%s", user);
	c->pipe_fd = fcntl(pipe_fd, F_DUPFD_CLOEXEC, 3);
	r = c->pipe_fd < 0 ? -errno : resolve(s->resolvers, &q, on_name, c, &c->question);
	c->changed = fn;
	if (r < 0)
		call_free(c);
	return r;
}

int ntlm_store_set(struct ntlm_store *s, const char *user, int pipe_fd, ntlm_store_changed_fn fn, void *userdata)
{
	return begin_set(s, VERIFIER_SET, false, user, pipe_fd, fn, userdata);
}

int ntlm_store_update(struct ntlm_store *s, const char *user, bool create, int pipe_fd, ntlm_store_changed_fn fn,
		      void *userdata)
{
	if (s->config->ntlm != CONFIG_NTLM_LOCAL)
		return -ENOENT;
	return begin_set(s, VERIFIER_UPDATE, create, user, pipe_fd, fn, userdata);
}

int ntlm_store_delete(struct ntlm_store *s, const char *user, ntlm_store_changed_fn fn, void *userdata)
{
	struct store_call *c;

	if (!s->services->verifier)
		return -ENETDOWN;
	if (strlen(user) > ACCOUNT_NAME_MAX)
		return -EINVAL;
	c = call_new(s, VERIFIER_DELETE, userdata);
	if (!c)
		return -ENOMEM;
	c->changed = fn;
	/* not resolved: the record of an account that no longer exists can be deleted */
	send_call(c, user, 0);
	return 0;
}

int ntlm_store_list(struct ntlm_store *s, ntlm_store_listed_fn fn, void *userdata)
{
	struct store_call *c;

	if (!s->services->verifier)
		return -ENETDOWN;
	c = call_new(s, VERIFIER_LIST, userdata);
	if (!c)
		return -ENOMEM;
	c->listed = fn;
	send_call(c, "", 0);
	return 0;
}

static struct store_call *find_store_call(struct ntlm_store *s, uint64_t id)
{
	struct store_call *c;

	TAILQ_FOREACH(c, &s->calls, entry)
		if (c->id == id)
			break;
	return c;
}

static int on_changed(struct ntlm_store *s, const void *record, size_t len)
{
	struct verifier_changed r;
	struct store_call *c;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, record, sizeof r);
	c = find_store_call(s, r.id);
	if (!c || !c->changed || r.result > 0)
		return -EPROTO;
	store_call_finish(c, r.result);
	return 0;
}

static int on_listed(struct ntlm_store *s, const void *record, size_t len)
{
	struct verifier_listed r;
	struct store_call *c;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, record, sizeof r);
	c = find_store_call(s, r.id);
	if (!c || !c->listed || !packet_text_ends(r.name, sizeof r.name))
		return -EPROTO;
	if (r.more)
		c->listed(r.name, 0, c->userdata);
	else
		store_call_finish(c, 0);
	return 0;
}

int ntlm_store_answer(struct ntlm_store *s, const void *record, size_t len)
{
	switch (*(const uint8_t *)record) {
	case VERIFIER_CHANGED:
		return on_changed(s, record, len);
	case VERIFIER_LISTED:
		return on_listed(s, record, len);
	default:
		return -EPROTO;
	}
}

/* Fails the calls that @verifier has; with NULL, all calls. */
static void fail_calls(struct ntlm_store *s, const struct process *verifier)
{
	struct store_call *c, *next;

	for (c = TAILQ_FIRST(&s->calls); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!verifier || c->verifier == verifier) {
			c->verifier = NULL;
			store_call_finish(c, -ENETDOWN);
		}
	}
}

void ntlm_store_verifier_gone(struct ntlm_store *s, const struct process *verifier)
{
	fail_calls(s, verifier);
}

int ntlm_store_new(struct services *services, struct resolver_pool *resolvers, const struct config *config,
		   struct ntlm_store **ret_store)
{
	struct ntlm_store *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	*s = (struct ntlm_store){ .services = services, .resolvers = resolvers, .config = config };
	TAILQ_INIT(&s->calls);
	*ret_store = s;
	return 0;
}

void ntlm_store_free(struct ntlm_store *s)
{
	if (!s)
		return;
	fail_calls(s, NULL);
	free(s);
}
