/* SPDX-License-Identifier: MIT */
/*
 * The table methods[] lists every method and its permitted callers; the introspection data is made from it. The bus
 * policy (packaging/dbus) has the same rules, but the daemon does not rely on it.
 */
#include "credsspd/bus/bus.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "common/base/log.h"
#include "credsspd/bus/reply.h"
#include "credsspd/supervisor/admission.h"
#include "include/credssp/bus-api.h"

#define RECONNECT_USEC 1000000ULL
#define CALLERS_KNOWN_MAX 64U
#define BUS_SENDER_MAX 255U

enum who {
	WHO_FRONT_END, /* a uid with services in front_ends */
	WHO_REDEEMER,  /* a uid in redeemers: root by default */
	WHO_ROOT,
};

static const struct method {
	const char *interface, *member, *in, *out;
	enum who who;
	bus_handler run;
	bool sensitive; /* the message is wiped when it is freed */
} methods[] = {
	{ CREDSSP_ACCEPTOR_INTERFACE, CREDSSP_METHOD_BEGIN, "saya{sv}", "th", WHO_FRONT_END, bus_begin, false },
	{ CREDSSP_VAULT_INTERFACE, CREDSSP_METHOD_REDEEM, "sss", "a{sv}h", WHO_REDEEMER, bus_redeem, true },
	{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_STATUS, "", "a{sv}", WHO_ROOT, bus_status, false },
	{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_RELOAD, "", "", WHO_ROOT, bus_reload, false },
	{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_SET_VERIFIER, "sh", "", WHO_ROOT, bus_set_verifier, false },
	{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_UPDATE_VERIFIER, "sbh", "", WHO_ROOT, bus_update_verifier, false },
	{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_DELETE_VERIFIER, "s", "", WHO_ROOT, bus_delete_verifier, false },
	{ CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_LIST_VERIFIERS, "", "as", WHO_ROOT, bus_list_verifiers, false },
};
#define N_METHODS (sizeof methods / sizeof *methods)

static const char *const interfaces[] = {
	CREDSSP_ACCEPTOR_INTERFACE,
	CREDSSP_VAULT_INTERFACE,
	CREDSSP_MANAGER_INTERFACE,
};
#define N_INTERFACES (sizeof interfaces / sizeof *interfaces)

/* The uid behind a unique name. It can be kept, because a bus never gives a unique name twice. */
struct known_caller {
	char sender[BUS_SENDER_MAX + 1];
	uid_t uid;
};

/* A call that waits for the uid of its caller, or a Begin that waits for earlier logons. */
struct pending {
	struct bus *bus;
	TAILQ_ENTRY(pending) entry;
	sd_bus_message *call;
	const struct method *method;
	sd_bus_slot *slot;
	bool waits;
	uid_t uid; /* of the caller of a Begin that waits */
};

struct bus {
	sd_event *event;
	struct supervisor *supervisor;
	void (*owned)(void *userdata);
	void (*lost)(void *userdata);
	void *userdata;
	sd_bus *bus;
	sd_event_source *reconnect, *retry;
	sd_bus_vtable vtable[N_INTERFACES][N_METHODS + 2];
	struct known_caller known[CALLERS_KNOWN_MAX];
	unsigned next_known;
	TAILQ_HEAD(, pending) pending; /* oldest first */
};

/* ---- the uid of the caller ---- */

static bool allowed(const struct bus *b, enum who who, uid_t uid)
{
	const struct config *c = &b->supervisor->config;

	switch (who) {
	case WHO_FRONT_END:
		return config_services_of(c, uid) != NULL;
	case WHO_REDEEMER:
		return config_may_redeem(c, uid);
	case WHO_ROOT:
		return uid == 0;
	}
	return false;
}

static const char *who_may(enum who who)
{
	switch (who) {
	case WHO_FRONT_END:
		return "front_ends in credsspd.conf does not have it";
	case WHO_REDEEMER:
		return "redeemers in credsspd.conf does not have it";
	case WHO_ROOT:
		break;
	}
	return "only root may";
}

