/* SPDX-License-Identifier: MIT */
/* Manager's calls about the NTLM store, passed on to the verifier, which alone holds it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/refusal.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/supervisor-private.h"

struct store_call {
	struct supervisor *s;
	struct store_call *next;
	uint64_t id;
	uint8_t type;           /* VERIFIER_SET, UPDATE, DELETE or LIST */
	bool create;            /* UPDATE becomes SET for an account that may log on */
	int pipe_fd;            /* SET, UPDATE: our duplicate */
	struct child *verifier; /* who has been asked */
	struct resolve *question;
	supervisor_changed_fn changed;
	supervisor_listed_fn listed;
	void *userdata;
};

/* Ends the call with its one answer. */
static void finish(struct store_call *c, int result)
{
	struct store_call **p = &c->s->store_calls;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	resolve_cancel(c->question);
	(void)close_fd(c->pipe_fd);
	if (c->verifier)
		child_unref(c->verifier);
	if (c->changed)
		c->changed(result, c->userdata);
	else
		c->listed(NULL, result, c->userdata);
	free(c);
}

static struct store_call *call_new(struct supervisor *s, uint8_t type, void *userdata)
{
	struct store_call *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	*c = (struct store_call){
		.s = s,
		.next = s->store_calls,
		.id = ++s->last_store_call,
		.type = type,
		.pipe_fd = -1,
		.userdata = userdata,
	};
	s->store_calls = c;
	return c;
}

static void send_call(struct store_call *c, const char *name, uint32_t uid)
{
	struct verifier_control r = { .type = c->type, .uid = uid, .id = c->id };
	struct child *verifier = service_current(c->s->verifier);
	int e;

	(void)snprintf(r.name, sizeof r.name, "%s", name);
	e = verifier ? packet_send(verifier->control, &r, sizeof r, &c->pipe_fd, c->pipe_fd >= 0 ? 1 : 0) : -ENETDOWN;
	c->pipe_fd = close_fd(c->pipe_fd);
	if (e < 0) {
		finish(c, e);
		return;
	}
	child_ref(verifier); /* after a reload it stays until it has answered */
	c->verifier = verifier;
	child_suspect(verifier); /* nothing else would tell that it is stuck */
}

/* What of the account rules the uid alone decides: nobody else needs a hash. */
static bool may_log_on(const struct config *c, uint32_t uid)
{
	return uid == 0 ? c->allow_root : uid >= c->minimum_uid;
}

static void on_name(const struct resolver_answer *answer, void *userdata)
{
	struct store_call *c = userdata;

	c->question = NULL;
	if (answer && c->create && may_log_on(&c->s->config, answer->uid))
		c->type = VERIFIER_SET;
	if (!answer)
		finish(c, -ENETDOWN);
	else if (answer->refusal == REFUSAL_NONE)
		send_call(c, answer->name, answer->uid);
	else
		finish(c, answer->refusal == REFUSAL_UNAVAILABLE ? -ENETDOWN : -ENOENT);
}

static int begin_set(struct supervisor *s, uint8_t type, bool create, const char *user, int pipe_fd,
		     supervisor_changed_fn fn, void *userdata)
{
	struct resolver_request q = { .type = RESOLVE_NAME };
	struct store_call *c;
	int r;

	if (!s->verifier)
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
	if (r < 0) {
		s->store_calls = c->next;
		(void)close_fd(c->pipe_fd);
		free(c);
		return r;
	}
	c->changed = fn;
	return 0;
}

int supervisor_set_verifier(struct supervisor *s, const char *user, int pipe_fd, supervisor_changed_fn fn,
			    void *userdata)
{
	return begin_set(s, VERIFIER_SET, false, user, pipe_fd, fn, userdata);
}

int supervisor_update_verifier(struct supervisor *s, const char *user, bool create, int pipe_fd,
			       supervisor_changed_fn fn, void *userdata)
{
	/* nobody's password is of interest then: not a failure to report to whoever changes one */
	if (s->config.ntlm != CONFIG_NTLM_LOCAL)
		return -ENOENT;
	return begin_set(s, VERIFIER_UPDATE, create, user, pipe_fd, fn, userdata);
}

int supervisor_delete_verifier(struct supervisor *s, const char *user, supervisor_changed_fn fn, void *userdata)
{
	struct store_call *c;

	if (!s->verifier)
		return -ENETDOWN;
	if (strlen(user) > ACCOUNT_NAME_MAX)
		return -EINVAL;
	c = call_new(s, VERIFIER_DELETE, userdata);
	if (!c)
		return -ENOMEM;
	c->changed = fn;
	/* by the name in the store: an account that no longer exists can be deleted from it */
	send_call(c, user, 0);
	return 0;
}

int supervisor_list_verifiers(struct supervisor *s, supervisor_listed_fn fn, void *userdata)
{
	struct store_call *c;

	if (!s->verifier)
		return -ENETDOWN;
	c = call_new(s, VERIFIER_LIST, userdata);
	if (!c)
		return -ENOMEM;
	c->listed = fn;
	send_call(c, "", 0);
	return 0;
}

static struct store_call *find(struct supervisor *s, uint64_t id)
{
	struct store_call *c = s->store_calls;

	while (c && c->id != id)
		c = c->next;
	return c;
}

static int on_changed(struct supervisor *s, const void *p, size_t len)
{
	struct verifier_changed r;
	struct store_call *c;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, p, sizeof r);
	c = find(s, r.id);
	if (!c || !c->changed || r.result > 0)
		return -EPROTO;
	finish(c, r.result);
	return 0;
}

static int on_listed(struct supervisor *s, const void *p, size_t len)
{
	struct verifier_listed r;
	struct store_call *c;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, p, sizeof r);
	c = find(s, r.id);
	if (!c || !c->listed || !memchr(r.name, '\0', sizeof r.name))
		return -EPROTO;
	if (r.more)
		c->listed(r.name, 0, c->userdata);
	else
		finish(c, 0);
	return 0;
}

int store_record(struct supervisor *s, const void *p, size_t len)
{
	switch (*(const uint8_t *)p) {
	case VERIFIER_CHANGED:
		return on_changed(s, p, len);
	case VERIFIER_LISTED:
		return on_listed(s, p, len);
	default:
		return -EPROTO;
	}
}

void store_verifier_gone(struct supervisor *s, struct child *verifier)
{
	struct store_call *next;

	for (struct store_call *c = s->store_calls; c; c = next) {
		next = c->next;
		if (verifier && c->verifier != verifier)
			continue;
		c->verifier = NULL;
		finish(c, -ENETDOWN);
	}
}
