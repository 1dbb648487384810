/* SPDX-License-Identifier: MIT */
/* Not under valgrind: it has no limit of address space. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspd/ntlm-verifier/store.h"

#define HEAD "credsspd ntlm store 1\n"
#define HASH "00112233445566778899aabbccddeeff"

static char dir[64], path[96];

static int setup(void **state)
{
	(void)strcpy(dir, "/tmp/test-store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/ntlm", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- helpers ---- */

static struct store *open_good(void)
{
	AUTO_FREE char *error = NULL;
	struct store *s = NULL;

	if (store_open(path, &s, &error) < 0)
		fail_msg("%s", error ? error : "?");
	assert_null(error);
	return s;
}

/* Opens and expects @r and a message that contains @what. */
static void open_bad(int r, const char *what)
{
	AUTO_FREE char *error = NULL;
	struct store *s = NULL;
	int e = store_open(path, &s, &error);

	if (e != r || s || !error || !strstr(error, what))
		fail_msg("%d (%s) instead of %d (%s)", e, error ? error : "no message", r, what);
}

static int set(struct store *s, const char *name, uid_t uid, uint8_t first)
{
	AUTO_FREE char *error = NULL;
	struct store_record r = { .uid = uid, .hash = { first, 2, 3 }, .changed = 1700000000 };

	(void)snprintf(r.name, sizeof r.name, "%s", name);
	return store_set(s, &r, &error);
}

static int update(struct store *s, const char *name, uid_t uid, uint8_t first)
{
	AUTO_FREE char *error = NULL;
	struct store_record r = { .uid = uid, .hash = { first, 2, 3 }, .changed = 1700000001 };

	(void)snprintf(r.name, sizeof r.name, "%s", name);
	return store_update(s, &r, &error);
}

static int drop(struct store *s, const char *name)
{
	AUTO_FREE char *error = NULL;

	return store_remove(s, name, &error);
}

