/* SPDX-License-Identifier: MIT */
/* The front end's side of a logon: whether one may begin, and the channel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/logon.h"
#include "include/credssp/channel.h"

#define USEC_PER_SEC_ 1000000ULL

/* ---- deadlines ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct handshake *h = userdata;
	char detail[64];

	(void)source;
	(void)usec;
	(void)snprintf(detail, sizeof detail, "state %s", logon_state_name(h->state));
	handshake_fail(h, logon_awaits_client(h->state) ? REFUSAL_TIMEOUT : REFUSAL_UNAVAILABLE, detail);
	return 0;
}

static int on_step_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct handshake *h = userdata;

	(void)source;
	(void)usec;
	if (logon_awaits_client(h->state))
		return on_deadline(source, usec, h);
	/* it is the worker's fault, unless it is one of those that it needs */
	child_suspect(h->template_child);
	child_suspect(h->verifier_child);
	handshake_fail(h, REFUSAL_UNAVAILABLE, "the worker gave no answer in time");
	return 0;
}

/* ---- the channel ---- */

/*
 * Whether the client's answer may be judged now. When it may not yet, it is left in the channel until another one of
 * the address has been judged. @h is gone when the address has to wait.
 */
static bool may_be_judged(struct handshake *h)
{
	int r;

	if (h->state != LOGON_CLIENT || !h->counted || h->judging)
		return true;
	r = backoff_judge(h->s->backoff, &h->address, supervisor_now());
	if (r == 0) {
		h->judging = true;
		return true;
	}
	if (r > 0) {
		handshake_fail(h, REFUSAL_BACKOFF, NULL);
		return false;
	}
	h->queued = true;
	(void)sd_event_source_set_io_events(h->channel_io, 0);
	(void)sd_event_source_set_enabled(h->step, SD_EVENT_OFF); /* it is not the client that is slow */
	return false;
}

void handshake_judged(struct handshake *h)
{
	if (!h->judging)
		return;
	h->judging = false;
	backoff_judged(h->s->backoff, &h->address);
	/* all of them: the first may be refused, and the others have to hear of that as well */
	for (struct handshake *i = h->s->handshakes; i; i = i->next) {
		if (!i->queued || !backoff_key_equal(&i->address, &h->address))
			continue;
		i->queued = false;
		(void)sd_event_source_set_io_events(i->channel_io, EPOLLIN);
	}
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	struct handshake *h = userdata;
	ssize_t n;

	(void)source;
	if (!(revents & EPOLLIN)) { /* hung up while it was not its turn */
		handshake_fail(h, REFUSAL_CANCELLED, NULL);
		return 0;
	}
	if (!may_be_judged(h))
		return 0;
	n = packet_recv(fd, packet, sizeof packet, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n == 0)
		handshake_fail(h, REFUSAL_CANCELLED, NULL);
	else if (n < 2 || packet[0] != CHANNEL_TSREQUEST)
		handshake_fail(h, REFUSAL_PROTOCOL, "the front end sent what is no TSRequest");
	else
		handshake_event(h, LOGON_GOT_TSREQUEST, packet, (size_t)n);
	return 0;
}

/* ---- admission ---- */

static bool may_ask(const struct supervisor *s, uid_t caller, const char *service)
{
	config_list services = config_services_of(&s->config, caller);

	for (config_list i = services; i && *i; i++)
		if (strcmp(*i, service) == 0)
			return true;
	return false;
}

static unsigned handshakes_of(const struct supervisor *s, uid_t caller)
{
	unsigned n = 0;

	for (const struct handshake *h = s->handshakes; h; h = h->next)
		n += h->caller == caller;
	return n;
}

bool supervisor_begin_waits(const struct supervisor *s, uid_t caller)
{
	unsigned n = 0;

	for (const struct handshake *h = s->handshakes; h; h = h->next)
		n += h->caller == caller && h->state == LOGON_FIRST;
	return n >= HANDSHAKES_BEGUN_MAX;
}

void supervisor_on_begin(struct supervisor *s, void (*fn)(void *userdata), void *userdata)
{
	s->begin_fn = fn;
	s->begin_userdata = userdata;
}

void handshake_first_over(struct supervisor *s)
{
	if (s->begin_fn)
		s->begin_fn(s->begin_userdata);
}

/* Is an address that the administrator named never made to wait? */
static bool exempt(const struct supervisor *s, const char *rhost)
{
	for (config_list e = s->config.backoff_exempt; *e; e++)
		if (strcmp(*e, rhost) == 0)
			return true;
	return false;
}

static unsigned handshakes_from(const struct supervisor *s, const struct backoff_key *key)
{
	unsigned n = 0;

	for (const struct handshake *h = s->handshakes; h; h = h->next)
		n += backoff_key_equal(&h->address, key);
	return n;
}

/*
 * Of those of @caller that wait for their clients the oldest of the address that has most, in whose place one of
 * @newcomer comes: NULL when that address has no more than @newcomer would have then.
 */
static struct handshake *who_makes_room(const struct supervisor *s, uid_t caller, const struct backoff_key *newcomer)
{
	unsigned most = handshakes_from(s, newcomer) + 2;
	struct handshake *found = NULL;

