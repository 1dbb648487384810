/* SPDX-License-Identifier: MIT */
/*
 * Why libdbus's blocking calls are not used: with a stopped bus or daemon they block far beyond their timeouts. So the
 * connection is private to the call, Hello is sent by hand, and one loop reads and writes until the deadline. Also
 * libdbus's connect() could block on a stopped bus with a full backlog, so a non-blocking connect() is tried first.
 *
 * libdbus aborts the process when it is given invalid UTF-8: everything is checked before it is appended.
 */
#include "pam_credssp/bus.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "include/credssp/bus-api.h"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

static enum bus_result problem(char *out, enum bus_result result, const char *text)
{
	(void)snprintf(out, 160, "%s", text ? text : "");
	return result;
}

/* ---- the connection ---- */

/* secure_getenv: in a set-uid program the caller must not choose the bus. */
static const char *bus_address(void)
{
	const char *a = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");

	return a && *a ? a : SYSTEM_BUS_ADDRESS;
}

/* Returns BUS_OK when connect() would not block, or for other forms of addresses, which libdbus checks. */
static enum bus_result try_socket(const char *address, char *error)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;
	size_t len;

	if (strncmp(address, "unix:path=", 10) != 0)
		return BUS_OK;
	len = strcspn(address + 10, ",;");
	if (len >= sizeof sa.sun_path)
		return BUS_OK;
	memcpy(sa.sun_path, address + 10, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem(error, BUS_ERROR, strerror(errno));
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return BUS_OK;
	return problem(error, errno == EAGAIN ? BUS_TIMEOUT : BUS_ABSENT, strerror(errno));
}

/*
 * Sends @m and waits for its reply until @deadline. Returns the reply, or NULL with the reason in @result. Only
 * the called process can reply: the bus guarantees that, and the serial is compared here.
 */
static DBusMessage *call(DBusConnection *c, DBusMessage *m, int64_t deadline, enum bus_result *result)
{
	DBusPendingCall *pending = NULL;
	DBusMessage *reply = NULL;

	*result = BUS_ERROR;
	/* -1: libdbus's default timeout, which is longer than the deadline here */
	if (!dbus_connection_send_with_reply(c, m, &pending, -1) || !pending)
		return NULL;
	while (!dbus_pending_call_get_completed(pending)) {
		int64_t left = deadline - clock_msec();

		if (left <= 0) {
			*result = BUS_TIMEOUT;
			break;
		}
		if (!dbus_connection_read_write_dispatch(c, (int)left)) {
			*result = BUS_ABSENT;
			break;
		}
	}
	if (dbus_pending_call_get_completed(pending)) {
		reply = dbus_pending_call_steal_reply(pending);
		*result = reply ? BUS_OK : BUS_ERROR;
	} else {
		dbus_pending_call_cancel(pending);
	}
	dbus_pending_call_unref(pending);
	return reply;
}

static enum bus_result hello(DBusConnection *c, int64_t deadline, char *error)
{
	DBusMessage *m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello");
	const char *name = NULL;
	enum bus_result result = BUS_ERROR;
	DBusMessage *reply;

	if (!m)
		return problem(error, BUS_ERROR, "out of memory");
	reply = call(c, m, deadline, &result);
	dbus_message_unref(m);
	if (!reply)
		return problem(error, result, "no answer from the bus");
	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
	    !dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) ||
	    !dbus_bus_set_unique_name(c, name))
		result = problem(error, BUS_ERROR, "the bus refuses the connection");
	dbus_message_unref(reply);
	return result;
}

/* ---- the reply ---- */

static int copy_string(DBusMessageIter *value, char *out, size_t size)
{
	const char *s;

	if (dbus_message_iter_get_arg_type(value) != DBUS_TYPE_STRING)
		return -EPROTO;
	dbus_message_iter_get_basic(value, &s);
	if (strlen(s) >= size)
		return -EPROTO;
	strcpy(out, s);
	return 0;
}

