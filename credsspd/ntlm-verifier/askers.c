/* SPDX-License-Identifier: MIT */
#include "credsspd/ntlm-verifier/askers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"

#define FIRST_FD 3

/* A process. It may outlive a question that has timed out, and counts until it ends. */
struct asker {
	struct askers *a;
	LIST_ENTRY(asker) entry;
	struct asking *asking; /* NULL: the logon has ended */
	int fd;
	sd_event_source *io;
};

/* A question: in the queue while it has no asker. */
struct asking {
	struct askers *a;
	TAILQ_ENTRY(asking) entry;
	struct asker *asker;
	sd_event_source *deadline;
	askers_answer_fn fn;
	void *userdata;
	struct winbind_question question;
};

struct askers {
	sd_event *event;
	askers_ask_fn ask;
	const void *context;
	LIST_HEAD(, asker) running;
	unsigned n_running;
	TAILQ_HEAD(, asking) asked; /* all questions, oldest first */
};

static void asker_free(struct asker *p)
{
	LIST_REMOVE(p, entry);
	p->a->n_running--;
	(void)sd_event_source_disable_unref(p->io);
	(void)close_fd(p->fd);
	free(p);
}

void asking_cancel(struct asking *q)
{
	if (!q)
		return;
	TAILQ_REMOVE(&q->a->asked, q, entry);
	if (q->asker)
		q->asker->asking = NULL;
	(void)sd_event_source_disable_unref(q->deadline);
	secret_wipe(&q->question, sizeof q->question); /* passwords can be guessed with the response */
	free(q);
}

static void answer(struct asking *q, const struct winbind_reply *reply)
{
	askers_answer_fn fn = q->fn;
	void *userdata = q->userdata;

	asking_cancel(q);
	fn(reply, userdata);
}

static void answer_unavailable(struct asking *q, const char *detail)
{
	struct winbind_reply r = { .refusal = REFUSAL_UNAVAILABLE, .uid = (uid_t)-1 };

	(void)snprintf(r.detail, sizeof r.detail, "%s", detail);
	answer(q, &r);
}

/* ---- the process ---- */

__attribute__((noreturn)) static void asker_main(const struct askers *a, const struct winbind_question *question,
						 int fd)
{
	struct winbind_reply r;

	/* the verifier may not kill it, so it ends itself */
	(void)alarm(WINBIND_TIMEOUT_SEC + 1);
	/* drops the supervisor's socket and those of workers */
	if (fd != FIRST_FD && dup2(fd, FIRST_FD) < 0)
		_exit(EXIT_FAILURE);
	if (close_range(FIRST_FD + 1, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	a->ask(a->context, question, &r);
	_exit(packet_send(FIRST_FD, &r, sizeof r, NULL, 0) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void ask_next(struct askers *a);

static bool well_formed(const struct winbind_reply *r)
{
	return r->refusal < REFUSAL_MAX_ && packet_text_ends(r->name, sizeof r->name) &&
	       packet_text_ends(r->account, sizeof r->account) && packet_text_ends(r->detail, sizeof r->detail);
}

static int on_reply(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct asker *p = userdata;
	struct askers *a = p->a;
	struct winbind_reply r;
	ssize_t n = packet_recv(fd, &r, sizeof r, NULL, 0);
	struct asking *q = p->asking;

	if (n == -EAGAIN)
		return 0;
	/* the process ends by itself after its answer */
	asker_free(p);
	if (q) {
		q->asker = NULL;
		if (n == (ssize_t)sizeof r && well_formed(&r))
			answer(q, &r);
		else
			answer_unavailable(q, "the process that asks winbind died");
	}
	secret_wipe(&r, sizeof r);
	ask_next(a);
	return 0;
}

static int asking_start(struct asking *q)
{
	struct askers *a = q->a;
	AUTO_CLOSE int ours = -1;
	AUTO_CLOSE int theirs = -1;
	struct asker *p;
	int pair[2], r = packet_pair(0, pair);
	pid_t pid;

	if (r < 0)
		return r;
	ours = pair[0];
	theirs = pair[1];
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	pid = fork();
	if (pid == 0)
		asker_main(a, &q->question, theirs);
	if (pid < 0) {
		free(p);
		return -EAGAIN;
	}
	*p = (struct asker){ .a = a, .asking = q, .fd = TAKE_FD(ours) };
	LIST_INSERT_HEAD(&a->running, p, entry);
	a->n_running++;
	q->asker = p;
	r = sd_event_add_io(a->event, &p->io, p->fd, EPOLLIN, on_reply, p);
	if (r < 0) {
		q->asker = NULL;
		asker_free(p);
		return r;
	}
	return 0;
}

/* Starts processes for waiting questions, as far as the limit allows. */
static void ask_next(struct askers *a)
{
	struct asking *q = TAILQ_FIRST(&a->asked);

	while (q && a->n_running < WINBIND_ASKERS_MAX) {
		struct asking *next = TAILQ_NEXT(q, entry);

		/* when fork() fails, the question waits for the end of another process or for its deadline */
		if (!q->asker)
			(void)asking_start(q);
		q = next;
	}
}

/* ---- questions ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct asking *q = userdata;

	answer_unavailable(q,
			   q->asker ? "winbindd did not answer in time" : "too many questions to winbindd are waiting");
	return 0;
}

int askers_ask(struct askers *a, const struct winbind_question *question, askers_answer_fn fn, void *userdata,
	       struct asking **ret_asking)
{
	struct asking *q = calloc(1, sizeof *q);
	int r;

	if (!q)
		return -ENOMEM;
	q->a = a;
	q->fn = fn;
	q->userdata = userdata;
	q->question = *question;
	TAILQ_INSERT_TAIL(&a->asked, q, entry);
	r = sd_event_add_time_relative(a->event, &q->deadline, CLOCK_BOOTTIME, WINBIND_TIMEOUT_SEC * USEC_PER_SEC,
				       10000, on_deadline, q);
	if (r < 0) {
		asking_cancel(q);
		return r;
	}
	*ret_asking = q;
	ask_next(a);
	return 0;
}

struct askers *askers_new(sd_event *event, askers_ask_fn ask, const void *context)
{
	struct askers *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	*a = (struct askers){ .event = event, .ask = ask, .context = context };
	TAILQ_INIT(&a->asked);
	return a;
}

void askers_free(struct askers *a)
{
	if (!a)
		return;
	while (!TAILQ_EMPTY(&a->asked))
		asking_cancel(TAILQ_FIRST(&a->asked));
	while (!LIST_EMPTY(&a->running))
		asker_free(LIST_FIRST(&a->running));
	free(a);
}
