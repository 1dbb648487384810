/* SPDX-License-Identifier: MIT */
/* The stacks of distributions (tests/lib/pam-stacks), with the lines of pam_credssp: the text, and what becomes of
 * logons. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/host/atomic-file.h"
#include "credsspctl/host/pamstack.h"
#include "credsspctl/host/stack-edit.h"
#include "credsspctl/host/stack-play.h"

#define STACKS "tests/lib/pam-stacks/"
#define SERVICE "xrdp-sesman"
#define M "  " STACK_EDIT_MARK "\n"
#define R "auth     [success=ignore ignore=ignore default=die]  pam_credssp.so redeem require_ticket"
#define V "auth     [success=done ignore=ignore default=die]    pam_credssp.so verify require_ticket"
#define AUTH R M V M
#define ACCOUNT "account  required  pam_credssp.so require_ticket" M
#define SESSION "session  optional  pam_credssp.so" M

static const struct stack_edit plain = { .options = { .minimum_uid = MINIMUM_UID_DEFAULT } };

static const char *const distributions[] = { "debian12", "debian13", "debian13-domain", "fedora", "fedora-gnome",
					     "opensuse", "arch" };
#define N_DISTRIBUTIONS (sizeof distributions / sizeof *distributions)

static int open_root(const char *distribution)
{
	char path[64];
	int root;

	(void)snprintf(path, sizeof path, STACKS "%s", distribution);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	return root;
}

static void read_file(int root, const char *path, struct file_text *ret)
{
	assert_int_equal(atomic_file_read(root, path, ret), 0);
}

static void read_service(int root, struct file_text *ret)
{
	if (atomic_file_read(root, "etc/pam.d/" SERVICE, ret) < 0)
		read_file(root, "usr/lib/pam.d/" SERVICE, ret);
}

static char *add(int root, const char *text, const struct stack_edit *edit)
{
	AUTO_FREE char *error = NULL;
	char *ret = NULL;
	size_t len;
	int r = stack_edit_add(root, text, edit, &ret, &len, &error);

	if (r < 0)
		fail_msg("%s (%d)", error ? error : "", r);
	assert_int_equal(len, strlen(ret));
	return ret;
}

static char *take_out(const char *text)
{
	char *ret = NULL;
	size_t len;

	assert_int_equal(stack_edit_remove(text, &ret, &len), 0);
	assert_int_equal(len, strlen(ret));
	return ret;
}

static bool plays(int root, const char *text, const struct stack_play *play)
{
	AUTO_FREE char *error = NULL;
	struct pamstack *s = NULL;
	bool good;

	assert_int_equal(pamstack_read_text(root, text, "auth", &s, &error), 0);
	good = stack_play_succeeds(s, play);
	pamstack_free(s);
	return good;
}

static void test_distributions(void **state)
{
	for (size_t i = 0; i < N_DISTRIBUTIONS; i++) {
		AUTO_CLOSE int root = open_root(distributions[i]);
		CLEANUP(file_text_done) struct file_text before = FILE_TEXT_NULL;
		CLEANUP(file_text_done) struct file_text expected = FILE_TEXT_NULL;
		AUTO_FREE char *after = NULL;
		AUTO_FREE char *back = NULL;

		print_message("%s\n", distributions[i]);
		read_service(root, &before);
		assert_false(stack_edit_is_in(before.data));
		after = add(root, before.data, &plain);
		read_file(root, "expected", &expected);
		assert_string_equal(after, expected.data);
		assert_true(stack_edit_is_in(after));
		assert_false(stack_edit_has_own(after));
		back = take_out(after);
		assert_string_equal(back, before.data);
	}
}

static void test_logons(void **state)
{
	for (size_t i = 0; i < N_DISTRIBUTIONS; i++) {
		AUTO_CLOSE int root = open_root(distributions[i]);
		CLEANUP(file_text_done) struct file_text before = FILE_TEXT_NULL;
		AUTO_FREE char *after = NULL;
		AUTO_FREE char *cards = NULL;

		print_message("%s\n", distributions[i]);
		read_service(root, &before);
		after = add(root, before.data, &plain);
		assert_true(plays(root, after, &stack_play_right));
		assert_true(plays(root, after, &stack_play_proved));
		assert_false(plays(root, after, &stack_play_wrong));
		assert_false(plays(root, after, &stack_play_refused));
		cards = add(root, before.data, &(struct stack_edit){ plain.options, .no_password = true });
		assert_true(plays(root, cards, &stack_play_proved));
		assert_false(plays(root, cards, &stack_play_right));
		assert_false(plays(root, cards, &stack_play_refused));
	}
}

/* Lines of a site, and where the module's lines go; common-auth and its like are Debian's. */
static void test_places(void **state)
{
	static const struct {
		const char *before, *after;
	} row[] = {
		{ "", AUTH ACCOUNT SESSION },
		/* what asks for nothing stays in front */
		{ "auth requisite pam_nologin.so\nauth required pam_faillock.so preauth\nauth required pam_unix.so\n",
		  "auth requisite pam_nologin.so\nauth required pam_faillock.so preauth\n" AUTH
		  "auth required pam_unix.so\n" ACCOUNT SESSION },
		/* but not when it jumps or ends the stack: then its target would move, or the ticket never be asked for
		 */
		{ "auth [success=1 default=ignore] pam_succeed_if.so user ingroup x\nauth required pam_unix.so\n"
		  "auth required pam_permit.so\n",
		  AUTH "auth [success=1 default=ignore] pam_succeed_if.so user ingroup x\nauth required pam_unix.so\n"
		       "auth required pam_permit.so\n" ACCOUNT SESSION },
		{ "auth [user_unknown=1 default=ignore] pam_access.so\nauth required pam_unix.so\n", AUTH
		  "auth [user_unknown=1 default=ignore] pam_access.so\nauth required pam_unix.so\n" ACCOUNT SESSION },
		{ "auth sufficient pam_succeed_if.so user = kiosk\nauth required pam_unix.so\n",
		  AUTH "auth sufficient pam_succeed_if.so user = kiosk\nauth required pam_unix.so\n" ACCOUNT SESSION },
		/* an unknown module may ask; pam_fprintd does */
		{ "-auth optional pam_fprintd.so\nauth required pam_unix.so\n",
		  AUTH "-auth optional pam_fprintd.so\nauth required pam_unix.so\n" ACCOUNT SESSION },
		/* a line that goes on, and one that does not end */
		{ "auth required \\\n pam_env.so # env\nauth \\\n include \\\n common-auth # all\n"
		  "account include common-account",
		  "auth required \\\n pam_env.so # env\n" AUTH "auth \\\n include \\\n common-auth # all\n" ACCOUNT
		  "account include common-account\n" SESSION },
		/* a comment does not go on */
		{ "# old \\\nauth required pam_unix.so # now \\\naccount required pam_unix.so\n",
		  "# old \\\n" AUTH "auth required pam_unix.so # now \\\n" ACCOUNT
		  "account required pam_unix.so\n" SESSION },
		/* substacks as includes; own modules and comments stay */
		{ "# mine\nauth substack common-auth\nauth optional pam_mine.so # why\nsession required "
		  "pam_mkhomedir.so\n",
		  "# mine\n" AUTH "auth substack common-auth\nauth optional pam_mine.so # why\n" SESSION
		  "session required pam_mkhomedir.so\n" ACCOUNT },
		{ "@include common-account\n@include common-auth\nsession required pam_selinux.so close\n"
		  "session required pam_loginuid.so\n@include common-session\n",
		  ACCOUNT "@include common-account\n" AUTH
			  "@include common-auth\nsession required pam_selinux.so close\n"
			  "session required pam_loginuid.so\n" SESSION "@include common-session\n" SESSION },
		/* of a type that the administrator has done, nothing */
		{ "auth requisite pam_credssp.so redeem\nauth required pam_unix.so\n",
		  "auth requisite pam_credssp.so redeem\nauth required pam_unix.so\n" ACCOUNT SESSION },
		{ "# auth required pam_credssp.so redeem\nauth required pam_unix.so\n",
		  "# auth required pam_credssp.so redeem\n" AUTH "auth required pam_unix.so\n" ACCOUNT SESSION },
	};
	AUTO_CLOSE int root = open_root("debian12");

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *after = NULL;
		AUTO_FREE char *back = NULL;

		after = add(root, row[i].before, &plain);
		assert_string_equal(after, row[i].after);
		back = take_out(after);
		/* but for the end of the last line */
		assert_int_equal(strncmp(back, row[i].before, strlen(row[i].before)), 0);
		assert_true(strlen(back) <= strlen(row[i].before) + 1);
	}
}

