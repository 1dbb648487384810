/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it keeps descriptors of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/ipc/packet.h"
#include "tests/unit/build.h"

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* Each test leaves as many descriptors as it found. */
static int setup(void **state)
{
	static unsigned n;

	n = open_descriptors();
	*state = &n;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(open_descriptors(), *(unsigned *)*state);
	return 0;
}

#define PAIR(flags) \
	int pair_[2]; \
	assert_int_equal(packet_pair(flags, pair_), 0); \
	int a AUTO_CLOSE = pair_[0], b AUTO_CLOSE = pair_[1]; \
	(void)b

static int new_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool same_file(int x, int y)
{
	struct stat s, t;

	assert_int_equal(fstat(x, &s), 0);
	assert_int_equal(fstat(y, &t), 0);
	return s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

static void test_pair(void **state)
{
	static const int flags[] = { 0, SOCK_NONBLOCK };

	for (size_t i = 0; i < 2; i++) {
		PAIR(flags[i]);
		int type = 0;
		socklen_t len = sizeof type;

		assert_int_equal(getsockopt(a, SOL_SOCKET, SO_TYPE, &type, &len), 0);
		assert_int_equal(type, SOCK_SEQPACKET);
		assert_int_equal(fcntl(a, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(b, F_GETFD), FD_CLOEXEC);
		assert_int_equal(!!(fcntl(a, F_GETFL) & O_NONBLOCK), i);
		assert_int_equal(!!(fcntl(b, F_GETFL) & O_NONBLOCK), i);
	}
}

static void test_packets(void **state)
{
	PAIR(0);
	uint8_t in[16];

	assert_int_equal(packet_send(a, "one", 3, NULL, 0), 0);
	assert_int_equal(packet_send2(a, "t", 1, "wo", 2, NULL, 0), 0);
	assert_int_equal(packet_send2(a, "three", 5, NULL, 0, NULL, 0), 0);
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), 3);
	assert_memory_equal(in, "one", 3);
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), 3);
	assert_memory_equal(in, "two", 3);
	assert_int_equal(packet_recv(b, in, 5, NULL, 0), 5);
	assert_memory_equal(in, "three", 5);
}

/* A packet that is too long is gone, not cut; the next one is whole. */
static void test_too_long(void **state)
{
	PAIR(0);
	struct buf in AUTO_BUF = buf_new(4);
	int fd = new_descriptor(), got[2] = { 5, 5 };

	assert_int_equal(packet_send(a, "12345", 5, NULL, 0), 0);
	assert_int_equal(packet_send(a, "12345", 5, &fd, 1), 0);
	assert_int_equal(packet_send(a, "1234", 4, NULL, 0), 0);
	fd = close_fd(fd);
	assert_int_equal(packet_recv(b, in.p, in.len, NULL, 0), -EMSGSIZE);
	assert_int_equal(packet_recv(b, in.p, in.len, got, 2), -EMSGSIZE);
	assert_int_equal(got[0], -1);
	assert_int_equal(got[1], -1);
	assert_int_equal(packet_recv(b, in.p, in.len, got, 2), 4);
	assert_memory_equal(in.p, "1234", 4);
	assert_int_equal(got[0], -1);
}

/* More than a socket takes at once, at the sender. */
static void test_larger_than_the_socket(void **state)
{
	PAIR(0);
	int size = 4096;
	struct buf out AUTO_BUF = buf_fill('x', 1000000);

	assert_int_equal(setsockopt(a, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	assert_int_equal(packet_send(a, out.p, out.len, NULL, 0), -EMSGSIZE);
}

static void test_end_of_file(void **state)
{
	PAIR(0);
	uint8_t in[16];
	int got[1] = { 5 };

	assert_int_equal(packet_send(a, "last", 4, NULL, 0), 0);
	a = close_fd(a);
	assert_int_equal(packet_recv(b, in, sizeof in, got, 1), 4);
	assert_int_equal(packet_recv(b, in, sizeof in, got, 1), 0);
	assert_int_equal(got[0], -1);
	assert_int_equal(packet_recv(b, in, sizeof in, got, 1), 0);
}

/* No signal: SIGPIPE is on its default action, which ends the process. */
/* What a process sent before it ended is read, whatever it did not read itself. */
static void test_reset(void **state)
{
	PAIR(0);
	char got[8];

	assert_int_equal(packet_send(a, "unread", 6, NULL, 0), 0);
	assert_int_equal(packet_send(b, "why", 3, NULL, 0), 0);
	b = close_fd(b);
	assert_int_equal(packet_recv(a, got, sizeof got, NULL, 0), 3);
	assert_memory_equal(got, "why", 3);
	assert_int_equal(packet_recv(a, got, sizeof got, NULL, 0), 0);
}

static void test_nobody_there(void **state)
{
	PAIR(0);

	assert_ptr_equal(signal(SIGPIPE, SIG_DFL), SIG_DFL);
	b = close_fd(b);
	assert_int_equal(packet_send(a, "x", 1, NULL, 0), -EPIPE);
	assert_int_equal(packet_send2(a, "x", 1, "y", 1, NULL, 0), -EPIPE);
}

static void test_non_blocking(void **state)
{
	PAIR(SOCK_NONBLOCK);
	uint8_t in[16];
	int r = 0, n = 0, got = 5;

	assert_int_equal(packet_recv(b, in, sizeof in, &got, 1), -EAGAIN);
	assert_int_equal(got, -1);
	while (r == 0 && n < 100000) {
		r = packet_send(a, "x", 1, NULL, 0);
		n += r == 0;
	}
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), 1);
}

