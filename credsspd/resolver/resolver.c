/* SPDX-License-Identifier: MIT */
/*
 * A resolver answers one request at a time: a name service module that blocks occupies one resolver, which the
 * supervisor kills at the deadline.
 */
#include "credsspd/resolver/resolver.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/log.h"
#include "common/ipc/packet.h"
#include "common/sandbox/sandbox.h"
#include "credsspd/resolver/identity.h"

static int serve_requests(const struct config *config, int fd)
{
	struct resolver_request q;
	struct resolver_answer a;
	ssize_t n;

	while ((n = packet_recv(fd, &q, sizeof q, NULL, 0)) > 0) {
		if (n != (ssize_t)sizeof q || !packet_text_ends(q.principal, sizeof q.principal) ||
		    !packet_text_ends(q.domain, sizeof q.domain) || !packet_text_ends(q.user, sizeof q.user))
			return -EPROTO;
		identity_answer(config, &identity_system, &q, &a);
		int r = packet_send(fd, &a, sizeof a, NULL, 0);

		if (r < 0)
			return r;
	}
	return (int)n;
}

int resolver_main(const struct config *config, int control_fd)
{
	const uint8_t ready = RESOLVER_READY;
	int r = confine_helper(control_fd, "resolver", false);

	if (r == 0)
		r = packet_send(control_fd, &ready, 1, NULL, 0);
	if (r == 0)
		r = serve_requests(config, control_fd);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		log_line(LOG_ERR, "resolver: %s", strerror(-r));
	return r;
}