static void test_options(void **state)
{
	static const struct {
		struct stack_edit edit;
		const char *auth;
	} row[] = {
		{ { { .minimum_uid = MINIMUM_UID_DEFAULT }, .no_password = false, .present = NULL }, AUTH },
		{ { { .accept_proof = true, .minimum_uid = 0 }, .no_password = false, .present = NULL },
		  R " minimum_uid=0" M V " accept_proof" M },
		{ { { .minimum_uid = 500 }, .no_password = true, .present = NULL },
		  R " minimum_uid=500" M V M "auth     requisite  pam_deny.so" M },
		/* what an administrator has added to the lines stays; what is made here is made anew */
		{ { { .minimum_uid = MINIMUM_UID_DEFAULT },
		    .no_password = false,
		    .present = "auth required pam_credssp.so verify timeout=1 accept_proof final_try=allow " M
			       "auth required pam_credssp.so redeem debug minimum_uid=7 " M
			       "auth required pam_credssp.so redeem timeout=9\n" },
		  R " debug" M V " timeout=1 final_try=allow" M },
	};
	AUTO_CLOSE int root = open_root("debian12");

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *after = add(root, "auth required pam_unix.so\n", &row[i].edit);
		AUTO_FREE char *wanted = NULL;

		assert_true(asprintf(&wanted, "%sauth required pam_unix.so\n" ACCOUNT SESSION, row[i].auth) > 0);
		assert_string_equal(after, wanted);
	}
}

