/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/connection-io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/ipc/connection-msg.h"
#include "common/ipc/packet.h"
#include "credsspd-rdp/connection-private.h"

void connection_log(const struct connection *c, int level, const char *text, const char *detail)
{
	struct log_logon who = {
		.rhost = c->task->rhost,
		.rport = c->task->rport,
		.service = c->task->service,
		.user = c->done.user,
		.reason = c->reason,
	};

	struct rdp_log m = { .type = RDP_LOG, .level = (uint8_t)level };

	if (level >= LOG_DEBUG && !log_debug_enabled())
		return;
	(void)snprintf(m.text, sizeof m.text, "%s%s%s (%lld ms)", text, detail && *detail ? ": " : "",
		       detail ? detail : "", (long long)(clock_msec() - c->began));
	/* any client can cause lines before CredSSP: the listener limits them, as long as it runs */
	if (c->in_credssp || packet_send(c->task->control, &m, sizeof m, NULL, 0) < 0)
		log_logon_line(level, &who, "%s", m.text);
}

bool connection_has_input(const struct stream *s)
{
	return s->end > s->start || (s->ssl && SSL_pending(s->ssl) > 0);
}

int connection_ask(struct connection *c, const void *request, size_t len, const void *tail, size_t tail_len,
		   uint8_t answer_type, int64_t deadline, int *ret_fd)
{
	struct rdp_answer a;
	AUTO_CLOSE int fd = -1;
	int r = packet_send2(c->task->control, request, len, tail, tail_len, NULL, 0);

	while (r == 0) {
		/* the client may leave in the meantime */
		struct pollfd p[2] = { { .fd = c->task->control, .events = POLLIN },
				       { .fd = c->task->net, .events = POLLRDHUP } };
		int64_t left = deadline - clock_msec();
		int n = left > 0 ? poll(p, 2, (int)left) : 0;

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (n > 0 && p[0].revents)
			break;
		if (n > 0 && p[1].revents)
			return -ECONNRESET;
	}
	if (r < 0 || packet_recv(c->task->control, &a, sizeof a, &fd, 1) != (ssize_t)sizeof a || a.type != answer_type)
		return r < 0 ? r : -EPIPE;
	if (a.error < 0 || fd < 0) {
		a.detail[sizeof a.detail - 1] = '\0';
		connection_log(c, LOG_WARNING, "connection ended", a.detail);
		return -ECANCELED;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}
