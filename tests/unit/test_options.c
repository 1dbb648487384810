/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/config/options.h"

static char dir[] = "/tmp/test_options.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[32][256];
	static unsigned i;

	(void)snprintf(path[++i % 32], sizeof path[0], "%s/%s", dir, name);
	return path[i % 32];
}

/* Writes @text to the file; "%s" in it stands for the directory. */
static const char *put(const char *name, const char *text)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	for (const char *at; (at = strstr(text, "%s")); text = at + 2)
		(void)fprintf(f, "%.*s%s", (int)(at - text), text, dir);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0644), 0);
	return path;
}

struct target {
	bool flag;
	unsigned number;
	char *string, *optional;
	char **list, **addresses;
	int choice;
};

static const struct option_choice choices[] = { { "red", 1 }, { "green", 2 }, { NULL, 0 } };

static const struct option_row rows[] = {
	{ .key = "flag", .type = OPTION_BOOL, .offset = offsetof(struct target, flag), .def = "true" },
	{ .key = "number",
	  .type = OPTION_UNSIGNED,
	  .offset = offsetof(struct target, number),
	  .def = "7",
	  .min = 2,
	  .max = 4294967295U },
	{ .key = "string", .type = OPTION_STRING, .offset = offsetof(struct target, string), .def = "text" },
	{ .key = "optional", .type = OPTION_STRING, .offset = offsetof(struct target, optional), .def = NULL },
	{ .key = "list", .type = OPTION_LIST, .offset = offsetof(struct target, list), .def = "a b", .max = 4 },
	{ .key = "addresses",
	  .type = OPTION_ADDRESSES,
	  .offset = offsetof(struct target, addresses),
	  .def = "",
	  .max = 3 },
	{ .key = "choice",
	  .type = OPTION_CHOICE,
	  .offset = offsetof(struct target, choice),
	  .def = "red",
	  .choices = choices },
};
#define N_ROWS (sizeof rows / sizeof *rows)

static int load(const char *path, struct target *t, char **ret_error)
{
	static char *const subsections[] = { "known", NULL };
	profile_t profile = NULL;
	int r;

	*ret_error = NULL;
	memset(t, 0, sizeof *t);
	r = options_open(path, &profile, &(time_t){ 0 }, ret_error);
	if (r < 0)
		return r;
	r = options_load(profile, path, OPTIONS_SECTION_DAEMON, subsections, rows, N_ROWS, t, ret_error);
	profile_release(profile);
	return r;
}

static void join(char **words, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (; *words; words++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "|" : "", *words);
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		bool flag;
		unsigned number;
		const char *string, *optional, *list, *addresses;
		int choice;
	} row[] = {
		{ "", true, 7, "text", NULL, "a|b", "", 1 },
		{ "# only this\n; and that\n\n", true, 7, "text", NULL, "a|b", "", 1 },
		{ "[credsspd]\n", true, 7, "text", NULL, "a|b", "", 1 },
		{ "[credsspd-rdp]\n flag = of no concern\n", true, 7, "text", NULL, "a|b", "", 1 },
		{ "[credsspd]\n flag = No\n number = 2\n string = a b c\n optional = x\n list = c, d e\n choice = "
		  "green\n",
		  false, 2, "a b c", "x", "c|d|e", "", 2 },
		{ "[credsspd]\n number = 4294967295\n", true, 4294967295U, "text", NULL, "a|b", "", 1 },
		{ "[credsspd]\n number = 0010\n flag=on\n", true, 10, "text", NULL, "a|b", "", 1 },
		/* the last one counts; lists grow */
		{ "[credsspd]\n number = 3\n number = 4\n string = x\n string = y\n", true, 4, "y", NULL, "a|b", "",
		  1 },
		{ "[credsspd]\n list = c\n list = d,e\n", true, 7, "text", NULL, "c|d|e", "", 1 },
		{ "[credsspd]\n number = 3\n[credsspd]\n number = 4\n", true, 4, "text", NULL, "a|b", "", 1 },
		{ "[credsspd]\n list = \"\"\n string = \"\"\n", true, 7, "", NULL, "", "", 1 },
		{ "[credsspd]\n list = \"c d\"\n", true, 7, "text", NULL, "c|d", "", 1 },
		{ "[credsspd]\n list = c \"d\"\n", true, 7, "text", NULL, "c|d", "", 1 },
		/* one word with blanks; a backslash is one */
		{ "[credsspd]\n list = 'CORP\\domain users', c\n", true, 7, "text", NULL, "CORP\\domain users|c", "",
		  1 },
		{ "[credsspd]\n list = c 'a, b''s' 'd'\n", true, 7, "text", NULL, "c|a, b's|d", "", 1 },
		{ "[credsspd]\n list = o'brien c'\n", true, 7, "text", NULL, "o'brien|c'", "", 1 },
		{ "[credsspd]\n list = ''''\n", true, 7, "text", NULL, "'", "", 1 },
		{ "[credsspd]\n addresses = 192.0.2.1 2001:DB8:0::1\n addresses = ::ffff:192.0.2.2\n", true, 7, "text",
		  NULL, "a|b", "192.0.2.1|2001:db8::1|192.0.2.2", 1 },
		{ "[credsspd]\n known = {\n  anything = here\n }\n", true, 7, "text", NULL, "a|b", "", 1 },
	};
	struct target t;
	char *error, text[256];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (load(put("values", row[i].text), &t, &error) != 0)
			fail_msg("row %zu: %s", i, error);
		assert_null(error);
		assert_int_equal(t.flag, row[i].flag);
		assert_int_equal(t.number, row[i].number);
		assert_int_equal(t.choice, row[i].choice);
		assert_string_equal(t.string, row[i].string);
		assert_string_equal(t.optional ? t.optional : "(null)", row[i].optional ? row[i].optional : "(null)");
		join(t.list, text, sizeof text);
		assert_string_equal(text, row[i].list);
		join(t.addresses, text, sizeof text);
		assert_string_equal(text, row[i].addresses);
		options_free(rows, N_ROWS, &t);
		assert_null(t.string);
		assert_null(t.list);
	}
}

