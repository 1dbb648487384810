/* SPDX-License-Identifier: MIT */
/* Not with sanitizers: it limits its address space, of which the runtime wants terabytes. */
/*
 * The helper's process as the application and as the helper see it. This program is its own helper: started with a word
 * from the table below it answers, misbehaves, or says what it found.
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
#include <pthread.h>
#include <security/_pam_types.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "pam_credssp/bus.h"
#include "pam_credssp/helper-run.h"
#include "pam_credssp/helper-status.h"

extern char **environ;
static char self[4096];

/* ---- the helper ---- */

static struct helper_result result = { .magic = HELPER_RESULT_MAGIC, .status = HELPER_SUCCESS };

static int answer(void)
{
	return write(HELPER_RESULT_FD, &result, sizeof result) == sizeof result ? 0 : 1;
}

static int say(const char *text)
{
	(void)snprintf(result.detail, sizeof result.detail, "%s", text);
	return answer();
}

static int silent(void)
{
	return 0;
}

static int half(void)
{
	return write(HELPER_RESULT_FD, &result, sizeof result / 2) < 0;
}

static int no_magic(void)
{
	result.magic = 0;
	return answer();
}

static int no_status(void)
{
	result.status = HELPER_STATUSES_;
	return answer();
}

static int hangs(void)
{
	while (pause() < 0)
		;
	return 0;
}

static int crashes(void)
{
	(void)raise(SIGSEGV);
	return 0;
}

static int hostile(void)
{
	memset(result.detail, '\n', sizeof result.detail);
	return answer();
}

static int bad_name(void)
{
	memcpy(result.ccache, "FILE:/a\nb", 10);
	return answer();
}

static int endless_name(void)
{
	memset(result.ccache, 'a', sizeof result.ccache);
	return answer();
}

static int good_name(void)
{
	(void)snprintf(result.ccache, sizeof result.ccache, "FILE:/home/\303\274/cc");
	return answer();
}

static int echoes(void)
{
	char in[HANDOVER_MAX];
	size_t n = 0;
	ssize_t r;

	while ((r = read(0, in + n, sizeof in - n)) > 0)
		n += (size_t)r;
	(void)snprintf(result.detail, sizeof result.detail, "%zu %d %d", n, n ? in[0] : 0, n ? in[n - 1] : 0);
	return answer();
}

static int descriptors(void)
{
	char text[HELPER_DETAIL_MAX] = "";
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			n += 1 << atoi(e->d_name);
	(void)snprintf(text, sizeof text, "%d", n);
	return say(text);
}

static int surroundings(void)
{
	struct sigaction chld, pipe;
	struct rlimit core, files, space;
	char text[HELPER_DETAIL_MAX], cwd[64];
	sigset_t mask;
	mode_t m = umask(0);

	(void)sigaction(SIGCHLD, NULL, &chld);
	(void)sigaction(SIGPIPE, NULL, &pipe);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	(void)getrlimit(RLIMIT_CORE, &core);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	(void)getrlimit(RLIMIT_AS, &space);
	(void)snprintf(text, sizeof text,
		       "env=%d nnp=%d core=%d files=%d memory=%lu chld=%d pipe=%d masked=%d umask=%o cwd=%s",
		       environ && environ[0] ? 1 : 0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), (int)core.rlim_cur,
		       (int)files.rlim_max, (unsigned long)space.rlim_max, chld.sa_handler == SIG_DFL,
		       pipe.sa_handler == SIG_DFL, sigismember(&mask, SIGUSR1), m, getcwd(cwd, sizeof cwd));
	return say(text);
}

static const struct {
	const char *word;
	int (*run)(void);
} words[] = {
	{ "silent", silent },
	{ "half", half },
	{ "no-magic", no_magic },
	{ "no-status", no_status },
	{ "hangs", hangs },
	{ "crashes", crashes },
	{ "hostile", hostile },
	{ "echoes", echoes },
	{ "bad-name", bad_name },
	{ "endless-name", endless_name },
	{ "good-name", good_name },
	{ "answers", answer },
	{ "ends", silent },
	{ "descriptors", descriptors },
	{ "surroundings", surroundings },
};

static int helper_main(const char *word)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].run();
	return 99;
}

/* ---- the application ---- */

static struct helper_result run(const char *word, const struct secret *input, int64_t msec)
{
	const char *argv[] = { self, word, NULL };
	struct helper_result r;

	memset(&r, 0x55, sizeof r);
	helper_run(self, argv, input, clock_msec() + msec, &r);
	return r;
}

static void test_statuses(void **state)
{
	static const struct {
		const char *word;
		unsigned status;
	} row[] = {
		{ "answers", HELPER_SUCCESS },   { "silent", HELPER_NONE },           { "half", HELPER_NONE },
		{ "bad-name", HELPER_INTERNAL }, { "endless-name", HELPER_INTERNAL }, { "no-magic", HELPER_NONE },
		{ "no-status", HELPER_NONE },    { "crashes", HELPER_NONE },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct helper_result r = run(row[i].word, NULL, 10000);

		if (r.status != row[i].status)
			fail_msg("%s: %u", row[i].word, r.status);
	}
}

static void test_no_program(void **state)
{
	const char *argv[] = { "/nonexistent", NULL };
	struct helper_result r;

	helper_run(argv[0], argv, NULL, clock_msec() + 5000, &r);
	assert_int_equal(r.status, HELPER_NONE);
	assert_non_null(strstr(r.detail, "/nonexistent"));
}

