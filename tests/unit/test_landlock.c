/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it does not know the system calls of Landlock. */
/* Files, each in a process of its own; what else Landlock does for the daemons is in test_confine and
 * test_confine_helper. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sandbox/landlock.h"

static char top[] = "/tmp/test-landlock.XXXXXX";
static const char *const directories[] = { "a", "a/b", "a/b/secret", "a/other", "c" };
static const char *const files[] = { "a/b/secret/f", "a/b/f", "a/other/f", "c/f", "f" };
#define N(array) (sizeof(array) / sizeof *(array))

static const char *below(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", top, name);
	return path;
}

static int try(const char *name, int mode)
{
	int fd = open(below(name), mode);
	int e = errno;

	if (fd < 0)
		return e;
	(void)close(fd);
	return 0;
}

/* Bit i: files[i] can be opened; -1: it could not be confined. */
static int seen(const struct landlock_rule *rule, size_t n, int mode)
{
	pid_t pid = fork();
	int status, mask = 0;

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_enter(LANDLOCK_FILES, rule, n) < 0)
			_exit(255);
		for (size_t i = 0; i < N(files); i++) {
			int e = try(files[i], mode);

			if (e != 0 && e != EACCES)
				_exit(254);
			mask |= (e == 0) << i;
		}
		_exit(mask);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

static void test_rules(void **unused)
{
	char dir[64], link_[64];
	struct landlock_rule one = { .path = dir, .rights = LANDLOCK_READ };
	struct landlock_rule into = { .path = dir, .rights = LANDLOCK_REPLACE };

	(void)snprintf(dir, sizeof dir, "%s/a", top);
	(void)snprintf(link_, sizeof link_, "%s/to-a", top);
	assert_int_equal(seen(&one, 1, O_RDONLY), 0x07);
	assert_int_equal(seen(&one, 1, O_RDWR), 0);
	assert_int_equal(seen(&into, 1, O_WRONLY), 0x07);
	assert_int_equal(seen(&into, 1, O_RDONLY), 0);
	assert_int_equal(seen(NULL, 0, O_RDONLY), 0);
	/* the path may be a symbolic link */
	assert_int_equal(symlink(dir, link_), 0);
	one.path = link_;
	assert_int_equal(seen(&one, 1, O_RDONLY), 0x07);
	assert_int_equal(unlink(link_), 0);
	/* a path that does not exist is an error, not an empty rule */
	assert_int_equal(seen(&one, 1, O_RDONLY), -1);
}

static void test_nothing_wanted(void **unused)
{
	assert_int_equal(landlock_enter(0, NULL, 0), 0);
	assert_int_equal(try("f", O_RDWR), 0);
}

static int without_landlock(void **unused)
{
	return 0;
}

static void test_absent(void **unused)
{
	assert_int_equal(landlock_enter(LANDLOCK_FILES, NULL, 0), 1);
}

static int set_up(void **unused)
{
	if (!mkdtemp(top))
		return -1;
	for (size_t i = 0; i < N(directories); i++)
		if (mkdir(below(directories[i]), 0700) < 0)
			return -1;
	for (size_t i = 0; i < N(files); i++)
		(void)close(open(below(files[i]), O_CREAT | O_WRONLY, 0600));
	return 0;
}

static int tear_down(void **unused)
{
	for (size_t i = 0; i < N(files); i++)
		(void)unlink(below(files[i]));
	for (size_t i = N(directories); i-- > 0;)
		(void)rmdir(below(directories[i]));
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rules), cmocka_unit_test(test_nothing_wanted) };
	const struct CMUnitTest absent[] = { cmocka_unit_test(test_absent) };

	return landlock_abi() ? cmocka_run_group_tests(tests, set_up, tear_down)
			      : cmocka_run_group_tests(absent, without_landlock, NULL);
}
