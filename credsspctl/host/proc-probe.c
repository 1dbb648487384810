/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/proc-probe.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"

#define GROUPS_MAX 256
#define WORK_SEC 5      /* a full backlog blocks connect(2) */
#define TCP_LISTEN 0x0a /* include/net/tcp_states.h of the kernel */
#define UNIX_ACCEPTS 0x10000

/* ---- names ---- */

/* Returns whether getpwnam_r() found no such name; configured name services that do not run return these errors,
 * too. */
static bool is_unknown(int r)
{
	return r == 0 || r == ENOENT || r == ESRCH || r == ECONNREFUSED;
}

bool proc_probe_no_user(const char *name)
{
	static char buffer[16384];
	struct passwd pw, *result = NULL;
	int r = getpwnam_r(name, &pw, buffer, sizeof buffer, &result);

	/* an account with another pw_name does not count, because logons are compared with pw_name */
	return result ? strcmp(result->pw_name, name) != 0 : is_unknown(r);
}

bool proc_probe_no_group(const char *name)
{
	static char buffer[65536];
	struct group group, *result = NULL;
	int r = getgrnam_r(name, &group, buffer, sizeof buffer, &result);

	return !result && is_unknown(r);
}

/* ---- groups ---- */

/* Appends the groups of process @pid to the @n in @groups. */
static int add_groups_of(pid_t pid, gid_t *groups, int n)
{
	AUTO_FCLOSE FILE *f = NULL;
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = pid ? fopen(path, "re") : NULL;
	while (f && getline(&line, &size, f) > 0) {
		if (strncmp(line, "Gid:", 4) != 0 && strncmp(line, "Groups:", 7) != 0)
			continue;
		for (char *p = strchr(line, ':') + 1, *end; n < GROUPS_MAX; p = end) {
			unsigned long gid = strtoul(p, &end, 10);

			if (end == p)
				break;
			groups[n++] = (gid_t)gid;
		}
	}
	return n;
}

bool proc_probe_in_group(pid_t pid, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	int n = add_groups_of(pid, groups, 0);

	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* ---- access ---- */

static int become(const struct passwd *pw, const gid_t *groups, int n)
{
	if (setgroups((size_t)n, groups) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return -EPERM;
	return 0;
}

int proc_probe_as(const char *user, pid_t like, int (*work)(void *userdata), void *userdata)
{
	struct passwd *pw = getpwnam(user);
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX, status;
	pid_t child;

	if (!pw)
		return -ESRCH;
	if (getgrouplist(user, pw->pw_gid, groups, &n) < 0)
		n = 0;
	n = add_groups_of(like, groups, n);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		(void)alarm(WORK_SEC);
		_exit(become(pw, groups, n) < 0 ? EPERM : -work(userdata));
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

struct probe {
	const char *path;
	int mode;
};

static int try_access(void *userdata)
{
	const struct probe *p = userdata;

	return access(p->path, p->mode) < 0 ? -errno : 0;
}

static int try_connect(void *userdata)
{
	const struct probe *p = userdata;
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(p->path) >= sizeof there.sun_path)
		return fd < 0 ? -errno : -ENAMETOOLONG;
	memcpy(there.sun_path, p->path, strlen(p->path) + 1);
	return connect(fd, (const struct sockaddr *)&there, sizeof there) < 0 ? -errno : 0;
}

int proc_probe_access(const char *user, pid_t like, const char *path, int mode)
{
	return proc_probe_as(user, like, try_access, &(struct probe){ path, mode });
}

char *proc_probe_closed_directory(const char *user, pid_t like, const char *path)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *directory = strndup(path, (size_t)(slash - path));

		if (!directory || proc_probe_access(user, like, directory, X_OK) == -EACCES)
			return directory;
		free(directory);
	}
	return NULL;
}

int proc_probe_connect(const char *user, pid_t like, const char *path)
{
	return proc_probe_as(user, like, try_connect, &(struct probe){ .path = path });
}

/* ---- processes ---- */

/* Returns whether the process of the directory /proc/@name is called @comm and runs as @uid. */
static bool is_called(const char *name, const char *comm, uid_t uid)
{
	AUTO_FCLOSE FILE *f = NULL;
	char path[64], line[64] = "";
	struct stat st;

	if (!isdigit((unsigned char)name[0]) || strlen(name) > 10)
		return false;
	(void)snprintf(path, sizeof path, "/proc/%.10s/comm", name);
	f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) < 0 || !fgets(line, sizeof line, f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, comm) != 0)
		return false;
	(void)snprintf(path, sizeof path, "/proc/%.10s", name);
	/* the directory's owner is compared, because the files of a process that is not dumpable belong to root */
	return uid == (uid_t)-1 || (stat(path, &st) == 0 && st.st_uid == uid);
}

pid_t proc_probe_process(const char *comm, uid_t uid)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t pid = 0;

	while (d && pid == 0 && (e = readdir(d)))
		if (is_called(e->d_name, comm, uid))
			pid = atoi(e->d_name);
	if (d)
		(void)closedir(d);
	return pid;
}

