/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/ini.h"

#define FRAGMENT "; what it is for\nport=unix\n# and\n  level = none  \nauto=Xorg\n"

static void test_texts(void **state)
{
	static const struct {
		const char *before, *after;
	} row[] = {
		/* set in place, a key that is missing behind the last one, comments and blank lines stay */
		{ "; top\n[Globals]\nport=3389\n\n#auto=x\nlevel=high\n; end\n\n[Xorg]\nport=-1\n",
		  "; top\n[Globals]\nport=unix\n\n#auto=x\nlevel = none\nauto=Xorg\n; end\n\n[Xorg]\nport=-1\n" },
		/* every one of a key, whatever its case and blanks */
		{ "[globals]\n PORT = 1\nport=2\nauto=Xorg\nLevel=1\n",
		  "[globals]\nport=unix\nport=unix\nauto=Xorg\nlevel = none\n" },
		/* only the first section of the name */
		{ "[a]\nport=1\n[Globals]\n[b]\nport=2\n[Globals]\nport=3\n",
		  "[a]\nport=1\n[Globals]\nport=unix\nlevel = none\nauto=Xorg\n[b]\nport=2\n[Globals]\nport=3\n" },
		/* what stands behind the bracket is nothing to xrdp */
		{ "[Globals] ; all of it\nport=1\n[b] # x\nport=2\n",
		  "[Globals] ; all of it\nport=unix\nlevel = none\nauto=Xorg\n[b] # x\nport=2\n" },
		/* no newline at the end */
		{ "[Globals]\nport=1", "[Globals]\nport=unix\nlevel = none\nauto=Xorg\n" },
		{ "[Globals]", "[Globals]\nport=unix\nlevel = none\nauto=Xorg\n" },
		{ "[Globals]\nauto=1\nport=1\nlevel=1", "[Globals]\nauto=Xorg\nport=unix\nlevel = none\n" },
		/* lines end as they did */
		{ "[Globals]\r\nport=1\r\nlevel=2\r\nauto=3\r\n",
		  "[Globals]\r\nport=unix\r\nlevel = none\r\nauto=Xorg\r\n" },
		/* a key that only begins like one, a line that is none */
		{ "[Globals]\nports=1\n=2\nword\n!port=3\nport=\nlevel=\nauto=\n",
		  "[Globals]\nports=1\n=2\nword\n!port=3\nport=unix\nlevel = none\nauto=Xorg\n" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *after = NULL, *again = NULL;
		size_t len;

		assert_int_equal(ini_set(row[i].before, "Globals", FRAGMENT, &after, &len), 0);
		assert_string_equal(after, row[i].after);
		assert_int_equal(len, strlen(after));
		/* and then there is nothing left to do */
		assert_int_equal(ini_set(after, "Globals", FRAGMENT, &again, &len), 0);
		assert_string_equal(again, after);
	}
}

static void test_undo(void **state)
{
	static const struct {
		const char *before, *now, *result, *kept;
	} row[] = {
		/* NULL: as ini_set() made it */
		{ "; top\n[Globals]\nport=3389\n\n#auto=x\nlevel=high\n; end\n[b]\nport=1\n", NULL, NULL, NULL },
		{ "[globals]\n PORT = 1\nport=2\nLevel=1\n", NULL, NULL, NULL },
		{ "[Globals]\n[b]\n", NULL, NULL, NULL },
		{ "[Globals]\r\nport=1\r\nlevel=2\r\nauto=3\r\n", NULL, NULL, NULL },
		{ "[Globals]\nport=unix\nlevel = none\nauto=Xorg\n", NULL, NULL, NULL },
		/* other lines have come and gone */
		{ "[Globals]\nport=1\nlevel=2\n",
		  "; new\n[Globals]\nfork=true\nlevel=none\nport=unix\nauto=Xorg\n\n[c]\n",
		  "; new\n[Globals]\nfork=true\nlevel=2\nport=1\n\n[c]\n", NULL },
		/* an administrator's value stays; a value that is back needs no note */
		{ "[Globals]\nport=1\nlevel=2\n", "[Globals]\nport=7\nlevel=2\nauto=Xvnc\n",
		  "[Globals]\nport=7\nlevel=2\nauto=Xvnc\n", "port, auto" },
		/* a new file of the package */
		{ "[Globals]\nport=1\n", "[Globals]\nport=1\nlevel=3\n", "[Globals]\nport=1\nlevel=3\n", "level" },
		{ "[Globals]\nport=1\n", "[Xorg]\nport=unix\n", "[Xorg]\nport=unix\n", NULL },
		{ "[Globals]\nport=1\n", "", "", NULL },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *after = NULL, *undone = NULL, *kept = NULL;
		const char *result = row[i].result ? row[i].result : row[i].before;
		size_t len;

		assert_int_equal(ini_set(row[i].before, "Globals", FRAGMENT, &after, &len), 0);
		assert_int_equal(
		    ini_undo(row[i].now ? row[i].now : after, "Globals", row[i].before, after, &undone, &len, &kept),
		    0);
		assert_string_equal(undone, result);
		assert_int_equal(len, strlen(undone));
		if (row[i].kept)
			assert_string_equal(kept, row[i].kept);
		else
			assert_null(kept);
	}
}

static void test_refused(void **state)
{
	char *ret = NULL;
	size_t len;

	assert_int_equal(ini_set("port=1\n[Xorg]\n", "Globals", FRAGMENT, &ret, &len), -ENOENT);
	assert_int_equal(ini_set("", "Globals", FRAGMENT, &ret, &len), -ENOENT);
	assert_int_equal(ini_set("[Globals]\n", "Globals", "port=1\nno key\n", &ret, &len), -EINVAL);
	assert_int_equal(ini_set("[Globals]\n", "Globals", "[Globals]\n", &ret, &len), -EINVAL);
	assert_null(ret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
