/* SPDX-License-Identifier: MIT */
/* credsspd-rdp: NLA in front of an unmodified xrdp; see credsspd-rdp(8). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/base/become.h"
#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/file-watch.h"
#include "common/base/heap.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/signals.h"
#include "common/config/config.h"
#include "common/config/rdp-settings.h"
#include "common/sandbox/sandbox.h"
#include "credsspd-rdp/listener.h"
#include "credsspd-rdp/tls-certificate.h"
#include "credsspd-rdp/tls-selftest.h"
#include "credsspd-rdp/tls.h"

#define FRONT_END_USER "credsspd-rdp"

struct program {
	const char *config_path;
	sd_event *event;
	struct settings settings;
	SSL_CTX *ctx;
	struct watch *watch; /* of certificate and key */
	struct listener *listener;
};

static const char usage[] =
    "Usage: credsspd-rdp [--config FILE]\n"
    "Network Level Authentication in front of xrdp; see credsspd-rdp(8).\n"
    "  -c, --config FILE   read section [credsspd-rdp] of FILE instead of " CONFIG_PATH_DEFAULT "\n"
    "  -t, --check-config  read section [credsspd-rdp], print what is wrong with it, and exit\n"
    "  -h, --help          this text\n"
    "      --version       version\n"
    "SIGHUP reads the configuration and the certificate again.\n";

/* ---- the certificate ---- */

/* Makes a context and tests it; logs remarks about clients that cannot use the certificate. */
static int load_certificate(const struct settings *s, SSL_CTX **ret_ctx, char **ret_error)
{
	SSL_CTX *ctx = NULL;
	int r = tls_context(s, &ctx, ret_error);

	if (r == 0)
		r = tls_selftest_run(ctx, ret_error);
	if (r < 0) {
		SSL_CTX_free(ctx);
		return r;
	}
	if (r > 0) {
		log_line(LOG_WARNING, "%s", *ret_error ? *ret_error : "the self-test of a TLS version failed");
		free(*ret_error);
		*ret_error = NULL;
	}
	if (tls_certificate_remark(ctx))
		log_line(LOG_WARNING, "%s", tls_certificate_remark(ctx));
	*ret_ctx = ctx;
	return 0;
}

/* Watches the configured files. The self-signed pair is made by this program, and not watched. */
static int watch_certificate(struct program *p, const struct settings *s)
{
	const char *paths[] = { s->certificate, s->private_key };

	return watch_files(p->watch, paths, s->certificate ? 2 : 0);
}

/* Certificate and key change one after the other: the old pair stays in use until the new files match. */
static void renew_certificate(struct program *p)
{
	AUTO_FREE char *error = NULL;
	SSL_CTX *ctx = NULL;
	int r = load_certificate(&p->settings, &ctx, &error);

	if (r < 0) {
		log_line(LOG_WARNING,
			 "the new certificate cannot be used, the old one stays in use; next try in %u s: %s",
			 watch_again(p->watch), error ? error : strerror(-r));
		return;
	}
	SSL_CTX_free(p->ctx);
	p->ctx = ctx;
	listener_configure(p->listener, &p->settings, ctx);
	log_line(LOG_INFO, "certificate %s has changed; new connections get it", p->settings.certificate);
}

static void on_certificate_changed(const char *missing, void *userdata)
{
	if (missing)
		log_line(LOG_WARNING, "%s does not exist any more; the certificate in use stays", missing);
	else
		renew_certificate(userdata);
}

/* ---- settings and certificate ---- */

