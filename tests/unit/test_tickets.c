/* SPDX-License-Identifier: MIT */
/* The life of a ticket and of the channel that it is bound to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/ipc/handover.h"
#include "credsspd/supervisor/tickets.h"

static sd_event *event;
static struct tickets *tickets;
static struct config config = { .ticket_lifetime_sec = 60 };

struct issued {
	char ticket[TICKET_LEN + 1];
	int secret;  /* the write end of its pipe */
	int channel; /* the front end's end */
	uint64_t logon;
};

static void settle_down(void)
{
	while (sd_event_run(event, 5000) > 0)
		;
}

static struct issued issue(uint64_t logon, uid_t uid)
{
	struct vault_logon about = { .logon = logon, .uid = uid, .kind = CREDENTIAL_PASSWORD };
	struct issued i = { .logon = logon };
	int fds[2], pair[2];

	(void)snprintf(about.user, sizeof about.user, "user%u", uid);
	(void)snprintf(about.service, sizeof about.service, "xrdp-sesman");
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(tickets_issue(tickets, &about, fds[0], i.ticket), 0);
	i.secret = fds[1];
	i.channel = pair[1];
	tickets_attach_channel(tickets, logon, &pair[0]);
	assert_int_equal(pair[0], -1);
	return i;
}

static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR);
}

/* Whether pipe and channel of the ticket are as if it was outstanding. */
static void assert_outstanding(const struct issued *i, bool outstanding)
{
	settle_down();
	assert_int_equal(has_hung_up(i->secret), !outstanding);
	assert_int_equal(has_hung_up(i->channel), !outstanding);
}

static void close_issued(struct issued *i)
{
	i->secret = close_fd(i->secret);
	i->channel = close_fd(i->channel);
	settle_down();
}

static void test_redeem(void **unused)
{
	struct issued i = issue(1, 1000), other = issue(2, 1001);
	struct vault_logon about;
	int fd = -1;

	assert_int_equal(tickets_outstanding(tickets), 2);
	assert_outstanding(&i, true);
	assert_int_equal(tickets_redeem(tickets, i.ticket, "xrdp-sesman", "user1000", &about, &fd), VAULT_GRANTED);
	assert_int_equal(about.logon, 1);
	settle_down();
	assert_true(has_hung_up(i.channel));
	assert_false(has_hung_up(i.secret)); /* the caller has the pipe */
	(void)close(fd);
	assert_outstanding(&i, false);
	assert_outstanding(&other, true);
	assert_int_equal(tickets_redeem(tickets, i.ticket, "xrdp-sesman", "user1000", &about, &fd), VAULT_NO_TICKET);
	/* another user, another service: it is gone for both */
	assert_int_equal(tickets_redeem(tickets, other.ticket, "login", "user1001", &about, &fd), VAULT_MISMATCH);
	assert_outstanding(&other, false);
	assert_int_equal(tickets_redeem(tickets, other.ticket, "xrdp-sesman", "user1001", &about, &fd),
			 VAULT_NO_TICKET);
	assert_int_equal(tickets_counters(tickets)->redeemed, 1);
	assert_int_equal(tickets_counters(tickets)->redeem_refused, 3);
	close_issued(&i);
	close_issued(&other);
	assert_int_equal(tickets_counters(tickets)->revoked, 0);
}

/* The front end closes its end: the ticket is revoked. */
static void test_revoke(void **unused)
{
	struct issued i = issue(1, 1000), other = issue(2, 1000);
	struct vault_logon about;
	int fd;

	i.channel = close_fd(i.channel);
	settle_down();
	assert_true(has_hung_up(i.secret));
	assert_int_equal(tickets_counters(tickets)->revoked, 1);
	assert_int_equal(tickets_redeem(tickets, i.ticket, "xrdp-sesman", "user1000", &about, &fd), VAULT_NO_TICKET);
	assert_outstanding(&other, true);
	tickets_revoke(tickets, 2);
	assert_outstanding(&other, false);
	tickets_revoke(tickets, 2); /* is gone */
	assert_int_equal(tickets_counters(tickets)->revoked, 2);
	close_issued(&i);
	close_issued(&other);
}

