/* SPDX-License-Identifier: MIT */
#include "common/config/rdp-settings.h"

#include <errno.h>
#include <string.h>

#include "common/base/explain.h"
#include "common/base/limits.h"
#include "common/config/options.h"

struct raw {
	struct settings s;
	int log_level, tls_minimum, remote_guard, restricted_admin;
};

#define AT(member) offsetof(struct raw, member)

static const struct option_choice log_choices[] = { { "info", false }, { "debug", true }, { NULL, 0 } };

static const struct option_choice tls_choices[] = {
	{ "1.2", TLS_MINIMUM_1_2 }, { "1.2-aead", TLS_MINIMUM_1_2_AEAD }, { "1.3", TLS_MINIMUM_1_3 }, { NULL, 0 }
};

/* The options of section [credsspd-rdp]. To add one: a row here and a field in struct settings; see also config.c. */
static const struct option_row rows[] = {
	{ .key = "listen", .type = OPTION_LIST, .offset = AT(s.listen), .def = "3389", .max = 16 },
	{ .key = "certificate", .type = OPTION_STRING, .offset = AT(s.certificate), .def = NULL },
	{ .key = "private_key", .type = OPTION_STRING, .offset = AT(s.private_key), .def = NULL },
	{ .key = "tls_minimum",
	  .type = OPTION_CHOICE,
	  .offset = AT(tls_minimum),
	  .def = "1.2",
	  .choices = tls_choices },
	{ .key = "state_directory",
	  .type = OPTION_STRING,
	  .offset = AT(s.state_directory),
	  .def = "/var/lib/credsspd-rdp" },
	{ .key = "xrdp_socket", .type = OPTION_STRING, .offset = AT(s.xrdp_socket), .def = "/run/xrdp/front.sock" },
	{ .key = "service", .type = OPTION_STRING, .offset = AT(s.service), .def = "xrdp-sesman" },
	{ .key = "hybrid_ex", .type = OPTION_BOOL, .offset = AT(s.hybrid_ex), .def = "true" },
	{ .key = "proxy_peers",
	  .type = OPTION_ADDRESSES,
	  .offset = AT(s.proxy_peers),
	  .def = "",
	  .max = PROXY_PEERS_MAX },
	{ .key = "max_connections",
	  .type = OPTION_UNSIGNED,
	  .offset = AT(s.max_connections),
	  .def = "2048",
	  .min = 1,
	  .max = RDP_CONNECTIONS_MAX },
	{ .key = "log_level", .type = OPTION_CHOICE, .offset = AT(log_level), .def = "info", .choices = log_choices },
};
#define N_ROWS (sizeof rows / sizeof *rows)

/*
 * Options of [credsspd], which config.c checks and credsspd enforces. The front end only offers them to clients in
 * X.224.
 */
static const struct option_choice remote_guard_choices[] = {
	{ "refuse", false }, { "require-tickets", true }, { "allow", true }, { NULL, 0 }
};
static const struct option_choice restricted_admin_choices[] = { { "refuse", false }, { "allow", true }, { NULL, 0 } };

static const struct option_row daemon_rows[] = {
	{ .key = "remote_guard",
	  .type = OPTION_CHOICE,
	  .offset = AT(remote_guard),
	  .def = "refuse",
	  .choices = remote_guard_choices },
	{ .key = "restricted_admin",
	  .type = OPTION_CHOICE,
	  .offset = AT(restricted_admin),
	  .def = "refuse",
	  .choices = restricted_admin_choices },
};
#define N_DAEMON_ROWS (sizeof daemon_rows / sizeof *daemon_rows)

_Static_assert(RDP_CONNECTIONS_MAX == 2048, "the default of max_connections is the limit");

const struct option_row *settings_rows(size_t *ret_n)
{
	*ret_n = N_ROWS;
	return rows;
}

const struct option_row *settings_daemon_rows(size_t *ret_n)
{
	*ret_n = N_DAEMON_ROWS;
	return daemon_rows;
}

static int check(const struct settings *s, const char *path, char **ret_error)
{
	int r = 0;

	if (!s->certificate != !s->private_key)
		r = explain_also(ret_error, -EINVAL, "%s: [credsspd-rdp] certificate and private_key go together",
				 path);
	if ((s->certificate && s->private_key && (s->certificate[0] != '/' || s->private_key[0] != '/')) ||
	    s->state_directory[0] != '/')
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd-rdp] certificate, private_key and state_directory are absolute paths",
				 path);
	if (s->xrdp_socket[0] != '/' || strlen(s->xrdp_socket) > 107)
		r = explain_also(ret_error, -EINVAL,
				 "%s: [credsspd-rdp] xrdp_socket is an absolute path of at most 107 bytes", path);
	if (!s->service[0] || strlen(s->service) > PAM_SERVICE_MAX || strchr(s->service, '/'))
		r = explain_also(ret_error, -EINVAL, "%s: [credsspd-rdp] service is no PAM service", path);
	return r;
}

int settings_load(const char *path, struct settings *ret_, char **ret_error)
{
	profile_t profile = NULL;
	struct raw raw;
	time_t changed;
	int r;

	memset(&raw, 0, sizeof raw);
	*ret_error = NULL;
	r = options_open(path, &profile, &changed, ret_error);
	if (r < 0)
		return r;
	r = options_load(profile, path, OPTIONS_SECTION_RDP, NULL, rows, N_ROWS, &raw, ret_error);
	if (r == 0)
		r = options_look_up(profile, path, OPTIONS_SECTION_DAEMON, daemon_rows, N_DAEMON_ROWS, &raw, ret_error);
	profile_release(profile);
	if (r != -ENOMEM) {
		int wrong = check(&raw.s, path, ret_error);

		r = r < 0 ? r : wrong;
	}
	raw.s.debug = raw.log_level;
	raw.s.tls_minimum = (enum tls_minimum)raw.tls_minimum;
	raw.s.remote_guard = raw.remote_guard;
	raw.s.restricted_admin = raw.restricted_admin;
	if (r < 0)
		settings_done(&raw.s);
	else
		*ret_ = raw.s;
	return r;
}

void settings_done(struct settings *s)
{
	struct raw raw = { .s = *s };

	options_free(rows, N_ROWS, &raw);
	*s = (struct settings){ .listen = NULL };
}