/* Every mistake is one, and is told with file, section, key and what is expected. */
static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *told;
	} row[] = {
		{ "[credsspd]\n colour = red\n", "%s/mistakes: [credsspd] unknown key colour" },
		{ "[credsspd]\n Flag = yes\n", "%s/mistakes: [credsspd] unknown key Flag" },
		{ "[credssp]\n flag = yes\n", "%s/mistakes: unknown section [credssp]" },
		{ "[libdefaults]\n default_realm = R\n", "%s/mistakes: unknown section [libdefaults]" },
		{ "[credsspd]\n unknown = {\n  a = b\n }\n", "%s/mistakes: [credsspd] unknown subsection unknown" },
		{ "[credsspd]\n flag = maybe\n", "%s/mistakes: [credsspd] flag = maybe: true or false is expected" },
		{ "[credsspd]\n flag = 1\n", "%s/mistakes: [credsspd] flag = 1: true or false is expected" },
		{ "[credsspd]\n flag = \"\"\n", "%s/mistakes: [credsspd] flag = : true or false is expected" },
		{ "[credsspd]\n number = 60s\n",
		  "%s/mistakes: [credsspd] number = 60s: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = 1\n",
		  "%s/mistakes: [credsspd] number = 1: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = 4294967296\n",
		  "%s/mistakes: [credsspd] number = 4294967296: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = 99999999999999999999\n",
		  "%s/mistakes: [credsspd] number = 99999999999999999999: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = -3\n",
		  "%s/mistakes: [credsspd] number = -3: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = 0x10\n",
		  "%s/mistakes: [credsspd] number = 0x10: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = \" 5\"\n",
		  "%s/mistakes: [credsspd] number =  5: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = 5 # so many\n",
		  "%s/mistakes: [credsspd] number = 5 # so many: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n choice = blue\n", "%s/mistakes: [credsspd] choice = blue: red or green is expected" },
		{ "[credsspd]\n choice = RED\n", "%s/mistakes: [credsspd] choice = RED: red or green is expected" },
		{ "[credsspd]\n list = a b c\n list = d e\n",
		  "%s/mistakes: [credsspd] list = a b c: at most 4 words, without a comment is expected" },
		{ "[credsspd]\n addresses = 192.0.2.1 ts1.example.org\n",
		  "%s/mistakes: [credsspd] addresses = 192.0.2.1 ts1.example.org: at most 3 addresses, without a "
		  "comment is expected" },
		{ "[credsspd]\n addresses = 192.0.2.0/24\n", "%s/mistakes: [credsspd] addresses = 192.0.2.0/24: at "
							     "most 3 addresses, without a comment is expected" },
		{ "[credsspd]\n addresses = fe80::1%eth0\n", "%s/mistakes: [credsspd] addresses = fe80::1%eth0: at "
							     "most 3 addresses, without a comment is expected" },
		{ "[credsspd]\n list = 'a b\n",
		  "%s/mistakes: [credsspd] list = 'a b: at most 4 words, without a comment is expected" },
		{ "[credsspd]\n list = 'a'b\n",
		  "%s/mistakes: [credsspd] list = 'a'b: at most 4 words, without a comment is expected" },
		{ "[credsspd]\n list = a ''\n",
		  "%s/mistakes: [credsspd] list = a '': at most 4 words, without a comment is expected" },
		/* a mistake that a later line would hide */
		{ "[credsspd]\n number = x\n number = 3\n",
		  "%s/mistakes: [credsspd] number = x: a number from 2 to 4294967295 is expected" },
		{ "[credsspd]\n number = 3\n number = x\n",
		  "%s/mistakes: [credsspd] number = x: a number from 2 to 4294967295 is expected" },
		/* what libkrb5 would have passed over, or loaded */
		{ "number = 3\n[credsspd]\n", "%s/mistakes: line 1 stands before the first section" },
		{ "# here\n\n [credsspd]\n number = 3\n", "%s/mistakes: line 3 stands before the first section" },
		{ "module /tmp/evil.so:x\n[credsspd]\n", "%s/mistakes: line 1 stands before the first section" },
		/* its own complaints */
		{ "[credsspd]\n number\n",
		  "%s/mistakes: not in the syntax of krb5.conf: Syntax error in profile relation" },
		{ "[credsspd\n number = 3\n",
		  "%s/mistakes: not in the syntax of krb5.conf: Syntax error in profile section header" },
	};
	struct target t;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *error = NULL;
		char told[256];

		(void)snprintf(told, sizeof told, "%s%s", dir, row[i].told + 2);
		if (load(put("mistakes", row[i].text), &t, &error) >= 0)
			fail_msg("row %zu passed", i);
		options_free(rows, N_ROWS, &t);
		assert_non_null(error);
		if (strncmp(error, told, strlen(told)) != 0)
			fail_msg("row %zu: %s", i, error);
	}
}

