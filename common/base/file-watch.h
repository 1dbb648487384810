/* SPDX-License-Identifier: MIT */
/*
 * Watches files that other programs replace while the daemon runs: keytab, certificate, key. They are checked by
 * stat(2), every FILES_LOOK_SEC and at each call of watch_look(). A change is reported when the files have not changed
 * again for FILES_SETTLE_MSEC, so that a writer has the time to finish.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct watch;

/* Called when the files have changed; @missing is one that cannot be found now, else NULL. */
typedef void (*watch_fn)(const char *missing, void *userdata);

/* Returns 0 or -errno. */
int watch_new(sd_event *event, watch_fn changed, void *userdata, struct watch **ret_watch);

/* NULL is fine. */
void watch_free(struct watch *w);

/*
 * Watches these files from now on (at most WATCH_FILES_MAX; the paths are copied; @n may be 0). Their present state
 * counts as known, so call it before the files are read. Returns 0, or -errno with no files watched.
 */
#define WATCH_FILES_MAX 4U
int watch_files(struct watch *w, const char *const *paths, size_t n);

/* Checks now. Returns whether there is a change that is not reported yet, because a program may still be writing. */
bool watch_look(struct watch *w);

/* Returns what the last check found, by watch_look() or by itself, without checking again. */
bool watch_is_unsettled(const struct watch *w);

/*
 * Call it when the files of the last report could not be used: they are reported again after a delay that grows up to
 * FILES_RETRY_MAX_SEC, or when they change. Returns the delay in seconds.
 */
unsigned watch_again(struct watch *w);
