/* SPDX-License-Identifier: MIT */
/*
 * System calls and flags are numbers here, because the headers of Debian 12 have the first versions only and kernels
 * are newer. A rule holds for the inode that a path names now, not for a file that replaces it: hence rules are for
 * directories.
 */
#include "common/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"

#define RIGHTS_1 (((uint64_t)1 << 13) - 1)
#define RIGHT_REFER ((uint64_t)1 << 13)
#define RIGHT_TRUNCATE ((uint64_t)1 << 14)
/* execute, write, read, truncate: the rights that a file (not a directory) can have */
#define RIGHTS_OF_FILES ((uint64_t)7 | RIGHT_TRUNCATE)
#define NET_BIND_AND_CONNECT 3U
#define SCOPE_SIGNAL 2U

struct attributes {
	uint64_t files, net, scoped;
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static struct attributes attributes_of(int abi, unsigned flags)
{
	struct attributes a = { 0, 0, 0 };

	if (flags & LANDLOCK_FILES)
		a.files = RIGHTS_1 | (abi >= 2 ? RIGHT_REFER : 0) | (abi >= 3 ? RIGHT_TRUNCATE : 0);
	if (flags & LANDLOCK_NO_TCP && abi >= 4)
		a.net = NET_BIND_AND_CONNECT;
	if (flags & LANDLOCK_NO_SIGNALS && abi >= 6)
		a.scoped = SCOPE_SIGNAL;
	return a;
}

/* Older kernels take a shorter structure. */
static size_t attributes_size(int abi)
{
	return abi >= 6 ? sizeof(struct attributes) : abi >= 4 ? offsetof(struct attributes, scoped) : sizeof(uint64_t);
}

static int allow(int rules, const char *path, uint64_t rights)
{
	AUTO_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr a = { .allowed_access = rights, .parent_fd = fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		a.allowed_access &= RIGHTS_OF_FILES;
	if (!a.allowed_access)
		return 0;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0 ? -errno : 0;
}

int landlock_enter(unsigned flags, const struct landlock_rule *rule, size_t n)
{
	int abi = landlock_abi(), r = 0;
	struct attributes a = attributes_of(abi, flags);
	AUTO_CLOSE int rules = -1;

	if (abi == 0)
		return 1;
	if (!a.files && !a.net && !a.scoped)
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &a, attributes_size(abi), 0);
	if (rules < 0)
		return -errno;
	for (size_t i = 0; i < n && r == 0; i++)
		r = allow(rules, rule[i].path, rule[i].rights & a.files);
	if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = -errno;
	return r;
}
