/* SPDX-License-Identifier: MIT */
/* The state is a directory that is replaced by rename. It belongs to root, unlike the daemons' state, because PAM
 * stacks are restored from it. */
#include "credsspctl/xrdp/xrdp-state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"

#define PARENT "var/lib/pam-credssp"
#define NEW XRDP_STATE ".new"

const char *const xrdp_paths[XRDP_FILES] = {
	[XRDP_INI] = "etc/xrdp/xrdp.ini",
	[XRDP_STACK] = "etc/pam.d/xrdp-sesman",
	[XRDP_DROPIN] = "etc/systemd/system/xrdp.service.d/credsspd-rdp.conf",
};

/* names of the copies in the directory */
static const struct kept {
	const char *before, *after;
} kept[XRDP_FILES] = {
	[XRDP_INI] = { "xrdp.ini.before", "xrdp.ini.after" },
	[XRDP_STACK] = { "xrdp-sesman.before", "xrdp-sesman.after" },
	[XRDP_DROPIN] = { "credsspd-rdp.conf.before", "credsspd-rdp.conf.after" },
};
#define ABOUT "about"

void xrdp_state_done(struct xrdp_state *s)
{
	for (int i = 0; i < XRDP_FILES; i++) {
		file_text_done(&s->file[i].live);
		file_text_done(&s->file[i].base);
		file_text_done(&s->file[i].before);
		file_text_done(&s->file[i].after);
		free(s->file[i].note);
	}
}

/*
 * `format 3` (2, or no such line, in those of earlier versions), `stack NAME`, `enabled 0|1 ...`, `settled 0|1`, and
 * since format 3 `shipped 0|1 0|1` for xrdp.ini and the stack, one a line
 */
#define FORMAT_2 "format 2\n"
#define FORMAT_3 "format 3\n"
#define LINES "stack %63[a-z0-9-]\nenabled %d %d %d\nsettled %d\n"

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int about_parse(const char *text, struct xrdp_state *s)
{
	bool is_3 = has_prefix(text, FORMAT_3);
	int on[XRDP_UNITS], settled, ini = 0, stack = 0, n;
	char rest;

	s->whole = !is_3 && !has_prefix(text, FORMAT_2);
	if (!s->whole)
		text += sizeof FORMAT_2 - 1;
	if (is_3)
		n = sscanf(text, LINES "shipped %d %d\n%c", s->stack, &on[0], &on[1], &on[2], &settled, &ini, &stack,
			   &rest) -
		    2;
	else
		n = sscanf(text, LINES "%c", s->stack, &on[0], &on[1], &on[2], &settled, &rest);
	if (n != 2 + XRDP_UNITS)
		return -EBADMSG;
	s->settled = settled != 0;
	s->file[XRDP_INI].shipped = ini != 0;
	s->file[XRDP_STACK].shipped = stack != 0;
	for (int i = 0; i < XRDP_UNITS; i++)
		s->enabled[i] = on[i] != 0;
	return 0;
}

static int write_about(int dir, const struct xrdp_state *s)
{
	char text[XRDP_STACK_MAX + 96];
	int n = snprintf(text, sizeof text, FORMAT_3 "stack %s\nenabled %d %d %d\nsettled %d\nshipped %d %d\n",
			 s->stack, s->enabled[0], s->enabled[1], s->enabled[2], s->settled, s->file[XRDP_INI].shipped,
			 s->file[XRDP_STACK].shipped);
	struct file_text t = { .data = text, .len = (size_t)n, .mode = 0600, .uid = geteuid(), .gid = getegid() };

	return n < 0 || (size_t)n >= sizeof text ? -EOVERFLOW : atomic_file_replace(dir, ABOUT, &t);
}

/* A missing copy stands for a file that did not exist. xrdp.ini always existed. */
static int read_copy(int dir, const char *name, bool optional, struct file_text *ret)
{
	int r = atomic_file_read(dir, name, ret);

	return r == -ENOENT && optional ? 0 : r;
}

static int read_copies(int dir, struct xrdp_state *s)
{
	int r = 0;

	for (int i = 0; r == 0 && i < XRDP_FILES; i++) {
		bool optional = i == XRDP_DROPIN || (i == XRDP_STACK && !s->whole);

		r = read_copy(dir, kept[i].before, optional, &s->file[i].before);
		if (r == 0)
			r = read_copy(dir, kept[i].after, i == XRDP_DROPIN, &s->file[i].after);
	}
	return r;
}

int xrdp_state_read(int root, struct xrdp_state *ret)
{
	AUTO_CLOSE int dir = openat(root, XRDP_STATE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(file_text_done) struct file_text about = FILE_TEXT_NULL;
	CLEANUP(xrdp_state_done) struct xrdp_state s = XRDP_STATE_NULL;
	int r;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	r = atomic_file_read(dir, ABOUT, &about);
	if (r == 0)
		r = about_parse(about.data, &s);
	if (r == 0)
		r = read_copies(dir, &s);
	if (r < 0)
		return r;
	s.kept = true;
	*ret = s;
	s = XRDP_STATE_NULL;
	return 0;
}

/* Removes the directory and its files; a missing directory is no error. */
static int remove_directory(int root, const char *path)
{
	AUTO_CLOSE int dir = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < XRDP_FILES; i++) {
		(void)unlinkat(dir, kept[i].before, 0);
		(void)unlinkat(dir, kept[i].after, 0);
	}
	(void)unlinkat(dir, ABOUT, 0);
	return unlinkat(root, path, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int make_directory(int root, const char *path, mode_t mode)
{
	return mkdirat(root, path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_new(int root, const struct xrdp_state *s)
{
	AUTO_CLOSE int dir = -1;
	int r = make_directory(root, PARENT, 0755);

	if (r == 0)
		r = remove_directory(root, NEW);
	if (r == 0)
		r = make_directory(root, NEW, 0700);
	if (r < 0)
		return r;
	dir = openat(root, NEW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = write_about(dir, s);
	for (int i = 0; r == 0 && i < XRDP_FILES; i++) {
		if (s->file[i].before.data)
			r = atomic_file_replace(dir, kept[i].before, &s->file[i].before);
		if (r == 0 && s->file[i].after.data)
			r = atomic_file_replace(dir, kept[i].after, &s->file[i].after);
	}
	return r == 0 && fsync(dir) < 0 ? -errno : r;
}

int xrdp_state_write(int root, const struct xrdp_state *s)
{
	int r = write_new(root, s);

	if (r < 0)
		return r;
	if (renameat2(root, NEW, root, XRDP_STATE, s->kept ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0)
		return -errno;
	return s->kept ? remove_directory(root, NEW) : 0;
}

int xrdp_state_remove(int root)
{
	int r = remove_directory(root, XRDP_STATE);

	if (r == 0 && unlinkat(root, PARENT, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY &&
	    errno != EEXIST)
		r = -errno;
	return r;
}
