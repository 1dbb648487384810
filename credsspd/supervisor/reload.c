/* SPDX-License-Identifier: MIT */
/* A reload is through when the processes that were started for it are ready, or have failed and the old ones go on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "credsspd/supervisor/supervisor-private.h"

struct reload {
	struct reload *next;
	supervisor_reloaded_fn fn;
	void *userdata;
};

#define SERVICES(s) ((struct service *[]){ (s)->krb5, (s)->ntlm, (s)->verifier, (s)->keeper })
#define N_SERVICES 4U

static bool starting(const struct supervisor *s)
{
	for (size_t i = 0; i < N_SERVICES; i++)
		if (SERVICES(s)[i] && service_starting(SERVICES(s)[i]))
			return true;
	return resolver_pool_starting(s->resolvers);
}

void supervisor_stale(const struct supervisor *s, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_SERVICES && n < size; i++) {
		const struct service *sv = SERVICES(s)[i];

		if (sv && service_stale(sv))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", service_name(sv));
	}
	if (n < size && resolver_pool_stale(s->resolvers))
		(void)snprintf(out + n, size - n, "%sresolver", n ? ", " : "");
}

void reload_check(struct supervisor *s)
{
	char stale[128];

	if (!s->reloads || starting(s))
		return;
	supervisor_stale(s, stale, sizeof stale);
	if (stale[0])
		log_line(
		    LOG_ERR,
		    "reload: %s did not start anew (the lines above say why): what there was goes on, if there was any",
		    stale);
	else
		log_line(LOG_INFO, "configuration and keys read again");
	while (s->reloads) {
		struct reload *r = s->reloads;

		s->reloads = r->next;
		r->fn(stale[0] ? stale : NULL, r->userdata);
		free(r);
	}
}

void reload_free_all(struct supervisor *s)
{
	while (s->reloads) {
		struct reload *r = s->reloads;

		s->reloads = r->next;
		r->fn("everything, for the daemon stops,", r->userdata);
		free(r);
	}
}

int supervisor_reload(struct supervisor *s, supervisor_reloaded_fn fn, void *userdata, char **ret_error)
{
	struct reload *reload = calloc(1, sizeof *reload);
	struct config config;
	int r = reload ? config_load(s->config_path, &config, ret_error) : -ENOMEM;

	if (r == 0) {
		config_done(&s->config);
		s->config = config;
		log_set_debug(s->config.debug);
		backoff_configure(s->backoff, s->config.backoff_failures, s->config.backoff_max_sec);
		resolver_pool_restart(s->resolvers);
	}
	if (r < 0) {
		free(reload);
		return r;
	}
	/* what it cannot start is stale, and tried again */
	r = supervisor_settle(s);
	if (r < 0)
		log_line(LOG_ERR, "reload: not all of it could be begun: %s", strerror(-r));
	*reload = (struct reload){ .next = s->reloads, .fn = fn, .userdata = userdata };
	s->reloads = reload;
	reload_check(s);
	return 0;
}
