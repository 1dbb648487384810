/* SPDX-License-Identifier: MIT */
#include "common/base/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define CONTROL_FD 3

void exec_role(const char *arg1, const char *arg2, const char *config_path, int control, pid_t parent)
{
	/* set by systemd for the parent alone */
	static const char *const variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
						 "LISTEN_FDS",    "LISTEN_PID",    "LISTEN_FDNAMES" };
	char *argv[8];
	int n = 0;
	sigset_t unblocked;

	/* a parent that ended before the prctl() sends no signal */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	(void)sigemptyset(&unblocked);
	(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
	argv[n++] = (char *)(uintptr_t) "credsspd";
	argv[n++] = (char *)(uintptr_t)arg1;
	if (arg2)
		argv[n++] = (char *)(uintptr_t)arg2;
	argv[n++] = (char *)(uintptr_t) "--config";
	argv[n++] = (char *)(uintptr_t)config_path;
	argv[n] = NULL;
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		(void)unsetenv(variables[i]);
	if (control == CONTROL_FD) {
		if (fcntl(control, F_SETFD, 0) < 0)
			_exit(127);
	} else if (dup2(control, CONTROL_FD) < 0) {
		_exit(127);
	}
	(void)close_range(CONTROL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)execv("/proc/self/exe", argv);
	_exit(127);
}