/* ---- other owners of the name ---- */

/* Only this user may own the name, by the bus policy, and only this process asks for it: another process in the queue
 * has been taken over. */
static int on_queue(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct bus *b = userdata;
	const char *ours = NULL, *name;

	if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_get_unique_name(b->bus, &ours) < 0 ||
	    sd_bus_message_enter_container(reply, 'a', "s") < 0)
		return 0;
	while (sd_bus_message_read_basic(reply, 's', &name) > 0)
		if (strcmp(name, ours) != 0)
			log_line(LOG_ALERT,
				 "D-Bus: %s is in the queue for %s too: a process of this user has been taken over "
				 "and could answer instead of credsspd; find it, and restart credsspd",
				 name, CREDSSP_BUS_NAME);
	return 0;
}

static void check_queue(const struct bus *b)
{
	int r = sd_bus_call_method_async(b->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					 "org.freedesktop.DBus", "ListQueuedOwners", on_queue, (void *)(uintptr_t)b,
					 "s", CREDSSP_BUS_NAME);

	if (r < 0)
		log_line(LOG_ERR, "D-Bus: the queue for the name %s cannot be read: %s", CREDSSP_BUS_NAME,
			 strerror(-r));
}

static int wait_turn(struct bus *b, sd_bus_message *m, const struct method *method, uid_t uid);

static int run_method(struct bus *b, sd_bus_message *m, const struct method *method, uid_t uid)
{
	int r;

	if (!allowed(b, method->who, uid)) {
		log_line(LOG_WARNING, "D-Bus: uid %u (%s) may not call %s.%s: %s", uid, sd_bus_message_get_sender(m),
			 method->interface, method->member, who_may(method->who));
		return bus_reply_errno(m, -EACCES);
	}
	if (method->who == WHO_FRONT_END && admission_waits(&b->supervisor->logons, uid))
		return wait_turn(b, m, method, uid);
	if (method->who == WHO_REDEEMER)
		check_queue(b); /* the bus answers this before it delivers the answer to the call */
	r = method->run(m, uid, b->supervisor);
	return r < 0 ? bus_reply_errno(m, r) : 1;
}

static const struct known_caller *find_known(const struct bus *b, const char *sender)
{
	for (unsigned i = 0; i < CALLERS_KNOWN_MAX; i++)
		if (strcmp(b->known[i].sender, sender) == 0)
			return &b->known[i];
	return NULL;
}

static void remember(struct bus *b, const char *sender, uid_t uid)
{
	struct known_caller *k = &b->known[b->next_known++ % CALLERS_KNOWN_MAX];

	if (strlen(sender) > BUS_SENDER_MAX)
		return;
	strcpy(k->sender, sender);
	k->uid = uid;
}

static void pending_free(struct pending *p)
{
	TAILQ_REMOVE(&p->bus->pending, p, entry);
	sd_bus_slot_unref(p->slot);
	sd_bus_message_unref(p->call);
	free(p);
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct pending *p = userdata;
	uint32_t uid;

	if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read_basic(reply, 'u', &uid) < 0) {
		/* the caller has left, or the bus does not know it: no uid, no access */
		(void)bus_reply_errno(p->call, -EACCES);
	} else {
		remember(p->bus, sd_bus_message_get_sender(p->call), uid);
		(void)run_method(p->bus, p->call, p->method, uid);
	}
	pending_free(p);
	return 0;
}

static unsigned pending_of(const struct bus *b, const char *sender)
{
	const struct pending *p;
	unsigned n = 0;

	TAILQ_FOREACH(p, &b->pending, entry)
		n += strcmp(sd_bus_message_get_sender(p->call), sender) == 0;
	return n;
}

/* Returns 0, or -errno. */
static int pending_new(struct bus *b, sd_bus_message *m, const struct method *method, struct pending **ret_pending)
{
	struct pending *p;

	if (pending_of(b, sd_bus_message_get_sender(m)) >= CALLS_PER_CONNECTION_MAX)
		return -EBUSY;
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	*p = (struct pending){ .bus = b, .call = sd_bus_message_ref(m), .method = method };
	TAILQ_INSERT_TAIL(&b->pending, p, entry);
	*ret_pending = p;
	return 0;
}

