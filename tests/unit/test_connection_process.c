/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it does not know pidfd_open(2). */
/*
 * A connection's process that was taken over, against the listener: it has no slot and no socket of xrdp before credsspd
 * has made a ticket for its connection. The process, credsspd and xrdp are in this file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define connection_template_fork fake_fork
#define credsspd_client_begin fake_begin
#include "credsspd-rdp/connections.c"
#undef connection_template_fork
#undef credsspd_client_begin

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "credsspd-rdp/log-limit.h"

#define TICKET "credssp1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

static char dir[] = "/tmp/test_connection_process.XXXXXX";
static char xrdp_path[sizeof dir + 8];
static struct settings settings = { .service = (char[]){ "test" }, .xrdp_socket = xrdp_path };
static struct listener l;
static int xrdp = -1;

/* ---- the process and credsspd ---- */

static int forked_control; /* the process's end, of the newest process */
static credsspd_begin_fn begun_fn;
static void *begun_userdata;

/* The process does nothing until it is killed; the test has its socket. */
pid_t fake_fork(struct listener *listener, const struct pre_tls *w, int control)
{
	pid_t pid;

	forked_control = fcntl(control, F_DUPFD_CLOEXEC, 3);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close_range(3, ~0U, 0);
		(void)pause();
		_exit(0);
	}
	return pid;
}

int fake_begin(struct credsspd_client *a, const char *service, const struct rdp_begin *b, const char *rhost,
	       uint16_t rport, credsspd_begin_fn fn, void *userdata, struct credsspd_call **ret_call)
{
	begun_fn = fn;
	begun_userdata = userdata;
	return 0;
}

/* ---- the test's side ---- */

struct process {
	int control;
	int channel;  /* the process's copy */
	int credsspd; /* credsspd's end of the channel */
};

static void turn(void)
{
	while (sd_event_run(l.event, 20000) > 0)
		;
}

static struct process start(void)
{
	struct pre_tls w = { .l = &l, .fd = -1, .rhost = "192.0.2.1", .rport = 50000 };
	struct address_count *address = address_counts_enter(l.address_counts, w.rhost, ADDRESS_CONNECTION);

	w.address = address;
	assert_int_equal(connections_start(&w), 0);
	address_counts_leave(address, ADDRESS_CONNECTION);
	return (struct process){ .control = forked_control, .channel = -1, .credsspd = -1 };
}

static void say(const struct process *p, const void *message, size_t len)
{
	assert_int_equal(packet_send(p->control, message, len, NULL, 0), 0);
	turn();
}

static void begin(struct process *p)
{
	static const struct rdp_begin b = { .type = RDP_ASK_BEGIN };
	struct rdp_answer a;
	int pair[2];

	say(p, &b, offsetof(struct rdp_begin, public_key));
	assert_int_equal(packet_pair(0, pair), 0);
	p->credsspd = pair[1];
	begun_fn(0, "", pair[0], begun_userdata);
	assert_int_equal(packet_recv(p->control, &a, sizeof a, &p->channel, 1), sizeof a);
	assert_int_equal(a.type, RDP_CHANNEL);
	assert_true(p->channel >= 0);
}

static void credsspd_says(const struct process *p, const void *message, size_t len)
{
	assert_int_equal(packet_send(p->credsspd, message, len, NULL, 0), 0);
	turn();
}

static void grant(const struct process *p, const char *user)
{
	struct channel_done d = { .type = CHANNEL_DONE, .kind = 1, .version = 6, .mechanism = "ntlm" };

	strcpy(d.ticket, TICKET);
	strcpy(d.user, user);
	credsspd_says(p, &d, sizeof d);
}

static void ask(const struct process *p)
{
	static const struct rdp_ask_xrdp a = { .type = RDP_ASK_XRDP };

	say(p, &a, sizeof a);
}

/* Returns the error of the listener's answer; -EAGAIN without an answer. */
static int answer(const struct process *p)
{
	struct pollfd q = { .fd = p->control, .events = POLLIN };
	struct rdp_answer a;
	int fd = -1;

	if (poll(&q, 1, 0) != 1)
		return -EAGAIN;
	assert_int_equal(packet_recv(p->control, &a, sizeof a, &fd, 1), sizeof a);
	assert_int_equal(a.type, RDP_XRDP);
	assert_int_equal(a.error == 0, fd >= 0);
	(void)close_fd(fd);
	return a.error;
}

static unsigned unauthenticated(void)
{
	unsigned n = 0;
	struct connection_process *c;

	LIST_FOREACH(c, &l.connections, entry)
		n += c->unauthenticated && c->deadline;
	return n;
}

static void end(struct process *p)
{
	if (!LIST_EMPTY(&l.connections))
		connections_kill(LIST_FIRST(&l.connections));
	p->control = close_fd(p->control);
	p->channel = close_fd(p->channel);
	p->credsspd = close_fd(p->credsspd);
}

