/* SPDX-License-Identifier: MIT */
/* The events of a logon: its channel, its worker, its deadlines, the answers of other processes. */
#include "credsspd/supervisor/logon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/ipc/packet.h"
#include "common/wire/name.h"
#include "include/credssp/channel.h"

/* ---- one step of the table ---- */

/* Enables reading from the front end only in the client's turn, and sets the deadline of the present state. */
static void take_turns(struct logon *h)
{
	bool client = logon_awaits_client(h->state), worker = logon_awaits_worker(h->state);

	h->turn_began = clock_usec();
	(void)sd_event_source_set_io_events(h->channel_io, client ? EPOLLIN : 0);
	/* in LOGON_CLIENT the client may still have to send pubKeyAuth: its answer is judged only after that */
	if (h->state != LOGON_WORKING && h->state != LOGON_CLIENT)
		logon_judged(h);
	if (client || worker)
		(void)sd_event_source_set_time_relative(
		    h->turn, (client ? HANDSHAKE_TURN_TIMEOUT_SEC : WORKER_STEP_TIMEOUT_SEC) * USEC_PER_SEC);
	(void)sd_event_source_set_enabled(h->turn, client || worker ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* Takes the row of the table for @event and does its action. @record: the message that came with it, or NULL. */
static void step(struct logon *h, enum logon_event event, const uint8_t *record, size_t len)
{
	struct logon_step row = logon_step(h->state, event);
	struct logons *l = h->logons;

	if (row.action == LOGON_FAIL) {
		if (event == LOGON_GOT_END)
			logon_worker_lost(h);
		else
			logon_fail(h, REFUSAL_CRASHED, "the worker sent a message out of order");
		return;
	}
	if (h->state == LOGON_FIRST && l->first_over)
		l->first_over(l->userdata);
	h->state = row.next;
	logon_act(h, row.action, record, len);
	if (!logon_is_over(h->state))
		take_turns(h);
}

static void on_worker(enum logon_event event, const uint8_t *record, size_t len, void *userdata)
{
	if (event == LOGON_EVENTS_)
		logon_fail(userdata, REFUSAL_CRASHED, "the worker sent a malformed message");
	else
		step(userdata, event, record, len);
}

/* ---- deadlines ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct logon *h = userdata;
	char detail[64];

	(void)snprintf(detail, sizeof detail, "state %s", logon_state_name(h->state));
	logon_fail(h, logon_awaits_client(h->state) ? REFUSAL_TIMEOUT : REFUSAL_UNAVAILABLE, detail);
	return 0;
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct logon *h = userdata;

	if (logon_awaits_client(h->state))
		return on_deadline(source, usec, h);
	logon_worker_suspect(&h->worker);
	logon_fail(h, REFUSAL_UNAVAILABLE, "the worker gave no answer in time");
	return 0;
}

/* ---- the channel ---- */

/*
 * Returns whether the client's answer may be judged now. If not, either the answer stays in the channel until another
 * answer of the address was judged, or the logon has ended, because the address has to wait.
 */
static bool may_be_judged(struct logon *h)
{
	int r;

	if (h->state != LOGON_CLIENT || !h->counted || h->judging)
		return true;
	r = backoff_judge(h->logons->backoff, &h->address, clock_usec());
	h->judging = r == 0;
	if (r > 0)
		logon_fail(h, REFUSAL_BACKOFF, NULL);
	if (r < 0) {
		h->queued = true;
		(void)sd_event_source_set_io_events(h->channel_io, 0);
		(void)sd_event_source_set_enabled(h->turn, SD_EVENT_OFF); /* this time is not the client's */
	}
	return r == 0;
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	struct logon *h = userdata;
	ssize_t n;

	if (!(revents & EPOLLIN)) { /* the front end closed the channel outside its turn */
		logon_fail(h, REFUSAL_CANCELLED, NULL);
		return 0;
	}
	if (!may_be_judged(h))
		return 0;
	n = packet_recv(fd, packet, sizeof packet, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n == 0)
		logon_fail(h, REFUSAL_CANCELLED, NULL);
	else if (n < 2 || packet[0] != CHANNEL_TSREQUEST)
		logon_fail(h, REFUSAL_PROTOCOL, "the front end sent what is no TSRequest");
	else
		step(h, LOGON_GOT_TSREQUEST, packet, (size_t)n);
	return 0;
}

/* ---- answers of other processes ---- */

/*
 * Returns whether the client may send any kind of credentials, by the negotiation in X.224; else stores the reason.
 * Called before the pubKeyAuth reply, so that the client does not send credentials that would be refused.
 */
static bool check_negotiated(struct logon *h)
{
	const char *why = NULL;
	enum refusal refusal = policy_check_negotiated(h->logons->config, &h->peer, h->worker.mechanism, &why);

	if (refusal == REFUSAL_NONE)
		return true;
	h->refusal = refusal;
	(void)snprintf(h->detail, sizeof h->detail, "%s", why);
	return false;
}

/* The resolver reports the kind of trouble with a name as a number; the names are the supervisor's own copies. */
static void explain_name(struct logon *h, const struct resolver_answer *answer)
{
	const struct worker_delegated *d = &h->delegation;

	if (answer->refusal == REFUSAL_NAME && answer->trouble != NAME_FINE)
		(void)name_trouble_text((enum name_trouble)answer->trouble, h->delegated ? d->domain : "",
					h->delegated ? d->user : "", h->detail, sizeof h->detail);
}

static void on_account(const struct resolver_answer *answer, void *userdata)
{
	struct logon *h = userdata;

	h->question = NULL;
	if (!answer) {
		h->refusal = REFUSAL_UNAVAILABLE;
		(void)snprintf(h->detail, sizeof h->detail, "no answer from the name service (nsswitch.conf)");
		step(h, LOGON_GOT_NO_ACCOUNT, NULL, 0);
	} else if (answer->refusal != REFUSAL_NONE || !check_negotiated(h)) {
		if (answer->refusal != REFUSAL_NONE)
			h->refusal = answer->refusal < REFUSAL_MAX_ ? (enum refusal)answer->refusal : REFUSAL_INTERNAL;
		explain_name(h, answer);
		if (!h->about.user[0])
			memcpy(h->about.user, answer->name, sizeof h->about.user);
		step(h, LOGON_GOT_NO_ACCOUNT, NULL, 0);
	} else {
		step(h, LOGON_GOT_ACCOUNT, (const uint8_t *)answer, sizeof *answer);
		if (h->state == LOGON_CHECKING && !h->account_ask)
			step(h, LOGON_GOT_STATE, NULL, 0);
	}
}

static void on_checked(const struct account_answer *answer, const char *why, void *userdata)
{
	struct logon *h = userdata;

	step(h, account_check_answered(h, answer, why) ? LOGON_GOT_STATE : LOGON_GOT_BAD_STATE, NULL, 0);
}

void logons_resume(struct logons *l)
{
	struct logon *h;

	TAILQ_FOREACH(h, &l->list, entry) {
		if (!h->waits || logon_is_over(h->state))
			continue;
		h->waits = false;
		logon_start_worker(h, l->services->krb5);
	}
}

void logons_process_gone(struct logons *l, const struct process *p)
{
	struct logon *h;

	/* the sockets of its workers report their end */
	TAILQ_FOREACH(h, &l->list, entry)
		logon_worker_process_gone(&h->worker, p);
}

static struct logon *find_logon(struct logons *l, uint64_t id)
{
	struct logon *h;

	TAILQ_FOREACH(h, &l->list, entry)
		if (h->id == id && !logon_is_over(h->state))
			break;
	return h;
}

int logons_verifier_result(struct logons *l, const struct verifier_result *result)
{
	struct logon *h = find_logon(l, result->logon);

	if (!packet_text_ends(result->name, sizeof result->name) ||
	    !packet_text_ends(result->detail, sizeof result->detail))
		return -EPROTO;
	/* the logon has ended meanwhile, or has a worker of the other template now */
	if (!h || h->worker.mechanism != MECHANISM_NTLM)
		return 0;
	h->proof = *result;
	if (result->asked == 1)
		return 0;
	h->proved = result->granted == 1;
	if (!h->proved) {
		h->refusal = result->refusal != REFUSAL_NONE && result->refusal < REFUSAL_MAX_
				 ? (enum refusal)result->refusal
				 : REFUSAL_INTERNAL;
		memcpy(h->detail, result->detail, sizeof result->detail);
	}
	logon_trace(h, "verifier: %s", h->proved ? "NTLMv2 response is right" : refusal_word(h->refusal));
	return 0;
}

/* ---- life ---- */

static void logon_free(struct logon *h)
{
	TAILQ_REMOVE(&h->logons->list, h, entry);
	logon_worker_drop(&h->worker);
	logon_worker_forget_first(&h->worker);
	resolve_cancel(h->question);
	account_ask_cancel(h->account_ask);
	(void)sd_event_source_disable_unref(h->channel_io);
	(void)sd_event_source_disable_unref(h->deadline);
	(void)sd_event_source_disable_unref(h->turn);
	(void)packet_close(h->channel);
	(void)close_fd(h->pipe[0]);
	(void)close_fd(h->pipe[1]);
	free(h);
}

/* Frees the logons that have ended, after the event that ended them. */
static int on_reap(sd_event_source *source, void *userdata)
{
	struct logons *l = userdata;
	struct logon *h, *next;

	for (h = TAILQ_FIRST(&l->list); h; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (logon_is_over(h->state))
			logon_free(h);
	}
	return 0;
}

static int watch_channel(struct logon *h)
{
	struct logons *l = h->logons;
	int r;

	r = sd_event_add_io(l->event, &h->channel_io, h->channel, EPOLLIN, on_channel, h);
	if (r >= 0)
		r = sd_event_add_time_relative(l->event, &h->deadline, CLOCK_BOOTTIME,
					       l->config->handshake_timeout_sec * USEC_PER_SEC, 100000, on_deadline, h);
	if (r >= 0)
		r = sd_event_add_time_relative(l->event, &h->turn, CLOCK_BOOTTIME,
					       HANDSHAKE_FIRST_TIMEOUT_SEC * USEC_PER_SEC, 100000, on_turn, h);
	return r < 0 ? r : 0;
}

int logon_new(struct logons *l, uid_t caller, const char *service, const void *public_key, size_t public_key_len,
	      const struct logon_peer *peer, bool counted, struct logon **ret_logon, int *ret_channel)
{
	struct logon *h = calloc(1, sizeof *h + public_key_len);
	int pair[2] = { -1, -1 }, r = h ? packet_pair(0, pair) : -ENOMEM;

	if (r < 0) {
		free(h);
		return r;
	}
	h->logons = l;
	h->id = ++l->last_id;
	h->began = h->turn_began = clock_usec();
	h->caller = caller;
	h->peer = *peer;
	h->address = backoff_key(caller, peer->rhost);
	h->counted = counted;
	h->channel = pair[0];
	h->pipe[0] = h->pipe[1] = -1;
	h->worker = (struct logon_worker){ .services = l->services, .logon = h->id, .fn = on_worker, .userdata = h };
	logon_worker_init(&h->worker);
	h->about.logon = h->id;
	(void)snprintf(h->about.service, sizeof h->about.service, "%s", service);
	(void)snprintf(h->about.rhost, sizeof h->about.rhost, "%s", peer->rhost);
	h->public_key_len = public_key_len;
	memcpy(h->public_key, public_key, public_key_len);
	TAILQ_INSERT_HEAD(&l->list, h, entry);
	packet_refuse_fds(h->channel);
	r = fcntl(h->channel, F_SETFL, O_NONBLOCK) < 0 ? -errno : watch_channel(h);
	if (r < 0) {
		(void)close_fd(pair[1]);
		logon_free(h);
		return r;
	}
	l->live++;
	logon_trace(h, "begun by uid %u", caller);
	*ret_logon = h;
	*ret_channel = pair[1];
	return 0;
}

void logons_states(const struct logons *l, unsigned ret_count[LOGON_STATES_])
{
	const struct logon *h;

	memset(ret_count, 0, LOGON_STATES_ * sizeof *ret_count);
	TAILQ_FOREACH(h, &l->list, entry)
		ret_count[h->state]++;
}

int logons_init(struct logons *l)
{
	int r;

	TAILQ_INIT(&l->list);
	l->answered = on_account;
	l->checked = on_checked;
	l->last_id = (uint64_t)time(NULL) << 20; /* unique across restarts: a log can be searched for an id */
	r = sd_event_add_defer(l->event, &l->reap, on_reap, l);
	if (r >= 0) /* runs before every other event source of a logon that has ended */
		r = sd_event_source_set_priority(l->reap, SD_EVENT_PRIORITY_IMPORTANT - 1);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->reap, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

void logons_done(struct logons *l)
{
	struct logon *h;

	while ((h = TAILQ_FIRST(&l->list)))
		logon_free(h);
	l->live = 0;
	l->reap = sd_event_source_disable_unref(l->reap);
}
