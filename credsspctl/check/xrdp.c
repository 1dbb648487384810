/* SPDX-License-Identifier: MIT */
/*
 * xrdp behind the front end: a client that can reach xrdp other than by the front end's socket logs on without NLA.
 * packaging/xrdp/xrdp.ini.fragment has the required keys of xrdp.ini.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/ini.h"
#include "credsspctl/host/proc-probe.h"

#define XRDP_INI "/etc/xrdp/xrdp.ini"
#define SESMAN_INI "/etc/xrdp/sesman.ini"
#define GLOBALS "Globals"
#define RESTART_BOTH "systemctl restart xrdp credsspd-rdp"
#define RESTART "then: systemctl restart xrdp"

/* Returns @key of [Globals]; "" when it is absent. NULL without the file: another program is behind the front end. */
static char *global(struct finding *found, const char *key)
{
	char *value = NULL;

	if (access(XRDP_INI, R_OK) < 0)
		return NULL;
	if (ini_get(XRDP_INI, GLOBALS, key, &value) < 0)
		value = strdup("");
	if (value)
		(void)check_looked(found, XRDP_INI ": %s=%s", key, value);
	return value;
}

/* Checks that @key of [Globals] is @wanted. */
static enum check_result wants(struct finding *found, const char *key, const char *wanted, const char *why)
{
	AUTO_FREE char *value = global(found, key);

	if (!value)
		return CHECK_NONE;
	if (strcasecmp(value, wanted) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "%s", why);
	return check_remedy(found, "in [Globals]: %s=%s, " RESTART, key, wanted);
}

/* Returns whether @word of port= is the front end's socket. */
static bool is_socket(const char *word, const char *path)
{
	static const char scheme[] = "unix://";

	if (strncmp(word, scheme, sizeof scheme - 1) != 0)
		return false;
	word += sizeof scheme - 1;
	word += word[0] == '.'; /* relative to xrdp's working directory, which is / */
	return strcmp(word, path) == 0;
}

static enum check_result xrdp_port(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *value = ctx->has_settings ? global(found, "port") : NULL;
	AUTO_FREE char *copy = value ? strdup(value) : NULL;
	const char *other = NULL;
	char *rest = copy;
	unsigned n = 0;

	if (!copy)
		return CHECK_NONE;
	for (char *word; (word = strsep(&rest, " ,"));) {
		if (!*word)
			continue;
		n++;
		if (!is_socket(word, ctx->settings.xrdp_socket))
			other = word;
	}
	if (n > 0 && !other)
		return CHECK_OK;
	(void)check_wrong(found, "xrdp does not listen for credsspd-rdp alone: %s", other ? other : "port 3389");
	return check_remedy(found, "in [Globals]: port=unix://.%s, " RESTART, ctx->settings.xrdp_socket);
}

static enum check_result xrdp_security_layer(struct check_context *ctx, struct finding *found)
{
	return wants(found, "security_layer", "rdp",
		     "credsspd-rdp does TLS: xrdp would wait for a second TLS handshake");
}

static enum check_result xrdp_crypt_level(struct check_context *ctx, struct finding *found)
{
	return wants(found, "crypt_level", "none", "credsspd-rdp does not speak RDP's own encryption");
}

static enum check_result xrdp_require_credentials(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *value = global(found, "require_credentials");

	if (!value)
		return CHECK_NONE;
	if (ini_is_true(value))
		return CHECK_OK;
	(void)check_wrong(found, "a refused ticket opens xrdp's own login dialog, which is a logon without NLA");
	return check_remedy(found, "in [Globals]: require_credentials=true, " RESTART);
}

static enum check_result xrdp_autorun(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *value = global(found, "autorun");

	if (!value)
		return CHECK_NONE;
	if (*value && ini_has_section(XRDP_INI, value))
		return CHECK_OK;
	(void)check_wrong(found,
			  *value ? "there is no such section" : "which session a logon gets is left to the client");
	return check_remedy(found, "in [Globals]: autorun=Xorg, or another section of the file, " RESTART);
}

/* Checks the sockets of the running xrdp, because it may have read another file. */
static enum check_result xrdp_tcp(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *at = proc_probe_tcp_listeners("xrdp", (uid_t)-1);

	if (!proc_probe_process("xrdp", (uid_t)-1))
		return CHECK_NONE;
	(void)check_looked(found, "TCP sockets of xrdp");
	if (!at)
		return CHECK_OK;
	(void)check_wrong(found, "it listens on %s: a client that connects there logs on without NLA", at);
	return check_remedy(found, "in [Globals] of " XRDP_INI ": port=unix://.%s, " RESTART,
			    ctx->has_settings ? ctx->settings.xrdp_socket : "/run/xrdp/front.sock");
}