/* ---- Begin waits ---- */

static int wait_turn(struct bus *b, sd_bus_message *m, const struct method *method, uid_t uid)
{
	struct pending *p;
	int r = pending_new(b, m, method, &p);

	if (r < 0)
		return bus_reply_errno(m, r);
	p->waits = true;
	p->uid = uid;
	return 1;
}

/* Returns the oldest Begin that need not wait any longer. */
static struct pending *next_turn(const struct bus *b)
{
	struct pending *p;

	TAILQ_FOREACH(p, &b->pending, entry)
		if (p->waits && !admission_waits(&b->supervisor->logons, p->uid))
			break;
	return p;
}

static int on_retry(sd_event_source *source, void *userdata)
{
	struct bus *b = userdata;
	struct pending *p;

	while ((p = next_turn(b))) {
		(void)run_method(b, p->call, p->method, p->uid);
		pending_free(p);
	}
	return 0;
}

/* Called in the middle of a logon's event: on_retry() runs after it. */
static void on_first_over(void *userdata)
{
	struct bus *b = userdata;

	(void)sd_event_source_set_enabled(b->retry, TAILQ_EMPTY(&b->pending) ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* ---- calls ---- */

static int ask_uid(struct bus *b, sd_bus_message *m, const struct method *method)
{
	const char *sender = sd_bus_message_get_sender(m);
	struct pending *p;
	int r = pending_new(b, m, method, &p);

	if (r < 0)
		return bus_reply_errno(m, r);
	r = sd_bus_call_method_async(b->bus, &p->slot, "org.freedesktop.DBus", "/org/freedesktop/DBus",
				     "org.freedesktop.DBus", "GetConnectionUnixUser", on_uid, p, "s", sender);
	if (r < 0) {
		pending_free(p);
		return bus_reply_errno(m, r);
	}
	return 1;
}

static int dispatch_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;
	const char *sender = sd_bus_message_get_sender(m);

	if (!sender)
		return -EINVAL;
	for (size_t i = 0; i < N_METHODS; i++) {
		const struct known_caller *k;

		if (!sd_bus_message_is_method_call(m, methods[i].interface, methods[i].member))
			continue;
		if (methods[i].sensitive)
			(void)sd_bus_message_sensitive(m);
		k = find_known(b, sender);
		return k ? run_method(b, m, &methods[i], k->uid) : ask_uid(b, m, &methods[i]);
	}
	return -EINVAL;
}

/* ---- the connection ---- */

static void fill_vtable(sd_bus_vtable *v, const char *interface)
{
	const sd_bus_vtable start = SD_BUS_VTABLE_START(0);
	const sd_bus_vtable end = SD_BUS_VTABLE_END;

	*v++ = start;
	for (size_t i = 0; i < N_METHODS; i++) {
		if (strcmp(methods[i].interface, interface) != 0)
			continue;
		const sd_bus_vtable row = SD_BUS_METHOD(methods[i].member, methods[i].in, methods[i].out, dispatch_call,
							SD_BUS_VTABLE_UNPRIVILEGED);

		*v++ = row;
	}
	*v = end;
}

static int connect_bus(struct bus *b);

static void disconnect(struct bus *b)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&b->pending)))
		pending_free(p);
	memset(b->known, 0, sizeof b->known);
	if (b->bus) {
		(void)sd_bus_detach_event(b->bus);
		sd_bus_close(b->bus);
		b->bus = sd_bus_unref(b->bus);
	}
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata);

/* When the timer cannot be set, the daemon ends and systemd restarts it: without the bus it is useless. */
static void reconnect_later(struct bus *b)
{
	if (!b->reconnect && sd_event_add_time_relative(b->event, &b->reconnect, CLOCK_BOOTTIME, RECONNECT_USEC, 10000,
							on_reconnect, b) < 0)
		b->lost(b->userdata);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bus *b = userdata;

	b->reconnect = sd_event_source_disable_unref(b->reconnect);
	disconnect(b);
	if (connect_bus(b) < 0)
		reconnect_later(b);
	return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;

	log_line(LOG_ERR,
		 "D-Bus: the system bus has gone; connecting again. No logon begins until then: systemctl status dbus");
	reconnect_later(b);
	return 0;
}

