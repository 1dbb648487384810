/* SPDX-License-Identifier: MIT */
/* New keys while logons go on: the template that is started for them, and how long logons wait for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "credsspd/supervisor/keytab-watch.c"

static char path[] = "/tmp/test_keytab_watch.XXXXXX";
static struct config config = { .keytab = path, .kerberos = CONFIG_KERBEROS_ANY };
static sd_event *event;
static struct keytab_watch *w;
static unsigned renewed, resumed;
static int renew_result;

static int renew(uint64_t *ret_serial, void *userdata)
{
	*ret_serial = 10 + ++renewed;
	return renew_result;
}

static void resume(void *userdata)
{
	resumed++;
}

static const struct keytab_watch_ops ops = { .renew = renew, .resume = resume };

static void write_keys(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Runs the event loop until @count is @n. */
static void run_until(const unsigned *count, unsigned n)
{
	uint64_t end = clock_usec() + 20 * USEC_PER_SEC;

	while (*count < n && clock_usec() < end)
		assert_true(sd_event_run(event, 50000) >= 0);
	assert_int_equal(*count, n);
}

/* A logon looks, sees the change, and waits until the template with the new keys is ready. */
static void test_new_keys(void **unused)
{
	assert_false(keytab_watch_pending(w));
	write_keys("new keys");
	assert_true(keytab_watch_pending(w));
	run_until(&renewed, 1);
	assert_true(keytab_watch_pending(w));
	keytab_watch_template(w, 10, true); /* an older one, and it is starting */
	assert_int_equal(resumed, 0);
	keytab_watch_template(w, 11, false);
	assert_int_equal(resumed, 1);
	assert_false(keytab_watch_pending(w));
	keytab_watch_template(w, 12, false); /* nothing is expected */
	assert_int_equal(resumed, 1);
}

/* The template cannot use the keys, or cannot be started: logons continue, and the file is tried again. */
static void test_unusable(void **unused)
{
	write_keys("half of the new");
	assert_true(keytab_watch_pending(w));
	run_until(&renewed, 1);
	keytab_watch_template(w, 10, false);
	assert_int_equal(resumed, 1);
	renew_result = -ENETDOWN;
	run_until(&renewed, 2); /* tried again */
	assert_int_equal(resumed, 2);
	renew_result = 0;
	run_until(&renewed, 3);
	keytab_watch_template(w, 13, false);
	assert_false(keytab_watch_pending(w));
}

/* A logon waits no longer than KEYS_WAIT_SEC; the keys may still come. */
static void test_late(void **unused)
{
	keytab_watch_expect(w, 7);
	assert_true(keytab_watch_pending(w));
	assert_int_equal(sd_event_source_set_time(w->timer, 1), 0);
	run_until(&resumed, 1);
	assert_false(keytab_watch_pending(w));
	keytab_watch_template(w, 7, false);
	assert_int_equal(resumed, 2);
}

/* A file that has gone: its keys stay, and no logon waits. */
static void test_missing(void **unused)
{
	assert_int_equal(unlink(path), 0);
	(void)keytab_watch_pending(w);
	run_until(&resumed, 1);
	assert_int_equal(renewed, 0);
	assert_false(keytab_watch_pending(w));
	/* while a template is expected, its end ends the wait */
	write_keys("back");
	(void)keytab_watch_pending(w);
	run_until(&renewed, 1);
	assert_int_equal(unlink(path), 0);
	(void)keytab_watch_pending(w);
	assert_int_equal(resumed, 1);
	keytab_watch_template(w, 11, false);
	assert_int_equal(resumed, 2);
	write_keys("keys");
}

/* A link is set to other keys and back: there are no new keys to wait for, and no warning that they are missing. */
static void test_undone(void **unused)
{
	char link[sizeof path + 8], other[sizeof path + 8], text[4096] = "";
	FILE *log = tmpfile();
	int saved = dup(STDERR_FILENO);

	(void)snprintf(link, sizeof link, "%s.link", path);
	(void)snprintf(other, sizeof other, "%s.new", path);
	assert_int_equal(symlink(path, link), 0);
	config.keytab = link;
	assert_int_equal(keytab_watch_settle(w), 0);
	assert_int_equal(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
	for (int looked = 0; looked < 2; looked++) {
		FILE *f = fopen(other, "we");

		assert_non_null(f);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(unlink(link), 0);
		assert_int_equal(symlink(other, link), 0);
		assert_true(keytab_watch_pending(w));
		assert_int_equal(unlink(link), 0);
		assert_int_equal(symlink(path, link), 0);
		if (looked)
			assert_false(keytab_watch_pending(w)); /* by the next logon; the first one continues */
		else
			run_until(&resumed, 1); /* by itself */
		run_until(&resumed, 1U + (unsigned)looked);
		assert_null(w->timer);
		assert_int_equal(unlink(other), 0);
	}
	assert_int_equal(renewed, 0);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	rewind(log);
	text[fread(text, 1, sizeof text - 1, log)] = '\0';
	(void)fclose(log);
	assert_string_equal(text, "");
	assert_int_equal(unlink(link), 0);
	config.keytab = path;
}

/* Without Kerberos no file is watched. */
static void test_off(void **unused)
{
	config.kerberos = CONFIG_KERBEROS_OFF;
	assert_int_equal(keytab_watch_settle(w), 0);
	write_keys("other keys");
	assert_false(keytab_watch_pending(w));
	config.kerberos = CONFIG_KERBEROS_ANY;
}

static int setup(void **unused)
{
	renewed = resumed = 0;
	renew_result = 0;
	write_keys("keys");
	if (sd_event_new(&event) < 0 || keytab_watch_new(event, &config, &ops, NULL, &w) < 0)
		return -1;
	return keytab_watch_settle(w);
}

static int teardown(void **unused)
{
	keytab_watch_free(w);
	(void)sd_event_unref(event);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_keys), TEST(test_unusable), TEST(test_late),
		TEST(test_missing),  TEST(test_undone),   TEST(test_off),
	};
	int fd = mkstemp(path), r;

	if (fd < 0)
		return 1;
	(void)close(fd);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	return r;
}