static void test_errors(void **state)
{
	uint8_t in[16];
	int fds[PACKET_FDS_MAX + 1] = { -1, -1, -1 };

	assert_int_equal(packet_send(-1, "x", 1, NULL, 0), -EBADF);
	assert_int_equal(packet_recv(-1, in, sizeof in, NULL, 0), -EBADF);
	assert_int_equal(packet_send(-1, "x", 1, fds, PACKET_FDS_MAX + 1), -EINVAL);

	PAIR(0);
	assert_int_equal(packet_send(a, "x", 1, fds, 1), -EBADF);
}

/* ---- descriptors ---- */

static void test_descriptors(void **state)
{
	for (size_t n = 0; n <= PACKET_FDS_MAX; n++) {
		PAIR(0);
		int out[PACKET_FDS_MAX], got[3] = { 5, 5, 5 };
		uint8_t in[16];

		for (size_t i = 0; i < PACKET_FDS_MAX; i++)
			out[i] = i ? dup(a) : new_descriptor();
		assert_int_equal(packet_send(a, "x", 1, out, n), 0);
		assert_int_equal(packet_recv(b, in, sizeof in, got, 3), 1);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(got[i] >= 0, i < n);
			if (got[i] < 0)
				continue;
			/* a copy, for this process only; the sender's stay open */
			assert_true(same_file(got[i], out[i]));
			assert_int_not_equal(got[i], out[i]);
			assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
			(void)close(got[i]);
		}
		for (size_t i = 0; i < PACKET_FDS_MAX; i++)
			assert_int_equal(close(out[i]), 0);
	}
}

/* As a process that was taken over would do it: @n descriptors in one packet, however many packet_send() takes. */
static void send_many(int fd, size_t len, size_t n)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 64)];
	} control;
	struct iovec iov = { .iov_base = "xxxx", .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
	int null = new_descriptor();

	memset(&control, 0, sizeof control);
	m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &null, sizeof null);
	assert_int_equal(sendmsg(fd, &m, 0), len);
	(void)close(null);
}

static void test_too_many_descriptors(void **state)
{
	for (size_t room = 0; room <= PACKET_FDS_MAX; room++) {
		for (size_t n = room + 1; n <= 64; n++) {
			PAIR(0);
			int got[PACKET_FDS_MAX] = { 5, 5 };
			unsigned before = open_descriptors();
			uint8_t in[16];

			send_many(a, 1, n);
			assert_int_equal(packet_recv(b, in, sizeof in, got, room), -EPROTO);
			for (size_t i = 0; i < room; i++)
				assert_int_equal(got[i], -1);
			assert_int_equal(open_descriptors(), before);
			/* and the next packet is read as if nothing had been; a packet that is not taken stays */
			assert_int_equal(packet_send(a, "ok", 2, NULL, 0), 0);
			assert_int_equal(packet_recv(b, in, sizeof in, got, room), room ? 2 : -EPROTO);
		}
	}
}

/* An empty packet looks like end of file; callers would not close descriptors that come with it. */
static void test_empty_packets(void **state)
{
	PAIR(0);
	int got[PACKET_FDS_MAX] = { 5, 5 };
	unsigned before = open_descriptors();
	uint8_t in[16];

	assert_int_equal(packet_send(a, "", 0, NULL, 0), 0);
	assert_int_equal(packet_recv(b, in, sizeof in, got, 2), 0);
	for (size_t n = 1; n <= 2; n++) {
		send_many(a, 0, n);
		assert_int_equal(packet_recv(b, in, sizeof in, got, 2), -EPROTO);
		assert_int_equal(got[0], -1);
		assert_int_equal(got[1], -1);
		assert_int_equal(open_descriptors(), before);
	}
}

