/* SPDX-License-Identifier: MIT */
/*
 * How many tries a card has left is read, and the PIN is used a while later; in between another helper could read the
 * same and the two use the last one up. So only one is at it from before the first to its end. One lock for all cards:
 * which card it will be is only known when they have been read, and a module may know one card by several slots.
 *
 * What is locked is the directory of the temporary caches: root's alone, and there is nothing to leave behind.
 */
#include "pam_credssp/helper/card-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "pam_credssp/ccache.h"

static int open_directory(int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (mkdir(CCACHE_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(CCACHE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* a process that can open it can keep all others waiting */
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* No flock() that blocks: it would be ended by a signal only, or by the deadline, without a word. */
static int lock_until(int fd, int64_t end)
{
	const struct timespec pause = { .tv_nsec = HELPER_LOCK_LOOK_MSEC * 1000000L };

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (clock_msec() >= end)
			return -ETIMEDOUT;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

unsigned card_lock(const char *deadline, struct helper_result *result)
{
	static int held = -1; /* until the process ends; O_CLOEXEC keeps it from what a module starts */
	int r = open_directory(&held);

	if (r == 0)
		r = lock_until(held, strtoll(deadline, NULL, 10) - HELPER_LOCK_MARGIN_MSEC);
	if (r == -ETIMEDOUT)
		return HELPER_CARDS_BUSY;
	return r < 0 ? helper_say(result, HELPER_INTERNAL, CCACHE_DIRECTORY ": %s", strerror(-r))
		     : (unsigned)HELPER_SUCCESS;
}
