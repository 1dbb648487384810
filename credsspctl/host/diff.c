/* SPDX-License-Identifier: MIT */
/* The texts are in memory files, which diff opens below /dev/fd, so that no file is left in a directory. */
#include "credsspctl/host/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "credsspctl/host/print-dbus.h"
#include "credsspctl/host/program.h"

#define DIFFERENT 1 /* exit status of diff; 2 is trouble */
#define NAME_MAX_ 32U

/* Returns a descriptor that diff inherits, with the name of the file for it in @name; or -errno. */
static int memory_file(const char *text, char name[NAME_MAX_])
{
	AUTO_CLOSE int fd = memfd_create("credsspctl", 0);
	int r = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));

	if (r < 0)
		return r;
	(void)snprintf(name, NAME_MAX_, "/dev/fd/%d", fd);
	return TAKE_FD(fd);
}

int diff_print(FILE *out, const char *path, const char *before, const char *after)
{
	char from_name[NAME_MAX_], to_name[NAME_MAX_];
	AUTO_CLOSE int from = memory_file(before ? before : "", from_name);
	AUTO_CLOSE int to = memory_file(after ? after : "", to_name);
	const char *const argv[] = {
		"diff",    "-u",    "--label", before ? path : "/dev/null", "--label", after ? path : "/dev/null",
		from_name, to_name, NULL
	};
	AUTO_FREE char *text = NULL;
	char *rest;
	int r;

	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	r = program_run(argv, &text);
	if (r < 0 || r > DIFFERENT)
		return r < 0 ? r : -EIO;
	rest = text;
	for (char *line; (line = strsep(&rest, "\n")) && rest;)
		print_escaped_line(out, line);
	return 0;
}
