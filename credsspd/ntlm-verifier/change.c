/* SPDX-License-Identifier: MIT */
/* Requests about the store that come through the supervisor: set, update (from the PAM module), delete, list. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"
#include "common/wire/name.h"
#include "credsspd/ntlm-verifier/ntlm-verifier-private.h"

#define CHANGES_MAX 64U
#define PASSWORD_TIMEOUT_USEC 10000000ULL
#define LIST_BATCH 64U

static void answer(struct verifier *v, uint64_t id, int result)
{
	struct verifier_changed r = { .type = VERIFIER_CHANGED, .result = result, .id = id };

	(void)packet_send(v->control, &r, sizeof r, NULL, 0);
}

/* Logs the store's error text, and returns the errno for the caller. */
static int told(int r, const char *what, const char *name, const char *error)
{
	char text[2 * ACCOUNT_NAME_MAX];

	if (r < 0 && r != -ENOENT && r != -EINVAL)
		log_line(LOG_ERR, "NTLM store: %s for %s failed: %s", what, log_escape(text, sizeof text, name),
			 error ? error : strerror(-r));
	return r;
}

/* ---- set ---- */

/* A SET or UPDATE that waits for its password. */
struct change {
	struct verifier *v;
	LIST_ENTRY(change) entry;
	uint8_t type; /* VERIFIER_SET or UPDATE */
	uint64_t id;
	uint32_t uid;
	char name[RECORD_NAME_MAX];
	int fd;
	sd_event_source *io, *timer;
	struct secret password;
};

void change_free(struct change *c)
{
	LIST_REMOVE(c, entry);
	c->v->n_changes--;
	(void)sd_event_source_disable_unref(c->io);
	(void)sd_event_source_disable_unref(c->timer);
	(void)close_fd(c->fd);
	secret_done(&c->password);
	free(c);
}

static void change_finish(struct change *c, int result)
{
	answer(c->v, c->id, result);
	change_free(c);
}

static int store_password(struct change *c)
{
	AUTO_FREE char *error = NULL;
	struct store_record r = { .uid = c->uid, .changed = (int64_t)time(NULL) };
	const uint8_t *p = secret_expose(&c->password);
	size_t len = secret_len(&c->password);
	int e;

	/* the password ends at end of file; a newline in it is a mistake of the caller */
	if (len == 0 || memchr(p, '\0', len) || memchr(p, '\n', len))
		return -EINVAL;
	memcpy(r.name, c->name, sizeof r.name);
	e = ntlmv2_hash_password((struct view){ p, len }, r.hash);
	if (e == 0)
		e = c->type == VERIFIER_SET ? store_set(c->v->store, &r, &error)
					    : store_update(c->v->store, &r, &error);
	secret_wipe(&r, sizeof r);
	return told(e == -EILSEQ ? -EINVAL : e, "set", c->name, error);
}

static int on_password(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct change *c = userdata;
	size_t len = secret_len(&c->password);
	ssize_t n = read(fd, (uint8_t *)secret_expose(&c->password) + len, secret_room(&c->password));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		change_finish(c, -errno);
		return 0;
	}
	(void)secret_set_len(&c->password, len + (size_t)n);
	if (n == 0)
		change_finish(c, store_password(c));
	else if (secret_room(&c->password) == 0)
		change_finish(c, -EINVAL); /* the password is too long */
	return 0;
}

static int on_password_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	change_finish(userdata, -ETIMEDOUT);
	return 0;
}

static int await_password(struct change *c)
{
	int r = secret_init(&c->password, PASSWORD_MAX + 1); /* one more, to see that it is too long */

	if (r == 0 && fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r >= 0)
		r = sd_event_add_io(c->v->event, &c->io, c->fd, EPOLLIN, on_password, c);
	if (r >= 0)
		r = sd_event_add_time_relative(c->v->event, &c->timer, CLOCK_BOOTTIME, PASSWORD_TIMEOUT_USEC, 100000,
					       on_password_late, c);
	return r < 0 ? r : 0;
}

