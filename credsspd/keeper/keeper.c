/* SPDX-License-Identifier: MIT */
/*
 * Keeps the server's own ticket-granting tickets for Kerberos user-to-user, renews them at half their life, and sends
 * them with their session keys, but not the keytab's keys, to krb5 templates. A process of its own asks the KDC for
 * each ticket, because that may block while templates wait for the tickets that exist.
 *
 * A ticket stays valid until it ends, also when the key that it was fetched with is replaced. So after a change of
 * keytab or configuration the old tickets stay in use until the new ones were fetched. This process is not replaced on
 * reload: it would lose its tickets, and the KDC may be unreachable.
 */
#include "credsspd/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/regular-file.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"
#include "common/kerberos/fetch.h"
#include "common/sandbox/sandbox.h"

#define TEMPLATES_MAX 8U /* the current template, and older ones with live workers */

/* The next attempt after a failure, and the error that was logged last: an error is logged again only when it
 * changes. */
struct attempt {
	int64_t next;   /* seconds since the epoch */
	unsigned delay; /* seconds, after a failure */
	char said[FETCH_ERROR_MAX];
};

struct kept {
	struct keeper_tgt tgt; /* ticket_len is 0 before the first ticket */
	struct attempt attempt;
	bool leaving; /* not renewed any more; kept until another principal has a ticket */
};