static void refused(const char *path, int expected, const char *told)
{
	AUTO_FREE char *error = NULL;
	struct target t;
	int r = load(path, &t, &error);

	options_free(rows, N_ROWS, &t);
	if (r != expected || !error || !strstr(error, told))
		fail_msg("%s: %d, %s", path, r, error ? error : "nothing said");
}

static unsigned loaded(const char *path)
{
	AUTO_FREE char *error = NULL;
	struct target t;

	if (load(path, &t, &error) != 0)
		fail_msg("%s: %s", path, error);
	options_free(rows, N_ROWS, &t);
	return t.number;
}

static void test_files(void **state)
{
	const char *good = put("good", "[credsspd]\n number = 3\n");
	const char *path;

	assert_int_equal(loaded(good), 3);
	refused(path_of("missing"), -ENOENT, "/missing: No such file");
	refused(dir, -EPERM, "is no regular file");
	assert_int_equal(symlink(good, path_of("link")), 0);
	refused(path_of("link"), -EPERM, "/link: is a symbolic link");
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	refused(path_of("fifo"), -EPERM, "is no regular file");
	refused("/dev/null", -EPERM, "is no regular file");

	path = put("mode", "[credsspd]\n number = 3\n");
	assert_int_equal(chmod(path, 0664), 0);
	refused(path, -EPERM, "can be written by others (mode 0664)");
	assert_int_equal(chmod(path, 0602), 0);
	refused(path, -EPERM, "can be written by others (mode 0602)");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(loaded(path), 3);

	path = put("large", "[credsspd]\n number = 3\n");
	assert_int_equal(truncate(path, CONFIG_FILE_MAX + 1), 0);
	refused(path, -EFBIG, "larger than 1048576 bytes");
	assert_int_equal(truncate(path, 100), 0);
	refused(path, -EINVAL, "is not a text file");

	/* a colon parts no files */
	path = put("a:b", "[credsspd]\n number = 5\n");
	assert_int_equal(loaded(path), 5);
}