static void write_text(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static char *read_text(void)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof text - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static unsigned files_in_dir(void)
{
	char command[128];
	unsigned n = 0;

	(void)snprintf(command, sizeof command, "ls -A %s | wc -l", dir);
	FILE *f = popen(command, "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	(void)pclose(f);
	return n;
}

static const char *name_found(const struct store *s, const char *name)
{
	const struct store_record *r = store_find(s, name);

	return r ? r->name : "-";
}

/* ---- tests ---- */

/* Only the record of that very account: not one of a similar name, nor of who had the name before. */
static void test_update(void **state)
{
	struct store *s = open_good();
	char before[256];

	assert_int_equal(update(s, "alice", 1001, 7), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(set(s, "alice", 1001, 1), 0);
	assert_int_equal(set(s, "bob", 1002, 1), 0);
	(void)snprintf(before, sizeof before, "%s", read_text());
	assert_int_equal(update(s, "Alice", 1001, 7), -ENOENT);
	assert_int_equal(update(s, "alice", 1003, 7), -ENOENT);
	assert_int_equal(update(s, "carol", 1001, 7), -ENOENT);
	assert_int_equal(update(s, "a:b", 1001, 7), -EINVAL);
	assert_string_equal(read_text(), before);
	assert_int_equal(update(s, "alice", 1001, 7), 0);
	assert_int_equal(store_count(s), 2);
	assert_int_equal(store_find(s, "alice")->hash[0], 7);
	assert_int_equal(store_find(s, "alice")->changed, 1700000001);
	assert_int_equal(store_find(s, "bob")->hash[0], 1);
	store_close(s);
}

static void test_round_trip(void **state)
{
	struct store *s = open_good();
	struct stat st;

	assert_int_equal(store_count(s), 0);
	assert_null(store_find(s, "alice"));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(set(s, "bob", 1001, 0xb0), 0);
	assert_int_equal(set(s, "alice", 1000, 0xa0), 0);
	assert_int_equal(set(s, "CORP\\carl", 70000, 0xc0), 0);
	assert_int_equal(set(s, "j\xc3\xbcrgen", 4294967294U, 0xff), 0);
	assert_int_equal(set(s, "alice", 1000, 0xa1), 0);
	assert_int_equal(store_count(s), 4);
	assert_string_equal(read_text(), HEAD "1000:alice:a1020300000000000000000000000000:1700000000\n"
					      "1001:bob:b0020300000000000000000000000000:1700000000\n"
					      "70000:CORP\\carl:c0020300000000000000000000000000:1700000000\n"
					      "4294967294:j\xc3\xbcrgen:ff020300000000000000000000000000:1700000000\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in_dir(), 1);
	store_close(s);

	s = open_good();
	assert_int_equal(store_count(s), 4);
	const struct store_record *r = store_find(s, "alice");

	assert_non_null(r);
	assert_int_equal(r->uid, 1000);
	assert_int_equal(r->hash[0], 0xa1);
	assert_int_equal(r->hash[2], 3);
	assert_int_equal(r->changed, 1700000000);
	assert_int_equal(drop(s, "alice"), 0);
	assert_int_equal(drop(s, "alice"), -ENOENT);
	assert_int_equal(drop(s, "BOB"), -ENOENT); /* exactly */
	assert_null(store_find(s, "alice"));
	assert_int_equal(store_count(s), 3);
	assert_null(strstr(read_text(), "alice"));
	for (const char *n = "bob"; store_count(s); n = store_count(s) == 2 ? "CORP\\carl" : "j\xc3\xbcrgen")
		assert_int_equal(drop(s, n), 0);
	assert_string_equal(read_text(), HEAD);
	store_close(s);
}

static void test_case(void **state)
{
	struct store *s = open_good();

	assert_int_equal(set(s, "alice", 1000, 1), 0);
	assert_string_equal(name_found(s, "ALICE"), "alice");
	assert_string_equal(name_found(s, "Alice"), "alice");
	assert_string_equal(name_found(s, "alic"), "-");
	assert_string_equal(name_found(s, "alicf"), "-");
	assert_int_equal(set(s, "Alice", 1001, 2), 0);
	assert_string_equal(name_found(s, "ALICE"), "-"); /* two */
	assert_string_equal(name_found(s, "Alice"), "Alice");
	assert_string_equal(name_found(s, "alice"), "alice");
	assert_int_equal(set(s, "J\xc3\xbcrgen", 1002, 3), 0);
	assert_string_equal(name_found(s, "j\xc3\xbcRGEN"), "J\xc3\xbcrgen");
	assert_string_equal(name_found(s, "j\xc3\x9crgen"), "-"); /* ASCII only */
	store_close(s);
}

static void test_order(void **state)
{
	static const char *const names[] = { "b", "A", "a", "B", "aB", "Ab", "_", "z", "Z9", "z-" };
	struct store *s = open_good();
	const struct store_record *r;
	size_t n = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(set(s, names[i], 1000, 1), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_string_equal(name_found(s, names[i]), names[i]);
	for (r = store_after(s, ""); r; r = store_after(s, r->name))
		assert_ptr_equal(r, store_at(s, n++));
	assert_int_equal(n, sizeof names / sizeof *names);
	assert_ptr_equal(store_after(s, "a0"), store_find(s, "Ab")); /* a name that is not there */
	assert_null(store_at(s, n));
	store_close(s);
}

static void test_bad_names(void **state)
{
	struct store *s = open_good();
	char long_name[ACCOUNT_NAME_MAX + 2];

	memset(long_name, 'x', sizeof long_name);
	long_name[ACCOUNT_NAME_MAX] = '\0';
	assert_int_equal(set(s, "", 1000, 1), -EINVAL);
	assert_int_equal(set(s, "a:b", 1000, 1), -EINVAL);
	assert_int_equal(set(s, "a\nb", 1000, 1), -EINVAL);
	assert_int_equal(set(s, "a", (uid_t)-1, 1), -EINVAL);
	assert_int_equal(set(s, long_name, 1000, 1), 0);
	assert_int_equal(access(path, F_OK), 0);
	store_close(s);
	s = open_good();
	assert_string_equal(name_found(s, long_name), long_name);
	store_close(s);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *text, *said;
	} row[] = {
		{ "", "line 1 " },
		{ "credsspd ntlm store 2\n", "line 1 " },
		{ "credsspd ntlm store 1", "line 1 " },
		{ HEAD "\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":1", "line 2 " }, /* no newline */
		{ HEAD "1000:alice:" HASH "\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":1:\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":1\n1001:bob:" HASH ":x\n", "line 3 " },
		{ HEAD ":alice:" HASH ":1\n", "line 2 " },
		{ HEAD "-1:alice:" HASH ":1\n", "line 2 " },
		{ HEAD "+1:alice:" HASH ":1\n", "line 2 " },
		{ HEAD " 1:alice:" HASH ":1\n", "line 2 " },
		{ HEAD "4294967295:alice:" HASH ":1\n", "line 2 " },
		{ HEAD "99999999999999999999:alice:" HASH ":1\n", "line 2 " },
		{ HEAD "1000::" HASH ":1\n", "line 2 " },
		{ HEAD "1000:al/ice:" HASH ":1\n", "line 2 " },
		{ HEAD "1000:al\x7fice:" HASH ":1\n", "line 2 " },
		{ HEAD "1000:al\xff"
		       "ice:" HASH ":1\n",
		  "line 2 " },
		{ HEAD "1000:alice:" HASH "0:1\n", "line 2 " },
		{ HEAD "1000:alice:00112233445566778899aabbccddeef:1\n", "line 2 " },
		{ HEAD "1000:alice:00112233445566778899AABBCCDDEEFF:1\n", "line 2 " },
		{ HEAD "1000:alice:0011223344556677 899aabbccddeeff:1\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":9223372036854775808\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":1\r\n", "line 2 " },
		{ HEAD "1000:alice:" HASH ":1\n# comment\n", "line 3 " },
		{ HEAD "1000:alice:" HASH ":1\n1001:alice:" HASH ":1\n", "two records of alice" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		write_text(row[i].text, 0600);
		open_bad(-EPROTO, row[i].said);
		/* it is left for the administrator to look at */
		assert_string_equal(read_text(), row[i].text);
	}
	/* a NUL inside, which C strings would end at */
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, HEAD "1000:al\0ce:" HASH ":1\n", 67), 67);
	close(fd);
	open_bad(-EPROTO, "line 2 ");
	write_text(HEAD "1000:alice:" HASH ":0\n1000:ALICE:" HASH ":9223372036854775807\n", 0600);
	struct store *s = open_good();

	assert_int_equal(store_count(s), 2);
	store_close(s);
}

static void test_unsafe(void **state)
{
	static const mode_t modes[] = { 0601, 0602, 0604, 0610, 0620, 0640, 0644, 0660, 0666, 0777 };
	char other[128];

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		write_text(HEAD, modes[i]);
		open_bad(-EPERM, "mode ");
	}
	write_text(HEAD, 0400);
	store_close(open_good());
	assert_int_equal(unlink(path), 0);

	(void)snprintf(other, sizeof other, "%s/other", dir);
	assert_int_equal(symlink(other, path), 0); /* dangling: still no empty store */
	open_bad(-ELOOP, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	open_bad(-EPERM, "no regular file");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* and does not hang */
	open_bad(-EPERM, "no regular file");
	assert_int_equal(unlink(path), 0);

	assert_int_equal(chmod(dir, 0770), 0);
	open_bad(-EPERM, "directory");
	assert_int_equal(chmod(dir, 0702), 0);
	open_bad(-EPERM, "directory");
	assert_int_equal(chmod(dir, 0755), 0);
	store_close(open_good());

	(void)strcpy(path, "/nonexistent-directory/ntlm");
	open_bad(-ENOENT, "/nonexistent-directory");
}

static void test_owner(void **state)
{
	if (geteuid() != 0)
		skip();
	write_text(HEAD, 0600);
	assert_int_equal(chown(path, 65534, 65534), 0);
	open_bad(-EPERM, "uid 65534");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chown(dir, 65534, 65534), 0);
	open_bad(-EPERM, "directory belongs to uid 65534");
}

static void test_others_changes(void **state)
{
	AUTO_FREE char *error = NULL;
	struct store *s = open_good(), *t = open_good();

	/* two verifiers for a while: neither loses what the other wrote */
	assert_int_equal(set(s, "alice", 1000, 1), 0);
	assert_int_equal(set(t, "bob", 1001, 1), 0);
	assert_int_equal(set(s, "carl", 1002, 1), 0);
	assert_int_equal(store_count(s), 3);
	assert_int_equal(store_refresh(t, &error), 0);
	assert_int_equal(store_count(t), 3);
	assert_int_equal(drop(t, "alice"), 0);
	assert_int_equal(store_refresh(s, &error), 0);
	assert_string_equal(name_found(s, "alice"), "-");

	/* by hand: a malformed file changes nothing, and is not written over */
	write_text(HEAD "1000:dora:" HASH ":1\n", 0600);
	assert_int_equal(store_refresh(s, &error), 0);
	assert_string_equal(name_found(s, "dora"), "dora");
	assert_string_equal(name_found(s, "bob"), "-");
	write_text(HEAD "1000:dora\n", 0600);
	assert_int_equal(store_refresh(s, &error), -EPROTO);
	assert_non_null(strstr(error, "line 2"));
	free(TAKE_PTR(error));
	assert_string_equal(name_found(s, "dora"), "dora");
	assert_int_equal(set(s, "alice", 1000, 1), -EPROTO);
	assert_int_equal(drop(s, "dora"), -EPROTO);
	assert_string_equal(read_text(), HEAD "1000:dora\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_refresh(s, &error), 0);
	assert_int_equal(store_count(s), 0);
	store_close(s);
	store_close(t);
}

/* A lock ends with the process that holds it, and the store releases its own lock on every path. */
static void test_lock_is_given_back(void **state)
{
	struct store *s = open_good();
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	assert_int_equal(set(s, "alice", 1000, 1), 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(drop(s, "bob"), -ENOENT);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	write_text("broken", 0600);
	assert_int_equal(set(s, "carl", 1000, 1), -EPROTO);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	store_close(s);
}

static void test_leftover(void **state)
{
	char leftover[128];
	struct store *s = open_good();

	(void)snprintf(leftover, sizeof leftover, "%s.new", path);
	assert_int_equal(symlink("/etc/passwd", leftover), 0);
	assert_int_equal(set(s, "alice", 1000, 1), 0);
	assert_int_equal(files_in_dir(), 1);
	assert_int_equal(mkdir(leftover, 0700), 0); /* cannot be unlinked: an error, nothing lost */
	assert_true(set(s, "bob", 1000, 1) < 0);
	assert_string_equal(name_found(s, "bob"), "-");
	assert_string_equal(name_found(s, "alice"), "alice");
	store_close(s);
}

/* Everything is as it was: in memory, in the file, in the directory. */
static void assert_unchanged(struct store *s, const char *text, size_t n)
{
	AUTO_FREE char *error = NULL;

	assert_int_equal(store_count(s), n);
	assert_string_equal(read_text(), text);
	assert_int_equal(files_in_dir(), 1);
	assert_int_equal(store_refresh(s, &error), 0);
	assert_int_equal(store_count(s), n);
}

/* RLIMIT_FSIZE makes write(2) write a part, and then fail. */
static void test_short_write(void **state)
{
	AUTO_FREE char *before = NULL;
	struct rlimit was, limit;
	struct store *s = open_good();
	char name[16];
	size_t n = 40;

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "user%zu", i);
		assert_int_equal(set(s, name, 1000, 1), 0);
	}
	before = strdup(read_text());
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	for (rlim_t max = 0; max < strlen(before) - 80; max += 97) {
		limit = (struct rlimit){ max, was.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		int r = set(s, "new", 1000, 1), d = drop(s, "user7"), o = set(s, "user7", 1000, 9);

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
		assert_int_equal(r, -EFBIG);
		assert_int_equal(d, -EFBIG);
		assert_int_equal(o, -EFBIG);
		assert_unchanged(s, before, n);
	}
	assert_int_equal(set(s, "new", 1000, 1), 0);
	store_close(s);
}

/* In a child, which has the mount for itself. */
static void on_full_disk(void)
{
	struct store *s;
	char *before, name[ACCOUNT_NAME_MAX + 1];
	size_t n = 0;
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=32k,mode=0700") < 0)
		_exit(77);
	s = open_good();
	/* the old file and the new one have to fit beside each other: it is full at about half the size */
	for (n = 0; n < 1000 && r == 0; n++) {
		before = strdup(n ? read_text() : "");
		memset(name, 'x', sizeof name);
		(void)snprintf(name, sizeof name, "%0200zu", n);
		name[200] = 'u'; /* not all digits */
		name[201] = '\0';
		r = set(s, name, 1000, 1);
		if (r == 0)
			free(before);
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(n > 20);
	assert_unchanged(s, before, n - 1);
	free(before);
	/* room again */
	assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=1m,mode=0700"), 0);
	assert_int_equal(set(s, name, 1000, 1), 0);
	store_close(s);
	_exit(0);
}

static void test_full_disk(void **state)
{
	int w;

	if (geteuid() != 0)
		skip();
	pid_t pid = fork();

	if (pid == 0)
		on_full_disk();
	assert_int_equal(waitpid(pid, &w, 0), pid);
	assert_true(WIFEXITED(w));
	assert_int_equal(WEXITSTATUS(w), 0);
}

/* Killed at any moment, the file is a whole one, the one before or the one after. */
static void test_killed_while_writing(void **state)
{
	struct timespec delay = { 0, 0 };

	for (int round = 0; round < 60; round++) {
		pid_t pid = fork();
		int w;

		if (pid == 0) {
			struct store *s = open_good();
			char name[32];

			for (unsigned i = 0;; i++) {
				(void)snprintf(name, sizeof name, "user%u", i % 300);
				if (set(s, name, 1000 + i, (uint8_t)i) < 0)
					_exit(1);
				if (i % 7 == 6 && drop(s, name) < 0)
					_exit(1);
			}
		}
		delay.tv_nsec = 1000000L + round * 531111L;
		assert_int_equal(nanosleep(&delay, NULL), 0);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &w, 0), pid);
		assert_true(WIFSIGNALED(w));
		store_close(open_good());
		assert_true(files_in_dir() <= 2); /* the temporary file may be left */
	}
	assert_true(strlen(read_text()) > strlen(HEAD));
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_largest(void **state)
{
	FILE *f = fopen(path, "w");
	struct store *s;
	char name[32];
	double t;

	assert_non_null(f);
	(void)fputs(HEAD, f);
	for (unsigned i = 0; i < NTLM_STORE_MAX_RECORDS; i++)
		(void)fprintf(f, "%u:user%u:" HASH ":1700000000\n", 1000 + i, i);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
	t = seconds();
	s = open_good();
	assert_true(seconds() - t < 5);
	assert_int_equal(store_count(s), NTLM_STORE_MAX_RECORDS);
	t = seconds();
	for (unsigned i = 0; i < NTLM_STORE_MAX_RECORDS; i++) {
		(void)snprintf(name, sizeof name, "USER%u", i);
		const struct store_record *r = store_find(s, name);

		assert_non_null(r);
		assert_int_equal(r->uid, 1000 + i);
	}
	assert_true(seconds() - t < 5);
	assert_int_equal(set(s, "one-too-many", 1, 1), -ENOSPC);
	assert_int_equal(set(s, "user5", 1, 1), 0);
	assert_int_equal(drop(s, "user99999"), 0);
	assert_int_equal(set(s, "one-more", 1, 1), 0);
	store_close(s);
	s = open_good();
	assert_int_equal(store_count(s), NTLM_STORE_MAX_RECORDS);
	assert_string_equal(name_found(s, "one-more"), "one-more");
	store_close(s);
	f = fopen(path, "a");
	assert_non_null(f);
	(void)fputs("1:another:" HASH ":1\n", f);
	assert_int_equal(fclose(f), 0);
	open_bad(-EFBIG, "more than 100000");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_update),         TEST(test_round_trip),
		TEST(test_case),           TEST(test_order),
		TEST(test_bad_names),      TEST(test_malformed),
		TEST(test_unsafe),         TEST(test_owner),
		TEST(test_others_changes), TEST(test_lock_is_given_back),
		TEST(test_leftover),       TEST(test_short_write),
		TEST(test_full_disk),      TEST(test_killed_while_writing),
		TEST(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
