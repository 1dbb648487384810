/* SPDX-License-Identifier: MIT */
/*
 * credsspctl against a bus of its own (a private dbus-daemon) and a Manager that
 * answers as the test says. The program runs whole, in a child process, with its
 * real standard streams; on a pseudo terminal where it asks for passwords.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/ctl.h"
#include "include/credssp/bus-api.h"

static char dir[] = "/tmp/test-ctl.XXXXXX";
static char address[256];
static pid_t bus_pid, manager_pid;

/* ---- a Manager that does as it is told by the name of the user ---- */

static char stored[PASSWORD_MAX + 16]; /* what SetVerifier read for "alice" */

static int on_status(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *r = NULL;

	(void)userdata;
	(void)error;
	if (sd_bus_message_new_method_return(m, &r) < 0)
		return -EIO;
	if (sd_bus_message_append(r, "a{sv}", 11, "version", "s", "0.1\x1b\"\\", "handshakes", "u", 3U, "granted", "t",
				  18446744073709551615ULL, "refusals", "a{st}", 2, "bad-password", 7ULL, "name", 1ULL,
				  "mechanisms", "as", 2, "krb5", "ntlm", "empty", "a{su}", 0, "tgts-until", "t",
				  1764104876ULL, "no-until", "t", 0ULL, "stale", "s", "", "config-time", "t",
				  1000000000ULL, "ok", "b", 1) < 0)
		return -EIO;
	return sd_bus_send(NULL, r, NULL);
}

static int on_reload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	return sd_bus_reply_method_errorf(m, CREDSSP_ERROR_INVALID_ARGUMENT, "%s", "/etc/credsspd.conf: keytab: no");
}

/* "error:NAME" is answered by that error. */
static int by_name(sd_bus_message *m, const char *user)
{
	if (strncmp(user, "error:", 6) == 0)
		return sd_bus_reply_method_errorf(m, user + 6, "%s", "what the daemon says");
	return sd_bus_reply_method_return(m, "");
}

static int on_set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *user;
	size_t len = 0;
	ssize_t n;
	int fd;

	(void)userdata;
	(void)error;
	if (sd_bus_message_read(m, "sh", &user, &fd) < 0)
		return -EINVAL;
	/* end of file must come without waiting: no write end is left open */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	while ((n = read(fd, stored + len, sizeof stored - 1 - len)) > 0)
		len += (size_t)n;
	stored[len] = '\0';
	return n < 0 ? -errno : by_name(m, user);
}

static int on_delete(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *user;

	(void)userdata;
	(void)error;
	return sd_bus_message_read(m, "s", &user) < 0 ? -EINVAL : by_name(m, user);
}

