/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/keytab-watch.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/file-watch.h"
#include "common/base/log.h"

struct keytab_watch {
	sd_event *event;
	const struct config *config;
	const struct keytab_watch_ops *ops;
	void *userdata;
	struct watch *file;
	uint64_t wanted;        /* serial of the template that was started for the new keys, or 0 */
	sd_event_source *timer; /* while logons wait */
};

static void end_wait(struct keytab_watch *w)
{
	w->timer = sd_event_source_disable_unref(w->timer);
	w->ops->resume(w->userdata);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct keytab_watch *w = userdata;

	/* a change that was undone, a link set to another file and back, brings no new keys */
	if (w->wanted || watch_is_unsettled(w->file))
		log_line(LOG_WARNING,
			 "keytab %s: the new keys are not in use after %u s; logons continue with the old keys until a "
			 "line says that the new ones are in use. Without such a line: credsspctl reload, then "
			 "credsspctl check",
			 w->config->keytab, KEYS_WAIT_SEC);
	end_wait(w);
	return 0;
}

/* When the timer cannot be set, logons do not wait. */
static void start_timer(struct keytab_watch *w)
{
	w->timer = sd_event_source_disable_unref(w->timer);
	(void)sd_event_add_time_relative(w->event, &w->timer, CLOCK_BOOTTIME, KEYS_WAIT_SEC * USEC_PER_SEC, 100000,
					 on_waited, w);
}

void keytab_watch_expect(struct keytab_watch *w, uint64_t serial)
{
	w->wanted = serial;
	start_timer(w);
}

static void on_unusable(struct keytab_watch *w)
{
	unsigned delay = watch_again(w->file);

	w->wanted = 0;
	log_line(
	    LOG_ERR,
	    "keytab %s: the new keys cannot be used (the line above says why), the old ones stay; next try in %u s",
	    w->config->keytab, delay);
	end_wait(w);
}

static void on_changed(const char *missing, void *userdata)
{
	struct keytab_watch *w = userdata;
	uint64_t serial;

	if (missing) {
		log_line(LOG_WARNING, "keytab %s does not exist any more; the keys read from it stay in use", missing);
		if (!w->wanted)
			end_wait(w);
		return;
	}
	log_line(LOG_INFO, "keytab %s has changed; a template is started with it", w->config->keytab);
	if (w->ops->renew(&serial, w->userdata) < 0)
		on_unusable(w);
	else
		keytab_watch_expect(w, serial);
}

void keytab_watch_template(struct keytab_watch *w, uint64_t current, bool starting)
{
	if (!w->wanted)
		return;
	if (current >= w->wanted) {
		w->wanted = 0;
		log_line(LOG_INFO, "keytab %s: its keys are in use", w->config->keytab);
		end_wait(w);
	} else if (!starting) {
		on_unusable(w);
	}
}

bool keytab_watch_pending(struct keytab_watch *w)
{
	bool unsettled = watch_look(w->file);

	if (unsettled && !w->timer)
		start_timer(w);
	/* the change was undone, and on_changed() is not called for it: logons that wait continue in the next turn */
	if (!unsettled && !w->wanted && w->timer)
		(void)sd_event_source_set_time(w->timer, 0);
	return w->timer && (unsettled || w->wanted);
}

int keytab_watch_settle(struct keytab_watch *w)
{
	const char *path = w->config->keytab;

	return watch_files(w->file, &path, w->config->kerberos != CONFIG_KERBEROS_OFF);
}

int keytab_watch_new(sd_event *event, const struct config *config, const struct keytab_watch_ops *ops, void *userdata,
		     struct keytab_watch **ret_watch)
{
	struct keytab_watch *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct keytab_watch){ .event = event, .config = config, .ops = ops, .userdata = userdata };
	r = watch_new(event, on_changed, w, &w->file);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret_watch = w;
	return 0;
}

void keytab_watch_free(struct keytab_watch *w)
{
	if (!w)
		return;
	(void)sd_event_source_disable_unref(w->timer);
	watch_free(w->file);
	free(w);
}
