/* SPDX-License-Identifier: MIT */
/* A program and not the bus: systemctl enables units also where no systemd runs (a chroot, an image being built). */
#include "credsspctl/host/systemctl.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define SYSTEMCTL "/bin/systemctl"
#define ARGUMENTS_MAX 8U

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static int run_systemctl(void *userdata, const char *const *arguments)
{
	const char *argv[ARGUMENTS_MAX + 2] = { SYSTEMCTL };
	size_t n = 0;
	pid_t pid;
	int r;

	(void)userdata;
	while (arguments[n]) {
		if (n == ARGUMENTS_MAX)
			return -E2BIG;
		argv[n + 1] = arguments[n];
		n++;
	}
	/* posix_spawn() does not write to argv */
	r = posix_spawn(&pid, SYSTEMCTL, NULL, NULL, (char *const *)(void *)argv, environ);
	return r != 0 ? -r : wait_for(pid);
}

struct systemctl_host systemctl_of_this_host(void)
{
	return (struct systemctl_host){ .systemctl = run_systemctl, .booted = sd_booted() > 0 };
}
