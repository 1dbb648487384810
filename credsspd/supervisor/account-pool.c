/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/account-pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/refusal.h"
#include "common/ipc/packet.h"

struct checker_connection {
	struct account_pool *pool;
	LIST_ENTRY(checker_connection) entry;
	int fd;
	sd_event_source *io;
	struct account_ask *ask; /* NULL: idle */
	unsigned asked;
	bool old; /* started before a reload: closed when it is idle */
};

struct account_ask {
	struct account_pool *pool;
	TAILQ_ENTRY(account_ask) entry;
	struct account_question question;
	account_fn fn; /* NULL once cancelled */
	void *userdata;
	struct checker_connection *connection; /* NULL: the question waits */
	sd_event_source *deadline;
};

struct account_pool {
	sd_event *event;
	const char *socket;
	LIST_HEAD(, checker_connection) connections;
	unsigned n_connections;
	TAILQ_HEAD(, account_ask) asks; /* oldest first */
	uint64_t last_id;
	unsigned misses;       /* in a row */
	uint64_t paused_until; /* clock_usec() */
};

/* ---- questions ---- */

static void ask_free(struct account_ask *a)
{
	TAILQ_REMOVE(&a->pool->asks, a, entry);
	if (a->connection)
		a->connection->ask = NULL;
	(void)sd_event_source_disable_unref(a->deadline);
	free(a);
}

static void account_ask_finish(struct account_ask *a, const struct account_answer *answer, const char *why)
{
	account_fn fn = a->fn;
	void *userdata = a->userdata;

	ask_free(a);
	if (fn)
		fn(answer, why, userdata);
}

static struct account_ask *first_waiting(const struct account_pool *p)
{
	struct account_ask *a;

	TAILQ_FOREACH(a, &p->asks, entry)
		if (!a->connection)
			break;
	return a;
}

/* ---- connections ---- */

static void checker_connection_free(struct checker_connection *c)
{
	LIST_REMOVE(c, entry);
	c->pool->n_connections--;
	if (c->ask)
		c->ask->connection = NULL;
	(void)sd_event_source_disable_unref(c->io);
	(void)packet_close(c->fd);
	free(c);
}

static void dispatch_questions(struct account_pool *p);

/*
 * A module of the host that has taken over the checker may refuse an account that PAM accepts, but not with a reason that
 * counts as a failure of the client's address.
 */
static bool is_account_state(unsigned refusal)
{
	static const unsigned allowed[] = {
		REFUSAL_NONE,
		REFUSAL_ACCOUNT_DISABLED,
		REFUSAL_ACCOUNT_EXPIRED,
		REFUSAL_PASSWORD_EXPIRED,
		REFUSAL_PASSWORD_MUST_CHANGE,
		REFUSAL_ACCOUNT_RESTRICTION,
	};

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (allowed[i] == refusal)
			return true;
	return false;
}

static bool is_answer(const struct account_ask *a, const struct account_answer *answer, ssize_t len)
{
	return a && len == (ssize_t)sizeof *answer && answer->type == ACCOUNT_ANSWER && answer->id == a->question.id &&
	       is_account_state(answer->refusal) && packet_text_ends(answer->detail, sizeof answer->detail);
}

static int on_record(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct checker_connection *c = userdata;
	struct account_pool *p = c->pool;
	struct account_ask *a = c->ask;
	struct account_answer answer;
	ssize_t n = packet_recv(fd, &answer, sizeof answer, NULL, 0);
	bool good = n > 0 && is_answer(a, &answer, n);

	if (n == -EAGAIN)
		return 0;
	if (n != 0 && !good)
		log_line(LOG_ERR, "account-checker: sent a message that is not allowed now; killed");
	if (good)
		p->misses = 0;
	if (!good || c->old || c->asked >= ACCOUNT_CHECKER_QUESTIONS_MAX)
		checker_connection_free(c);
	if (a)
		account_ask_finish(a, good ? &answer : NULL, "the account checker has ended");
	dispatch_questions(p);
	return 0;
}

/* Returns 0 or -errno. */
static int connect_one(struct account_pool *p)
{
	struct checker_connection *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct checker_connection){ .pool = p, .fd = packet_connect(p->socket) };
	LIST_INSERT_HEAD(&p->connections, c, entry);
	p->n_connections++;
	r = c->fd < 0 ? c->fd : sd_event_add_io(p->event, &c->io, c->fd, EPOLLIN, on_record, c);
	if (r < 0) {
		checker_connection_free(c);
		return r;
	}
	packet_refuse_fds(c->fd);
	return 0;
}

static struct checker_connection *idle_connection(const struct account_pool *p)
{
	struct checker_connection *c;

	LIST_FOREACH(c, &p->connections, entry)
		if (!c->ask && !c->old)
			break;
	return c;
}

