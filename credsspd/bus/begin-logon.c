/* SPDX-License-Identifier: MIT */
/* org.credssp1.Acceptor: a front end begins a logon. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "credsspd/bus/bus.h"
#include "credsspd/supervisor/admission.h"
#include "include/credssp/bus-api.h"

static int read_rhost(sd_bus_message *m, struct logon_peer *peer)
{
	const char *s;
	int r = sd_bus_message_read(m, "v", "s", &s);

	if (r < 0)
		return r;
	if (strlen(s) > RHOST_MAX || strspn(s, "0123456789abcdefABCDEF.:%") != strlen(s))
		return -EINVAL; /* an address as text, never a name */
	(void)snprintf(peer->rhost, sizeof peer->rhost, "%s", s);
	return 0;
}

static int read_flag(sd_bus_message *m, bool *flag)
{
	int value, r = sd_bus_message_read(m, "v", "b", &value);

	if (r >= 0)
		*flag = value != 0;
	return r;
}

static int read_peer_entry(sd_bus_message *m, struct logon_peer *peer)
{
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{ CREDSSP_PEER_RESTRICTED_ADMIN, &peer->restricted_admin },
		{ CREDSSP_PEER_REMOTE_GUARD, &peer->remote_guard },
		{ CREDSSP_PEER_EARLY_AUTHORIZATION, &peer->early_authorization },
	};
	const char *key;
	int r = sd_bus_message_read_basic(m, 's', &key);

	if (r < 0)
		return r;
	if (strcmp(key, CREDSSP_PEER_RHOST) == 0)
		return read_rhost(m, peer);
	if (strcmp(key, CREDSSP_PEER_RPORT) == 0)
		return sd_bus_message_read(m, "v", "q", &peer->rport);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (strcmp(key, flags[i].key) == 0)
			return read_flag(m, flags[i].flag);
	return -EINVAL;
}

static int read_peer(sd_bus_message *m, struct logon_peer *ret_peer)
{
	struct logon_peer peer = { .rport = 0 };
	int r;

	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_peer_entry(m, &peer);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r < 0)
		return -EINVAL;
	*ret_peer = peer;
	return sd_bus_message_exit_container(m);
}

int bus_begin(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	AUTO_CLOSE int channel = -1;
	struct logon_peer peer;
	const char *service;
	const void *key;
	uint64_t logon;
	size_t key_len;
	int r;

	r = sd_bus_message_read_basic(m, 's', &service);
	if (r >= 0)
		r = sd_bus_message_read_array(m, 'y', &key, &key_len);
	if (r >= 0)
		r = read_peer(m, &peer);
	if (r < 0)
		return -EINVAL;
	r = admission_begin(&s->logons, uid, service, key, key_len, &peer, &logon, &channel);
	return r < 0 ? r : sd_bus_reply_method_return(m, "th", logon, channel);
}
