/* SPDX-License-Identifier: MIT */
#include "common/base/children.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"

#define ROUNDS 200
#define PAUSE_USEC 5000U

/* Kills and reaps once. Returns whether there was a child to end. */
static bool end_once(children_keep_fn keep, const void *userdata)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/thread-self/children", "re");
	bool left = false;
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1) { /* NOLINT(cert-err34-c): the kernel's numbers */
		if (keep && keep(pid, userdata))
			continue;
		(void)kill(pid, SIGKILL); /* not reaped yet, so its pid is still its own */
		/* reaped: its own children are in the list of the next round */
		(void)waitpid(pid, NULL, WNOHANG);
		left = true;
	}
	return left;
}

void children_end(children_keep_fn keep, const void *userdata)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (!end_once(keep, userdata))
			return;
		(void)usleep(PAUSE_USEC);
	}
	log_line(LOG_ERR, "processes do not end although they were killed");
}