static int take_entry(DBusMessageIter *entry, struct bus_about *about)
{
	const struct {
		const char *key;
		char *out;
		size_t size;
	} strings[] = {
		{ CREDSSP_ABOUT_USER, about->user, sizeof about->user },
		{ CREDSSP_ABOUT_KIND, about->kind, sizeof about->kind },
		{ CREDSSP_ABOUT_RHOST, about->rhost, sizeof about->rhost },
		{ CREDSSP_ABOUT_PRINCIPAL, about->principal, sizeof about->principal },
		{ CREDSSP_ABOUT_MECHANISM, about->mechanism, sizeof about->mechanism },
		{ CREDSSP_ABOUT_PROOF, about->proof, sizeof about->proof },
	};
	DBusMessageIter value;
	const char *key;

	dbus_message_iter_get_basic(entry, &key);
	if (!dbus_message_iter_next(entry))
		return -EPROTO;
	dbus_message_iter_recurse(entry, &value);
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (strcmp(key, strings[i].key) == 0)
			return copy_string(&value, strings[i].out, strings[i].size);
	if (strcmp(key, CREDSSP_ABOUT_LOGON) == 0) {
		dbus_uint64_t logon;

		if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_UINT64)
			return -EPROTO;
		dbus_message_iter_get_basic(&value, &logon);
		about->logon = logon;
	}
	return 0; /* a key of a later version is ignored */
}

static enum bus_result take_reply(DBusMessage *reply, struct bus_about *ret_about, char *error)
{
	struct bus_about about = { .pipe = -1 };
	DBusMessageIter args, entries, entry;

	if (!dbus_message_has_signature(reply, "a{sv}h") || !dbus_message_iter_init(reply, &args))
		return problem(error, BUS_ERROR, "the answer has an unexpected signature");
	dbus_message_iter_recurse(&args, &entries);
	for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&entries)) {
		dbus_message_iter_recurse(&entries, &entry);
		if (take_entry(&entry, &about) < 0)
			return problem(error, BUS_ERROR, "the answer is malformed");
	}
	if (!about.user[0] || !about.kind[0])
		return problem(error, BUS_ERROR, "the answer is incomplete");
	if (!dbus_message_iter_next(&args))
		return problem(error, BUS_ERROR, "the answer is incomplete");
	dbus_message_iter_get_basic(&args, &about.pipe); /* a duplicate that this function owns */
	if (about.pipe < 0)
		return problem(error, BUS_ERROR, "the answer carries no descriptor");
	*ret_about = about;
	return BUS_OK;
}

static enum bus_result take_error(DBusMessage *reply, char *error)
{
	static const struct {
		const char *name;
		enum bus_result result;
	} row[] = {
		{ CREDSSP_ERROR_NO_TICKET, BUS_NO_TICKET },    { CREDSSP_ERROR_TICKET_MISMATCH, BUS_MISMATCH },
		{ CREDSSP_ERROR_UNKNOWN_USER, BUS_NO_RECORD }, { CREDSSP_ERROR_INVALID_ARGUMENT, BUS_REJECTED },
		{ CREDSSP_ERROR_ACCESS_DENIED, BUS_DENIED },   { DBUS_ERROR_ACCESS_DENIED, BUS_DENIED },
		{ DBUS_ERROR_SERVICE_UNKNOWN, BUS_ABSENT },    { DBUS_ERROR_NAME_HAS_NO_OWNER, BUS_ABSENT },
		{ DBUS_ERROR_NO_REPLY, BUS_ABSENT }, /* credsspd ended or disconnected without an answer */
	};
	const char *name = dbus_message_get_error_name(reply);

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (name && strcmp(name, row[i].name) == 0)
			return problem(error, row[i].result, "");
	return problem(error, BUS_ERROR, name);
}

/* ---- a call, from the first connect() to the reply ---- */