	for (struct handshake *h = s->handshakes; h; h = h->next) { /* newest first */
		unsigned n;

		if (h->caller != caller || !logon_awaits_client(h->state) || h->judging)
			continue;
		n = handshakes_from(s, &h->address);
		if (n >= most) {
			found = h;
			most = n;
		}
	}
	return found;
}

static bool has_room(struct supervisor *s, uid_t caller, const struct backoff_key *key)
{
	struct handshake *h;

	if (s->n_handshakes < HANDSHAKES_MAX && handshakes_of(s, caller) < HANDSHAKES_PER_CALLER_MAX)
		return true;
	h = who_makes_room(s, caller, key);
	if (h)
		handshake_fail(h, REFUSAL_LIMIT, "its place is another address's, which has fewer");
	return h;
}

/* Why this Begin is refused, or REFUSAL_NONE; counts the attempt. */
static int admit(struct supervisor *s, uid_t caller, const struct supervisor_peer *peer, struct log_logon *who,
		 bool *ret_counted)
{
	struct backoff_key key = backoff_key(caller, peer->rhost);
	unsigned wait;

	if (!has_room(s, caller, &key)) {
		who->reason = refusal_word(REFUSAL_LIMIT);
		s->counters.refusals[REFUSAL_LIMIT]++;
		s->counters.refused++;
		log_logon_line(LOG_WARNING, who, "logon refused: %u handshakes are under way", s->n_handshakes);
		return -EBUSY;
	}
	*ret_counted = false;
	if (exempt(s, peer->rhost))
		return 0;
	wait = backoff_begin(s->backoff, &key, supervisor_now());
	if (wait) {
		who->reason = refusal_word(REFUSAL_BACKOFF);
		s->counters.refusals[REFUSAL_BACKOFF]++;
		s->counters.refused++;
		log_logon_line(LOG_WARNING, who, "logon refused: %s (%u s)", refusal_text(REFUSAL_BACKOFF), wait);
		return -EAGAIN;
	}
	*ret_counted = true;
	return 0;
}

static int watch_channel(struct handshake *h)
{
	sd_event *e = h->s->event;
	int r;

	r = sd_event_add_io(e, &h->channel_io, h->channel, EPOLLIN, on_channel, h);
	if (r >= 0)
		r = sd_event_add_time_relative(e, &h->deadline, CLOCK_BOOTTIME,
					       h->s->config.handshake_timeout_sec * USEC_PER_SEC_, 100000, on_deadline,
					       h);
	if (r >= 0)
		r = sd_event_add_time_relative(e, &h->step, CLOCK_BOOTTIME, HANDSHAKE_FIRST_TIMEOUT_SEC * USEC_PER_SEC_,
					       100000, on_step_deadline, h);
	return r < 0 ? r : 0;
}

int supervisor_begin(struct supervisor *s, uid_t caller, const char *service, const void *public_key,
		     size_t public_key_len, const struct supervisor_peer *peer, uint64_t *ret_logon, int *ret_channel)
{
	struct log_logon who = { .rhost = peer->rhost, .rport = peer->rport, .service = service };
	struct handshake *h;
	bool counted;
	int pair[2], r;

	if (!may_ask(s, caller, service)) {
		log_logon_line(LOG_WARNING, &who, "uid %u may not begin logons for this service (front_ends)", caller);
		return -EACCES;
	}
	if (public_key_len == 0 || public_key_len > SUBJECT_PUBLIC_KEY_MAX || strlen(service) > PAM_SERVICE_MAX)
		return -EINVAL;
	h = calloc(1, sizeof *h + public_key_len);
	if (!h)
		return -ENOMEM;
	r = admit(s, caller, peer, &who, &counted);
	if (r < 0) {
		free(h);
		return r;
	}
	h->s = s;
	h->id = ++s->last_logon;
	h->state = LOGON_FIRST;
	h->began = supervisor_now();
	h->caller = caller;
	h->peer = *peer;
	h->address = backoff_key(caller, peer->rhost);
	h->counted = counted;
	h->channel = h->worker = h->pipe[0] = h->pipe[1] = -1;
	h->about.logon = h->id;
	(void)snprintf(h->about.service, sizeof h->about.service, "%s", service);
	(void)snprintf(h->about.rhost, sizeof h->about.rhost, "%s", peer->rhost);
	h->public_key_len = public_key_len;
	memcpy(h->public_key, public_key, public_key_len);
	h->next = s->handshakes;
	s->handshakes = h;
	s->n_handshakes++;
	r = packet_pair(0, pair);
	if (r == 0) {
		h->channel = pair[0];
		packet_refuse_fds(h->channel);
		r = fcntl(h->channel, F_SETFL, O_NONBLOCK) < 0 ? -errno : watch_channel(h);
		if (r < 0)
			(void)close_fd(pair[1]);
	}
	if (r < 0) {
		handshake_uncount(h, 0);
		handshake_free(h);
		return r;
	}
	handshake_trace(h, "begun by uid %u", caller);
	*ret_logon = h->id;
	*ret_channel = pair[1];
	return 0;
}
