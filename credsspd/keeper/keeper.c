/* SPDX-License-Identifier: MIT */
/*
 * Keeps the server's own ticket-granting tickets, for Kerberos user-to-user, renewed at half their life. The only
 * process of the daemon that talks to a KDC, which may block it; nobody waits for it. It hands tickets with their
 * session keys to krb5 templates; the keytab's keys stay where they are.
 */
#include "credsspd/keeper/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "credsspd/keeper/fetch.h"
#include "credsspd/util/confine.h"
#include "credsspd/util/log.h"
#include "credsspd/util/packet.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define TEMPLATES_MAX 8U /* the present one, and older ones that finish what they have */

#define SAID_MAX 256U

/* When something is tried again, and what was said about it: a complaint is repeated only when it changes. */
struct attempt {
	int64_t next;   /* seconds since the epoch */
	unsigned delay; /* seconds, after a failure */
	char said[SAID_MAX];
};

struct kept {
	struct keeper_tgt tgt; /* ticket_len is 0 before the first */
	struct attempt attempt;
};

struct keeper {
	const struct config *config;
	int control;
	int templates[TEMPLATES_MAX];
	unsigned n; /* entries of kept */
	bool listed;
	struct attempt list;
	struct keeper_state state;
	struct kept kept[TGTS_MAX];
};

static int64_t now_sec(void)
{
	return (int64_t)time(NULL);
}

static void try_later(struct attempt *a, const char *what, const char *error)
{
	if (a->delay == 0)
		a->delay = KEEPER_RETRY_MIN_SEC;
	else
		a->delay = a->delay * 2 < KEEPER_RETRY_MAX_SEC ? a->delay * 2 : KEEPER_RETRY_MAX_SEC;
	a->next = now_sec() + a->delay;
	if (strncmp(error, a->said, sizeof a->said - 1) == 0)
		return;
	(void)snprintf(a->said, sizeof a->said, "%s", error);
	log_line(LOG_WARNING, "keeper: no ticket-granting ticket for user-to-user: %s: %s; trying again", what, error);
}

/* ---- templates ---- */

static int send_tgt(int fd, const struct keeper_tgt *t)
{
	return packet_send(fd, t, offsetof(struct keeper_tgt, ticket) + t->ticket_len, NULL, 0);
}

static void send_to_all(struct keeper *k, const struct keeper_tgt *t)
{
	for (unsigned i = 0; i < TEMPLATES_MAX; i++)
		if (k->templates[i] >= 0 && send_tgt(k->templates[i], t) < 0)
			k->templates[i] = close_fd(k->templates[i]);
}

static bool has_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void attach(struct keeper *k, int *fd)
{
	unsigned free_slot = TEMPLATES_MAX;

	for (unsigned i = 0; i < TEMPLATES_MAX; i++) {
		if (k->templates[i] >= 0 && has_gone(k->templates[i]))
			k->templates[i] = close_fd(k->templates[i]);
		if (k->templates[i] < 0)
			free_slot = i;
	}
	if (free_slot == TEMPLATES_MAX) {
		log_line(LOG_ERR, "keeper: too many templates; the new one gets no tickets");
		return;
	}
	k->templates[free_slot] = TAKE_FD(*fd);
	for (unsigned i = 0; i < k->n; i++)
		if (k->kept[i].tgt.ticket_len && k->kept[i].tgt.ends > now_sec())
			(void)send_tgt(k->templates[free_slot], &k->kept[i].tgt);
}

/* ---- tickets ---- */

static void report(struct keeper *k)
{
	struct keeper_state s = { .type = KEEPER_STATE };
	int64_t now = now_sec();

	for (unsigned i = 0; i < k->n; i++) {
		const struct keeper_tgt *t = &k->kept[i].tgt;

		if (!t->ticket_len || t->ends <= now)
			continue;
		s.tgts++;
		if (!s.until || t->ends < s.until)
			s.until = t->ends;
	}
	if (memcmp(&s, &k->state, sizeof s) != 0 && packet_send(k->control, &s, sizeof s, NULL, 0) == 0)
		k->state = s;
}

