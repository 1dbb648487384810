/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "include/credssp/bus-api.h"

/* Longer than credsspd's own waits for a call: name service, store. */
#define CALL_TIMEOUT_USEC 30000000ULL

int manager_open(struct manager *m)
{
	int r = sd_bus_open_system_with_description(&m->bus, "credsspctl");

	if (r >= 0)
		r = sd_bus_set_method_call_timeout(m->bus, CALL_TIMEOUT_USEC);
	m->failed = r < 0 ? r : 0;
	return m->failed;
}

void manager_done(struct manager *m)
{
	sd_bus_error_free(&m->error);
	if (m->bus)
		m->bus = sd_bus_flush_close_unref(m->bus);
}

static int method(struct manager *m, const char *name, sd_bus_message **ret_call)
{
	int r = sd_bus_message_new_method_call(m->bus, ret_call, CREDSSP_BUS_NAME, CREDSSP_OBJECT_PATH,
					       CREDSSP_MANAGER_INTERFACE, name);

	/* a call must not start credsspd */
	if (r >= 0)
		r = sd_bus_message_set_auto_start(*ret_call, 0);
	return r;
}

/* Sends @call_ and takes the answer, which must have @signature. */
static int call(struct manager *m, sd_bus_message *call_, const char *signature, sd_bus_message **ret_reply)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	int r = sd_bus_call(m->bus, call_, 0, &m->error, &reply);

	if (r >= 0 && !sd_bus_message_has_signature(reply, signature))
		r = -EBADMSG;
	if (r < 0)
		return r;
	if (ret_reply)
		*ret_reply = TAKE_PTR(reply);
	return 0;
}

static int call_plain(struct manager *m, const char *name, const char *user, const char *signature,
		      sd_bus_message **ret_reply)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *c = NULL;
	int r = method(m, name, &c);

	if (r >= 0 && user)
		r = sd_bus_message_append(c, "s", user);
	if (r >= 0)
		r = call(m, c, signature, ret_reply);
	m->failed = r < 0 ? r : 0;
	return m->failed;
}

int manager_status(struct manager *m, sd_bus_message **ret_reply)
{
	return call_plain(m, CREDSSP_METHOD_STATUS, NULL, "a{sv}", ret_reply);
}

int manager_list_verifiers(struct manager *m, sd_bus_message **ret_reply)
{
	return call_plain(m, CREDSSP_METHOD_LIST_VERIFIERS, NULL, "as", ret_reply);
}

int manager_reload(struct manager *m)
{
	return call_plain(m, CREDSSP_METHOD_RELOAD, NULL, "", NULL);
}

int manager_delete_verifier(struct manager *m, const char *user)
{
	return call_plain(m, CREDSSP_METHOD_DELETE_VERIFIER, user, "", NULL);
}

/* Makes a pipe with the whole of @password in it and no writer; PASSWORD_MAX fits into the smallest pipe. */
static int pipe_of(const struct secret *password, int *ret_fd)
{
	AUTO_CLOSE int in = -1;
	AUTO_CLOSE int out = -1;
	int p[2];
	ssize_t n;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	out = p[0];
	in = p[1];
	if (fcntl(in, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	n = write(in, secret_expose(password), secret_len(password));
	if (n < 0)
		return -errno;
	if ((size_t)n != secret_len(password))
		return -ENOSPC;
	*ret_fd = TAKE_FD(out);
	return 0;
}

int manager_set_verifier(struct manager *m, const char *user, const struct secret *password)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *c = NULL;
	AUTO_CLOSE int fd = -1;
	int r = pipe_of(password, &fd);

	if (r >= 0)
		r = method(m, CREDSSP_METHOD_SET_VERIFIER, &c);
	if (r >= 0)
		r = sd_bus_message_append(c, "sh", user, fd);
	if (r >= 0)
		r = call(m, c, "", NULL);
	m->failed = r < 0 ? r : 0;
	return m->failed;
}

/* ---- texts for errors ---- */

static const struct {
	const char *name, *text;
	int with_message; /* the error's own message is printed, too */
} table[] = {
	{ CREDSSP_ERROR_ACCESS_DENIED, "only root may do this", 0 },
	{ CREDSSP_ERROR_INVALID_ARGUMENT, "refused", 1 },
	{ CREDSSP_ERROR_LIMIT, "a limit of credsspd is reached; try again later", 0 },
	{ CREDSSP_ERROR_BACKOFF, "too many failures; try again later", 0 },
	{ CREDSSP_ERROR_NO_TICKET, "no such ticket", 0 },
	{ CREDSSP_ERROR_TICKET_MISMATCH, "the ticket was for another service or user", 0 },
	{ CREDSSP_ERROR_UNAVAILABLE,
	  "credsspd cannot do this now: NTLM is off in its configuration (ntlm = local), or a process of it has failed",
	  0 },
	{ CREDSSP_ERROR_NOT_RENEWED, "the configuration was read, but not all of it is in force", 1 },
	{ CREDSSP_ERROR_UNKNOWN_USER, "there is no such user", 0 },
	{ CREDSSP_ERROR_INTERNAL, "an error inside credsspd, see its log", 1 },
	{ SD_BUS_ERROR_SERVICE_UNKNOWN, "credsspd is not running", 0 },
	{ SD_BUS_ERROR_NAME_HAS_NO_OWNER, "credsspd is not running", 0 },
	{ SD_BUS_ERROR_ACCESS_DENIED, "the system bus does not allow it; only root may do this", 0 },
	{ SD_BUS_ERROR_NO_REPLY, "credsspd gave no answer", 0 },
	{ SD_BUS_ERROR_DISCONNECTED, "the connection to the system bus was lost", 0 },
	{ SD_BUS_ERROR_TIMEOUT, "credsspd did not answer in time", 0 },
	{ SD_BUS_ERROR_UNKNOWN_METHOD, "the running credsspd is of another version", 0 },
	{ SD_BUS_ERROR_UNKNOWN_INTERFACE, "the running credsspd is of another version", 0 },
	{ SD_BUS_ERROR_UNKNOWN_OBJECT, "the running credsspd is of another version", 0 },
};

static const char *say(struct manager *m, const char *text, const char *more)
{
	(void)snprintf(m->problem, sizeof m->problem, "%s%s%s", text, more ? ": " : "", more ? more : "");
	return m->problem;
}

const char *manager_problem(struct manager *m, const char *unknown_user)
{
	if (!m->bus)
		return say(m, "no connection to the system bus", strerror(-m->failed));
	if (m->failed == -EBADMSG)
		return say(m, "the running credsspd is of another version", NULL);
	if (unknown_user && sd_bus_error_has_name(&m->error, CREDSSP_ERROR_UNKNOWN_USER))
		return say(m, unknown_user, NULL);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (sd_bus_error_has_name(&m->error, table[i].name))
			return say(m, table[i].text, table[i].with_message ? m->error.message : NULL);
	if (sd_bus_error_is_set(&m->error))
		return say(m, m->error.name, m->error.message);
	return say(m, strerror(-m->failed), NULL);
}
