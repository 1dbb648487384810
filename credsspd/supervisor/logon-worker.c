/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/logon-worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/ipc/packet.h"

#define NTLM_HINT_WINDOW 256U /* where an NTLMSSP signature would be in a first TSRequest */

void logon_worker_init(struct logon_worker *w)
{
	w->fd = -1;
	w->ended = true;
}

/* ---- the first TSRequest ---- */

int logon_worker_keep_first(struct logon_worker *w, const uint8_t *packet, size_t len)
{
	w->first = malloc(len);
	if (!w->first)
		return -ENOMEM;
	memcpy(w->first, packet, len);
	w->first[0] = WORKER_TSREQUEST;
	w->first_len = len;
	return 0;
}

void logon_worker_forget_first(struct logon_worker *w)
{
	free(w->first);
	w->first = NULL;
	w->first_len = 0;
}

static bool has_ntlm_signature(const uint8_t *p, size_t len)
{
	return memmem(p, len < NTLM_HINT_WINDOW ? len : NTLM_HINT_WINDOW, "NTLMSSP", 8) != NULL;
}

/* Returns whether the template runs or may still start; a template that could not start is skipped. */
static bool is_usable(const struct service *template)
{
	return template && !service_failed_to_start(template);
}

struct service *logon_worker_next_template(struct logon_worker *w, bool *ret_last)
{
	const struct services *s = w->services;
	bool ntlm_first = s->ntlm && has_ntlm_signature(w->first, w->first_len);
	struct service *order[2] = { ntlm_first ? s->ntlm : s->krb5, ntlm_first ? s->krb5 : s->ntlm };

	while (w->templates_tried < 2) {
		struct service *template = order[w->templates_tried++];

		*ret_last = w->templates_tried == 2 || !is_usable(order[1]);
		if (is_usable(template))
			return template;
	}
	return NULL;
}

/* ---- messages of the worker ---- */

/* Returns 0 and the event for a message of the worker, or -EPROTO for a malformed message. */
static int worker_record_event(const uint8_t *p, size_t len, enum logon_event *ret_event)
{
	static const struct {
		uint8_t type;
		enum logon_event event;
		size_t min, max;
	} row[] = {
		{ WORKER_NOT_MINE, LOGON_GOT_NOT_MINE, sizeof(struct worker_not_mine), sizeof(struct worker_not_mine) },
		{ WORKER_ASKED, LOGON_GOT_ASKED, sizeof(struct worker_asked), sizeof(struct worker_asked) },
		{ WORKER_REPLY, LOGON_GOT_REPLY, 1, WORKER_PACKET_MAX },
		{ WORKER_AUTHENTICATED, LOGON_GOT_AUTHENTICATED, sizeof(struct worker_authenticated),
		  sizeof(struct worker_authenticated) },
		{ WORKER_DELEGATED, LOGON_GOT_DELEGATED, sizeof(struct worker_delegated),
		  sizeof(struct worker_delegated) },
		{ WORKER_FAILED, LOGON_GOT_REFUSED, offsetof(struct worker_failed, reply),
		  sizeof(struct worker_failed) },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (row[i].type != p[0])
			continue;
		if (len < row[i].min || len > row[i].max)
			return -EPROTO;
		*ret_event = row[i].event;
		return 0;
	}
	return -EPROTO;
}

static int on_worker(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t packet[WORKER_PACKET_MAX]; /* one thread, one packet at a time */
	struct logon_worker *w = userdata;
	enum logon_event event;
	ssize_t n;

	n = packet_recv(fd, packet, sizeof packet, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n == 0) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		w->ended = true;
		w->fn(LOGON_GOT_END, NULL, 0, w->userdata);
	} else if (n < 0 || worker_record_event(packet, (size_t)n, &event) < 0) {
		w->fn(LOGON_EVENTS_, NULL, 0, w->userdata);
	} else {
		w->fn(event, packet, (size_t)n, w->userdata);
	}
	return 0;
}

