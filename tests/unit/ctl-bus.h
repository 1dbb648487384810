/* SPDX-License-Identifier: MIT */
/*
 * credsspctl against a bus of its own (a private dbus-daemon) and a Manager that answers as the test says. The program
 * runs whole, in a child process, with its real standard streams.
 */
#pragma once

#pragma GCC diagnostic ignored "-Wunused-function"

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

	return sd_bus_message_read(m, "s", &user) < 0 ? -EINVAL : by_name(m, user);
}

/* The list is what the last SetVerifier got, so that the test sees it in another process. */
static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
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
