/* SPDX-License-Identifier: MIT */
/*
 * Files that others replace while we run: keytab, certificate, key. They are looked at by stat(2), now and then and
 * whenever somebody asks. A change is told when they have been left alone for FILES_SETTLE_MSEC, so that a writer gets
 * the time to finish.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct watch;

/* The files are not as they were; @missing is one that cannot be found now, else NULL. */
typedef void (*watch_fn)(const char *missing, void *userdata);

/* Returns 0 or -errno. */
int watch_new(sd_event *event, watch_fn changed, void *userdata, struct watch **ret_watch);

/* NULL is fine. */
void watch_free(struct watch *w);

/*
 * The files from now on (at most WATCH_FILES_MAX, copied; none is fine). As they are now they are known: call it before
 * they are read. Returns 0 or -errno, with no files watched.
 */
#define WATCH_FILES_MAX 4U
int watch_files(struct watch *w, const char *const *paths, size_t n);

/* Looks now. Returns whether a change has been seen that is not told yet, because somebody may still be writing. */
bool watch_look(struct watch *w);

/*
 * What was told could not be used: it is told again after a delay that grows up to FILES_RETRY_MAX_SEC, or when the
 * files change. Returns the delay in seconds.
 */
unsigned watch_again(struct watch *w);
