/* SPDX-License-Identifier: MIT */
/* Stacks as text, and what libpam makes of them: each row was decided by reading pam.conf(5), not this code. */
#include <fcntl.h>
#include <security/pam_appl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "credsspctl/host/pamstack.h"

static char dir[] = "/tmp/test-pamstack.XXXXXX";
static int root = -1;

static void put(const char *name, const char *text)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void take(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	(void)unlink(path);
}

/* The module says how it ends: "good", "bad", "none". */
static enum pamstack_result answer(const struct pamstack_line *l, size_t i, const void *userdata)
{
	return strcmp(l->module, "good") == 0   ? PAMSTACK_SUCCESS
	       : strcmp(l->module, "none") == 0 ? PAMSTACK_IGNORE
						: PAMSTACK_FAILURE;
}

static void test_outcome(void **state)
{
	static const struct {
		const char *text;
		bool success;
	} row[] = {
		{ "", false },
		{ "auth required good.so\n", true },
		{ "auth required none.so\n", false },
		{ "auth optional none.so\nauth optional bad.so\n", false },
		{ "auth required bad.so\nauth sufficient good.so\n", false },
		{ "auth sufficient good.so\nauth required bad.so\n", true },
		{ "auth requisite bad.so\nauth required good.so\n", false },
		{ "auth optional bad.so\nauth required good.so\n", true },
		/* a jump is no success */
		{ "auth [success=1 default=ignore] good.so\nauth requisite bad.so\n", false },
		{ "auth [success=1 default=ignore] good.so\nauth requisite bad.so\nauth required good.so\n", true },
		{ "auth [success=1 default=ignore] bad.so\nauth requisite bad.so\nauth required good.so\n", false },
		{ "auth [success=2 default=ignore] good.so\nauth required good.so\n", false },
		{ "auth required good.so\nauth [default=5] good.so\n", false },
		/* what is not said is bad, default is for the rest */
		{ "auth [success=ok] none.so\nauth required good.so\n", false },
		{ "auth [success=ok ignore=ignore] none.so\nauth required good.so\n", true },
		{ "auth [default=ignore] bad.so\nauth required good.so\n", true },
		{ "auth [auth_err=die default=ignore] bad.so\nauth required good.so\n", false },
		{ "auth [success=ok default=reset] bad.so\nauth required good.so\n", true },
		{ "auth required bad.so\nauth [default=reset] none.so\nauth required good.so\n", true },
		{ "auth [success=ok\tdefault=bad] /lib/security/good.so a\n", true },
		{ "auth [default=ok] bad.so\n", false },
		/* the syntax */
		{ "AUTH Required good.so\n", true },
		{ "-auth required good.so\n", true },
		{ "# auth required good.so\n", false },
		{ "auth required good.so # bad\n", true },
		{ "auth \\\n required \\\n good.so\n", true },
		{ "account required good.so\n", false },
		{ "@include other\n", true },
		{ "auth include other\n", true },
		{ "auth substack other\n", true },
		/* the directory of the distribution, and a path */
		{ "auth include vendor\n", true },
		{ "auth include /usr/lib/pam.d/vendor\n", true },
		/* done and die end an include's stack, and a substack only; a jump takes a substack for one line */
		{ "auth include other\nauth required bad.so\n", false },
		{ "auth include vendor\nauth required bad.so\n", true },
		{ "auth substack vendor\nauth required bad.so\n", false },
		{ "auth substack vendor\nauth required good.so\n", true },
		{ "auth [success=1 default=ignore] good.so\nauth substack vendor\nauth required none.so\n", false },
		{ "auth [success=1 default=ignore] good.so\nauth include vendor\nauth required none.so\n", false },
		{ "auth [success=2 default=ignore] good.so\nauth substack vendor\nauth substack other\n", false },
		{ "auth [success=2 default=ignore] good.so\nauth substack vendor\nauth requisite bad.so\nauth required "
		  "good.so\n",
		  true },
		{ "account include missing\nauth required good.so\n", true },
	};

	put("etc/pam.d/other", "account required bad.so\nauth required good.so");
	put("usr/lib/pam.d/vendor", "auth sufficient good.so\nauth required bad.so\n");
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct pamstack *s = NULL;
		char *error = NULL;

		put("etc/pam.d/service", row[i].text);
		assert_int_equal(pamstack_read(root, "service", "auth", &s, &error), 0);
		if (pamstack_succeeds(s, answer, NULL) != row[i].success)
			fail_msg("%s: not as in row %zu", row[i].text, i);
		pamstack_free(s);
	}
}