/* xrdp 0.9 listens a second after it was started. */
static bool listens(const char *path)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	for (unsigned waited = 0; !proc_probe_unix_listening(path); waited += 50) {
		if (waited >= XRDP_LISTEN_MSEC || !proc_probe_process("xrdp", (uid_t)-1))
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

static enum check_result xrdp_socket(struct check_context *ctx, struct finding *found)
{
	pid_t front_end = proc_probe_process_of(FRONT_END_USER, "credsspd-rdp");
	int r = 0;

	if (!ctx->has_settings)
		return CHECK_NONE;
	(void)check_looked(found, "socket %s", ctx->settings.xrdp_socket);
	if (!listens(ctx->settings.xrdp_socket)) {
		(void)check_wrong(found, "xrdp does not listen on it");
		return check_remedy(found, "systemctl restart xrdp-sesman xrdp");
	}
	if (front_end) /* its groups are those of the unit */
		r = proc_probe_access(FRONT_END_USER, front_end, ctx->settings.xrdp_socket, W_OK);
	if (r == 0)
		return CHECK_OK;
	(void)check_wrong(found, "credsspd-rdp may not connect to it: %s", strerror(-r));
	return check_remedy(
	    found,
	    "the socket has to be of group xrdp: credsspctl xrdp enable writes xrdp.service.d/credsspd-rdp.conf. "
	    "Otherwise systemctl cat xrdp: Group=xrdp, systemctl cat credsspd-rdp: SupplementaryGroups=xrdp; "
	    "then: systemctl daemon-reload, " RESTART_BOTH);
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strcmp(address, "localhost") == 0;
}

/* Returns the TCP port of xrdp 0.9's sesman (malloc'ed), or NULL: sesman of xrdp 0.10 listens on a unix socket. */
static char *sesman_port(void)
{
	char *port = NULL;

	if (ini_get(SESMAN_INI, GLOBALS, "ListenPort", &port) == 0 && !port[strspn(port, "0123456789")])
		return port;
	free(port);
	return NULL;
}

static enum check_result sesman_listen(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *address = NULL;
	AUTO_FREE char *port = sesman_port();

	if (!port)
		return CHECK_NONE;
	if (ini_get(SESMAN_INI, GLOBALS, "ListenAddress", &address) < 0)
		address = strdup("0.0.0.0");
	(void)check_looked(found, SESMAN_INI ": ListenAddress=%s", address ? address : "");
	if (address && is_loopback(address))
		return CHECK_OK;
	(void)check_wrong(found, "other hosts can send users and passwords to sesman; only require_ticket protects it");
	return check_remedy(found, "in [Globals]: ListenAddress=127.0.0.1, then: systemctl restart xrdp-sesman");
}

/* An xrdp 0.10 that does not run as root connects to the X server of a session with the help of this group. */
static enum check_result sesman_sockdir_group(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *port = sesman_port();
	pid_t xrdp = proc_probe_process_of("xrdp", "xrdp");
	const struct group *group;

	if (port || !xrdp || access(SESMAN_INI, R_OK) < 0)
		return CHECK_NONE;
	if (ini_get(SESMAN_INI, "Security", "SessionSockdirGroup", &name) < 0)
		name = strdup("root"); /* sesman's default */
	group = name ? getgrnam(name) : NULL;
	(void)check_looked(found, SESMAN_INI ": SessionSockdirGroup=%s in [Security]", name ? name : "");
	if (group && proc_probe_in_group(xrdp, group->gr_gid))
		return CHECK_OK;
	(void)check_wrong(found, "xrdp runs as user xrdp and is not in this group: a logon gets no desktop");
	return check_remedy(
	    found,
	    "in [Security]: SessionSockdirGroup=xrdp, then, without open desktops: systemctl restart xrdp-sesman xrdp");
}

struct check_area check_xrdp_area(void)
{
	static const struct check_row rows[] = {
		{ "xrdp-port", CHECK_ERROR, xrdp_port },
		{ "xrdp-security-layer", CHECK_ERROR, xrdp_security_layer },
		{ "xrdp-crypt-level", CHECK_ERROR, xrdp_crypt_level },
		{ "xrdp-credentials", CHECK_ERROR, xrdp_require_credentials },
		{ "xrdp-autorun", CHECK_WARNING, xrdp_autorun },
		{ "xrdp-tcp", CHECK_ERROR, xrdp_tcp },
		{ "xrdp-socket", CHECK_ERROR, xrdp_socket },
		{ "sesman-listen", CHECK_WARNING, sesman_listen },
		{ "sesman-sockdir-group", CHECK_ERROR, sesman_sockdir_group },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