static void test_owner(void **state)
{
	const char *path = put("owner", "[credsspd]\n number = 3\n");

	if (geteuid() != 0)
		skip();
	assert_int_equal(loaded(path), 3);
	assert_int_equal(chown(path, 65534, 0), 0);
	refused(path, -EPERM, "/owner: belongs to uid 65534, not to root");
}

static void test_long_lines(void **state)
{
	static char text[4200];
	const char *path;

	(void)snprintf(text, sizeof text, "[credsspd]\n string = ");
	memset(text + strlen(text), 'x', 2046 - strlen(" string = "));
	assert_int_equal(loaded(put("long", text)), 7);
	strcat(text, "\n number = 3\n");
	refused(put("long", text), -EINVAL, "line 2 has more than 2046 bytes");
	/* what would have been a line of its own behind the cut */
	(void)snprintf(text, sizeof text, "[credsspd]\n#%2045s number = 9\n", "");
	path = put("long", text);
	refused(path, -EINVAL, "line 2 has more than 2046 bytes");
}

static void test_includes(void **state)
{
	const char *main_file = put("main", "includedir %s/drop-ins\ninclude %s/other\n[credsspd]\n number = 3\n");
	const char *drop_ins = path_of("drop-ins");
	const char *path;

	refused(main_file, -ENOENT, "includedir ");
	assert_int_equal(mkdir(drop_ins, 0755), 0);
	refused(main_file, -ENOENT, "/other: No such file");
	put("other", "[credsspd-rdp]\n");
	assert_int_equal(loaded(main_file), 3);

	/* read in order, the last one counts */
	put("tail", "[credsspd]\n number = 3\nincludedir %s/drop-ins\n");
	put("drop-ins/10-a.conf", "[credsspd]\n number = 10\n");
	assert_int_equal(loaded(path_of("tail")), 10);
	put("drop-ins/20-b", "[credsspd]\n number = 20\n");
	assert_int_equal(loaded(path_of("tail")), 20);
	/* not the ones that libkrb5 does not take either */
	put("drop-ins/30-c.conf~", "[credsspd]\n number = nonsense\n");
	put("drop-ins/.40-d.conf", "[credsspd]\n number = nonsense\n");
	assert_int_equal(chmod(path_of("drop-ins/.40-d.conf"), 0666), 0);
	assert_int_equal(loaded(path_of("tail")), 20);

	/* each of them is looked at as the first one is */
	path = put("drop-ins/50-e.conf", "[credsspd]\n colour = red\n");
	refused(path_of("tail"), -EINVAL, "[credsspd] unknown key colour");
	put("drop-ins/50-e.conf", "colour = red\n");
	refused(path_of("tail"), -EINVAL, "/drop-ins/50-e.conf: line 1 stands before the first section");
	put("drop-ins/50-e.conf", "module /tmp/evil.so:x\n");
	refused(path_of("tail"), -EINVAL, "/drop-ins/50-e.conf: line 1 stands before the first section");
	put("drop-ins/50-e.conf", "[credsspd]\n");
	assert_int_equal(chmod(path, 0666), 0);
	refused(path_of("tail"), -EPERM, "/drop-ins/50-e.conf: can be written by others");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(path_of("good"), path), 0);
	refused(path_of("tail"), -EPERM, "/drop-ins/50-e.conf: is a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(loaded(path_of("tail")), 20);
	assert_int_equal(chmod(drop_ins, 0777), 0);
	refused(path_of("tail"), -EPERM, "users other than root can write there");
	assert_int_equal(chmod(drop_ins, 0755), 0);

	/* spelled as libkrb5 takes it too */
	put("unsafe", "[credsspd]\n number = 6\n");
	put("spelling", "include\f%s/unsafe\n");
	assert_int_equal(loaded(path_of("spelling")), 6);
	assert_int_equal(chmod(path_of("unsafe"), 0666), 0);
	refused(path_of("spelling"), -EPERM, "/unsafe: can be written by others");
	put("spaced out", "[credsspd]\n number = 8\n");
	put("spelling", "include \t %s/spaced out\n");
	assert_int_equal(loaded(path_of("spelling")), 8);
	/* in circles */
	put("circle", "include %s/circle\n");
	refused(path_of("circle"), -ELOOP, "/circle: included too deeply");
}

static int setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_files),
		cmocka_unit_test(test_owner),  cmocka_unit_test(test_long_lines), cmocka_unit_test(test_includes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
