/* SPDX-License-Identifier: MIT */
#include "common/base/regular-file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/cleanup.h"

int regular_file_open(const char *path)
{
	/* O_NONBLOCK: the open of a FIFO waits for a writer otherwise; it says nothing about a regular file */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

int regular_file_check(const char *path)
{
	int fd = regular_file_open(path);

	return fd < 0 ? fd : close(fd);
}

FILE *regular_file_stream(const char *path)
{
	int fd = regular_file_open(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd < 0)
		errno = -fd;
	else if (!f)
		(void)close(fd);
	return f;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool regular_file_unchanged(const struct stat *before, const struct stat *now)
{
	return before->st_dev == now->st_dev && before->st_ino == now->st_ino && before->st_size == now->st_size &&
	       same_time(&before->st_mtim, &now->st_mtim) && same_time(&before->st_ctim, &now->st_ctim);
}