/* A descriptor that cannot be watched: the ticket is revoked, and the descriptor stays the caller's. */
static void test_bind_fails(void **unused)
{
	struct vault_logon about = { .logon = 9, .uid = 1000 };
	char ticket[TICKET_LEN + 1];
	int fds[2], fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* epoll does not take a file */

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(tickets_issue(tickets, &about, fds[0], ticket), 0);
	tickets_attach_channel(tickets, 9, &fd);
	assert_true(fd >= 0);
	assert_int_equal(tickets_outstanding(tickets), 0);
	assert_true(has_hung_up(fds[1]));
	(void)close(fds[1]);
	(void)close(fd);
}

static void test_expiry(void **unused)
{
	struct issued i, other;

	config.ticket_lifetime_sec = 0;
	i = issue(1, 1000);
	assert_outstanding(&i, false); /* by the timer */
	assert_int_equal(tickets_counters(tickets)->expired, 1);
	other = issue(2, 1000);
	config.ticket_lifetime_sec = 60;
	close_issued(&i);
	i = issue(3, 1000); /* expires the other before the timer does */
	assert_int_equal(tickets_outstanding(tickets), 1);
	assert_outstanding(&other, false);
	assert_outstanding(&i, true);
	assert_int_equal(tickets_counters(tickets)->expired, 2);
	close_issued(&i);
	close_issued(&other);
}

/* When all tickets are out, the account that has most loses its oldest. */
static void test_evict(void **unused)
{
	static struct issued i[TICKETS_MAX + 1];

	for (unsigned n = 0; n < TICKETS_MAX; n++)
		i[n] = issue(n + 1, n < 3 ? 1000 : 1001 + n / 2);
	assert_outstanding(&i[0], true);
	i[TICKETS_MAX] = issue(TICKETS_MAX + 1, 5000);
	assert_outstanding(&i[0], false);
	assert_outstanding(&i[1], true);
	assert_int_equal(tickets_outstanding(tickets), TICKETS_MAX);
	assert_int_equal(tickets_counters(tickets)->evicted, 1);
	for (unsigned n = 0; n <= TICKETS_MAX; n++) {
		(void)close(i[n].secret);
		(void)close(i[n].channel);
	}
	settle_down();
	assert_int_equal(tickets_outstanding(tickets), 0);
}

/* An account at its own limit is refused; no ticket of another account is evicted for it. */
static void test_account_limit(void **unused)
{
	static struct issued i[TICKETS_MAX];
	struct vault_logon about = { .logon = TICKETS_MAX + 1, .uid = 1001 };
	char ticket[TICKET_LEN + 1];
	int fds[2];

	for (unsigned n = 0; n < TICKETS_MAX; n++)
		i[n] = issue(n + 1, n < 2 * TICKETS_PER_ACCOUNT_MAX ? 1000 + n / TICKETS_PER_ACCOUNT_MAX : 1000 + n);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(tickets_issue(tickets, &about, fds[0], ticket), -EMFILE);
	assert_int_equal(tickets_outstanding(tickets), TICKETS_MAX);
	assert_int_equal(tickets_counters(tickets)->evicted, 0);
	assert_outstanding(&i[0], true);
	(void)close(fds[0]);
	(void)close(fds[1]);
	for (unsigned n = 0; n < TICKETS_MAX; n++) {
		(void)close(i[n].secret);
		(void)close(i[n].channel);
	}
	settle_down();
	assert_int_equal(tickets_outstanding(tickets), 0);
}

/* The end of the daemon closes pipes and channels. */
static void test_end(void **unused)
{
	struct issued i = issue(1, 1000);

	tickets_free(tickets);
	assert_true(has_hung_up(i.secret) && has_hung_up(i.channel));
	(void)close(i.secret);
	(void)close(i.channel);
	tickets = NULL;
}

static int setup(void **unused)
{
	return sd_event_new(&event) < 0 ? -1 : tickets_new(event, &config, &tickets);
}

static int teardown(void **unused)
{
	tickets_free(tickets);
	(void)sd_event_unref(event);
	return 0;
}

/* a pipe and a channel for each ticket, and their other ends */
static int setup_limit(void **unused)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return -1;
	r.rlim_cur = r.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_redeem), TEST(test_revoke),        TEST(test_bind_fails), TEST(test_expiry),
		TEST(test_evict),  TEST(test_account_limit), TEST(test_end),
	};

	return cmocka_run_group_tests(tests, setup_limit, NULL);
}
