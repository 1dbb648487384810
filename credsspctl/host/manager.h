/* SPDX-License-Identifier: MIT */
/* The client of org.credssp1.Manager. */
#pragma once

#include <systemd/sd-bus.h>

#include "common/base/secret.h"

#define MANAGER_PROBLEM_MAX 512U

struct manager {
	sd_bus *bus;
	sd_bus_error error; /* of the last call that failed */
	int failed;         /* -errno of it */
	char problem[MANAGER_PROBLEM_MAX];
};

#define MANAGER_NULL ((struct manager){ .bus = NULL })

/* Connects to the system bus (or to DBUS_SYSTEM_BUS_ADDRESS). All functions return 0 or -errno; manager_problem() has
 * the text. */
int manager_open(struct manager *m);
void manager_done(struct manager *m);

/* *@ret_reply holds a{sv}, or as; the caller unrefs it. */
int manager_status(struct manager *m, sd_bus_message **ret_reply);
int manager_list_verifiers(struct manager *m, sd_bus_message **ret_reply);

int manager_reload(struct manager *m);

/* The password goes through a pipe and never becomes part of a message. */
int manager_set_verifier(struct manager *m, const char *user, const struct secret *password);
int manager_delete_verifier(struct manager *m, const char *user);

/*
 * Returns a sentence, without a full stop, about the last failure. @unknown_user is the text for
 * CREDSSP_ERROR_UNKNOWN_USER; NULL: the usual text.
 */
const char *manager_problem(struct manager *m, const char *unknown_user);
