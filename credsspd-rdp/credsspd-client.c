/* SPDX-License-Identifier: MIT */
#include "credsspd-rdp/credsspd-client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "include/credssp/bus-api.h"

#define RECONNECT_USEC 1000000ULL
#define CALL_TIMEOUT_USEC 10000000ULL
#define OWNER_CHANGED \
	"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus'," \
	"member='NameOwnerChanged',arg0='" CREDSSP_BUS_NAME "'"

struct credsspd_call {
	struct credsspd_client *client;
	STAILQ_ENTRY(credsspd_call) entry;
	sd_bus_message *message; /* until it is sent */
	sd_bus_slot *slot;       /* after it is sent */
	credsspd_begin_fn fn;
	void *userdata;
};

struct credsspd_client {
	sd_event *event;
	sd_bus *bus;
	sd_event_source *reconnect;
	STAILQ_HEAD(call_list, credsspd_call) calls; /* oldest first */
	bool on_bus;                                 /* the name has an owner: credsspd, by the policy of the bus */
};

static void call_free(struct credsspd_call *c)
{
	STAILQ_REMOVE(&c->client->calls, c, credsspd_call, entry);
	sd_bus_message_unref(c->message);
	sd_bus_slot_unref(c->slot);
	free(c);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error);

static int send_call(struct credsspd_call *c)
{
	int r = sd_bus_call_async(c->client->bus, &c->slot, c->message, on_reply, c, CALL_TIMEOUT_USEC);

	c->message = sd_bus_message_unref(c->message);
	return r;
}

/* Limits the pending calls: the bus closes a connection that has 128. */
static bool may_send(const struct credsspd_client *a)
{
	const struct credsspd_call *c;
	unsigned n = 0;

	STAILQ_FOREACH(c, &a->calls, entry)
		n += c->slot != NULL;
	return n < RDP_BEGIN_CALLS_MAX;
}

static void call_finish(struct credsspd_call *c, int error, const char *detail, int channel)
{
	credsspd_begin_fn fn = c->fn;
	void *userdata = c->userdata;

	call_free(c);
	fn(error, detail, channel, userdata);
}

/* Sends the oldest waiting calls, up to the limit. */
static void send_more(struct credsspd_client *a)
{
	struct credsspd_call *c;

	while (a->bus && may_send(a)) {
		STAILQ_FOREACH(c, &a->calls, entry)
			if (c->message)
				break;
		if (!c)
			return;
		if (send_call(c) < 0)
			call_finish(c, -EIO, "the call of credsspd cannot be sent", -1);
	}
}

static int connect_bus(struct credsspd_client *a);
static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata);

/* When the timer cannot be set, the program ends and systemd restarts it: there are no logons without the bus. Sessions
 * continue. */
static void reconnect_later(struct credsspd_client *a)
{
	int r = a->reconnect ? 0
			     : sd_event_add_time_relative(a->event, &a->reconnect, CLOCK_BOOTTIME, RECONNECT_USEC,
							  10000, on_reconnect, a);

	if (r < 0)
		(void)sd_event_exit(a->event, r);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct credsspd_client *a = userdata;

	a->reconnect = sd_event_source_disable_unref(a->reconnect);
	a->bus = sd_bus_close_unref(a->bus);
	if (connect_bus(a) < 0)
		reconnect_later(a);
	else
		log_line(LOG_INFO, "D-Bus: connected again");
	return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct credsspd_client *a = userdata;

	a->on_bus = false;
	log_line(LOG_ERR,
		 "D-Bus: the connection to the system bus is lost; connecting again. No logon begins until then: "
		 "systemctl status dbus");
	while (!STAILQ_EMPTY(&a->calls))
		call_finish(STAILQ_FIRST(&a->calls), -ECONNRESET, "the connection to the system bus is lost", -1);
	reconnect_later(a);
	return 0;
}

/* ---- whether credsspd is on the bus ---- */

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct credsspd_client *a = userdata;
	const char *name, *was, *is;

	if (sd_bus_message_read(m, "sss", &name, &was, &is) < 0)
		return 0;
	if (a->on_bus && !*is)
		log_line(LOG_WARNING, "credsspd is not on the bus any more; health checks of proxies are refused until "
				      "it is back: systemctl status credsspd");
	else if (!a->on_bus && *is)
		log_line(LOG_INFO, "credsspd is on the bus");
	a->on_bus = *is;
	return 0;
}

static int on_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct credsspd_client *a = userdata;

	a->on_bus = !sd_bus_message_is_method_error(reply, NULL);
	if (!a->on_bus)
		log_line(LOG_WARNING,
			 "credsspd is not on the bus; health checks of proxies are refused until it is there: "
			 "systemctl status credsspd");
	return 0;
}

/* Subscribes before it asks for the owner, so that no change is missed. */
static int watch_owner(struct credsspd_client *a)
{
	int r = sd_bus_add_match_async(a->bus, NULL, OWNER_CHANGED, on_owner_changed, NULL, a);

	return r < 0 ? r
		     : sd_bus_call_method_async(a->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
						"org.freedesktop.DBus", "GetNameOwner", on_owner, a, "s",
						CREDSSP_BUS_NAME);
}

