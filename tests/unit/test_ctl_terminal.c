/* SPDX-License-Identifier: MIT */
/* credsspctl on a pseudo terminal, where it asks for passwords, and `status --watch`. */
#include "tests/unit/ctl-bus.h"

/* ---- a terminal ---- */

struct talk {
	const char *expect, *say; /* waits for the first, writes the second */
};

/* Returns the exit status, or minus the signal; everything the terminal showed is in @shown. */
static int on_terminal(const struct talk *talk, char *shown, size_t size)
{
	struct termios t;
	size_t len = 0;
	int fd, w;
	pid_t pid = forkpty(&fd, NULL, NULL, NULL);

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGINT, SIG_DFL); /* a shell's background jobs ignore it */
		child_of("ntlm set alice");
	}
	shown[0] = '\0';
	for (size_t from = 0;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const char *found = talk->expect ? strstr(shown + from, talk->expect) : NULL;
		ssize_t n;

		if (found) {
			from = (size_t)(found - shown) + strlen(talk->expect);
			/* the question is asked only when the echo is off already */
			assert_int_equal(tcgetattr(fd, &t), 0);
			assert_false(t.c_lflag & ECHO);
			assert_int_equal(write(fd, talk->say, strlen(talk->say)), (ssize_t)strlen(talk->say));
			talk++;
		}
		assert_true(poll(&p, 1, 10000) == 1);
		n = read(fd, shown + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		shown[len] = '\0';
	}
	close(fd);
	assert_int_equal(waitpid(pid, &w, 0), pid);
	return WIFEXITED(w) ? WEXITSTATUS(w) : -WTERMSIG(w);
}

static void test_terminal(void **state)
{
	static const struct talk good[] = { { "Password of alice: ", "hunter2 x\n" },
					    { "Again, password of alice: ", "hunter2 x\n" },
					    { NULL, NULL } };
	static const struct talk differ[] = { { "Password of alice: ", "hunter2 x\n" },
					      { "Again, password of alice: ", "hunter2 y\n" },
					      { NULL, NULL } };
	static const struct talk empty[] = { { "Password of alice: ", "\n" }, { NULL, NULL } };
	static const struct talk interrupted[] = { { "Password of alice: ", "hunt\003" }, { NULL, NULL } };
	char shown[4096];

	assert_int_equal(on_terminal(good, shown, sizeof shown), CTL_OK);
	assert_null(strstr(shown, "hunt"));
	assert_string_equal(run("ntlm list").out, "alice\nhunter2 x\n");
	assert_int_equal(set("alice", "before\n", 7).status, CTL_OK);
	assert_int_equal(on_terminal(differ, shown, sizeof shown), CTL_FAILED);
	assert_non_null(strstr(shown, "two different passwords"));
	assert_null(strstr(shown, "hunt"));
	assert_int_equal(on_terminal(empty, shown, sizeof shown), CTL_FAILED);
	assert_non_null(strstr(shown, "empty"));
	assert_int_equal(on_terminal(interrupted, shown, sizeof shown), -SIGINT);
	assert_null(strstr(shown, "hunt"));
	assert_string_equal(run("ntlm list").out, "alice\nbefore\n");
}

/* ---- status --watch ---- */

/* Reads until @text has stood in the output @times times since @from; returns what is behind the last one. */
static const char *await(int fd, char *shown, size_t size, const char *from, const char *text, unsigned times)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const char *at = from;
		size_t len = strlen(shown);
		unsigned n = 0;
		ssize_t got;

		while (n < times && (at = strstr(at, text)) != NULL) {
			at += strlen(text);
			n++;
		}
		if (n == times)
			return at;
		if (poll(&p, 1, 20000) != 1)
			fail_msg("no %s behind: %s", text, shown);
		got = read(fd, shown + len, size - 1 - len);
		assert_true(got > 0);
		shown[len + (size_t)got] = '\0';
	}
}

static int end_of(pid_t pid)
{
	int w;

	assert_int_equal(waitpid(pid, &w, 0), pid);
	return WIFEXITED(w) ? WEXITSTATUS(w) : -WTERMSIG(w);
}