/* Loads settings and certificate; on failure it changes neither. */
static int load(struct program *p, struct settings *ret_settings, SSL_CTX **ret_ctx)
{
	AUTO_FREE char *error = NULL;
	int r = settings_load(p->config_path, ret_settings, &error);

	if (r == 0) {
		r = watch_certificate(p, ret_settings);
		if (r == 0)
			r = load_certificate(ret_settings, ret_ctx, &error);
		if (r < 0)
			settings_done(ret_settings);
	}
	if (r < 0)
		log_line(LOG_ERR, "%s", error ? error : strerror(-r));
	return r;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct program *p = userdata;
	struct settings settings;
	SSL_CTX *ctx;

	(void)sd_notify(0, "RELOADING=1");
	if (load(p, &settings, &ctx) == 0) {
		SSL_CTX_free(p->ctx);
		settings_done(&p->settings);
		p->settings = settings;
		p->ctx = ctx;
		log_set_debug(settings.debug);
		listener_configure(p->listener, &p->settings, ctx);
		(void)listener_ready(p->listener); /* without it the next connection starts the template */
		log_line(LOG_INFO, "configuration and certificate read again; the listening sockets stay as they were");
	} else {
		log_line(LOG_ERR, "reload refused, the old configuration stays (the line above says why)");
		/* the files of the old configuration may have changed as well */
		if (watch_certificate(p, &p->settings) == 0)
			(void)watch_again(p->watch);
	}
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int program_run(struct program *p)
{
	int r = loop_new(&p->event);

	if (r >= 0)
		r = watch_new(p->event, on_certificate_changed, p, &p->watch);
	if (r >= 0)
		r = load(p, &p->settings, &p->ctx);
	if (r < 0)
		return EXIT_FAILURE;
	log_set_debug(p->settings.debug);
	r = signals_watch(p->event, on_hangup, p);
	if (r >= 0)
		r = listener_new(p->event, &p->settings, p->ctx, &p->listener);
	if (r >= 0) {
		r = confine_listener();
		if (r < 0)
			log_line(LOG_ERR,
				 "the system call filter (seccomp) cannot be entered: %s; credsspd-rdp does not run "
				 "without it",
				 strerror(-r));
	}
	if (r >= 0) {
		r = listener_ready(p->listener);
		if (r < 0)
			log_line(LOG_ERR, "the template of connections cannot be started: %s", strerror(-r));
	}
	if (r >= 0) {
		log_line(LOG_INFO, "%s", confine_says());
		log_line(LOG_INFO, "ready: listening");
		(void)sd_notify(0, "READY=1\nSTATUS=Ready for connections");
		r = sd_event_loop(p->event);
	}
	if (r < 0)
		log_line(LOG_ERR, "%s", strerror(-r));
	(void)sd_notify(0, "STOPPING=1");
	/* the processes of sessions continue without the listener */
	if (p->listener)
		listener_free(p->listener, 1);
	watch_free(p->watch);
	SSL_CTX_free(p->ctx);
	settings_done(&p->settings);
	(void)sd_event_unref(p->event);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A self-signed certificate is not made here: this may be another user than credsspd-rdp. */
static int check_tls(const struct settings *s, char **ret_error)
{
	SSL_CTX *ctx = NULL;
	int r =
	    s->certificate ? load_certificate(s, &ctx, ret_error) : tls_context_without_certificate(s, &ctx, ret_error);

	if (r == 0)
		SSL_CTX_free(ctx);
	return r;
}

/*
 * As the user who will load them. Not a mistake for sure: the unit may have groups that are not the user's, and a directory
 * that only root enters is nevertheless the usual cause.
 */
static void check_as_user(const struct settings *s, const char *path)
{
	AUTO_FREE char *error = NULL;
	int status;
	pid_t pid;

	if (geteuid() != 0 || !s->certificate)
		return;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (become_user(FRONT_END_USER) && check_tls(s, &error) < 0)
			(void)fprintf(stderr, "credsspd-rdp: %s: on this host, as user " FRONT_END_USER ": %s\n", path,
				      error ? error : "out of memory");
		_exit(EXIT_SUCCESS);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static int check_config(const char *path)
{
	AUTO_FREE char *error = NULL;
	struct settings s;
	int r;

	r = settings_load(path, &s, &error);
	if (r == 0) {
		r = check_tls(&s, &error);
		if (r == 0)
			check_as_user(&s, path);
		settings_done(&s);
	}
	if (r < 0) {
		explain_print(stderr, "credsspd-rdp", path, error ? error : "out of memory");
		return EXIT_FAILURE;
	}
	(void)printf("%s: no mistakes found in [credsspd-rdp] (for [credsspd]: credsspd --check-config)\n", path);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	enum { OPT_VERSION = 256 };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	struct program p = { .config_path = CONFIG_PATH_DEFAULT };
	bool check = false;
	int c, passed;

	while ((c = getopt_long(argc, argv, "c:th", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			p.config_path = optarg;
			break;
		case 't':
			check = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		case OPT_VERSION:
			(void)puts("credsspd-rdp " CREDSSP_VERSION);
			return EXIT_SUCCESS;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc) {
		(void)fputs(usage, stderr);
		return 2;
	}
	heap_prepare();
	log_open("credsspd-rdp");
	if (check) {
		log_use_stderr();
		return check_config(p.config_path);
	}
	passed = sd_listen_fds(0);
	if (confine_start(passed > 0 ? (unsigned)passed : 0) < 0) {
		log_line(LOG_ERR, "resource limits cannot be set; credsspd-rdp does not run without them");
		return EXIT_FAILURE;
	}
	return program_run(&p);
}
