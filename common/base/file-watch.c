/* SPDX-License-Identifier: MIT */
/*
 * Why stat(2) and not inotify(7): inotify does not follow a chain of symbolic links, misses changes made on a file
 * server, needs read permission on directories, and loses events. A caller that must have the present state calls
 * watch_look().
 */
#include "common/base/file-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/regular-file.h"

#define USEC_PER_MSEC_ 1000ULL

struct file {
	char *path;
	int error;      /* of stat() */
	struct stat st; /* zero when stat() failed */
};

struct watch {
	watch_fn changed;
	void *userdata;
	sd_event_source *timer;
	struct file files[WATCH_FILES_MAX]; /* their state at the last report */
	size_t n;
	uint64_t restless_since; /* CLOCK_BOOTTIME in microseconds; 0: no program is writing */
	uint64_t again_at;       /* 0: never */
	unsigned delay;          /* seconds, of watch_again() */
};

static uint64_t usec_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * USEC_PER_SEC + (uint64_t)t->tv_nsec / 1000;
}

/* The clock of the files' own times. */
static uint64_t time_of_day_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return usec_of(&t);
}

static void take_state(struct file *f)
{
	f->error = 0;
	if (stat(f->path, &f->st) < 0) {
		f->error = errno;
		memset(&f->st, 0, sizeof f->st);
	}
}

static bool same(const struct file *a, const struct file *b)
{
	return a->error == b->error && regular_file_unchanged(&a->st, &b->st);
}

/* Returns how long until @f has been unchanged for FILES_SETTLE_MSEC. A time of change in the future is ignored. */
static uint64_t restless_usec(const struct file *f)
{
	uint64_t now = time_of_day_usec(), changed = usec_of(&f->st.st_ctim);
	const uint64_t settle = FILES_SETTLE_MSEC * USEC_PER_MSEC_;

	return changed <= now && now - changed < settle ? settle - (now - changed) : 0;
}

static void arm(struct watch *w, uint64_t usec, uint64_t accuracy)
{
	(void)sd_event_source_set_time_relative(w->timer, usec);
	(void)sd_event_source_set_time_accuracy(w->timer, accuracy);
	(void)sd_event_source_set_enabled(w->timer, w->n ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void arm_for_next_look(struct watch *w)
{
	uint64_t now = clock_usec(), next = FILES_LOOK_SEC * USEC_PER_SEC;

	if (w->again_at > now && w->again_at - now < next)
		next = w->again_at - now;
	arm(w, next, next / 10);
}

/* Records @now as the known state and reports the change. The callback may call watch_again(). */
static void tell(struct watch *w, const struct file *now, const char *missing)
{
	memcpy(w->files, now, w->n * sizeof *now);
	w->restless_since = w->again_at = 0;
	arm_for_next_look(w);
	w->changed(missing, w->userdata);
}

/* Returns whether a program may still be writing, and then arms the timer. */
static bool restless(struct watch *w, const struct file *now_files)
{
	uint64_t now = clock_usec(), longest = 0;

	for (size_t i = 0; i < w->n; i++) {
		uint64_t left = restless_usec(&now_files[i]);

		longest = left > longest ? left : longest;
	}
	if (!w->restless_since)
		w->restless_since = now;
	if (!longest || now - w->restless_since >= FILES_SETTLE_MAX_MSEC * USEC_PER_MSEC_)
		return false;
	arm(w, longest, USEC_PER_MSEC_);
	return true;
}

bool watch_look(struct watch *w)
{
	struct file now[WATCH_FILES_MAX];
	const char *missing = NULL;
	bool other = false;

	for (size_t i = 0; i < w->n; i++) {
		now[i] = w->files[i];
		take_state(&now[i]);
		other = other || !same(&now[i], &w->files[i]);
		if (now[i].error)
			missing = now[i].path;
	}
	if (!other)
		w->restless_since = 0; /* the change was undone before it was reported */
	if (other && !missing && restless(w, now))
		return true;
	if (other) {
		w->delay = 0;
		tell(w, now, missing);
	} else if (w->again_at && clock_usec() >= w->again_at && !missing) {
		tell(w, now, NULL);
	} else {
		arm_for_next_look(w);
	}
	return false;
}

bool watch_is_unsettled(const struct watch *w)
{
	return w->restless_since != 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)watch_look(userdata);
	return 0;
}

unsigned watch_again(struct watch *w)
{
	w->delay = w->delay ? w->delay * 2 : 1;
	if (w->delay > FILES_RETRY_MAX_SEC)
		w->delay = FILES_RETRY_MAX_SEC;
	w->again_at = clock_usec() + w->delay * USEC_PER_SEC;
	arm_for_next_look(w);
	return w->delay;
}

static void forget_files(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->files[i].path);
	memset(w->files, 0, sizeof w->files);
	w->n = 0;
	w->restless_since = w->again_at = 0;
	w->delay = 0;
}

int watch_files(struct watch *w, const char *const *paths, size_t n)
{
	forget_files(w);
	for (; w->n < n && w->n < WATCH_FILES_MAX; w->n++) {
		w->files[w->n].path = strdup(paths[w->n]);
		if (!w->files[w->n].path)
			break;
		take_state(&w->files[w->n]);
	}
	if (w->n < n) {
		forget_files(w);
		arm_for_next_look(w);
		return n > WATCH_FILES_MAX ? -E2BIG : -ENOMEM;
	}
	arm_for_next_look(w);
	return 0;
}

int watch_new(sd_event *event, watch_fn changed, void *userdata, struct watch **ret_watch)
{
	struct watch *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	w->changed = changed;
	w->userdata = userdata;
	r = sd_event_add_time_relative(event, &w->timer, CLOCK_BOOTTIME, 0, 0, on_timer, w);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
	if (r < 0) {
		watch_free(w);
		return r;
	}
	*ret_watch = w;
	return 0;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	forget_files(w);
	(void)sd_event_source_disable_unref(w->timer);
	free(w);
}