struct keeper {
	const char *config_path;
	struct config *config;
	int control;
	int templates[TEMPLATES_MAX];
	unsigned n;  /* entries of kept */
	bool listed; /* the entries are the principals of @keytab */
	struct attempt list;
	struct stat keytab;
	int keytab_fd;      /* the supervisor's copy of the keytab, or -1: the file is opened */
	struct fetch fetch; /* the ticket that is being fetched: one at a time */
	bool fetch_is_old;  /* it was begun with an older configuration or keytab */
	/* the names that templates have, and the names that they get with the new tickets */
	struct keeper_names names, next_names;
	bool names_changed;
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

static bool is_live(const struct kept *e)
{
	return e->tgt.ticket_len && e->tgt.ends > now_sec();
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

static int send_names(int fd, const struct keeper_names *names)
{
	return packet_send(fd, names, offsetof(struct keeper_names, name) + names->n * sizeof *names->name, NULL, 0);
}

static bool has_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void attach(struct keeper *k, int *fd)
{
	const uint8_t sent = KEEPER_SENT;
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
		if (is_live(&k->kept[i]))
			(void)send_tgt(k->templates[free_slot], &k->kept[i].tgt);
	(void)send_names(k->templates[free_slot], &k->names);
	(void)packet_send(k->templates[free_slot], &sent, sizeof sent, NULL, 0);
}

/* ---- tickets ---- */

static void report(struct keeper *k)
{
	struct keeper_state s = { .type = KEEPER_STATE };

	for (unsigned i = 0; i < k->n; i++) {
		const struct keeper_tgt *t = &k->kept[i].tgt;

		if (!is_live(&k->kept[i]))
			continue;
		s.tgts++;
		if (!s.until || t->ends < s.until)
			s.until = t->ends;
	}
	if (memcmp(&s, &k->state, sizeof s) != 0 && packet_send(k->control, &s, sizeof s, NULL, 0) == 0)
		k->state = s;
}

/* ---- which principals ---- */

/* Removes the ticket from the templates. They accept its session key for a while, for clients that have the ticket. */
static void forget(struct keeper *k, const char *principal)
{
	static struct keeper_tgt removal;

	removal = (struct keeper_tgt){ .type = KEEPER_TGT };
	(void)snprintf(removal.principal, sizeof removal.principal, "%s", principal);
	send_to_all(k, &removal);
	log_line(LOG_INFO, "keeper: the ticket-granting ticket of %s is not used any more", principal);
}

static struct kept *find_kept(struct keeper *k, const char *principal)
{
	for (unsigned i = 0; i < k->n; i++)
		if (strcmp(k->kept[i].tgt.principal, principal) == 0)
			return &k->kept[i];
	return NULL;
}

/* Sets the principals; existing tickets are kept. */
static void set_principals(struct keeper *k, char names[][RECORD_PRINCIPAL_MAX], unsigned n)
{
	static struct kept next[TGTS_MAX];
	unsigned at = 0;

	for (; at < n; at++) {
		struct kept *old = find_kept(k, names[at]);

		next[at] = (struct kept){ .leaving = false };
		if (old)
			next[at].tgt = old->tgt;
		if (old)
			old->tgt.ticket_len = 0; /* the ticket was moved to the new entry */
		memcpy(next[at].tgt.principal, names[at], sizeof names[at]);
	}
	for (unsigned i = 0; i < k->n; i++) {
		if (!is_live(&k->kept[i]))
			continue;
		if (at == TGTS_MAX) {
			forget(k, k->kept[i].tgt.principal);
			continue;
		}
		next[at] = k->kept[i];
		next[at++].leaving = true;
	}
	memcpy(k->kept, next, sizeof next);
	secret_wipe(next, sizeof next);
	k->n = at;
	k->fetch_is_old = true;
}

/* Lists the principals of the configuration, in place of the keytab's. */
static void take_configured(const struct config *c, struct keytab_list *list)
{
	if (*c->tgt_principals)
		list->n = 0;
	for (char **p = c->tgt_principals; *p && list->n < TGTS_MAX; p++)
		(void)snprintf(list->principal[list->n++], sizeof *list->principal, "%s", *p);
}

/* Returns the keytab's path for libkrb5. The forked process that asks a KDC inherits the descriptor's number. */
static const char *keytab_path(const struct keeper *k)
{
	static char path[sizeof "/proc/self/fd/" + 11];

	if (k->keytab_fd < 0)
		return k->config->keytab;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", k->keytab_fd);
	return path;
}

static void find_principals(struct keeper *k)
{
	static struct keytab_list list;
	char error[FETCH_ERROR_MAX] = "neither a machine account's key nor a TERMSRV/ key";
	int r;

	/* before the keytab is read, so that a change meanwhile is noticed */
	if (stat(k->config->keytab, &k->keytab) < 0)
		k->keytab = (struct stat){ .st_ino = 0 };
	list.n = 0;
	r = fetch_list(keytab_path(k), &list, error);
	take_configured(k->config, &list);
	if (r < 0 || list.n == 0) {
		try_later(&k->list, k->config->keytab, error);
		return;
	}
	set_principals(k, list.principal, list.n);
	k->next_names = list.names;
	k->names_changed = true;
	k->list = (struct attempt){ .next = 0 };
	k->listed = true;
}

/*
 * When a ticket was requested for each listed principal and one of them has a valid ticket: sends the new names to the
 * templates and drops the principals that are no longer listed.
 */
static void change_over(struct keeper *k)
{
	bool any = false;
	unsigned n = 0;

	for (unsigned i = 0; i < k->n; i++) {
		const struct kept *e = &k->kept[i];

		if (!e->leaving && e->attempt.next == 0)
			return;
		any = any || (!e->leaving && is_live(e));
	}
	if (any && k->names_changed) {
		k->names = k->next_names;
		k->names_changed = false;
		for (unsigned i = 0; i < TEMPLATES_MAX; i++)
			if (k->templates[i] >= 0 && send_names(k->templates[i], &k->names) < 0)
				k->templates[i] = close_fd(k->templates[i]);
	}
	for (unsigned i = 0; i < k->n; i++) {
		struct kept *e = &k->kept[i];

		if (!e->leaving || (!any && is_live(e))) {
			if (n != i)
				k->kept[n] = *e;
			n++;
		} else {
			forget(k, e->tgt.principal);
		}
	}
	secret_wipe(&k->kept[n], (k->n - n) * sizeof *k->kept);
	k->n = n;
}

/* ---- fetching ---- */

static void take_ticket(struct keeper *k, struct kept *e, const struct keeper_tgt *fresh)
{
	int64_t now = now_sec();

	log_line(is_live(e) ? LOG_DEBUG : LOG_INFO,
		 "keeper: has a ticket-granting ticket of %s for user-to-user, good for %lld s", fresh->principal,
		 (long long)(fresh->ends - now));
	e->tgt = *fresh;
	if (!k->fetch_is_old)
		e->attempt = (struct attempt){ .next = now + (fresh->ends - now) / 2 };
	if (!k->fetch_is_old && e->attempt.next <= now)
		e->attempt.next = now + KEEPER_RETRY_MIN_SEC;
	send_to_all(k, fresh);
}

static void end_fetch(struct keeper *k)
{
	static struct keeper_tgt fresh;
	char error[FETCH_ERROR_MAX], principal[RECORD_PRINCIPAL_MAX];
	struct kept *e = find_kept(k, k->fetch.principal);
	int r;

	memcpy(principal, k->fetch.principal, sizeof principal);
	r = fetch_finish(&k->fetch, &fresh, error);
	if (!e || e->leaving)
		; /* its result is no longer needed */
	else if (r == 0)
		take_ticket(k, e, &fresh);
	else if (!k->fetch_is_old)
		try_later(&e->attempt, principal, error);
	secret_wipe(&fresh, sizeof fresh);
}

static void begin_fetch(struct keeper *k, struct kept *e)
{
	int r = fetch_start(keytab_path(k), e->tgt.principal, &k->fetch);

	k->fetch_is_old = false;
	if (r < 0)
		try_later(&e->attempt, e->tgt.principal, strerror(-r));
}

/* Does the work that is due. Returns when the next work is due. */
static int64_t keeper_work(struct keeper *k)
{
	int64_t next = INT64_MAX;

	if (!k->listed && now_sec() >= k->list.next)
		find_principals(k);
	if (!k->listed)
		next = k->list.next;
	change_over(k);
	for (unsigned i = 0; i < k->n; i++) {
		struct kept *e = &k->kept[i];

		if (e->leaving)
			continue;
		if (!k->fetch.pid && now_sec() >= e->attempt.next)
			begin_fetch(k, e);
		if (!k->fetch.pid && e->attempt.next < next)
			next = e->attempt.next;
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

static bool same_list(char **a, char **b)
{
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !*a && !*b;
}

static bool same_octets(int a, int b)
{
	uint8_t block[2][512];
	ssize_t n, m;
	off_t at = 0;

	do {
		n = pread(a, block[0], sizeof *block, at);
		m = pread(b, block[1], sizeof *block, at);
		if (n != m || n < 0 || !secret_equal(block[0], block[1], (size_t)n))
			return false;
		at += n;
	} while (n > 0);
	return true;
}

/* Returns whether the keytab in use is the unchanged file @path, or (@fd >= 0) has the bytes of the copy @fd. */
static bool same_keytab(const struct keeper *k, const char *path, int fd)
{
	struct stat now;

	if (strcmp(k->config->keytab, path) != 0 || (fd < 0) != (k->keytab_fd < 0))
		return false;
	if (fd >= 0)
		return same_octets(fd, k->keytab_fd);
	return stat(path, &now) == 0 && regular_file_unchanged(&k->keytab, &now);
}

/* Reads configuration and keytab again, after a possible change. Missing tickets are tried at once, others are kept. */
static void reread(struct keeper *k, int *fd)
{
	AUTO_FREE char *error = NULL;
	struct config fresh;
	bool same;

	if (config_load(k->config_path, &fresh, &error) < 0) {
		log_line(LOG_ERR, "keeper: the configuration cannot be read; the old tickets stay in use: %s",
			 error ? error : "configuration");
		return;
	}
	same = k->listed && same_keytab(k, fresh.keytab, *fd) &&
	       same_list(k->config->tgt_principals, fresh.tgt_principals);
	(void)close_fd(k->keytab_fd);
	k->keytab_fd = TAKE_FD(*fd);
	config_done(k->config);
	*k->config = fresh;
	log_set_debug(fresh.debug);
	if (!same) {
		k->listed = false;
		k->list = (struct attempt){ .next = 0 };
	}
	for (unsigned i = 0; i < k->n; i++)
		if (!is_live(&k->kept[i]))
			k->kept[i].attempt = (struct attempt){ .next = 0 };
}

/* Returns 1 at end of file. */
static int take_control(struct keeper *k)
{
	uint8_t type;
	AUTO_CLOSE int fd = -1;
	ssize_t n = packet_recv(k->control, &type, sizeof type, &fd, 1);

	if (n == 0)
		return 1;
	if (n < 0)
		return (int)n;
	if (type != KEEPER_REREAD && (type == KEEPER_ATTACH) != (fd >= 0))
		return -EPROTO;
	if (type == KEEPER_ATTACH)
		attach(k, &fd);
	else if (type == KEEPER_PING)
		return send_ready(k);
	else if (type == KEEPER_REREAD)
		reread(k, &fd);
	else
		return -EPROTO;
	return 0;
}

/* Takes the messages that the supervisor sent with the connection, because the keytab is needed first. */
static int take_greeting(struct keeper *k)
{
	struct pollfd p = { .fd = k->control, .events = POLLIN };
	int r = 0;

	while (r == 0 && poll(&p, 1, 0) > 0)
		r = take_control(k);
	return r;
}

static int keeper_serve(struct keeper *k)
{
	int r = take_greeting(k);

	while (r == 0) {
		int64_t wait = keeper_work(k) - now_sec();
		struct pollfd p[2] = { { .fd = k->control, .events = POLLIN },
				       { .fd = k->fetch.fd, .events = POLLIN } };

		/* wakes every minute, because the clock may jump */
		if (poll(p, 2, wait <= 0 ? 0 : (int)(wait < 60 ? wait : 60) * 1000) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (p[0].revents)
			r = take_control(k);
		if (p[1].revents)
			end_fetch(k);
	}
	return r == 1 ? 0 : r;
}

int keeper_main(const char *config_path, struct config *config, int control_fd)
{
	static struct keeper k; /* static: large, with session keys; lives as long as the process */
	int r;

	k = (struct keeper){ .config_path = config_path, .config = config, .control = control_fd };
	k.fetch.fd = k.keytab_fd = -1;
	k.names.type = KEEPER_NAMES;
	for (unsigned i = 0; i < TEMPLATES_MAX; i++)
		k.templates[i] = -1;
	r = confine_helper(control_fd, "keeper", true);
	if (r == 0)
		r = send_ready(&k);
	if (r == 0)
		r = keeper_serve(&k);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		log_line(LOG_ERR, "keeper: %s", strerror(-r));
	secret_wipe(&k, sizeof k);
	return r;
}