static pid_t watch_in_pipe(const char *line, int *ret_fd)
{
	int out[2];

	assert_int_equal(pipe(out), 0);
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		close(out[1]);
		child_of(line);
	}
	close(out[1]);
	*ret_fd = out[0];
	return pid;
}

/* Without a terminal: one block behind the other, and no sequences. */
static void test_watch_in_pipe(void **state)
{
	static const struct {
		const char *line, *once, *between;
	} row[] = { { "status --watch", "status", "\n" }, { "status --json --watch", "status --json", "" } };
	static const int signals[] = { SIGINT, SIGTERM };

	for (size_t i = 0; i < 2; i++) {
		struct outcome o = run(row[i].once);
		char shown[16384] = "", wanted[16384];
		const char *from = shown;
		int fd;
		pid_t pid = watch_in_pipe(row[i].line, &fd);

		(void)await(fd, shown, sizeof shown, from, o.out, 3);
		assert_int_equal(kill(pid, signals[i]), 0);
		assert_int_equal(end_of(pid), CTL_OK);
		close(fd);
		(void)snprintf(wanted, sizeof wanted, "%s%s%s%s%s", o.out, row[i].between, o.out, row[i].between,
			       o.out);
		assert_int_equal(strncmp(shown, wanted, strlen(wanted)), 0);
		assert_null(strchr(shown, '\x1b'));
	}
}

/* A daemon that goes away is waited for; one that was not there is an error at once. */
static void test_watch_restart(void **state)
{
	char shown[16384] = "";
	const char *at = shown;
	int fd;
	pid_t pid = watch_in_pipe("status --watch", &fd);

	at = await(fd, shown, sizeof shown, at, "granted", 1);
	manager_stop();
	at = await(fd, shown, sizeof shown, at, "credsspctl: status: credsspd is not running\n", 2);
	manager_start();
	(void)await(fd, shown, sizeof shown, at, "granted", 1);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(end_of(pid), CTL_OK);
	close(fd);

	manager_stop();
	struct outcome o = run("status --watch");
	assert_int_equal(o.status, CTL_FAILED);
	assert_string_equal(o.err, "credsspctl: status: credsspd is not running\n");
	assert_string_equal(o.out, "");
	manager_start();
}

static void test_watch_on_terminal(void **state)
{
	static const char enter[] = "\x1b[?1049h", leave[] = "\x1b[?1049l", home[] = "\x1b[H", below[] = "\x1b[J";
	struct winsize size = { .ws_row = 6, .ws_col = 80 };
	char shown[16384] = "";
	const char *at = shown, *block;
	int fd;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setenv("TERM", "xterm", 1);
		child_of("status --watch");
	}
	at = await(fd, shown, sizeof shown, at, enter, 1);
	block = await(fd, shown, sizeof shown, at, home, 1);
	at = await(fd, shown, sizeof shown, block, below, 1);
	/* six rows: four lines, one that says that there are more, and the cursor's */
	assert_int_equal(strncmp(block, "version         0.1\\x1b\"\\\x1b[K\r\nhandshakes      3\x1b[K\r\n", 51), 0);
	assert_non_null(strstr(block, "refusals\x1b[K\r\n...\x1b[K\r\n\x1b[J"));
	size.ws_row = 40;
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	at = await(fd, shown, sizeof shown, at, "ok              yes\x1b[K\r\n\x1b[J", 1);
	manager_stop();
	at = await(fd, shown, sizeof shown, at, "\x1b[Hcredsspd is not running\x1b[K\r\n\x1b[J", 1);
	manager_start();
	at = await(fd, shown, sizeof shown, at, home, 1);
	at = await(fd, shown, sizeof shown, at, "granted", 1);
	assert_int_equal(write(fd, "\003", 1), 1); /* Ctrl-C */
	at = await(fd, shown, sizeof shown, at, leave, 1);
	assert_int_equal(end_of(pid), CTL_OK);
	assert_null(strstr(strstr(shown, enter) + 1, enter));
	close(fd);
}

int main(void)
{
	(void)setenv("TZ", "XST3:30", 1); /* local time, with a sign and minutes */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_watch_in_pipe),
		cmocka_unit_test(test_watch_restart),
		cmocka_unit_test(test_watch_on_terminal),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