/* In a process of its own, which ends without the leak check: libpam keeps what it has read of a stack that it refuses. */
__attribute__((noreturn)) static void run_libpam(const char *confdir)
{
	static const struct pam_conv conv = { .conv = NULL };
	pam_handle_t *pamh = NULL;
	int r = pam_start_confdir("service", "nobody", &conv, confdir, &pamh);

	if (r == PAM_SUCCESS)
		r = pam_authenticate(pamh, PAM_SILENT);
	_exit(r == PAM_SUCCESS ? 0 : 1);
}

/* The same text, read by the libpam of this host. */
static bool libpam_succeeds(const char *text)
{
	char confdir[64];
	int status;
	pid_t pid;

	(void)snprintf(confdir, sizeof confdir, "%s/etc/pam.d", dir);
	put("etc/pam.d/service", text);
	pid = fork();
	if (pid == 0)
		run_libpam(confdir);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 0;
}

static enum pamstack_result permit(const struct pamstack_line *l, size_t i, const void *userdata)
{
	return strcmp(l->module, "pam_permit") == 0 ? PAMSTACK_SUCCESS : PAMSTACK_FAILURE;
}

/* Where a line ends: libpam is asked as well. */
static void test_lines(void **state)
{
	static const struct {
		const char *text;
		bool success;
	} row[] = {
		{ "auth \\\n required \\\n pam_permit.so\n", true },
		{ "auth required \\ \t\n pam_permit.so\n", true },
		/* a comment does not continue, with or without a line before it */
		{ "# a comment \\\nauth required pam_permit.so\n", true },
		{ "auth required pam_permit.so # a comment \\\nauth required pam_deny.so\n", false },
		{ "auth required pam_permit.so\n#auth sufficient pam_permit.so \\\nauth required pam_deny.so\n",
		  false },
		{ "  # a comment \\ \n  auth required pam_deny.so\nauth sufficient pam_permit.so\n", false },
		{ "auth required \\\n pam_permit.so # a comment \\\nauth required pam_deny.so\n", false },
		{ "auth required pam_permit.so#a comment\n", true },
		{ "auth required pam_permit.so \\x\nauth required pam_deny.so\n", false },
	};

	assert_false(libpam_succeeds("auth required pam_permit.so\nauth required pam_permit.so \\\n"));
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct pamstack *s = NULL;
		char *error = NULL;

		assert_int_equal(libpam_succeeds(row[i].text), row[i].success);
		assert_int_equal(pamstack_read(root, "service", "auth", &s, &error), 0);
		if (pamstack_succeeds(s, permit, NULL) != row[i].success)
			fail_msg("%s: not as in row %zu", row[i].text, i);
		pamstack_free(s);
	}
}

static void test_arguments(void **state)
{
	struct pamstack *s = NULL;
	char *error = NULL;

	put("etc/pam.d/service", "auth required pam_x.so one pkcs11_module=/a/b.so [with blank \\] in]\n");
	assert_int_equal(pamstack_read(root, "service", "auth", &s, &error), 0);
	assert_int_equal(s->n, 1);
	assert_string_equal(s->line[0].module, "pam_x");
	assert_int_equal(s->line[0].n_args, 3);
	assert_true(pamstack_has_arg(&s->line[0], "one"));
	assert_false(pamstack_has_arg(&s->line[0], "on"));
	assert_true(pamstack_has_arg(&s->line[0], "with blank ] in"));
	assert_string_equal(pamstack_arg(&s->line[0], "pkcs11_module"), "/a/b.so");
	assert_null(pamstack_arg(&s->line[0], "pkcs11"));
	assert_null(pamstack_arg(&s->line[0], "one"));
	pamstack_free(s);
}

static void test_failures(void **state)
{
	static char many[4096];
	static const char *const text[] = {
		"@include nothing\n",
		"@include service\n",
		many,
		/* libpam 1.5 and 1.7 differ about these */
		"auth required \\\n# a comment\n good.so\n",
		"auth required good.so \\\n\nauth required bad.so\n",
		"auth required good.so\nauth required good.so \\\n",
		"auth required good.so \\",
	};
	struct pamstack *s = NULL;
	char *error = NULL;

	while (strlen(many) + 32 < sizeof many)
		(void)strcat(many, "auth required good.so\n");
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		put("etc/pam.d/service", text[i]);
		error = NULL;
		assert_true(pamstack_read(root, "service", "auth", &s, &error) < 0);
		assert_non_null(error);
		assert_null(s);
		free(error);
	}
	pamstack_free(NULL);
}

static const char *const directories[] = { "etc", "etc/pam.d", "usr", "usr/lib", "usr/lib/pam.d" };

static int set_up(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (mkdirat(root, directories[i], 0755) < 0)
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	take("etc/pam.d/service");
	take("etc/pam.d/other");
	take("usr/lib/pam.d/vendor");
	for (size_t i = sizeof directories / sizeof *directories; i-- > 0;)
		(void)unlinkat(root, directories[i], AT_REMOVEDIR);
	(void)close(root);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcome),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
