/* SPDX-License-Identifier: MIT */
/*
 * The worker of a logon: which template it is forked from, its records, its end. To choose the template, the first
 * TSRequest is searched for the NTLMSSP signature; a wrong guess costs one more worker and nothing else.
 */
#include "credsspd/supervisor/logon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "common/base/cleanup.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/policy.h"

#define NTLM_HINT_WINDOW 256U /* where an NTLMSSP signature would be in a first TSRequest */

/* A worker that has not ended by itself is ended: after its last record it has nothing to do. */
void handshake_drop_worker(struct handshake *h)
{
	struct template_record kill = { .type = TEMPLATE_KILL, .logon = h->id };

	if (h->worker >= 0 && !h->worker_ended && h->template_child)
		(void)packet_send(h->template_child->control, &kill, sizeof kill, NULL, 0);
	h->worker_io = sd_event_source_disable_unref(h->worker_io);
	h->worker = packet_close(h->worker);
	h->worker_ended = true;
	if (h->verifier_child) {
		child_unref(h->verifier_child);
		h->verifier_child = NULL;
	}
}

/*
 * The kernel closes what a process had before it kills its children (PR_SET_PDEATHSIG), so a worker that died with its
 * template is noticed behind the template's end. The other way round there is nothing: a worker cannot end its
 * template, and a socket that this side has closed (a retired template without workers) does not count.
 */
static bool template_died(const struct handshake *h)
{
	struct pollfd p = { .fd = h->template_child ? h->template_child->control : -1 };

	return !h->template_child || (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
}

void handshake_worker_lost(struct handshake *h)
{
	if (!template_died(h))
		handshake_fail(h, REFUSAL_CRASHED, "the worker ended without a word");
	else if (h->refusal == REFUSAL_NONE)
		handshake_fail(h, REFUSAL_UNAVAILABLE, "the template died, and its worker with it");
	else /* that has been decided */
		handshake_refuse(h);
}

/* The event that a record of the worker is; -EPROTO for one that is malformed. */
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
	struct handshake *h = userdata;
	enum logon_event event;
	ssize_t n;

	(void)revents;
	n = packet_recv(fd, packet, sizeof packet, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n == 0) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		h->worker_ended = true;
		handshake_event(h, LOGON_GOT_END, NULL, 0);
	} else if (n < 0 || worker_record_event(packet, (size_t)n, &event) < 0) {
		handshake_fail(h, REFUSAL_CRASHED, "the worker sent a malformed record");
	} else {
		handshake_event(h, event, packet, (size_t)n);
	}
	return 0;
}

static int send_start(struct handshake *h)
{
	static struct worker_start start; /* too large for the stack; its key is sent from where it is */

	start = (struct worker_start){ .type = WORKER_START };
	start.min_version = (uint8_t)h->s->config.min_version;
	start.logon = h->id;
	start.public_key_len = (uint32_t)h->public_key_len;
	if (h->peer.early_authorization)
		start.flags |= WORKER_EARLY_AUTHORIZATION;
	start.flags |= (uint8_t)policy_worker_flags(&h->s->config, &h->peer, h->mechanism);
	if (h->last_resort)
		start.flags |= WORKER_LAST_RESORT;
	return packet_send2(h->worker, &start, offsetof(struct worker_start, public_key), h->public_key,
			    h->public_key_len, NULL, 0);
}

/* For an ntlm worker: its socket to the verifier, whose other end goes to the verifier. */
static int attach_verifier(struct handshake *h, int *ret_fd)
{
	struct verifier_control attach = { .type = VERIFIER_ATTACH, .id = h->id };
	struct child *verifier = service_current(h->s->verifier);
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
	child_ref(verifier);
	h->verifier_child = verifier;
	*ret_fd = TAKE_FD(workers);
	return 0;
}

