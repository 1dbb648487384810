/* SPDX-License-Identifier: MIT */
/* Files, sockets and processes, this program's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspctl/host/proc-probe.h"

#define GROUP 54321

/* names that no other process on this machine has, because other runs of this test may be under way */
static char own_comm[16], other_comm[16];
static char dir[] = "/tmp/test-look.XXXXXX";

static void in_dir(char out[64], const char *name)
{
	(void)snprintf(out, 64, "%s/%s", dir, name);
}

/* A process called other_comm in GROUP; ends when *@ret_end is closed. */
static pid_t somebody(int *ret_end)
{
	gid_t group = GROUP;
	int p[2], ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(p[1]);
		if (prctl(PR_SET_NAME, other_comm) < 0 || setgroups(1, &group) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		(void)read(p[0], &c, 1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)close(p[0]);
	*ret_end = p[1];
	return pid;
}

static void end(pid_t pid, int fd)
{
	(void)close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_access(void **state)
{
	char path[64];
	int fd, there;
	pid_t pid;

	in_dir(path, "file");
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(proc_probe_access("root", 0, path, R_OK), 0);
	assert_int_equal(proc_probe_access("nobody", 0, path, R_OK), -EACCES);
	assert_int_equal(proc_probe_access("nobody", 0, "/nonexistent", R_OK), -ENOENT);
	assert_int_equal(proc_probe_access("no-such-user", 0, path, R_OK), -ESRCH);
	/* a group that only the process has */
	assert_int_equal(chown(path, 0, GROUP), 0);
	assert_int_equal(chmod(path, 0640), 0);
	pid = somebody(&there);
	assert_int_equal(proc_probe_access("nobody", 0, path, R_OK), -EACCES);
	assert_int_equal(proc_probe_access("nobody", pid, path, R_OK), 0);
	assert_int_equal(proc_probe_access("nobody", pid, path, W_OK), -EACCES);
	assert_true(proc_probe_in_group(pid, GROUP));
	assert_true(proc_probe_in_group(pid, getgid())); /* its own, not a supplementary one */
	assert_false(proc_probe_in_group(pid, GROUP + 1));
	end(pid, there);
	assert_false(proc_probe_in_group(pid, GROUP));
	assert_int_equal(unlink(path), 0);
}

static void read_name(pid_t pid, char name[16])
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%15[^\n]", name), 1);
	assert_int_equal(fclose(f), 0);
}

static void test_process(void **state)
{
	const char *const parents[] = { "nobody", own_comm, NULL }, *const others[] = { "nobody", other_comm, NULL };
	char grandparent[16];
	int there;
	pid_t pid;

	assert_int_equal(proc_probe_process(other_comm, (uid_t)-1), 0);
	read_name(getppid(), grandparent);
	assert_int_equal(proc_probe_grandchildren("lko-", parents, grandparent), 0);
	pid = somebody(&there);
	assert_int_equal(proc_probe_process(other_comm, (uid_t)-1), pid);
	assert_int_equal(proc_probe_process(other_comm, 0), pid);
	assert_int_equal(proc_probe_process(other_comm, 1), 0);
	assert_int_equal(proc_probe_grandchildren("lko-", parents, grandparent), 1);
	assert_int_equal(proc_probe_grandchildren(other_comm, parents, grandparent), 1);
	assert_int_equal(proc_probe_grandchildren("lko-x", parents, grandparent), 0);
	assert_int_equal(proc_probe_grandchildren("lko-", others, grandparent), 0);
	assert_int_equal(proc_probe_grandchildren("lko-", parents, own_comm), 0);
	end(pid, there);
}

static void test_tcp(void **state)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in b = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int six = socket(AF_INET6, SOCK_STREAM, 0), four = socket(AF_INET, SOCK_STREAM, 0);
	char want[64], *list;

	assert_null(proc_probe_tcp_listeners(own_comm, (uid_t)-1));
	assert_int_equal(bind(six, (struct sockaddr *)&a, sizeof a), 0);
	assert_null(proc_probe_tcp_listeners(own_comm, (uid_t)-1)); /* bound is not listening */
	assert_int_equal(listen(six, 1), 0);
	assert_int_equal(getsockname(six, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(bind(four, (struct sockaddr *)&b, sizeof b), 0);
	assert_int_equal(listen(four, 1), 0);
	len = sizeof b;
	assert_int_equal(getsockname(four, (struct sockaddr *)&b, &len), 0);
	(void)snprintf(want, sizeof want, "127.0.0.1:%u, [::1]:%u", ntohs(b.sin_port), ntohs(a.sin6_port));
	list = proc_probe_tcp_listeners(own_comm, 0);
	assert_string_equal(list, want);
	free(list);
	assert_null(proc_probe_tcp_listeners(own_comm, 1));
	assert_null(proc_probe_tcp_listeners("nobody-is-so", (uid_t)-1));
	(void)close(six);
	(void)close(four);
}

static void test_unix(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", dir);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	assert_false(proc_probe_unix_listening(a.sun_path));
	assert_int_equal(listen(s, 1), 0);
	assert_true(proc_probe_unix_listening(a.sun_path));
	assert_false(proc_probe_unix_listening("/nonexistent/socket"));
	(void)close(s);
	assert_false(proc_probe_unix_listening(a.sun_path));
	assert_int_equal(unlink(a.sun_path), 0);
	/* as xrdp binds it */
	assert_int_equal(chdir("/"), 0);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, ".%s/socket", dir);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_true(proc_probe_unix_listening(a.sun_path + 1));
	(void)close(s);
	assert_int_equal(unlink(a.sun_path), 0);
}

static int set_up(void **state)
{
	(void)snprintf(own_comm, sizeof own_comm, "lk-%d", (int)getpid());
	(void)snprintf(other_comm, sizeof other_comm, "lko-%d", (int)getpid());
	if (prctl(PR_SET_NAME, own_comm) < 0)
		return -1;
	return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