pid_t proc_probe_process_of(const char *user, const char *comm)
{
	const struct passwd *pw = getpwnam(user);

	return pw ? proc_probe_process(comm, pw->pw_uid) : 0;
}

/* Reads the name of process @pid, and its parent; returns false when it has ended. */
static bool name_and_parent(pid_t pid, char name[16], pid_t *ret_parent)
{
	AUTO_FCLOSE FILE *f = NULL;
	char path[64], line[512], *end, state;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof line, f))
		return false;
	/* "PID (NAME) STATE PARENT ..."; a name may have brackets in it */
	end = strrchr(line, ')');
	if (!end || sscanf(end, ") %c %d", &state, ret_parent) != 2 || state == 'Z' || state == 'X')
		return false;
	*end = '\0';
	return sscanf(line, "%*d (%15[^\n]", name) == 1;
}

/* Returns whether @pid is called one of @names, and its parent. */
static bool is_named(pid_t pid, const char *const *names, pid_t *ret_parent)
{
	char name[16];

	if (!name_and_parent(pid, name, ret_parent))
		return false;
	for (size_t i = 0; names[i]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

unsigned proc_probe_grandchildren(const char *prefix, const char *const *parents, const char *grandparent)
{
	const char *const grandparents[] = { grandparent, NULL };
	DIR *d = opendir("/proc");
	struct dirent *e;
	char name[16];
	pid_t parent;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]) || !name_and_parent(atoi(e->d_name), name, &parent) ||
		    strncmp(name, prefix, strlen(prefix)) != 0)
			continue;
		if (is_named(parent, parents, &parent) && is_named(parent, grandparents, &parent))
			n++;
	}
	if (d)
		(void)closedir(d);
	return n;
}

/* ---- sockets ---- */

struct inodes {
	uint64_t *p;
	size_t n, room;
};

/* Adds a socket; without memory it is left out. */
static void add_inode(struct inodes *s, uint64_t inode)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		uint64_t *p = reallocarray(s->p, room, sizeof *p);

		if (!p)
			return;
		s->p = p;
		s->room = room;
	}
	s->p[s->n++] = inode;
}

static void add_sockets_of(struct inodes *s, const char *name)
{
	char path[64], target[64];
	struct dirent *e;
	uint64_t inode;
	DIR *d;

	(void)snprintf(path, sizeof path, "/proc/%.10s/fd", name);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%" SCNu64, &inode) == 1)
			add_inode(s, inode);
	}
	if (d)
		(void)closedir(d);
}

static void sockets_of(struct inodes *s, const char *comm, uid_t uid)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (is_called(e->d_name, comm, uid))
			add_sockets_of(s, e->d_name);
	if (d)
		(void)closedir(d);
}

static bool has(const struct inodes *s, uint64_t inode)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i] == inode)
			return true;
	return false;
}

/* Converts an address from /proc/net: words in network order, printed as numbers in host order. */
static void address_of(const char *hex, unsigned port, char *out, size_t size)
{
	uint32_t word[4] = { 0 };
	char text[INET6_ADDRSTRLEN] = "?";
	bool v6 = strlen(hex) == 32;

	for (int i = 0; i < (v6 ? 4 : 1); i++)
		(void)sscanf(hex + (ptrdiff_t)i * 8, "%8" SCNx32, &word[i]);
	(void)inet_ntop(v6 ? AF_INET6 : AF_INET, word, text, sizeof text);
	(void)snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", text, port);
}

static void add_listener(char **list, const char *address)
{
	AUTO_FREE char *old = *list;

	if (asprintf(list, "%s%s%s", old ? old : "", old ? ", " : "", address) < 0)
		*list = NULL;
}

static void listeners_of(const char *table, const struct inodes *s, char **list)
{
	AUTO_FCLOSE FILE *f = fopen(table, "re");
	char line[512], local[40], address[80];
	unsigned port, state;
	uint64_t inode;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64, local,
			   &port, &state, &inode) != 4 ||
		    state != TCP_LISTEN || !has(s, inode))
			continue;
		address_of(local, port, address, sizeof address);
		if (!*list || !strstr(*list, address))
			add_listener(list, address);
	}
}

char *proc_probe_tcp_listeners(const char *comm, uid_t uid)
{
	struct inodes s = { .p = NULL };
	char *list = NULL;

	sockets_of(&s, comm, uid);
	listeners_of("/proc/net/tcp", &s, &list);
	listeners_of("/proc/net/tcp6", &s, &list);
	free(s.p);
	return list;
}

bool proc_probe_unix_listening(const char *path)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/net/unix", "re");
	char line[512], at[128];
	unsigned flags;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %127s", &flags, at) != 2 || !(flags & UNIX_ACCEPTS))
			continue;
		/* xrdp's port=unix://./run/... binds a relative path */
		if (strcmp(at, path) == 0 || (at[0] == '.' && strcmp(at + 1, path) == 0))
			return true;
	}
	return false;
}