bool credsspd_client_on_bus(const struct credsspd_client *a)
{
	return a->on_bus;
}

/* ---- the connection ---- */

static int connect_bus(struct credsspd_client *a)
{
	int r = sd_bus_open_system_with_description(&a->bus, "credsspd-rdp");

	if (r >= 0)
		r = sd_bus_match_signal(a->bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
					"Disconnected", on_disconnected, a);
	if (r >= 0)
		r = watch_owner(a);
	if (r >= 0)
		r = sd_bus_attach_event(a->bus, a->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		a->bus = sd_bus_close_unref(a->bus);
	return r < 0 ? r : 0;
}

int credsspd_client_new(sd_event *event, struct credsspd_client **ret_client)
{
	struct credsspd_client *a = calloc(1, sizeof *a);
	int r;

	if (!a)
		return -ENOMEM;
	a->event = event;
	STAILQ_INIT(&a->calls);
	r = connect_bus(a);
	if (r < 0) {
		free(a);
		return r;
	}
	*ret_client = a;
	return 0;
}

void credsspd_client_free(struct credsspd_client *a)
{
	if (!a)
		return;
	while (!STAILQ_EMPTY(&a->calls))
		call_free(STAILQ_FIRST(&a->calls));
	(void)sd_event_source_disable_unref(a->reconnect);
	a->bus = sd_bus_close_unref(a->bus);
	free(a);
}

/* Translates an error of Begin into what an administrator should look at. */
static const char *error_text(const sd_bus_error *e)
{
	static const struct {
		const char *name, *text;
	} row[] = {
		{ CREDSSP_ERROR_ACCESS_DENIED,
		  "credsspd takes no logons from this user (front_ends in credsspd.conf)" },
		{ "org.freedesktop.DBus.Error.AccessDenied", "the bus policy does not let this user call credsspd" },
		{ "org.freedesktop.DBus.Error.ServiceUnknown", "credsspd is not running" },
		{ "org.freedesktop.DBus.Error.NameHasNoOwner", "credsspd is not running" },
		{ CREDSSP_ERROR_BACKOFF, "refused by credsspd: the address has to wait" },
		{ CREDSSP_ERROR_LIMIT, "refused by credsspd: a limit is reached" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (sd_bus_error_has_name(e, row[i].name))
			return row[i].text;
	return e->message ? e->message : e->name;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct credsspd_call *c = userdata;
	struct credsspd_client *a = c->client;
	const sd_bus_error *e = sd_bus_message_get_error(reply);
	uint64_t logon;
	int fd = -1;

	if (e) {
		call_finish(c, -EACCES, error_text(e), -1);
	} else if (sd_bus_message_read(reply, "th", &logon, &fd) < 0 || (fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) {
		call_finish(c, -EPROTO, "credsspd sent a malformed answer", -1);
	} else {
		call_finish(c, 0, "", fd);
	}
	send_more(a);
	return 0;
}

static int append_peer(sd_bus_message *m, const struct rdp_begin *b, const char *rhost, uint16_t rport)
{
	return sd_bus_message_append(m, "a{sv}", 5, CREDSSP_PEER_RHOST, "s", rhost, CREDSSP_PEER_RPORT, "q", rport,
				     CREDSSP_PEER_RESTRICTED_ADMIN, "b", (int)b->restricted_admin,
				     CREDSSP_PEER_REMOTE_GUARD, "b", (int)b->remote_guard,
				     CREDSSP_PEER_EARLY_AUTHORIZATION, "b", (int)b->early_authorization);
}

int credsspd_client_begin(struct credsspd_client *a, const char *service, const struct rdp_begin *b, const char *rhost,
			  uint16_t rport, credsspd_begin_fn fn, void *userdata, struct credsspd_call **ret_call)
{
	struct credsspd_call *c;
	sd_bus_message *m = NULL;
	int r;

	if (!a->bus)
		return -ENOTCONN;
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	*c = (struct credsspd_call){ .client = a, .fn = fn, .userdata = userdata };
	STAILQ_INSERT_TAIL(&a->calls, c, entry);
	r = sd_bus_message_new_method_call(a->bus, &m, CREDSSP_BUS_NAME, CREDSSP_OBJECT_PATH,
					   CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN);
	if (r >= 0)
		r = sd_bus_message_append(m, "s", service);
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', b->public_key, b->public_key_len);
	if (r >= 0)
		r = append_peer(m, b, rhost, rport);
	c->message = m;
	if (r >= 0 && may_send(a))
		r = send_call(c);
	if (r < 0) {
		call_free(c);
		return r;
	}
	*ret_call = c;
	return 0;
}

void credsspd_call_cancel(struct credsspd_call *c)
{
	struct credsspd_client *a = c ? c->client : NULL;

	if (!c)
		return;
	call_free(c);
	send_more(a);
}