static void fetch(struct keeper *k, struct kept *e)
{
	static struct keeper_tgt fresh;
	char error[256];
	int64_t now;

	if (fetch_tgt(k->config->keytab, e->tgt.principal, &fresh, error) < 0) {
		try_later(&e->attempt, e->tgt.principal, error);
		return;
	}
	now = now_sec();
	log_line(e->tgt.ticket_len && e->tgt.ends > now ? LOG_DEBUG : LOG_INFO,
		 "keeper: has a ticket-granting ticket of %s for user-to-user, good for %lld s", fresh.principal,
		 (long long)(fresh.ends - now));
	e->tgt = fresh;
	e->attempt = (struct attempt){ .next = now + (fresh.ends - now) / 2 };
	if (e->attempt.next <= now)
		e->attempt.next = now + KEEPER_RETRY_MIN_SEC;
	send_to_all(k, &fresh);
	secret_wipe(&fresh, sizeof fresh);
}

static void take_configured(struct keeper *k)
{
	for (char **p = k->config->tgt_principals; *p && k->n < TGTS_MAX; p++)
		(void)snprintf(k->kept[k->n++].tgt.principal, sizeof k->kept[0].tgt.principal, "%s", *p);
	k->listed = k->n > 0;
}

static void find_principals(struct keeper *k)
{
	static char names[TGTS_MAX][RECORD_PRINCIPAL_MAX];
	char error[256] = "no key of a machine's account and none of TERMSRV/";
	int n = fetch_principals(k->config->keytab, names, error);

	if (n <= 0) {
		try_later(&k->list, k->config->keytab, error);
		return;
	}
	for (k->n = 0; k->n < (unsigned)n; k->n++)
		memcpy(k->kept[k->n].tgt.principal, names[k->n], sizeof names[0]);
	k->listed = true;
}

/* What is due. Returns when something is due next. */
static int64_t work(struct keeper *k)
{
	int64_t next = INT64_MAX;

	if (!k->listed && now_sec() >= k->list.next)
		find_principals(k);
	if (!k->listed)
		return k->list.next;
	for (unsigned i = 0; i < k->n; i++) {
		if (now_sec() >= k->kept[i].attempt.next)
			fetch(k, &k->kept[i]);
		if (k->kept[i].attempt.next < next)
			next = k->kept[i].attempt.next;
	}
	report(k);
	return next;
}

/* ---- the process ---- */

static int send_ready(const struct keeper *k)
{
	const uint8_t ready = KEEPER_READY;

	return packet_send(k->control, &ready, 1, NULL, 0);
}

/* Returns 1 at end of file. */
static int take_control(struct keeper *k)
{
	uint8_t type;
	AUTO_CLOSE int fd = -1;
	ssize_t n = packet_recv(k->control, &type, sizeof type, &fd, 1);

	if (n == 0 || n == -ECONNRESET)
		return 1;
	if (n < 0)
		return (int)n;
	if (type == KEEPER_PING)
		return send_ready(k);
	if (type != KEEPER_ATTACH || fd < 0)
		return -EPROTO;
	attach(k, &fd);
	return 0;
}

static int serve(struct keeper *k)
{
	int r = 0;

	while (r == 0) {
		struct pollfd p = { .fd = k->control, .events = POLLIN };
		int64_t wait = work(k) - now_sec();
		int n;

		/* a clock that jumps is looked at again every minute */
		n = poll(&p, 1, wait <= 0 ? 0 : (int)(wait < 60 ? wait : 60) * 1000);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			r = take_control(k);
	}
	return r == 1 ? 0 : r;
}

int keeper_main(const struct config *config, int control_fd)
{
	static struct keeper k; /* with session keys; ends with the process */
	int r;

	k = (struct keeper){ .config = config, .control = control_fd };
	for (unsigned i = 0; i < TEMPLATES_MAX; i++)
		k.templates[i] = -1;
	r = confine_helper(control_fd, "keeper", NULL);
	if (r == 0)
		r = send_ready(&k);
	if (r == 0) {
		take_configured(&k);
		r = serve(&k);
	}
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		log_line(LOG_ERR, "keeper: %s", strerror(-r));
	secret_wipe(&k, sizeof k);
	return r;
}
