/* SPDX-License-Identifier: MIT */
/* Log lines of many addresses, by a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "common/base/limits.h"
#include "credsspd-rdp/log-limit.h"

static sd_event *event;
static uint64_t now_usec = 1000000;
static sd_event_time_handler_t timer;
static void *timer_data;
static uint64_t timer_at;

/* In place of libsystemd's: time passes when pass() says so. */
int sd_event_now(sd_event *e, clockid_t clock, uint64_t *ret_usec)
{
	*ret_usec = now_usec;
	return 0;
}

int sd_event_add_time(sd_event *e, sd_event_source **ret_source, clockid_t clock, uint64_t usec, uint64_t accuracy,
		      sd_event_time_handler_t fn, void *userdata)
{
	*ret_source = NULL;
	timer = fn;
	timer_data = userdata;
	timer_at = usec;
	return 0;
}

static void pass(unsigned sec)
{
	now_usec += sec * 1000000ULL;
	while (timer && timer_at <= now_usec) {
		sd_event_time_handler_t fn = timer;

		timer = NULL;
		(void)fn(NULL, now_usec, timer_data);
	}
}

static int saved;
static FILE *err;
static char text[1 << 20];

static void catch (void)
{
	err = tmpfile();
	assert_non_null(err);
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(fileno(err), STDERR_FILENO), STDERR_FILENO);
}

static void caught(void)
{
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	rewind(err);
	text[fread(text, 1, sizeof text - 1, err)] = '\0';
	(void)fclose(err);
}

static unsigned n_found(const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void lines(struct log_limit *t, const char *rhost, unsigned n)
{
	const struct log_logon who = { .rhost = rhost, .rport = 7 };

	for (unsigned i = 0; i < n; i++)
		log_limit_line(t, LOG_INFO, &who, "line %u", i);
}

/* The first lines of each address, in each window. */
static void test_first_lines(void **state)
{
	struct log_limit *t;

	catch ();
	assert_int_equal(log_limit_new(event, &t), 0);
	lines(t, "192.0.2.1", RDP_LOG_LINES_MAX + 3);
	lines(t, "192.0.2.2", RDP_LOG_LINES_MAX);
	/* one /64 */
	lines(t, "2001:db8::1", RDP_LOG_LINES_MAX);
	lines(t, "2001:db8::2", 4);
	pass(RDP_LOG_WINDOW_SEC - 1);
	lines(t, "192.0.2.1", 5);
	pass(1);
	lines(t, "192.0.2.1", 1);
	pass(RDP_LOG_WINDOW_SEC);
	log_limit_free(t);
	caught();
	assert_int_equal(n_found(": line "), 3 * RDP_LOG_LINES_MAX + 1);
	assert_int_equal(n_found(": line 19 rhost=192.0.2.1 rport=7\n"), 1);
	assert_int_equal(
	    n_found("and 8 more lines about connections that ended before CredSSP, from this address, within 60 s "
		    "rhost=192.0.2.1\n"),
	    1);
	assert_int_equal(
	    n_found("and 4 more lines about connections that ended before CredSSP, from this address, within 60 s "
		    "rhost=2001:db8::2\n"),
	    1);
	assert_int_equal(n_found("more lines"), 2);
}

/* What is counted is told at the end of the program, too; debug lines count only where they are written. */
static void test_end(void **state)
{
	const struct log_logon who = { .rhost = "192.0.2.1" };
	struct log_limit *t;

	catch ();
	assert_int_equal(log_limit_new(event, &t), 0);
	for (int i = 0; i < 1000; i++)
		log_limit_line(t, LOG_DEBUG, &who, "debug");
	lines(t, "192.0.2.1", RDP_LOG_LINES_MAX + 4211);
	log_limit_free(t);
	log_limit_free(NULL);
	caught();
	assert_int_equal(n_found(": line "), RDP_LOG_LINES_MAX);
	assert_int_equal(n_found("and 4211 more lines "), 1);
}

/* More addresses than there is room for share one allowance, and nothing grows. */
static void test_many_addresses(void **state)
{
	struct log_limit *t;
	char rhost[32];

	catch ();
	assert_int_equal(log_limit_new(event, &t), 0);
	for (unsigned i = 0; i < RDP_LOG_ADDRESSES_MAX + 100; i++) {
		(void)snprintf(rhost, sizeof rhost, "10.0.%u.%u", i / 256, i % 256);
		lines(t, rhost, 1);
	}
	pass(RDP_LOG_WINDOW_SEC);
	lines(t, "10.0.255.255", 1);
	log_limit_free(t);
	caught();
	assert_int_equal(n_found(": line "), RDP_LOG_ADDRESSES_MAX + RDP_LOG_LINES_MAX + 1);
	assert_int_equal(
	    n_found(
		"and 80 more lines about connections that ended before CredSSP, from many addresses, within 60 s\n"),
	    1);
	assert_int_equal(n_found("more lines"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_lines),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_many_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
