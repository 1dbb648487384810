/* SPDX-License-Identifier: MIT */
/*
 * Why a lock: a helper reads how many tries a card has left, and uses the PIN later. Without the lock two helpers could
 * read the same number and together use up the last try. One lock is for all cards, because the card is chosen only
 * after all were read, and a module may show one card in several slots.
 *
 * The lock is on the directory of the temporary caches, which only root can open, so no lock file is left behind.
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
	/* a process that can open the directory could hold the lock for ever */
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Polls, because a blocking flock() could only be ended by a signal, without a result for the log. */
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
	static int held = -1; /* until the process ends; O_CLOEXEC: programs that a module starts do not inherit it */
	int r = open_directory(&held);

	if (r == 0)
		r = lock_until(held, strtoll(deadline, NULL, 10) - HELPER_LOCK_MARGIN_MSEC);
	if (r == -ETIMEDOUT)
		return HELPER_CARDS_BUSY;
	return r < 0 ? helper_say(result, HELPER_INTERNAL, CCACHE_DIRECTORY ": %s", strerror(-r))
		     : (unsigned)HELPER_SUCCESS;
}
