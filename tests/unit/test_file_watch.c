/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file-watch.h"
#include "common/base/limits.h"

static char dir[] = "/tmp/test_watch.XXXXXX";

struct fixture {
	sd_event *event;
	struct watch *w;
	unsigned told, missing;
	unsigned again; /* how many times what is told is not good enough */
	unsigned delay; /* what watch_again() said last */
};

static const char *path_of(const char *name)
{
	static char path[8][128];
	static unsigned i;

	(void)snprintf(path[++i % 8], sizeof path[0], "%s/%s", dir, name);
	return path[i % 8];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int64_t msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_changed(const char *missing, void *userdata)
{
	struct fixture *f = userdata;

	if (missing)
		f->missing++;
	else
		f->told++;
	if (!missing && f->again) {
		f->again--;
		f->delay = watch_again(f->w);
	}
}

/* Runs the loop until so many have been told, or for that long. */
static void run(struct fixture *f, unsigned told, unsigned missing, int64_t limit)
{
	int64_t end = msec() + limit;

	while ((f->told < told || f->missing < missing) && msec() < end)
		assert_true(sd_event_run(f->event, 20000) >= 0);
}

static void begin(struct fixture *f, const char *const *paths, size_t n)
{
	memset(f, 0, sizeof *f);
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(watch_new(f->event, on_changed, f, &f->w), 0);
	assert_int_equal(watch_files(f->w, paths, n), 0);
}

static void end(struct fixture *f)
{
	watch_free(f->w);
	sd_event_unref(f->event);
}

static int setup(void **state)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static void test_is_told_when_the_writer_is_done(void **state)
{
	const char *paths[] = { path_of("a"), path_of("b") };
	struct fixture f;
	int64_t began;

	put("a", "1");
	put("b", "1");
	begin(&f, paths, 2);
	assert_false(watch_look(f.w));
	/* more than once only where this process has not had its turn for that long */
	do {
		f.told = 0;
		began = msec();
		put("b", "2");
	} while (!watch_look(f.w));
	assert_int_equal(f.told, 0);
	run(&f, 1, 0, 3000);
	assert_int_equal(f.told, 1);
	assert_true(msec() - began >= FILES_SETTLE_MSEC - 20);
	assert_false(watch_look(f.w));
	assert_int_equal(f.told, 1);
	end(&f);
}

static void test_nobody_has_to_ask(void **state)
{
	const char *paths[] = { path_of("a") };
	struct fixture f;

	put("a", "1");
	begin(&f, paths, 1);
	put("a", "2");
	run(&f, 1, 0, FILES_LOOK_SEC * 1000 + 3000);
	assert_int_equal(f.told, 1);
	end(&f);
}

static void look_until_told(struct fixture *f, unsigned told)
{
	(void)watch_look(f->w);
	run(f, told, 0, 3000);
	assert_int_equal(f->told, told);
}

/* The same size and the same modification time are no disguise. */
static void test_every_kind_of_change(void **state)
{
	const char *paths[] = { path_of("link") };
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct fixture f;

	put("a", "1");
	put("b", "1");
	assert_int_equal(symlink(path_of("a"), path_of("link")), 0);
	begin(&f, paths, 1);
	put("a", "2");
	look_until_told(&f, 1);
	assert_int_equal(utimensat(AT_FDCWD, path_of("a"), old, 0), 0);
	look_until_told(&f, 2);
	put("a", "3");
	assert_int_equal(utimensat(AT_FDCWD, path_of("a"), old, 0), 0);
	look_until_told(&f, 3);
	assert_int_equal(chmod(path_of("a"), 0400), 0);
	look_until_told(&f, 4);
	assert_int_equal(symlink(path_of("b"), path_of("new")), 0);
	assert_int_equal(rename(path_of("new"), path_of("link")), 0);
	look_until_told(&f, 5);
	put("a", "not it any more");
	assert_false(watch_look(f.w));
	assert_int_equal(rename(path_of("a"), path_of("b")), 0);
	look_until_told(&f, 6);
	end(&f);
}

/* A change that is undone is not reported, and the next change settles as every change does. */
static void test_undone(void **state)
{
	const char *paths[] = { path_of("link") };
	struct fixture f;
	int64_t changed;

	put("a", "1");
	assert_int_equal(symlink(path_of("a"), path_of("link")), 0);
	begin(&f, paths, 1);
	(void)poll(NULL, 0, 2 * FILES_SETTLE_MSEC); /* so that only b is new */
	put("b", "1");
	assert_int_equal(unlink(path_of("link")), 0);
	assert_int_equal(symlink(path_of("b"), path_of("link")), 0);
	assert_true(watch_look(f.w));
	assert_true(watch_is_unsettled(f.w));
	assert_int_equal(unlink(path_of("link")), 0);
	assert_int_equal(symlink(path_of("a"), path_of("link")), 0);
	assert_false(watch_look(f.w));
	assert_false(watch_is_unsettled(f.w));
	(void)poll(NULL, 0, FILES_SETTLE_MAX_MSEC + 100);
	assert_int_equal(f.told, 0);
	do {
		f.told = 0;
		changed = msec();
		put("a", "2");
	} while (!watch_look(f.w) && msec() - changed >= FILES_SETTLE_MSEC);
	assert_int_equal(f.told, 0);
	run(&f, 1, 0, 3000);
	assert_int_equal(f.told, 1);
	assert_true(msec() - changed >= FILES_SETTLE_MSEC - 20);
	end(&f);
}

static void test_missing(void **state)
{
	const char *paths[] = { path_of("a") };
	struct fixture f;

	put("a", "1");
	begin(&f, paths, 1);
	assert_int_equal(unlink(paths[0]), 0);
	assert_false(watch_look(f.w)); /* no logon needs to wait for it */
	assert_false(watch_look(f.w));
	assert_int_equal(f.missing, 1);
	assert_int_equal(f.told, 0);
	put("a", "1");
	look_until_told(&f, 1);
	/* and one that was not there from the start */
	assert_int_equal(unlink(path_of("a")), 0);
	assert_int_equal(watch_files(f.w, paths, 1), 0);
	assert_false(watch_look(f.w));
	assert_int_equal(f.missing, 1);
	put("a", "1");
	look_until_told(&f, 2);
	end(&f);
}

static void test_again(void **state)
{
	const char *paths[] = { path_of("a") };
	struct fixture f;
	unsigned last = 0;

	put("a", "1");
	begin(&f, paths, 1);
	f.again = 2;
	put("a", "2");
	look_until_told(&f, 1);
	assert_int_equal(f.delay, 1);
	assert_false(watch_look(f.w));
	assert_int_equal(f.told, 1);
	run(&f, 2, 0, 4000); /* by itself */
	assert_int_equal(f.told, 2);
	assert_int_equal(f.delay, 2);
	/* a change is told before that, and begins anew */
	f.again = 1;
	put("a", "3");
	look_until_told(&f, 3);
	assert_int_equal(f.delay, 1);
	for (int i = 0; i < 20; i++) {
		unsigned delay = watch_again(f.w);

		assert_true(delay > last || delay == FILES_RETRY_MAX_SEC);
		last = delay;
	}
	assert_int_equal(last, FILES_RETRY_MAX_SEC);
	end(&f);
}

/* Who writes for ever is not waited for for ever. */
static void test_restless(void **state)
{
	const char *paths[] = { path_of("a") };
	struct fixture f;
	int64_t began = msec();

	put("a", "1");
	begin(&f, paths, 1);
	while (!f.told && msec() - began < FILES_SETTLE_MAX_MSEC + 3000) {
		put("a", "2");
		(void)watch_look(f.w);
		assert_true(sd_event_run(f.event, 20000) >= 0);
	}
	assert_true(f.told);
	end(&f);
}

static void test_how_many(void **state)
{
	const char *paths[WATCH_FILES_MAX + 1];
	struct fixture f;

	put("a", "1");
	for (size_t i = 0; i <= WATCH_FILES_MAX; i++)
		paths[i] = path_of("a");
	begin(&f, paths, WATCH_FILES_MAX);
	assert_int_equal(watch_files(f.w, paths, WATCH_FILES_MAX + 1), -E2BIG);
	put("a", "2");
	assert_false(watch_look(f.w));
	assert_int_equal(watch_files(f.w, paths, 0), 0);
	put("a", "3");
	assert_false(watch_look(f.w));
	assert_int_equal(f.told, 0);
	end(&f);
	watch_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_is_told_when_the_writer_is_done),
		TEST(test_nobody_has_to_ask),
		TEST(test_every_kind_of_change),
		TEST(test_undone),
		TEST(test_missing),
		TEST(test_again),
		TEST(test_restless),
		TEST(test_how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
