/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it does not know pidfd_open(2). */
/*
 * A warden, and the supervisor's side of it (supervisor/service.h). This program is the process that the warden makes,
 * too: the name of its configuration says what it does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/ipc/packet.h"
#include "common/sandbox/sandbox.h"
#include "credsspd/warden/warden.h"
#include "tests/unit/service.h"

#define ROLE "--role"
#define CONTROL 3
#define READY 1
#define PING 2
#define END_MSEC (1000 * WARDEN_END_SEC)

struct hello {
	uint8_t ready;
	pid_t pid, other; /* other: an orphan of this process */
	unsigned descriptors, variables;
};

static char dir[] = "/tmp/test-warden.XXXXXX", path[64], notify_path[64];
static int notify = -1;
static pid_t warden = -1;

static int64_t now_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the process ---- */

static unsigned count_descriptors(const char *of)
{
	DIR *d = opendir(of);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n < 3 ? 0 : n - 3; /* ".", ".." and the directory itself */
}

static pid_t make_orphan(void)
{
	int pair[2];
	pid_t pid = pipe(pair) == 0 ? fork() : -1, orphan = -1;

	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			for (;;)
				(void)pause();
		_exit(write(pair[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
	}
	(void)waitpid(pid, NULL, 0);
	if (read(pair[0], &orphan, sizeof orphan) != sizeof orphan)
		_exit(1);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return orphan;
}

static int role(const char *does)
{
	static const char *const variables[] = { "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET" };
	struct hello h = { .ready = READY, .pid = getpid() };
	uint8_t octet;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	h.descriptors = count_descriptors("/proc/self/fd");
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		h.variables += getenv(variables[i]) != NULL;
	if (strcmp(does, "orphan") == 0)
		h.other = make_orphan();
	if (strcmp(does, "stubborn") == 0)
		(void)signal(SIGTERM, SIG_IGN);
	if (packet_send(CONTROL, &h, sizeof h, NULL, 0) < 0)
		return 1;
	if (strcmp(does, "exits") == 0)
		return 0;
	while (strcmp(does, "stubborn") == 0)
		(void)pause();
	while (packet_recv(CONTROL, &octet, 1, NULL, 0) > 0)
		if (octet != PING || packet_send(CONTROL, &h, sizeof h, NULL, 0) < 0)
			return 1;
	return 0;
}

/* ---- the warden ---- */

/* As systemd starts it, but for the user. @listener becomes descriptor 3. */
static pid_t spawn(int listener, const char *count, const char *does)
{
	pid_t pid = fork();
	char text[16];

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)snprintf(text, sizeof text, "%d", (int)getpid());
	if (setenv("LISTEN_PID", text, 1) < 0 || setenv("LISTEN_FDS", count, 1) < 0 ||
	    setenv("NOTIFY_SOCKET", notify_path, 1) < 0 || (listener != CONTROL && dup2(listener, CONTROL) < 0))
		_exit(99);
	(void)close_range(CONTROL + 1, ~0U, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(warden_main(ROLE, confine_supervisor, does) == 0 ? 0 : 1);
}

static int make_listener(int type)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)unlink(path);
	strcpy(at.sun_path, path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static void await_ready(void)
{
	char text[64];
	ssize_t n;

	do {
		struct pollfd p = { .fd = notify, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = recv(notify, text, sizeof text - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
	} while (!strstr(text, "READY=1"));
}

static int start(const char *does)
{
	int listener = make_listener(SOCK_SEQPACKET);

	warden = spawn(listener, "1", does);
	await_ready();
	return listener;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void stop(int listener)
{
	assert_int_equal(kill(warden, SIGTERM), 0);
	assert_int_equal(status_of(warden), 0);
	warden = -1;
	(void)close(listener);
}

static unsigned descriptors_of_warden(void)
{
	char of[64];

	(void)snprintf(of, sizeof of, "/proc/%d/fd", (int)warden);
	return count_descriptors(of);
}

/* ---- connections ---- */

static int reach(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* Returns 0 at end of file. */
static size_t take(int fd, struct hello *h)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&p, 1, 10000), 1);
	n = packet_recv(fd, h, sizeof *h, NULL, 0);
	if (n == -ECONNRESET) /* closed with records that were not read */
		n = 0;
	assert_true(n == 0 || n == sizeof *h);
	return (size_t)n;
}

static struct hello greeted(int fd)
{
	struct hello h;

	assert_int_equal(take(fd, &h), sizeof h);
	assert_int_equal(h.ready, READY);
	return h;
}

/* Milliseconds until @pid has ended. */
static int64_t await_end(pid_t pid)
{
	int64_t begin = now_msec();

	while (kill(pid, 0) == 0) {
		assert_true(now_msec() - begin < 10000);
		(void)usleep(2000);
	}
	return now_msec() - begin;
}

static void test_one_process(void **unused)
{
	int listener = start("serves"), fd;
	struct hello h;

	fd = reach();
	h = greeted(fd);
	assert_int_equal(h.descriptors, 4); /* the standard ones and the connection */
	assert_int_equal(h.variables, 0);
	assert_int_not_equal(h.pid, warden);
	(void)close(fd);
	assert_true(await_end(h.pid) < END_MSEC); /* it ends by itself */
	stop(listener);
}

/* Nothing of a connection stays in the warden, whatever was sent over it. */
static void test_descriptors(void **unused)
{
	static uint8_t large[65536];
	int listener = start("serves");
	unsigned before = descriptors_of_warden();

	assert_true(before > 0);
	for (int i = 0; i < 8; i++) {
		int fd = reach(), files[2] = { 0, 1 };
		const uint8_t wrong = 77;
		struct hello h = greeted(fd);

		if (i & 1)
			(void)packet_send(fd, large, sizeof large, files, 2);
		if (i & 2)
			(void)packet_send(fd, &wrong, 1, files, 1);
		if (i & 4)
			(void)packet_send(fd, &wrong, 1, NULL, 0);
		(void)close(fd);
		(void)await_end(h.pid);
	}
	/* one more: the timer of sd-event, once a process was slow to end */
	for (int i = 0; descriptors_of_warden() > before + 1; i++) {
		assert_true(i < 500);
		(void)usleep(10000);
	}
	stop(listener);
}

/* What was sent before the process existed is there when it looks. */
static void test_early_records(void **unused)
{
	int listener = make_listener(SOCK_SEQPACKET), fd = reach();
	const uint8_t ping = PING;
	struct hello h;

	assert_int_equal(packet_send(fd, &ping, 1, NULL, 0), 0);
	warden = spawn(listener, "1", "serves");
	await_ready();
	h = greeted(fd);
	assert_int_equal(greeted(fd).pid, h.pid);
	(void)close(fd);
	stop(listener);
}

static void test_process_that_ends(void **unused)
{
	int listener = start("exits"), fd = reach();
	struct hello h = greeted(fd);

	assert_int_equal(take(fd, &h), 0);
	(void)close(fd);
	stop(listener);
}

/* The kernel tells the debugger of a process first, and its parent when the debugger has looked. */
static void test_process_that_is_traced(void **unused)
{
	int listener = start("serves"), fd = reach(), status;
	struct hello h = greeted(fd);

	if (ptrace(PTRACE_SEIZE, h.pid, NULL, NULL) < 0) {
		(void)close(fd);
		stop(listener);
		skip();
	}
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	(void)usleep(200000);
	assert_int_equal(waitpid(h.pid, &status, __WALL), h.pid);
	assert_int_equal(take(fd, &h), 0);
	(void)close(fd);
	stop(listener);
}

/* It has its time and is killed then; shutdown(2) of the supervisor's end is enough. */
static void test_process_that_does_not_end(void **unused)
{
	int listener = start("stubborn");

	for (int closed = 0; closed < 2; closed++) {
		int fd = reach();
		struct hello h = greeted(fd);
		int64_t took;

		assert_int_equal(closed ? close(fd) : shutdown(fd, SHUT_WR), 0);
		took = await_end(h.pid);
		assert_true(took > END_MSEC / 2 && took < END_MSEC + 3000);
		if (!closed) {
			assert_int_equal(take(fd, &h), 0);
			(void)close(fd);
		}
	}
	stop(listener);
}

/* A process that was made by the process, and has lost its parent, ends with it. */
static void test_orphan(void **unused)
{
	int listener = start("orphan"), fd = reach(), other = reach();
	struct hello h = greeted(fd), h2 = greeted(other);

	assert_true(h.other > 0 && kill(h.other, 0) == 0);
	(void)close(fd);
	(void)await_end(h.other);
	assert_int_equal(greeted((packet_send(other, &(uint8_t){ PING }, 1, NULL, 0), other)).pid, h2.pid);
	stop(listener);
	(void)await_end(h2.other);
	(void)close(other);
}

static void test_limit(void **unused)
{
	int listener = start("serves"), fd[WARDS_MAX + 1];
	struct hello h;

	for (unsigned i = 0; i < WARDS_MAX; i++)
		(void)greeted(fd[i] = reach());
	fd[WARDS_MAX] = reach();
	assert_int_equal(take(fd[WARDS_MAX], &h), 0);
	(void)close(fd[WARDS_MAX]);
	/* a place becomes free when its process has ended */
	assert_int_equal(packet_send(fd[0], &(uint8_t){ PING }, 1, NULL, 0), 0);
	h = greeted(fd[0]);
	(void)close(fd[0]);
	(void)await_end(h.pid);
	fd[0] = reach();
	(void)greeted(fd[0]);
	for (unsigned i = 0; i < WARDS_MAX; i++)
		(void)close(fd[i]);
	stop(listener);
}

/* Only the owner of the socket is served; no connection is served when other users can connect. */
static void test_wrong_peer(void **unused)
{
	int listener = start("serves"), fd;
	struct hello h;

	assert_int_equal(chmod(path, 0660), 0);
	fd = reach();
	assert_int_equal(take(fd, &h), 0);
	(void)close(fd);
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) { /* root gets past the modes */
		assert_int_equal(chown(path, 65534, 65534), 0);
		fd = reach();
		assert_int_equal(take(fd, &h), 0);
		(void)close(fd);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	fd = reach();
	(void)greeted(fd);
	(void)close(fd);
	stop(listener);
}

static void test_ends_with_its_processes(void **unused)
{
	int listener = start("stubborn"), fd = reach();
	pid_t pid = greeted(fd).pid;
	struct hello h;

	stop(listener);
	assert_int_equal(kill(pid, 0), -1); /* reaped before it ended itself */
	assert_int_equal(take(fd, &h), 0);
	(void)close(fd);
	/* without a word, they end by themselves */
	listener = start("stubborn");
	fd = reach();
	pid = greeted(fd).pid;
	assert_int_equal(kill(warden, SIGKILL), 0);
	assert_int_equal(status_of(warden), -SIGKILL);
	(void)await_end(pid);
	assert_int_equal(take(fd, &h), 0);
	(void)close(fd);
	(void)close(listener);
	warden = -1;
}

static void test_wrong_listener(void **unused)
{
	int fd = make_listener(SOCK_STREAM);

	assert_int_equal(status_of(spawn(fd, "1", "serves")), 1);
	(void)close(fd);
	fd = make_listener(SOCK_SEQPACKET);
	assert_int_equal(status_of(spawn(fd, "2", "serves")), 1);
	assert_int_equal(status_of(spawn(fd, "0", "serves")), 1);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(status_of(spawn(fd, "1", "serves")), 1);
	(void)unlink(path);
	assert_int_equal(status_of(spawn(fd, "1", "serves")), 1);
	(void)close(fd);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0); /* of no name, and it does not listen */
	assert_int_equal(status_of(spawn(fd, "1", "serves")), 1);
	(void)close(fd);
}

/* ---- the supervisor's side ---- */

static sd_event *event;

static struct service_ops ops = {
	.name = "process",
	.socket = path,
	.ready_type = READY,
	.ping_type = PING,
	.ping_len = 1,
	.sign_sec = 1,
	.record_max = sizeof(struct hello),
	.record = on_record,
	.gone = on_gone,
};

static struct process *current(struct service *s, uint64_t after)
{
	int64_t begin = now_msec();

	while (now_msec() - begin < 15000) {
		struct process *c = service_current(s);

		if (c && c->serial > after)
			return c;
		assert_true(sd_event_run(event, 50000) >= 0);
	}
	fail_msg("no process takes work");
	return NULL;
}

/* The warden dies, with its process: both come back without a new supervisor; and so when it was never there before. */
static void test_service(void **unused)
{
	struct service *s = NULL;
	struct process *c;
	int listener;

	gone = 0;
	(void)unlink(path);
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(service_new(event, &ops, "unused", NULL, &s), 0);
	assert_true(service_start(s) < 0);
	listener = start("serves");
	c = current(s, 0);
	assert_string_equal(process_name(c), "process");
	process_kill(c);
	c = current(s, c->serial);
	assert_int_equal(gone, 1);
	assert_int_equal(kill(warden, SIGKILL), 0);
	assert_int_equal(status_of(warden), -SIGKILL);
	warden = spawn(listener, "1", "serves"); /* as systemd does, with the same socket */
	await_ready();
	(void)current(s, c->serial);
	assert_int_equal(gone, 2);
	service_free(s);
	assert_int_equal(gone, 3);
	event = sd_event_unref(event);
	stop(listener);
}

/* Those of several services, none of which ends by itself, take no longer than one does. */
static void test_end_of_services(void **unused)
{
	struct service *s[3] = { NULL };
	int listener = start("stubborn");
	int64_t begin;

	assert_int_equal(sd_event_new(&event), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(service_new(event, &ops, "unused", NULL, &s[i]), 0);
		assert_int_equal(service_start(s[i]), 0);
		(void)current(s[i], 0);
	}
	begin = now_msec();
	for (int i = 0; i < 3; i++)
		service_hang_up(s[i]);
	for (int i = 0; i < 3; i++)
		service_free(s[i]);
	assert_in_range(now_msec() - begin, END_MSEC / 2, 2 * END_MSEC + 500);
	event = sd_event_unref(event);
	stop(listener);
}

/* A connection that a process has passed on does not hold up the end. */
static void test_end_without_answer(void **unused)
{
	struct service *s = NULL;
	int listener = make_listener(SOCK_SEQPACKET), fd;
	int64_t begin;

	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(service_new(event, &ops, "unused", NULL, &s), 0);
	assert_int_equal(service_start(s), 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	begin = now_msec();
	service_free(s);
	assert_in_range(now_msec() - begin, END_MSEC, 2 * END_MSEC + 500);
	event = sd_event_unref(event);
	(void)close(fd);
	(void)close(listener);
}

static int set_up(void **unused)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || !mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof path, "%s/socket", dir);
	(void)snprintf(notify_path, sizeof notify_path, "%s/notify", dir);
	notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(at.sun_path, notify_path);
	return notify < 0 ? -1 : bind(notify, (struct sockaddr *)&at, sizeof at);
}

static int tear_down(void **unused)
{
	if (warden > 0)
		(void)kill(warden, SIGKILL);
	(void)close(notify);
	(void)unlink(path);
	(void)unlink(notify_path);
	return rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_process),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_early_records),
		cmocka_unit_test(test_process_that_ends),
		cmocka_unit_test(test_process_that_is_traced),
		cmocka_unit_test(test_process_that_does_not_end),
		cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_wrong_peer),
		cmocka_unit_test(test_ends_with_its_processes),
		cmocka_unit_test(test_wrong_listener),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_end_of_services),
		cmocka_unit_test(test_end_without_answer),
	};

	if (argc == 4 && strcmp(argv[1], ROLE) == 0)
		return role(argv[3]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