/* Returns false when the process has ended; @c is then freed. */
static bool send_question(struct checker_connection *c, struct account_ask *a)
{
	c->asked++;
	if (packet_send(c->fd, &a->question, sizeof a->question, NULL, 0) < 0) {
		checker_connection_free(c);
		return false;
	}
	c->ask = a;
	a->connection = c;
	return true;
}

/* Gives waiting questions to idle connections, and makes new ones. Returns 0 or the -errno of the last attempt. */
static int try_dispatch(struct account_pool *p)
{
	struct account_ask *a;
	unsigned tries = 2 * ACCOUNT_CHECKERS_MAX; /* idle connections can be closed at the other end; then new ones */
	int r = 0;

	while ((a = first_waiting(p)) && tries-- > 0) {
		struct checker_connection *c = idle_connection(p);

		if (!c && p->n_connections >= ACCOUNT_CHECKERS_MAX)
			return 0;
		if (!c) {
			r = connect_one(p);
			if (r < 0)
				return r;
			c = idle_connection(p);
		}
		r = send_question(c, a) ? 0 : -ECONNRESET;
	}
	return r;
}

static void dispatch_questions(struct account_pool *p)
{
	int r = try_dispatch(p);

	/* no connection will become idle */
	while (r < 0 && !p->n_connections && !TAILQ_EMPTY(&p->asks))
		account_ask_finish(TAILQ_FIRST(&p->asks), NULL, strerror(-r));
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct account_ask *a = userdata;
	struct account_pool *p = a->pool;
	const char *why = "no answer in time, all account checkers were busy";

	if (a->connection) {
		why = "no answer in time, a module of the account phase hangs";
		checker_connection_free(a->connection);
		if (++p->misses >= ACCOUNT_CHECK_MISSES)
			p->paused_until = clock_usec() + ACCOUNT_CHECK_PAUSE_SEC * USEC_PER_SEC;
	}
	account_ask_finish(a, NULL, why);
	dispatch_questions(p);
	return 0;
}

/* ---- interface ---- */

int account_pool_new(sd_event *event, const char *socket, struct account_pool **ret_pool)
{
	struct account_pool *p = calloc(1, sizeof *p);

	if (!p)
		return -ENOMEM;
	p->event = event;
	p->socket = socket;
	TAILQ_INIT(&p->asks);
	*ret_pool = p;
	return 0;
}

void account_pool_hang_up(struct account_pool *p)
{
	struct checker_connection *c;

	if (!p)
		return;
	LIST_FOREACH(c, &p->connections, entry)
		(void)shutdown(c->fd, SHUT_WR);
}

void account_pool_free(struct account_pool *p)
{
	uint64_t until = clock_usec() + 2 * WARDEN_END_SEC * USEC_PER_SEC;
	struct checker_connection *c;

	if (!p)
		return;
	account_pool_hang_up(p);
	while (!TAILQ_EMPTY(&p->asks))
		ask_free(TAILQ_FIRST(&p->asks));
	while ((c = LIST_FIRST(&p->connections)) != NULL) {
		packet_wait_for_end(c->fd, until);
		checker_connection_free(c);
	}
	free(p);
}

void account_pool_renew(struct account_pool *p)
{
	struct checker_connection *next;

	for (struct checker_connection *c = LIST_FIRST(&p->connections); c; c = next) {
		next = LIST_NEXT(c, entry);
		c->old = true;
		if (!c->ask)
			checker_connection_free(c);
	}
	p->misses = 0;
	p->paused_until = 0;
}

void account_pool_warm_up(struct account_pool *p)
{
	if (LIST_EMPTY(&p->connections))
		(void)connect_one(p);
}

int account_ask(struct account_pool *p, const struct account_question *question, account_fn fn, void *userdata,
		struct account_ask **ret_ask)
{
	struct account_ask *a;
	int r;

	if (p->paused_until > clock_usec())
		return -EAGAIN;
	a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	*a = (struct account_ask){ .pool = p, .question = *question, .fn = fn, .userdata = userdata };
	a->question.type = ACCOUNT_QUESTION;
	a->question.id = ++p->last_id;
	TAILQ_INSERT_TAIL(&p->asks, a, entry);
	r = sd_event_add_time_relative(p->event, &a->deadline, CLOCK_BOOTTIME, ACCOUNT_CHECK_TIMEOUT_SEC * USEC_PER_SEC,
				       100000, on_deadline, a);
	if (r >= 0)
		r = try_dispatch(p);
	/* waits for a busy process, if there is one and the question has a deadline */
	if (r < 0 && !(a->deadline && p->n_connections)) {
		ask_free(a);
		return r;
	}
	*ret_ask = a;
	return 0;
}

void account_ask_cancel(struct account_ask *a)
{
	if (!a)
		return;
	a->fn = NULL;
	if (!a->connection)
		ask_free(a);
}
