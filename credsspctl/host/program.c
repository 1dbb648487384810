/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"

#define OUTPUT_MAX 65536U
#define ARGUMENTS_MAX 24U

/* Output beyond the limit is read and dropped, so that the program does not block. */
static char *read_all(int fd)
{
	char *text = malloc(OUTPUT_MAX + 1), rest[512];
	size_t len = 0;
	ssize_t n;

	if (!text)
		return NULL;
	for (;;) {
		n = len < OUTPUT_MAX ? read(fd, text + len, OUTPUT_MAX - len) : read(fd, rest, sizeof rest);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (len < OUTPUT_MAX)
			len += (size_t)n;
	}
	text[len] = '\0';
	return text;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* @out: for both outputs; -1 for those of this process. */
static int start(const char *const *argv, int out, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	const char *copy[ARGUMENTS_MAX + 1] = { NULL };
	int r;

	for (size_t n = 0; argv[n]; n++) {
		if (n == ARGUMENTS_MAX)
			return -E2BIG;
		copy[n] = argv[n];
	}
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0 && out >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0 && out >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (r == 0) /* it does not write to argv */
		r = posix_spawnp(ret, copy[0], &actions, NULL, (char *const *)(void *)copy, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int program_run(const char *const *argv, char **ret_output)
{
	AUTO_CLOSE int in = -1;
	int p[2], r;
	pid_t pid;

	if (!ret_output) {
		r = start(argv, -1, &pid);
		return r < 0 ? r : wait_for(pid);
	}
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	in = p[0];
	r = start(argv, p[1], &pid);
	(void)close(p[1]);
	if (r < 0)
		return r;
	*ret_output = read_all(in);
	r = wait_for(pid);
	return *ret_output ? r : -ENOMEM;
}