static void test_deadline(void **state)
{
	int64_t begin = clock_msec();

	assert_int_equal(run("hangs", NULL, 200).status, HELPER_TIMEOUT);
	assert_true(clock_msec() - begin < 5000);
	assert_int_equal(run("answers", NULL, 0).status, HELPER_TIMEOUT);
}

static void test_detail_is_one_printable_line(void **state)
{
	struct helper_result r = run("hostile", NULL, 10000);

	assert_int_equal(strlen(r.detail), HELPER_DETAIL_MAX);
	assert_int_equal(strspn(r.detail, "?"), HELPER_DETAIL_MAX);
	assert_string_equal(run("good-name", NULL, 10000).ccache, "FILE:/home/\303\274/cc");
}

static void test_input(void **state)
{
	AUTO_SECRET struct secret s = SECRET_NULL;

	assert_int_equal(secret_init(&s, HANDOVER_MAX), 0);
	memset(secret_expose(&s), 7, HANDOVER_MAX);
	((char *)secret_expose(&s))[HANDOVER_MAX - 1] = 9;
	assert_string_equal(run("echoes", NULL, 10000).detail, "0 0 0");
	assert_int_equal(secret_set_len(&s, 1), 0);
	assert_string_equal(run("echoes", &s, 10000).detail, "1 7 7");
	assert_int_equal(secret_set_len(&s, HANDOVER_MAX), 0);
	assert_string_equal(run("echoes", &s, 10000).detail, "65536 7 9");
	/* the helper does not read it: no SIGPIPE, which would end this program */
	for (int i = 0; i < 20; i++)
		assert_int_equal(run("ends", &s, 10000).status, HELPER_NONE);
	assert_int_equal(run("answers", &s, 10000).status, HELPER_SUCCESS);
}

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static void test_descriptors(void **state)
{
	int before = count_descriptors(), low[3];

	/* inherited ones, some of them below those of the helper, are gone */
	assert_true(dup2(1, 200) == 200);
	assert_string_equal(run("descriptors", NULL, 10000).detail, "15");
	for (int i = 0; i < 3; i++)
		low[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
	(void)close(0);
	assert_string_equal(run("descriptors", NULL, 10000).detail, "15");
	assert_string_equal(run("echoes", NULL, 10000).detail, "0 0 0");
	assert_int_equal(dup2(low[0], 0), 0);
	for (int i = 0; i < 3; i++)
		(void)close(low[i]);
	(void)close(200);
	assert_int_equal(count_descriptors(), before);
}

static void test_surroundings(void **state)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("KRB5_CONFIG", "/tmp/other", 1);
	assert_string_equal(run("surroundings", NULL, 10000).detail,
			    "env=0 nnp=1 core=0 files=256 memory=1073741824 chld=1 pipe=1 masked=0 umask=77 cwd=/");
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}

static volatile sig_atomic_t signals, reaped;

static void on_chld(int sig)
{
	signals++;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		reaped++;
}

/* Neither does the application see the helper, nor does what the application does with its children disturb us. */
static void test_children_of_the_application(void **state)
{
	(void)signal(SIGCHLD, SIG_IGN);
	assert_int_equal(run("answers", NULL, 10000).status, HELPER_SUCCESS);
	assert_int_equal(run("crashes", NULL, 10000).status, HELPER_NONE);
	(void)signal(SIGCHLD, on_chld);
	assert_int_equal(run("answers", NULL, 10000).status, HELPER_SUCCESS);
	assert_int_equal(run("hangs", NULL, 100).status, HELPER_TIMEOUT);
	(void)signal(SIGCHLD, SIG_DFL);
	assert_int_equal(signals, 0);
	assert_int_equal(reaped, 0);
	/* no zombie either */
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	assert_int_equal(errno, ECHILD);
}

static void *reap_everything(void *stop)
{
	while (!*(volatile int *)stop)
		if (waitpid(-1, NULL, WNOHANG | __WALL) <= 0)
			(void)usleep(100);
	return NULL;
}

static void test_an_application_that_reaps_everything(void **state)
{
	volatile int stop = 0;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, reap_everything, (void *)(uintptr_t)&stop), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(run("answers", NULL, 10000).status, HELPER_SUCCESS);
	assert_int_equal(run("silent", NULL, 10000).status, HELPER_NONE);
	stop = 1;
	(void)pthread_join(t, NULL);
}

/* Only success is success, and every status says something of its own. */
static void test_status_table(void **state)
{
	for (unsigned i = 0; i < HELPER_STATUSES_ + 3; i++) {
		assert_int_equal(helper_status_pam(i) == PAM_SUCCESS, i == HELPER_SUCCESS);
		assert_int_not_equal(helper_status_pam(i), PAM_IGNORE);
		for (unsigned j = 0; j < i && i < HELPER_STATUSES_; j++)
			assert_string_not_equal(helper_status_text(i), helper_status_text(j));
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_detail_is_one_printable_line),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_children_of_the_application),
		cmocka_unit_test(test_an_application_that_reaps_everything),
		cmocka_unit_test(test_status_table),
	};

	if (argc > 1)
		return helper_main(argv[1]);
	if (!realpath(argv[0], self))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
