/* SPDX-License-Identifier: MIT */
/*
 * libkrb5's parser trusts its files: it ignores text before the first section, "module" there loads a shared object,
 * and it reads a line that is longer than its buffer as two lines. So the files are checked here before libkrb5 reads
 * them, line by line as its prof_parse.c does.
 */
#include "common/config/files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/limits.h"
#include "common/config/options.h"

#define DEPTH_MAX 4U
#define LINE_LEN_MAX 2046U /* libkrb5 reads lines into 2048 bytes */

struct reader {
	const char *path;
	unsigned depth, line;
	bool in_section;
	time_t *newest;
	char **ret_error;
};

static void note(const struct stat *st, time_t *newest)
{
	if (st->st_mtime > *newest)
		*newest = st->st_mtime;
}

static int check_file(const char *path, FILE **ret_file, time_t *newest, char **ret_error)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? explain(ret_error, -EPERM, "%s: is a symbolic link", path)
				      : explain(ret_error, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return explain(ret_error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return explain(ret_error, -EPERM, "%s: is no regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return explain(ret_error, -EPERM, "%s: belongs to uid %u, not to root", path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return explain(ret_error, -EPERM, "%s: can be written by others (mode %04o)", path, st.st_mode & 07777);
	if (st.st_size > (off_t)CONFIG_FILE_MAX)
		return explain(ret_error, -EFBIG, "%s: larger than %u bytes", path, CONFIG_FILE_MAX);
	note(&st, newest);
	*ret_file = fdopen(fd, "re");
	if (!*ret_file)
		return -ENOMEM;
	(void)TAKE_FD(fd);
	return 0;
}

static int check_tree(const char *path, unsigned depth, time_t *newest, char **ret_error);

/* Returns whether libkrb5 reads @name in an includedir: letters, digits, - and _, or a name that ends in .conf. */
static bool is_drop_in(const char *name)
{
	size_t n = strlen(name);

	if (name[0] == '.')
		return false;
	if (n > 5 && strcmp(name + n - 5, ".conf") == 0)
		return true;
	return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

static int check_directory(const char *path, unsigned depth, time_t *newest, char **ret_error)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!d)
		return explain(ret_error, -errno, "includedir %s: %s", path, strerror(errno));
	if (fstat(dirfd(d), &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		r = explain(ret_error, -EPERM, "includedir %s: users other than root can write there", path);
	else
		note(&st, newest); /* the directory's time shows removed files */
	while (r == 0 && (e = readdir(d))) {
		AUTO_FREE char *file = NULL;

		if (!is_drop_in(e->d_name))
			continue;
		if (asprintf(&file, "%s/%s", path, e->d_name) < 0)
			file = NULL;
		r = file ? check_tree(file, depth + 1, newest, ret_error) : -ENOMEM;
	}
	(void)closedir(d);
	return r;
}

/* Returns the argument of the directive @word in @line, with the line's end cut off, or NULL for any other line. */
static char *directive(char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || !isspace((unsigned char)line[n]))
		return NULL;
	line += n + 1;
	line += strspn(line, " \t");
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static int check_line(struct reader *r, char *line)
{
	char *path;

	r->line++;
	if (strlen(line) > LINE_LEN_MAX)
		return explain(r->ret_error, -EINVAL, "%s: line %u has more than %u bytes", r->path, r->line,
			       LINE_LEN_MAX);
	path = directive(line, "include");
	if (path)
		return check_tree(path, r->depth + 1, r->newest, r->ret_error);
	path = directive(line, "includedir");
	if (path)
		return check_directory(path, r->depth, r->newest, r->ret_error);
	if (line[0] == '[')
		r->in_section = true;
	if (r->in_section || strchr("#;", line[0]) || line[strspn(line, " \t\r\n")] == '\0')
		return 0;
	return explain(r->ret_error, -EINVAL, "%s: line %u stands before the first section", r->path, r->line);
}

static int check_tree(const char *path, unsigned depth, time_t *newest, char **ret_error)
{
	AUTO_FCLOSE FILE *f = NULL;
	AUTO_FREE char *line = NULL;
	struct reader reader = { .path = path, .depth = depth, .newest = newest, .ret_error = ret_error };
	size_t size = 0;
	ssize_t n;
	int r;

	if (depth > DEPTH_MAX)
		return explain(ret_error, -ELOOP, "%s: included too deeply", path);
	r = check_file(path, &f, newest, ret_error);
	while (r == 0 && (n = getline(&line, &size, f)) >= 0)
		r = strlen(line) == (size_t)n ? check_line(&reader, line)
					      : explain(ret_error, -EINVAL, "%s: is not a text file", path);
	return r;
}

int files_check(const char *path, time_t *ret_newest, char **ret_error)
{
	time_t newest = 0;
	int r = check_tree(path, 0, &newest, ret_error);

	if (r == 0)
		*ret_newest = newest;
	return r;
}
