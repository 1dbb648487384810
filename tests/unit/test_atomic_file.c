/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/host/atomic-file.h"

static char dir[] = "/tmp/test-rootfile.XXXXXX";
static int root = -1;

static void put(const char *name, const void *data, size_t len, mode_t mode)
{
	AUTO_CLOSE int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void test_read(void **state)
{
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;
	CLEANUP(file_text_done) struct file_text none = FILE_TEXT_NULL;

	put("a", "one\ntwo", 7, 0640);
	assert_int_equal(atomic_file_read(root, "a", &t), 0);
	assert_string_equal(t.data, "one\ntwo");
	assert_int_equal(t.len, 7);
	assert_int_equal(t.mode, 0640);
	assert_int_equal(t.uid, geteuid());
	assert_true(file_text_same(&t, &t));
	assert_false(file_text_same(&t, &none));
	assert_false(file_text_same(&none, &none));
}

static void test_not_read(void **state)
{
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;

	assert_int_equal(symlinkat("a", root, "link"), 0);
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	put("nul", "a\0b", 3, 0600);
	put("big", "", 0, 0600);
	assert_int_equal(truncate("big", (off_t)SYSTEM_FILE_MAX + 1), 0);
	assert_int_equal(atomic_file_read(root, "missing", &t), -ENOENT);
	assert_int_equal(atomic_file_read(root, "link", &t), -ELOOP);
	assert_int_equal(atomic_file_read(root, "fifo", &t), -EMEDIUMTYPE);
	assert_int_equal(atomic_file_read(root, ".", &t), -EMEDIUMTYPE);
	assert_int_equal(atomic_file_read(root, "nul", &t), -EBADMSG);
	assert_int_equal(atomic_file_read(root, "big", &t), -EFBIG);
	assert_null(t.data);
}

static void test_replace(void **state)
{
	char text[] = "new";
	struct file_text to = { .data = text, .len = 3, .mode = 0604, .uid = geteuid(), .gid = getegid() };
	CLEANUP(file_text_done) struct file_text is = FILE_TEXT_NULL;
	struct stat before, after;

	put("b", "old, and longer", 15, 0600);
	/* of a run that was killed */
	put("b.credsspctl-new", "rest", 4, 0666);
	assert_int_equal(fstatat(root, "b", &before, 0), 0);
	assert_int_equal(atomic_file_replace(root, "b", &to), 0);
	assert_int_equal(atomic_file_read(root, "b", &is), 0);
	assert_true(file_text_same(&is, &to));
	assert_int_equal(is.mode, 0604);
	/* another file: who has the old one open reads the old one */
	assert_int_equal(fstatat(root, "b", &after, 0), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_int_equal(faccessat(root, "b.credsspctl-new", F_OK, 0), -1);
	assert_int_equal(atomic_file_replace(root, "missing/b", &to), -ENOENT);
	/* a directory is in the way: what was written for it goes */
	assert_int_equal(mkdirat(root, "d", 0700), 0);
	assert_int_equal(atomic_file_replace(root, "d", &to), -EISDIR);
	assert_int_equal(faccessat(root, "d.credsspctl-new", F_OK, 0), -1);
}

static int setup(void **state)
{
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	root = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "a", "b", "link", "fifo", "nul", "big" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlinkat(root, names[i], 0);
	(void)unlinkat(root, "d", AT_REMOVEDIR);
	root = close_fd(root);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_not_read),
		cmocka_unit_test(test_replace),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