void change_set(struct verifier *v, const struct verifier_control *what, int *fd)
{
	size_t len = strlen(what->name);
	struct change *c;
	int r;

	if (*fd < 0 || len == 0 || len > ACCOUNT_NAME_MAX || name_check(what->name, len) < 0) {
		answer(v, what->id, -EINVAL);
		return;
	}
	c = v->n_changes < CHANGES_MAX ? calloc(1, sizeof *c) : NULL;
	if (!c) {
		answer(v, what->id, v->n_changes < CHANGES_MAX ? -ENOMEM : -EBUSY);
		return;
	}
	*c = (struct change){ .v = v,
			      .type = what->type,
			      .id = what->id,
			      .uid = what->uid,
			      .fd = TAKE_FD(*fd),
			      .password = SECRET_NULL };
	memcpy(c->name, what->name, len);
	LIST_INSERT_HEAD(&v->changes, c, entry);
	v->n_changes++;
	r = await_password(c);
	if (r < 0)
		change_finish(c, r);
}

/* ---- delete ---- */

void change_delete(struct verifier *v, const struct verifier_control *what)
{
	AUTO_FREE char *error = NULL;
	int r = store_remove(v->store, what->name, &error);

	answer(v, what->id, told(r, "delete", what->name, error));
}

/* ---- list ---- */

/* A LIST that is being answered, a few records at a time, so that logons do not wait for its end. */
struct listing {
	struct verifier *v;
	LIST_ENTRY(listing) entry;
	uint64_t id;
	char last[RECORD_NAME_MAX]; /* the name sent last, because the store may change in between */
	sd_event_source *turn;
};

void listing_free(struct listing *l)
{
	LIST_REMOVE(l, entry);
	(void)sd_event_source_disable_unref(l->turn);
	free(l);
}

static void end_list(struct verifier *v, uint64_t id)
{
	struct verifier_listed r = { .type = VERIFIER_LISTED, .more = 0, .id = id };

	(void)packet_send(v->control, &r, sizeof r, NULL, 0);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct listing *l = userdata;

	for (unsigned i = 0; i < LIST_BATCH; i++) {
		const struct store_record *s = store_after(l->v->store, l->last);
		struct verifier_listed r = { .type = VERIFIER_LISTED, .more = 1, .id = l->id };

		if (!s) {
			end_list(l->v, l->id);
			listing_free(l);
			return 0;
		}
		r.uid = s->uid;
		memcpy(r.name, s->name, sizeof s->name);
		memcpy(l->last, s->name, sizeof s->name);
		if (packet_send(l->v->control, &r, sizeof r, NULL, 0) < 0) {
			listing_free(l);
			return 0;
		}
	}
	return 0;
}

void change_list(struct verifier *v, const struct verifier_control *what)
{
	struct listing *l = calloc(1, sizeof *l);
	int r = l ? 0 : -ENOMEM;

	store_refresh_and_log(v->store);
	if (l) {
		*l = (struct listing){ .v = v, .id = what->id };
		LIST_INSERT_HEAD(&v->listings, l, entry);
		r = sd_event_add_defer(v->event, &l->turn, on_turn, l);
		if (r >= 0)
			r = sd_event_source_set_priority(l->turn, SD_EVENT_PRIORITY_IDLE);
		if (r >= 0)
			r = sd_event_source_set_enabled(l->turn, SD_EVENT_ON);
	}
	if (r < 0) {
		log_line(LOG_ERR, "NTLM store: the list cannot be made: %s", strerror(-r));
		end_list(v, what->id);
		if (l)
			listing_free(l);
	}
}

/* ---- no store ---- */

int change_refuse(struct verifier *v, const struct verifier_control *what)
{
	switch (what->type) {
	case VERIFIER_SET:
	case VERIFIER_UPDATE: /* a call from before a reload that switched the store off */
	case VERIFIER_DELETE:
		answer(v, what->id, -ENETDOWN);
		return 0;
	case VERIFIER_LIST:
		end_list(v, what->id);
		return 0;
	default:
		return -EPROTO;
	}
}