/* Returns whether libsystemd, not the bus, made this answer, because the bus hangs or the connection was lost. */
static bool is_no_answer(sd_bus_message *reply)
{
	return sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) ||
	       sd_bus_message_is_method_error(reply, SD_BUS_ERROR_TIMEOUT) ||
	       sd_bus_message_is_method_error(reply, SD_BUS_ERROR_DISCONNECTED);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct bus *b = userdata;
	uint32_t result = 0;

	if (is_no_answer(reply)) {
		reconnect_later(b);
	} else if (sd_bus_message_is_method_error(reply, NULL)) {
		log_line(LOG_ERR,
			 "D-Bus: the bus refuses the name %s: %s: is org.credssp1.conf in /usr/share/dbus-1/system.d, "
			 "and does the daemon run as user credsspd?",
			 CREDSSP_BUS_NAME, sd_bus_message_get_error(reply)->message);
		b->lost(b->userdata);
	} else if (sd_bus_message_read_basic(reply, 'u', &result) >= 0 && (result == 1 || result == 4)) {
		check_queue(b);
		b->owned(b->userdata); /* DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER, ALREADY_OWNER */
	} else {
		log_line(LOG_ERR,
			 "D-Bus: another process owns the name %s: is another credsspd running (busctl "
			 "status " CREDSSP_BUS_NAME ")?",
			 CREDSSP_BUS_NAME);
		b->lost(b->userdata);
	}
	return 0;
}

static int connect_bus(struct bus *b)
{
	int r;

	r = sd_bus_open_system_with_description(&b->bus, "credsspd");
	/* else the end of the event loop would release the name while processes of the daemon still run */
	if (r >= 0)
		r = sd_bus_set_close_on_exit(b->bus, 0);
	for (size_t i = 0; i < N_INTERFACES && r >= 0; i++)
		r = sd_bus_add_object_vtable(b->bus, NULL, CREDSSP_OBJECT_PATH, interfaces[i], b->vtable[i], b);
	if (r >= 0)
		r = sd_bus_match_signal(b->bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
					"Disconnected", on_disconnected, b);
	if (r >= 0)
		r = sd_bus_request_name_async(b->bus, NULL, CREDSSP_BUS_NAME, 0, on_name, b);
	if (r >= 0)
		r = sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		disconnect(b);
	return r;
}

int bus_new(sd_event *event, struct supervisor *supervisor, void (*owned)(void *userdata), void (*lost)(void *userdata),
	    void *userdata, struct bus **ret_bus)
{
	struct bus *b = calloc(1, sizeof *b);
	int r;

	if (!b)
		return -ENOMEM;
	b->event = event;
	b->supervisor = supervisor;
	b->owned = owned;
	b->lost = lost;
	b->userdata = userdata;
	for (size_t i = 0; i < N_INTERFACES; i++)
		fill_vtable(b->vtable[i], interfaces[i]);
	TAILQ_INIT(&b->pending);
	supervisor->logons.first_over = on_first_over;
	supervisor->logons.userdata = b;
	r = sd_event_add_defer(event, &b->retry, on_retry, b);
	if (r >= 0)
		r = sd_event_source_set_enabled(b->retry, SD_EVENT_OFF);
	if (r >= 0)
		r = connect_bus(b);
	if (r < 0) {
		bus_free(b);
		return r;
	}
	*ret_bus = b;
	return 0;
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	b->supervisor->logons.first_over = NULL;
	(void)sd_event_source_disable_unref(b->retry);
	(void)sd_event_source_disable_unref(b->reconnect);
	if (b->bus)
		(void)sd_bus_flush(b->bus);
	disconnect(b);
	free(b);
}
