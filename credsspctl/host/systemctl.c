/* SPDX-License-Identifier: MIT */
/* Runs the program instead of using D-Bus, because it enables units also where systemd does not run (chroot, image). */
#include "credsspctl/host/systemctl.h"

#include <errno.h>
#include <stddef.h>
#include <systemd/sd-daemon.h>

#include "credsspctl/host/program.h"

#define SYSTEMCTL "/bin/systemctl"
#define ARGUMENTS_MAX 8U

static int run_systemctl(void *userdata, const char *const *arguments)
{
	const char *argv[ARGUMENTS_MAX + 2] = { SYSTEMCTL };
	size_t n = 0;

	while (arguments[n]) {
		if (n == ARGUMENTS_MAX)
			return -E2BIG;
		argv[n + 1] = arguments[n];
		n++;
	}
	return program_run(argv, NULL);
}

struct systemctl_host systemctl_of_this_host(void)
{
	return (struct systemctl_host){ .systemctl = run_systemctl, .booted = sd_booted() > 0 };
}