/* The listener has killed the process, and it got nothing. */
static void assert_refused(struct process *p)
{
	struct rdp_answer a;

	for (int i = 0; i < 100 && l.n_connections; i++)
		(void)sd_event_run(l.event, 50000);
	assert_int_equal(l.n_connections, 0);
	assert_int_equal(packet_recv(p->control, &a, sizeof a, NULL, 0), 0);
	assert_int_equal(l.xrdp_slots.n_taken, 0);
	assert_int_equal(accept4(xrdp, NULL, NULL, SOCK_NONBLOCK), -1);
	end(p);
}

static void test_without_begin(void **unused)
{
	struct process p = start();

	ask(&p);
	assert_refused(&p);
}

/* It has called Begin, and there is no ticket yet. */
static void test_without_ticket(void **unused)
{
	static const struct {
		const char *what;
		uint8_t type;
		size_t len;
	} row[] = {
		{ "nothing", 0, 0 },
		{ "a reply", CHANNEL_REPLY, 100 },
		{ "a reply as long as a ticket", CHANNEL_REPLY, sizeof(struct channel_done) },
		{ "a refusal", CHANNEL_FAILED, sizeof(struct channel_failed) },
		{ "half a ticket", CHANNEL_DONE, sizeof(struct channel_done) - 1 },
		{ "a ticket of no user", CHANNEL_DONE, sizeof(struct channel_done) },
	};
	uint8_t message[sizeof(struct channel_done)] = { 0 };

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct process p = start();

		begin(&p);
		message[0] = row[i].type;
		if (row[i].len)
			credsspd_says(&p, message, row[i].len);
		/* what it sends to credsspd does not come back */
		(void)packet_send(p.channel, &(struct channel_done){ .type = CHANNEL_DONE, .user = "root" },
				  sizeof(struct channel_done), NULL, 0);
		assert_int_equal(unauthenticated(), 1);
		ask(&p);
		assert_refused(&p);
	}
}

/* The channel is closed without a ticket: refused, and still without a logon. */
static void test_after_the_end(void **unused)
{
	struct process p = start();

	begin(&p);
	p.credsspd = close_fd(p.credsspd);
	turn();
	ask(&p);
	assert_int_equal(answer(&p), -ETIMEDOUT);
	assert_int_equal(unauthenticated(), 1);
	assert_int_equal(l.xrdp_slots.n_taken, 0);
	ask(&p); /* once */
	assert_refused(&p);
}

/* With a ticket it gets xrdp; the slot is of the user of the ticket. */
static void test_with_ticket(void **unused)
{
	struct process p[RDP_SLOTS_PER_ACCOUNT_MAX + 1];

	for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
		p[i] = start();
		begin(&p[i]);
		grant(&p[i], "alice");
		ask(&p[i]);
		assert_int_equal(answer(&p[i]), i < RDP_SLOTS_PER_ACCOUNT_MAX ? 0 : -EAGAIN);
	}
	assert_int_equal(unauthenticated(), 0);
	/* redeemed: the next one */
	p[0].credsspd = close_fd(p[0].credsspd);
	turn();
	assert_int_equal(answer(&p[RDP_SLOTS_PER_ACCOUNT_MAX]), 0);
	for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
		end(&p[i]);
		for (int k = 0; k < 100 && l.n_connections > sizeof p / sizeof *p - i - 1; k++)
			(void)sd_event_run(l.event, 50000);
	}
	assert_int_equal(l.n_connections, 0);
	assert_int_equal(l.xrdp_slots.n_taken, 0);
}

static int setup(void **unused)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || !mkdtemp(dir))
		return -1;
	(void)snprintf(xrdp_path, sizeof xrdp_path, "%s/xrdp", dir);
	strcpy(a.sun_path, xrdp_path);
	xrdp = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(xrdp, (const struct sockaddr *)&a, sizeof a) < 0 || listen(xrdp, 8) < 0)
		return -1;
	l.settings = &settings;
	LIST_INIT(&l.connections);
	xrdp_slots_init(&l.xrdp_slots, RDP_UNREDEEMED_MAX, RDP_SLOTS_PER_ACCOUNT_MAX);
	l.address_counts = address_counts_new();
	return sd_event_new(&l.event) < 0 || log_limit_new(l.event, &l.log_limit) < 0 ? -1 : 0;
}

static int teardown(void **unused)
{
	log_limit_free(l.log_limit);
	address_counts_free(l.address_counts);
	(void)sd_event_unref(l.event);
	(void)close(xrdp);
	(void)unlink(xrdp_path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_begin),
		cmocka_unit_test(test_without_ticket),
		cmocka_unit_test(test_after_the_end),
		cmocka_unit_test(test_with_ticket),
	};

	(void)alarm(60);
	return cmocka_run_group_tests(tests, setup, teardown);
}
