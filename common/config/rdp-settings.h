/* SPDX-License-Identifier: MIT */
/* Section [credsspd-rdp] of /etc/credsspd.conf; the table in rdp-settings.c is the reference. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/config/tls-policy.h"

struct option_row;

struct settings {
	char **listen; /* "3389", "192.0.2.1:3389", "[2001:db8::1]:3389"; default 3389 on all addresses */
	char *certificate, *private_key; /* PEM; NULL: self-signed in state_directory */
	char *state_directory;
	char *xrdp_socket; /* unix socket that xrdp listens on */
	char *service;     /* PAM service of the tickets */
	enum tls_minimum tls_minimum;
	bool hybrid_ex;     /* choose HYBRID_EX when the client asks for it */
	char **proxy_peers; /* addresses from which a PROXY v2 header is expected */
	unsigned max_connections;
	bool debug;
	/* from [credsspd]: what is offered to clients in X.224; credsspd decides */
	bool remote_guard, restricted_admin;
};

/* Reads section [credsspd-rdp], and two keys of [credsspd]; otherwise as config_load(). */
int settings_load(const char *path, struct settings *ret_, char **ret_error);
void settings_done(struct settings *s);

/* For the tests that compare it with the manual. */
const struct option_row *settings_rows(size_t *ret_n);
const struct option_row *settings_daemon_rows(size_t *ret_n);