/* By their mark, whatever has become of them and of the rest. */
static void test_remove(void **state)
{
	static const struct {
		const char *before, *after;
		bool own;
	} row[] = {
		{ "", "", false },
		{ "auth required pam_unix.so\n", "auth required pam_unix.so\n", false },
		{ "auth required pam_credssp.so redeem timeout=500 " STACK_EDIT_MARK "\n# x\n", "# x\n", false },
		{ "auth required \\\n pam_credssp.so " STACK_EDIT_MARK "\nauth required pam_unix.so\n",
		  "auth required pam_unix.so\n", false },
		{ "auth required pam_deny.so " STACK_EDIT_MARK, "", false },
		{ "# old \\\nauth required pam_deny.so " STACK_EDIT_MARK "\nauth required pam_unix.so\n",
		  "# old \\\nauth required pam_unix.so\n", false },
		{ STACK_EDIT_MARK " has done this\n#auth required pam_credssp.so " STACK_EDIT_MARK "\n",
		  STACK_EDIT_MARK " has done this\n#auth required pam_credssp.so " STACK_EDIT_MARK "\n", false },
		{ "session optional pam_credssp.so # mine\n", "session optional pam_credssp.so # mine\n", true },
		{ "session optional pam_other.so # not pam_credssp.so\n",
		  "session optional pam_other.so # not pam_credssp.so\n", false },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *after = take_out(row[i].before);

		assert_string_equal(after, row[i].after);
		assert_int_equal(stack_edit_has_own(row[i].before), row[i].own);
		assert_int_equal(stack_edit_is_in(row[i].before), strcmp(row[i].before, row[i].after) != 0);
	}
}

static void test_missing_include(void **state)
{
	AUTO_CLOSE int root = open_root("debian12");
	AUTO_FREE char *error = NULL;
	char *ret = NULL;
	size_t len;

	assert_int_equal(stack_edit_add(root, "auth include nothing\n", &plain, &ret, &len, &error), -ENOENT);
	assert_non_null(strstr(error, "/etc/pam.d/nothing"));
	assert_null(ret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distributions), cmocka_unit_test(test_logons),
		cmocka_unit_test(test_places),        cmocka_unit_test(test_options),
		cmocka_unit_test(test_remove),        cmocka_unit_test(test_missing_include),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