/* ---- the start of the worker ---- */

/* Connects the worker of an NTLM logon to the verifier: *@ret_fd is the worker's end. Returns 0 or -errno. */
static int attach_verifier(struct logon_worker *w, int *ret_fd)
{
	struct verifier_control attach = { .type = VERIFIER_ATTACH, .id = w->logon };
	struct process *verifier = service_current(w->services->verifier);
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int workers = -1;
	int pair[2], r;

	if (!verifier)
		return -ENETDOWN;
	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	workers = pair[0];
	theirs = pair[1];
	r = packet_send(verifier->control, &attach, sizeof attach, &theirs, 1);
	if (r < 0)
		return r;
	process_ref(verifier);
	w->verifier = verifier;
	*ret_fd = TAKE_FD(workers);
	return 0;
}

static int logon_worker_spawn(struct logon_worker *w, struct service *service)
{
	struct template_record spawn = { .type = TEMPLATE_SPAWN, .logon = w->logon };
	struct process *template = service_current(service);
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int verifier = -1;
	int pair[2], fds[2], r;

	if (!template)
		return -ENETDOWN;
	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	w->fd = pair[0];
	packet_refuse_fds(w->fd);
	theirs = pair[1];
	if (fcntl(w->fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	w->mechanism = service == w->services->krb5 ? MECHANISM_KRB5 : MECHANISM_NTLM;
	if (w->mechanism == MECHANISM_NTLM) {
		r = attach_verifier(w, &verifier);
		if (r < 0)
			return r;
	}
	fds[0] = theirs;
	fds[1] = verifier;
	r = packet_send(template->control, &spawn, sizeof spawn, fds, verifier < 0 ? 1 : 2);
	if (r < 0)
		return r;
	process_ref(template); /* until TEMPLATE_EXITED */
	w->template = template;
	w->ended = false;
	return sd_event_add_io(w->services->event, &w->io, w->fd, EPOLLIN, on_worker, w);
}

int logon_worker_start(struct logon_worker *w, struct service *template, struct worker_start *start,
		       const void *public_key, size_t public_key_len)
{
	int r = logon_worker_spawn(w, template);

	start->type = WORKER_START;
	start->logon = w->logon;
	start->public_key_len = (uint32_t)public_key_len;
	if (r >= 0)
		r = packet_send2(w->fd, start, offsetof(struct worker_start, public_key), public_key, public_key_len,
				 NULL, 0);
	return r < 0 ? r : packet_send(w->fd, w->first, w->first_len, NULL, 0);
}

/* ---- the end of the worker ---- */

void logon_worker_drop(struct logon_worker *w)
{
	struct template_record kill = { .type = TEMPLATE_KILL, .logon = w->logon };

	if (w->fd >= 0 && !w->ended && w->template)
		(void)packet_send(w->template->control, &kill, sizeof kill, NULL, 0);
	w->io = sd_event_source_disable_unref(w->io);
	w->fd = packet_close(w->fd);
	w->ended = true;
	if (w->verifier)
		process_unref(w->verifier);
	w->verifier = NULL;
}

/*
 * Why this is reliable: the kernel closes the descriptors of a process before it kills the children
 * (PR_SET_PDEATHSIG), so the end of a template is always visible before the end of the workers that it causes. A worker
 * cannot end its template. A control socket that this side has closed (a retired template without workers) does not
 * count.
 */
bool logon_worker_template_died(const struct logon_worker *w)
{
	struct pollfd p = { .fd = w->template ? w->template->control : -1 };

	return !w->template || (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
}

void logon_worker_process_gone(struct logon_worker *w, const struct process *p)
{
	if (w->template == p)
		w->template = NULL;
	if (w->verifier == p)
		w->verifier = NULL;
}

void logon_worker_suspect(const struct logon_worker *w)
{
	process_suspect(w->template);
	process_suspect(w->verifier);
}