/* The list is what the last SetVerifier got, so that the test sees it in another process. */
static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	return sd_bus_reply_method_return(m, "as", 2, "alice", stored);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD(CREDSSP_METHOD_STATUS, "", "a{sv}", on_status, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD(CREDSSP_METHOD_RELOAD, "", "", on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD(CREDSSP_METHOD_SET_VERIFIER, "sh", "", on_set, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD(CREDSSP_METHOD_DELETE_VERIFIER, "s", "", on_delete, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD(CREDSSP_METHOD_LIST_VERIFIERS, "", "as", on_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static void manager_process(int ready)
{
	sd_bus *bus = NULL;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, CREDSSP_OBJECT_PATH, CREDSSP_MANAGER_INTERFACE, vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, CREDSSP_BUS_NAME, 0);
	if (r >= 0 && write(ready, "r", 1) != 1)
		r = -EIO;
	while (r >= 0) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
	}
	_exit(1);
}

static void manager_start(void)
{
	int p[2];
	char c;

	assert_int_equal(pipe(p), 0);
	manager_pid = fork();
	if (manager_pid == 0)
		manager_process(p[1]);
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
}

static void manager_stop(void)
{
	kill(manager_pid, SIGKILL);
	waitpid(manager_pid, NULL, 0);
}

/* ---- the bus ---- */

static int group_setup(void **state)
{
	char path[128], conf[1024];
	struct stat st;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	(void)snprintf(address, sizeof address, "unix:path=%s/bus", dir);
	(void)snprintf(
	    conf, sizeof conf,
	    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
	    "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	    "<busconfig><type>system</type><listen>%s</listen><policy context=\"default\"><allow user=\"*\"/>"
	    "<allow own=\"*\"/><allow send_type=\"method_call\"/><allow send_type=\"method_return\"/>"
	    "<allow send_type=\"error\"/><allow receive_type=\"method_call\"/>"
	    "<allow receive_type=\"method_return\"/><allow receive_type=\"error\"/>"
	    "<allow receive_type=\"signal\"/></policy></busconfig>\n",
	    address);
	(void)snprintf(path, sizeof path, "%s/bus.conf", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(conf, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
	bus_pid = fork();
	if (bus_pid == 0) {
		char arg[160];

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)snprintf(arg, sizeof arg, "--config-file=%s", path);
		execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", arg, (char *)NULL);
		_exit(127);
	}
	(void)snprintf(path, sizeof path, "%s/bus", dir);
	for (int i = 0; stat(path, &st) < 0; i++) {
		assert_true(i < 500);
		usleep(10000);
	}
	manager_start();
	return 0;
}

static int group_teardown(void **state)
{
	char command[64];

	(void)state;
	manager_stop();
	kill(bus_pid, SIGTERM);
	waitpid(bus_pid, NULL, 0);
	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- running it ---- */

struct outcome {
	int status;
	char out[4096], err[4096];
};

static void drain(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
}

static char *words[16];

static int split(const char *line)
{
	static char copy[2048];
	int n = 0;

	(void)snprintf(copy, sizeof copy, "credsspctl %s", line);
	for (char *w = strtok(copy, " "); w && n < 15; w = strtok(NULL, " "))
		words[n++] = w;
	words[n] = NULL;
	return n;
}

static void child_of(const char *line)
{
	int status = ctl_main(split(line), words);

	(void)fflush(NULL);
	_exit(status);
}

static struct outcome run_with(const char *line, const char *in, size_t in_len)
{
	struct outcome o = { .status = -1 };
	int i[2], out[2], err[2], w;

	assert_true(in_len < 65536);
	assert_int_equal(pipe(i) | pipe(out) | pipe(err), 0);
	pid_t pid = fork();

	if (pid == 0) {
		dup2(i[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		for (int k = 3; k < 32; k++)
			close(k);
		child_of(line);
	}
	close(i[0]);
	close(out[1]);
	close(err[1]);
	assert_int_equal(write(i[1], in, in_len), (ssize_t)in_len);
	close(i[1]);
	drain(out[0], o.out, sizeof o.out);
	drain(err[0], o.err, sizeof o.err);
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w));
	o.status = WEXITSTATUS(w);
	return o;
}

static struct outcome run(const char *line)
{
	return run_with(line, "", 0);
}

static struct outcome set(const char *user, const char *in, size_t len)
{
	char line[512];

	(void)snprintf(line, sizeof line, "ntlm set %s", user);
	return run_with(line, in, len);
}

/* ---- tests ---- */

static void test_status_text(void **state)
{
	struct outcome o = run("status");

	(void)state;
	assert_string_equal(o.err, "");
	assert_int_equal(o.status, CTL_OK);
	assert_string_equal(o.out, "version         0.1\\x1b\"\\\n"
				   "handshakes      3\n"
				   "granted         18446744073709551615\n"
				   "refusals\n"
				   "  bad-password  7\n"
				   "  name          1\n"
				   "mechanisms      krb5, ntlm\n"
				   "empty           none\n"
				   "tgts-until      2025-11-25T17:37:56-03:30\n"
				   "no-until        none\n"
				   "stale           none\n"
				   "config-time     2001-09-08T22:16:40-03:30\n"
				   "ok              yes\n");
}

static void test_status_json(void **state)
{
	struct outcome o = run("status --json");

	(void)state;
	assert_string_equal(o.err, "");
	assert_int_equal(o.status, CTL_OK);
	assert_string_equal(
	    o.out, "{\"version\": \"0.1\\u001b\\\"\\\\\", \"handshakes\": 3, \"granted\": 18446744073709551615, "
		   "\"refusals\": {\"bad-password\": 7, \"name\": 1}, \"mechanisms\": [\"krb5\", \"ntlm\"], "
		   "\"empty\": {}, \"tgts-until\": 1764104876, \"no-until\": 0, \"stale\": \"\", \"config-time\": "
		   "1000000000, \"ok\": true}\n");
}

static void test_set(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *stored;
	} row[] = {
		{ "secret\n", 7, "secret" },
		{ "secret", 6, "secret" },
		{ "two lines\nand more\n", 19, "two lines" },
		{ " p\xc3\xa4ss \t\n", 9, " p\xc3\xa4ss \\x09" },
		{ "cr\r\n", 4, "cr\\x0d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char expected[128];
		struct outcome o = set("alice", row[i].in, row[i].len);

		assert_string_equal(o.err, "");
		assert_int_equal(o.status, CTL_OK);
		assert_string_equal(o.out, "");
		(void)snprintf(expected, sizeof expected, "alice\n%s\n", row[i].stored);
		assert_string_equal(run("ntlm list").out, expected);
	}
	assert_string_equal(run("ntlm list --json").out, "[\"alice\", \"cr\\u000d\"]\n");
}

static void test_bad_passwords(void **state)
{
	static char long_one[PASSWORD_MAX + 2];
	static const struct {
		const char *in;
		size_t len;
		const char *said;
	} row[] = {
		{ "", 0, "empty" },
		{ "\n", 1, "empty" },
		{ "a\0b\n", 4, "NUL" },
		{ "\xff\n", 2, "UTF-8" },
		{ "\xed\xa0\x80\n", 4, "UTF-8" },
		{ long_one, PASSWORD_MAX + 1, "too long" },
	};

	(void)state;
	memset(long_one, 'x', PASSWORD_MAX + 1);
	assert_int_equal(set("alice", "before\n", 7).status, CTL_OK);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct outcome o = set("alice", row[i].in, row[i].len);

		assert_int_equal(o.status, CTL_FAILED);
		assert_non_null(strstr(o.err, row[i].said));
		assert_string_equal(run("ntlm list").out, "alice\nbefore\n");
	}
	/* the longest one is taken */
	assert_int_equal(set("alice", long_one, PASSWORD_MAX).status, CTL_OK);
	assert_int_equal(strlen(run("ntlm list").out), strlen("alice\n") + PASSWORD_MAX + 1);
}

/* The rest of standard input belongs to whoever shares it. */
static void test_reads_one_line_only(void **state)
{
	char rest[64];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "one\ntwo\n", 8), 8);
	pid_t pid = fork();
	int w;

	if (pid == 0) {
		dup2(p[0], 0);
		child_of("ntlm set alice");
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w) && WEXITSTATUS(w) == 0);
	assert_int_equal(read(p[0], rest, sizeof rest), 4);
	assert_memory_equal(rest, "two\n", 4);
	close(p[0]);
	close(p[1]);
	assert_string_equal(run("ntlm list").out, "alice\none\n");
}

static void test_errors(void **state)
{
	static const struct {
		const char *name, *set, *delete;
	} row[] = {
		{ CREDSSP_ERROR_ACCESS_DENIED, "only root", "only root" },
		{ CREDSSP_ERROR_INVALID_ARGUMENT, "refused: what the daemon says", "refused: what the daemon says" },
		{ CREDSSP_ERROR_LIMIT, "limit", "limit" },
		{ CREDSSP_ERROR_BACKOFF, "too many failures", "too many failures" },
		{ CREDSSP_ERROR_NO_TICKET, "no such ticket", "no such ticket" },
		{ CREDSSP_ERROR_TICKET_MISMATCH, "another service", "another service" },
		{ CREDSSP_ERROR_UNAVAILABLE, "NTLM is off", "NTLM is off" },
		{ CREDSSP_ERROR_UNKNOWN_USER, "no such account on this host", "nothing is stored for that name" },
		{ CREDSSP_ERROR_INTERNAL, "error inside credsspd, see its log: what", "error inside" },
		{ SD_BUS_ERROR_ACCESS_DENIED, "system bus does not allow it", "system bus does not allow it" },
		{ SD_BUS_ERROR_NO_REPLY, "gave no answer", "gave no answer" },
		{ "org.example.Unheard", "org.example.Unheard: what the daemon says", "org.example.Unheard" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char user[128], line[160];
		struct outcome o;

		(void)snprintf(user, sizeof user, "error:%s", row[i].name);
		o = set(user, "secret\n", 7);
		assert_int_equal(o.status, CTL_FAILED);
		assert_string_equal(o.out, "");
		if (!strstr(o.err, row[i].set))
			fail_msg("%s is told as \"%s\"", row[i].name, o.err);
		assert_null(strstr(o.err, "secret"));
		(void)snprintf(line, sizeof line, "ntlm delete %s", user);
		o = run(line);
		assert_int_equal(o.status, CTL_FAILED);
		assert_non_null(strstr(o.err, row[i].delete));
	}
	assert_int_equal(run("ntlm delete alice").status, CTL_OK);
}

static void test_reload_says_why(void **state)
{
	struct outcome o = run("reload");

	(void)state;
	assert_int_equal(o.status, CTL_FAILED);
	assert_string_equal(o.err, "credsspctl: reload: refused: /etc/credsspd.conf: keytab: no\n");
}

static void test_usage(void **state)
{
	static const char *const wrong[] = {
		"",
		"ntlm",
		"ntlm set",
		"ntlm set alice secret",
		"ntlm delete",
		"ntlm list x",
		"status x",
		"nothing",
		"--nothing status",
		"reload --json",
		"ntlm forget",
		"ntlm set --json alice",
		"reload --watch",
		"ntlm list --watch",
		"status --watch x",
		"status --dry-run",
		"ntlm list --stack x",
		"xrdp",
		"xrdp enable local",
		"xrdp enable --stack",
		"xrdp disable --stack local",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct outcome o = run(wrong[i]);

		assert_int_equal(o.status, CTL_USAGE);
		assert_string_equal(o.out, "");
		assert_string_not_equal(o.err, "");
	}
	assert_int_equal(run("--help").status, CTL_OK);
	assert_non_null(strstr(run("-h").out, "ntlm set USER"));
	assert_non_null(strstr(run("status --help").out, "status [--json] [--watch]"));
	assert_string_equal(run("--version").out, "credsspctl " CREDSSP_VERSION "\n");
	/* a user that looks like an option */
	assert_int_equal(run("ntlm delete -- -x").status, CTL_OK);
}

/* The manual has a line for every command and option of the help text. */
static void test_manual(void **state)
{
	static char page[65536];
	FILE *f = fopen("packaging/man/credsspctl.8", "r");
	struct outcome o = run("--help");
	unsigned commands = 0;

	(void)state;
	assert_non_null(f);
	page[fread(page, 1, sizeof page - 1, f)] = '\0';
	(void)fclose(f);
	for (char *line = strtok(o.out, "\n"); line; line = strtok(NULL, "\n")) {
		char *end =
		    strncmp(line, "  ", 2) == 0 && line[2] != ' ' && line[2] != '-' ? strstr(line + 2, "  ") : NULL;
		char wanted[80];

		if (!end)
			continue;
		*end = '\0';
		(void)snprintf(wanted, sizeof wanted, "\n.SS %s\n", line + 2);
		if (!strstr(page, wanted))
			fail_msg("packaging/man/credsspctl.8 does not have \".SS %s\"", line + 2);
		commands++;
	}
	assert_int_equal(commands, 11);
	assert_non_null(strstr(page, "\\-\\-json"));
	assert_non_null(strstr(page, "\\-\\-watch"));
	assert_non_null(strstr(page, "\\-\\-help"));
	assert_non_null(strstr(page, "\\-\\-version"));
}

static void test_full_disk(void **state)
{
	int w;

	(void)state;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(open("/dev/full", O_WRONLY), 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		child_of("status");
	}
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w) && WEXITSTATUS(w) == CTL_FAILED);
}

static void test_daemon_not_there(void **state)
{
	struct outcome o;

	(void)state;
	manager_stop();
	o = run("status");
	assert_int_equal(o.status, CTL_FAILED);
	assert_string_equal(o.err, "credsspctl: status: credsspd is not running\n");
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1), 0);
	o = run("status");
	assert_int_equal(o.status, CTL_FAILED);
	assert_non_null(strstr(o.err, "no connection to the system bus"));
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
	manager_start();
}

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

	(void)state;
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

	(void)state;
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

	(void)state;
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

	(void)state;
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
		cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_status_json),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_bad_passwords),
		cmocka_unit_test(test_reads_one_line_only),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_reload_says_why),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_daemon_not_there),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_watch_in_pipe),
		cmocka_unit_test(test_watch_restart),
		cmocka_unit_test(test_watch_on_terminal),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
