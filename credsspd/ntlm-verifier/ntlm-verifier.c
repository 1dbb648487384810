/* SPDX-License-Identifier: MIT */
/*
 * The process that holds the NT hashes, or asks the domain. It has one socket to each ntlm worker; workers may be
 * hostile. The supervisor gets each result before the worker does.
 */
#include "credsspd/ntlm-verifier/ntlm-verifier.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/ipc/packet.h"
#include "credsspd/ntlm-verifier/ntlm-verifier-private.h"
#include "credsspd/ntlm-verifier/ntlm-verifier-sandbox.h"

/* ---- the supervisor ---- */

static int send_ready(const struct verifier *v)
{
	const uint8_t ready = VERIFIER_READY;

	return packet_send(v->control, &ready, 1, NULL, 0);
}

static int take_control(struct verifier *v, const struct verifier_control *c, int *fd)
{
	if (c->type != VERIFIER_ATTACH && c->type != VERIFIER_PING && !v->store)
		return change_refuse(v, c);
	switch (c->type) {
	case VERIFIER_ATTACH:
		if (*fd < 0)
			return -EPROTO;
		question_attach(v, c->id, fd);
		return 0;
	case VERIFIER_SET:
	case VERIFIER_UPDATE:
		change_set(v, c, fd);
		return 0;
	case VERIFIER_DELETE:
		change_delete(v, c);
		return 0;
	case VERIFIER_LIST:
		change_list(v, c);
		return 0;
	case VERIFIER_PING:
		return send_ready(v);
	default:
		return -EPROTO;
	}
}

static int on_control(sd_event_source *source, int control, uint32_t revents, void *userdata)
{
	struct verifier *v = userdata;
	struct verifier_control c;
	AUTO_CLOSE int fd = -1;
	ssize_t n = packet_recv(control, &c, sizeof c, &fd, 1);
	int r;

	if (n == 0)
		return sd_event_exit(v->event, 0);
	if (n < 0)
		r = (int)n;
	else if (n != (ssize_t)sizeof c || !packet_text_ends(c.name, sizeof c.name))
		r = -EPROTO;
	else
		r = take_control(v, &c, &fd);
	/* a negative result here would only switch the source off */
	return r < 0 && r != -EAGAIN ? sd_event_exit(v->event, -r) : 0;
}

/* ---- life ---- */

static void ask_winbind(const void *context, const struct winbind_question *question, struct winbind_reply *ret_reply)
{
	const struct verifier *v = context;

	winbind_ask(&v->winbind, v->config, question, ret_reply);
}

static int open_winbind(struct verifier *v, char **ret_error)
{
	int r = winbind_open(&v->winbind, ret_error);

	if (r < 0)
		return r;
	if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		return -errno;
	v->askers = askers_new(v->event, ask_winbind, v);
	return v->askers ? 0 : -ENOMEM;
}

static int open_store(struct verifier *v, const struct config *config, char **ret_error)
{
	const char *error;
	int r = ntlmv2_init(&error);

	if (r < 0)
		return explain(ret_error, r, "NTLM is not available: %s; set ntlm = off", error);
	return store_open(config->ntlm_store, &v->store, ret_error);
}

static int open_all(struct verifier *v, const struct config *config, char **ret_error)
{
	int r = domains_load(config, &v->domains);

	if (r == 0)
		r = config->ntlm == CONFIG_NTLM_WINBIND ? open_winbind(v, ret_error) : open_store(v, config, ret_error);
	if (r >= 0)
		r = ntlm_host_names(NULL, &v->names);
	if (r < 0)
		return r;
	v->throttle = throttle_new();
	return v->throttle ? 0 : -ENOMEM;
}

static int confine_all(const struct verifier *v, const struct config *config)
{
	/* the first log line opens the socket to the journal, which the filter forbids later */
	if (v->askers) {
		log_line(LOG_INFO, "NTLM: the domain answers, through winbind");
		return confine_winbind();
	}
	log_line(LOG_INFO, "NTLM store: %s has %zu records", config->ntlm_store, store_count(v->store));
	return confine_store(config->ntlm_store);
}

static int verifier_start(struct verifier *v, const struct config *config, char **ret_error)
{
	int r = confine_early(v->control);

	if (r == 0)
		r = loop_new(&v->event);
	if (r >= 0)
		r = open_all(v, config, ret_error);
	if (r >= 0)
		r = sd_event_add_io(v->event, NULL, v->control, EPOLLIN, on_control, v);
	if (r < 0)
		return r;
	tzset();
	return confine_all(v, config);
}

static void done(struct verifier *v)
{
	while (!LIST_EMPTY(&v->questions))
		question_free(LIST_FIRST(&v->questions));
	while (!LIST_EMPTY(&v->changes))
		change_free(LIST_FIRST(&v->changes));
	while (!LIST_EMPTY(&v->listings))
		listing_free(LIST_FIRST(&v->listings));
	askers_free(v->askers);
	winbind_close(&v->winbind);
	store_close(v->store);
	throttle_free(v->throttle);
	domains_done(&v->domains);
	(void)sd_event_unref(v->event);
}

int verifier_main(const struct config *config, int control_fd)
{
	AUTO_FREE char *error = NULL;
	struct verifier v = { .control = control_fd, .config = config };
	int r = verifier_start(&v, config, &error);

	if (r == 0)
		r = send_ready(&v);
	if (r == 0)
		r = sd_event_loop(v.event);
	if (r > 0)
		r = -r; /* the argument of sd_event_exit() */
	if (r < 0)
		log_line(LOG_ERR, "verifier: %s", error ? error : strerror(-r));
	done(&v);
	return r;
}
