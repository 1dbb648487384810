/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/base/limits.h"

void file_text_done(struct file_text *t)
{
	free(t->data);
	*t = FILE_TEXT_NULL;
}

bool file_text_copy(struct file_text *to, const struct file_text *from)
{
	char *data = malloc(from->len + 1);

	if (!data)
		return false;
	memcpy(data, from->data, from->len + 1);
	file_text_done(to);
	*to = *from;
	to->data = data;
	return true;
}

bool file_text_same(const struct file_text *a, const struct file_text *b)
{
	return a->data && b->data && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static int read_all(int fd, char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* shorter than fstat() said: a program is writing it */
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int atomic_file_read(int root, const char *path, struct file_text *ret)
{
	AUTO_CLOSE int fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	CLEANUP(file_text_done) struct file_text t = FILE_TEXT_NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EMEDIUMTYPE;
	if (st.st_size > (off_t)SYSTEM_FILE_MAX)
		return -EFBIG;
	t.len = (size_t)st.st_size;
	t.mode = st.st_mode & 07777;
	t.uid = st.st_uid;
	t.gid = st.st_gid;
	t.data = malloc(t.len + 1);
	if (!t.data)
		return -ENOMEM;
	r = read_all(fd, t.data, t.len);
	if (r < 0)
		return r;
	t.data[t.len] = '\0';
	if (memchr(t.data, '\0', t.len))
		return -EBADMSG;
	*ret = t;
	t = FILE_TEXT_NULL;
	return 0;
}

/* Sets the owner before the mode, because a change of owner clears set-id bits. */
static int fill(int fd, const struct file_text *t)
{
	int r = io_write_all(fd, t->data, t->len);

	if (r < 0)
		return r;
	if (fchown(fd, t->uid, t->gid) < 0 || fchmod(fd, t->mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int sync_directory_of(int root, const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	AUTO_CLOSE int fd = directory ? openat(root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!directory)
		return -ENOMEM;
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int atomic_file_replace(int root, const char *path, const struct file_text *t)
{
	AUTO_FREE char *temporary = NULL;
	AUTO_CLOSE int fd = -1;
	int r;

	if (asprintf(&temporary, "%s.credsspctl-new", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	/* a file left by a run that was killed */
	if (unlinkat(root, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(root, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fill(fd, t);
	if (r == 0 && renameat(root, temporary, root, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(root, temporary, 0);
	return r < 0 ? r : sync_directory_of(root, path);
}