/* No descriptor is free here: what should have come along is lost, and so is the packet. */
static void test_no_descriptor_left(void **state)
{
	PAIR(0);
	struct rlimit limit, none;
	int fd = new_descriptor(), got[1] = { 5 };
	uint8_t in[16];

	assert_int_equal(packet_send(a, "x", 1, &fd, 1), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ssize_t n = packet_recv(b, in, sizeof in, got, 1);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(n, -EPROTO);
	assert_int_equal(got[0], -1);
	(void)close(fd);
}

/* ---- signals ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	alarms++;
}

/* SIGALRM every @usec, without SA_RESTART; 0: no more. */
static void set_alarms(long usec)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval every = { { 0, usec }, { 0, usec } };

	alarms = 0;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
}

/* A call that waits is not ended by a signal, and one that does not is not done twice. */
static void test_signals(void **state)
{
	PAIR(0);
	uint8_t in[16];
	int size = 4096, status = 0;

	errno = EINTR;
	assert_int_equal(packet_send(a, "1", 1, NULL, 0), 0);
	assert_int_equal(packet_send(a, "2", 1, NULL, 0), 0);
	errno = EINTR;
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), 1);
	assert_int_equal(in[0], '1');
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), 1);
	assert_int_equal(in[0], '2');

	assert_int_equal(setsockopt(a, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(a);
		(void)usleep(100000);
		(void)packet_send(b, "x", 1, NULL, 0);
		(void)usleep(100000);
		while (packet_recv(b, in, sizeof in, NULL, 0) > 0 && in[0] != 'z')
			;
		_exit(0);
	}
	set_alarms(10000);
	assert_int_equal(packet_recv(a, in, sizeof in, NULL, 0), 1);
	assert_true(alarms > 0);
	alarms = 0;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(packet_send(a, "y", 1, NULL, 0), 0);
	assert_true(alarms > 0);
	assert_int_equal(packet_send(a, "z", 1, NULL, 0), 0);
	set_alarms(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- descriptors that it takes time to close ---- */

#define LINGER_SEC 5

/* A TCP socket with octets that its peer does not take: who closes it last waits. The peer in *@ret_peer. */
static int lingering(int *ret_peer)
{
	const struct linger l = { 1, LINGER_SEC };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	static const char octets[65536];
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	*ret_peer = accept(listener, NULL, NULL);
	assert_true(*ret_peer >= 0);
	(void)close(listener);
	while (send(fd, octets, sizeof octets, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
	return fd;
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* "f" is a packet with such a socket, "p" one without, "e" an empty one. */
static void test_lingering(void **state)
{
	static const char *const queues[] = { "f", "pf", "ef", "eef", "fpf", "ppef", "ff", "", "p", "e", "ppe" };
	char in[16];

	for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
		for (int read_first = 0; read_first < 2; read_first++) {
			int pair[2], peer[8];
			size_t n = 0;
			double began;

			assert_int_equal(packet_pair(SOCK_NONBLOCK, pair), 0);
			for (const char *q = queues[i]; *q; q++) {
				int fd = *q == 'f' ? lingering(&peer[n++]) : -1;

				assert_int_equal(packet_send(pair[0], "x", *q != 'e', &fd, fd >= 0), 0);
				(void)close_fd(fd);
			}
			began = seconds();
			for (const char *q = queues[i]; read_first && *q; q++) {
				ssize_t r = packet_recv(pair[1], in, sizeof in, NULL, 0);

				assert_int_equal(r, *q == 'f' ? -EPROTO : *q == 'p');
				if (r < 0) /* it stays at the head of the queue */
					break;
			}
			assert_int_equal(packet_close(pair[1]), -1);
			if (seconds() - began > 1)
				fail_msg("\"%s\" took %.1f s", queues[i], seconds() - began);
			/* the other end learns that it is closed, and cannot send; a reset, when something was unread
			 * and the holder has ended already */
			int r = packet_send(pair[0], "x", 1, NULL, 0);

			assert_true(r == -EPIPE || r == -ECONNRESET);
			(void)close(pair[0]);
			while (n > 0)
				(void)close(peer[--n]);
		}
	}
	assert_int_equal(packet_close(-1), -1);
}

/* What was sent before it was closed arrives all the same. */
static void test_closed_behind_a_packet(void **state)
{
	char in[16];
	int pair[2], peer, fd = lingering(&peer);

	assert_int_equal(packet_pair(SOCK_NONBLOCK, pair), 0);
	assert_int_equal(packet_send(pair[0], "x", 1, &fd, 1), 0);
	(void)close(fd);
	assert_int_equal(packet_send(pair[1], "done", 4, NULL, 0), 0);
	assert_int_equal(packet_close(pair[1]), -1);
	assert_int_equal(packet_recv(pair[0], in, sizeof in, NULL, 0), 4);
	assert_int_equal(packet_recv(pair[0], in, sizeof in, NULL, 0), 0);
	(void)close(pair[0]);
	(void)close(peer);
}

/* Where the kernel has it, the sender is told. */
static void test_refused(void **state)
{
	int fd = 0, off = 0, r;
	socklen_t len = sizeof off;

	PAIR(0);
	packet_refuse_fds(b);
	r = packet_send(a, "x", 1, &fd, 1);
	if (getsockopt(b, SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &off, &len) == 0)
		assert_int_equal(r, -EPERM);
	else
		assert_int_equal(r, 0);
	assert_int_equal(packet_send(b, "x", 1, &fd, 1), 0); /* the other way is open */
}

/* A packet is read as often as it is peeked at, and no call waits. */
static void test_peek(void **state)
{
	PAIR(0);
	uint8_t in[4];
	int fd = new_descriptor();

	assert_int_equal(packet_peek(b, in, sizeof in), -EAGAIN);
	assert_int_equal(packet_send(a, "one", 3, NULL, 0), 0);
	assert_int_equal(packet_send(a, "three", 5, NULL, 0), 0);
	assert_int_equal(packet_send(a, "x", 1, &fd, 1), 0);
	(void)close(fd);
	for (int i = 0; i < 2; i++) {
		memset(in, 0, sizeof in);
		assert_int_equal(packet_peek(b, in, sizeof in), 3);
		assert_memory_equal(in, "one", 3);
	}
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), 3);
	assert_int_equal(packet_peek(b, in, sizeof in), -EMSGSIZE);
	assert_int_equal(packet_recv(b, in, sizeof in, NULL, 0), -EMSGSIZE);
	assert_int_equal(packet_peek(b, in, sizeof in), -EPROTO);
	assert_int_equal(packet_peek(b, in, sizeof in), -EPROTO);
	a = close_fd(a);
	assert_int_equal(packet_recv(b, in, sizeof in, &fd, 1), 1);
	(void)close(fd);
	assert_int_equal(packet_peek(b, in, sizeof in), 0);
}

static uint64_t cpu_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* The wait costs no CPU time, also when a packet with a descriptor stays in the queue, and ends with the peer. */
static void test_wait_for_end(void **state)
{
	for (int with_fd = 0; with_fd < 2; with_fd++) {
		PAIR(SOCK_NONBLOCK);
		int fd = new_descriptor();
		uint64_t cpu, began = clock_usec();

		assert_int_equal(packet_send(a, "a packet that is too long", 25, NULL, 0), 0);
		assert_int_equal(packet_send(a, "x", 1, &fd, with_fd ? 1 : 0), 0);
		assert_int_equal(packet_send(a, "y", 1, NULL, 0), 0);
		(void)close(fd);
		cpu = cpu_usec();
		packet_wait_for_end(b, began + 300000);
		assert_true(clock_usec() >= began + 300000);
		assert_true(cpu_usec() - cpu < 50000);
		a = close_fd(a);
		packet_wait_for_end(b, began + 20 * USEC_PER_SEC);
		assert_true(clock_usec() < began + 10 * USEC_PER_SEC);
		b = packet_close(b);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pair),
		TEST(test_packets),
		TEST(test_too_long),
		TEST(test_larger_than_the_socket),
		TEST(test_end_of_file),
		TEST(test_reset),
		TEST(test_nobody_there),
		TEST(test_non_blocking),
		TEST(test_errors),
		TEST(test_descriptors),
		TEST(test_too_many_descriptors),
		TEST(test_empty_packets),
		TEST(test_no_descriptor_left),
		TEST(test_signals),
		TEST(test_lingering),
		TEST(test_closed_behind_a_packet),
		TEST(test_refused),
		TEST(test_peek),
		TEST(test_wait_for_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