/* Sends @m on the new connection @c; *@ret_reply is a method return. */
static enum bus_result exchange(DBusConnection *c, DBusMessage *m, int64_t deadline, DBusMessage **ret_reply,
				char *error)
{
	enum bus_result result = hello(c, deadline, error);
	DBusMessage *reply;

	if (result != BUS_OK)
		return result;
	if (dbus_message_contains_unix_fds(m) && !dbus_connection_can_send_type(c, DBUS_TYPE_UNIX_FD))
		return problem(error, BUS_ERROR, "the bus passes no descriptors");
	reply = call(c, m, deadline, &result);
	if (!reply)
		return problem(error, result, "");
	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN) {
		result = take_error(reply, error);
		dbus_message_unref(reply);
		return result;
	}
	*ret_reply = reply;
	return BUS_OK;
}

static enum bus_result connect_and_exchange(DBusMessage *m, int64_t deadline, DBusMessage **ret_reply, char *error)
{
	DBusError e = DBUS_ERROR_INIT;
	const char *address = bus_address();
	enum bus_result result = try_socket(address, error);
	DBusConnection *c;

	if (result != BUS_OK)
		return result;
	c = dbus_connection_open_private(address, &e);
	if (!c) {
		result = problem(error, BUS_ABSENT, e.message);
		dbus_error_free(&e);
		return result;
	}
	dbus_connection_set_exit_on_disconnect(c, FALSE);
	result = exchange(c, m, deadline, ret_reply, error);
	dbus_connection_close(c);
	dbus_connection_unref(c);
	return result;
}

/* Sends @m and frees it; NULL stands for a message that could not be made without memory. */
static enum bus_result send_message(DBusMessage *m, int64_t deadline, DBusMessage **ret_reply, char *error)
{
	enum bus_result result;

	if (!m)
		return problem(error, BUS_ERROR, "out of memory");
	result = connect_and_exchange(m, deadline, ret_reply, error);
	dbus_message_unref(m);
	return result;
}

/* Makes a call of credsspd, with arguments as for dbus_message_append_args(); returns NULL without memory. */
static DBusMessage *method_call(const char *interface, const char *method, int first, ...)
{
	DBusMessage *m = dbus_message_new_method_call(CREDSSP_BUS_NAME, CREDSSP_OBJECT_PATH, interface, method);
	va_list ap;

	va_start(ap, first);
	if (m && !dbus_message_append_args_valist(m, first, ap)) {
		dbus_message_unref(m);
		m = NULL;
	}
	va_end(ap);
	return m;
}

enum bus_result bus_redeem(const char *ticket, const char *service, const char *user, int64_t deadline,
			   struct bus_about *ret_about, char ret_error[160])
{
	DBusMessage *reply = NULL;
	enum bus_result result;

	ret_error[0] = '\0';
	if (!dbus_validate_utf8(ticket, NULL) || !dbus_validate_utf8(service, NULL) || !dbus_validate_utf8(user, NULL))
		return problem(ret_error, BUS_ERROR, "a name that is not UTF-8");
	result = send_message(method_call(CREDSSP_VAULT_INTERFACE, CREDSSP_METHOD_REDEEM, DBUS_TYPE_STRING, &ticket,
					  DBUS_TYPE_STRING, &service, DBUS_TYPE_STRING, &user, DBUS_TYPE_INVALID),
			      deadline, &reply, ret_error);
	if (result != BUS_OK)
		return result;
	result = take_reply(reply, ret_about, ret_error);
	dbus_message_unref(reply);
	return result;
}

enum bus_result bus_update_verifier(const char *user, bool create, int fd, int64_t deadline, char ret_error[160])
{
	dbus_bool_t also_new = create;
	DBusMessage *reply = NULL;
	enum bus_result result;

	ret_error[0] = '\0';
	if (!dbus_validate_utf8(user, NULL))
		return problem(ret_error, BUS_ERROR, "a name that is not UTF-8");
	result =
	    send_message(method_call(CREDSSP_MANAGER_INTERFACE, CREDSSP_METHOD_UPDATE_VERIFIER, DBUS_TYPE_STRING, &user,
				     DBUS_TYPE_BOOLEAN, &also_new, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID),
			 deadline, &reply, ret_error);
	if (result == BUS_OK)
		dbus_message_unref(reply);
	return result;
}