static int spawn_worker(struct handshake *h, struct service *template)
{
	struct template_record spawn = { .type = TEMPLATE_SPAWN, .logon = h->id };
	struct child *child = service_current(template);
	AUTO_CLOSE int theirs = -1;
	AUTO_CLOSE int verifier = -1;
	int pair[2], fds[2], r;

	if (!child)
		return -ENETDOWN;
	r = packet_pair(0, pair);
	if (r < 0)
		return r;
	h->worker = pair[0];
	packet_refuse_fds(h->worker);
	theirs = pair[1];
	if (fcntl(h->worker, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	h->mechanism = template == h->s->krb5 ? MECHANISM_KRB5 : MECHANISM_NTLM;
	if (h->mechanism == MECHANISM_NTLM) {
		r = attach_verifier(h, &verifier);
		if (r < 0)
			return r;
	}
	fds[0] = theirs;
	fds[1] = verifier;
	r = packet_send(child->control, &spawn, sizeof spawn, fds, verifier < 0 ? 1 : 2);
	if (r < 0)
		return r;
	child_ref(child); /* until TEMPLATE_EXITED */
	h->template = template;
	h->template_child = child;
	h->worker_ended = false;
	r = sd_event_add_io(h->s->event, &h->worker_io, h->worker, EPOLLIN, on_worker, h);
	if (r < 0)
		return r;
	return send_start(h);
}

static bool has_ntlm_signature(const uint8_t *p, size_t len)
{
	return memmem(p, len < NTLM_HINT_WINDOW ? len : NTLM_HINT_WINDOW, "NTLMSSP", 8) != NULL;
}

/* The template to try next, or NULL when both have been; then *@ret_tried is the new h->templates_tried. */
static struct service *next_template(const struct handshake *h, unsigned tried, unsigned *ret_tried)
{
	struct supervisor *s = h->s;
	bool ntlm_first = s->ntlm && has_ntlm_signature(h->first, h->first_len);
	struct service *order[2] = { ntlm_first ? s->ntlm : s->krb5, ntlm_first ? s->krb5 : s->ntlm };

	while (tried < 2) {
		struct service *t = order[tried++];

		if (t && !service_failed_to_start(t)) {
			*ret_tried = tried;
			return t;
		}
	}
	return NULL;
}

static void start_worker(struct handshake *h, struct service *template)
{
	int r = spawn_worker(h, template);

	if (r == 0)
		r = packet_send(h->worker, h->first, h->first_len, NULL, 0);
	if (r < 0)
		handshake_fail(h, REFUSAL_UNAVAILABLE, strerror(-r));
	else
		handshake_trace(h, "worker forked from the %s template", mechanism_name(h->mechanism));
}

void handshake_resume_all(struct supervisor *s)
{
	struct handshake *next;

	for (struct handshake *h = s->handshakes; h; h = next) {
		next = h->next;
		if (!h->waits)
			continue;
		h->waits = false;
		start_worker(h, s->krb5);
	}
}

void handshake_spawn_next(struct handshake *h)
{
	struct service *template = next_template(h, h->templates_tried, &h->templates_tried);
	unsigned ignored;

	if (!template) {
		handshake_fail(h, REFUSAL_MECHANISM, NULL);
		return;
	}
	h->last_resort = !next_template(h, h->templates_tried, &ignored);
	handshake_drop_worker(h);
	h->waits = template == h->s->krb5 && keys_pending(h->s);
	if (h->waits)
		handshake_trace(h, "waits for new keys");
	else
		start_worker(h, template);
}

/* ---- what the other processes say ---- */

static struct handshake *find(struct supervisor *s, uint64_t id)
{
	struct handshake *h = s->handshakes;

	while (h && h->id != id)
		h = h->next;
	return h;
}

static bool abnormal(int status)
{
	/* SIGKILL is ours; a worker that has said its last word exits with 0 */
	return WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0;
}

int handshake_template_record(struct child *c, const void *p, size_t len, void *userdata)
{
	struct supervisor *s = userdata;
	struct template_record r;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, p, sizeof r);
	if (r.type != TEMPLATE_EXITED || c->live == 0)
		return -EPROTO;
	if (abnormal(r.status)) {
		struct log_logon who = { .logon = r.logon };

		log_logon_line(LOG_ERR, &who, "a worker died by %s %d; its template is replaced",
			       WIFSIGNALED(r.status) ? "signal" : "exit status",
			       WIFSIGNALED(r.status) ? WTERMSIG(r.status) : WEXITSTATUS(r.status));
		supervisor_worker_crashed(s, c->service);
	}
	child_unref(c);
	return 0;
}

void handshake_template_gone(struct child *c, void *userdata)
{
	struct supervisor *s = userdata;

	/* its workers died with it, which their sockets say */
	for (struct handshake *h = s->handshakes; h; h = h->next)
		if (h->template_child == c)
			h->template_child = NULL;
}

int handshake_verifier_result(struct supervisor *s, const struct verifier_result *result)
{
	struct handshake *h = find(s, result->logon);

	if (!record_terminated(result->name, sizeof result->name) ||
	    !record_terminated(result->detail, sizeof result->detail))
		return -EPROTO;
	/* it has ended meanwhile, or another template has it */
	if (!h || h->mechanism != MECHANISM_NTLM)
		return 0;
	h->proof = *result;
	if (result->asked == 1)
		return 0;
	h->proved = result->granted == 1;
	if (!h->proved)
		h->refusal = result->refusal != REFUSAL_NONE && result->refusal < REFUSAL_MAX_
				 ? (enum refusal)result->refusal
				 : REFUSAL_INTERNAL;
	if (!h->proved)
		memcpy(h->detail, result->detail, sizeof result->detail);
	handshake_trace(h, "verifier: %s", h->proved ? "NTLMv2 response is right" : refusal_word(h->refusal));
	return 0;
}

void handshake_verifier_gone(struct supervisor *s, struct child *c)
{
	for (struct handshake *h = s->handshakes; h; h = h->next)
		if (h->verifier_child == c)
			h->verifier_child = NULL;
}
