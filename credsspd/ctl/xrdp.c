/* SPDX-License-Identifier: MIT */
/*
 * The kept copies are complete before the first file is changed, and a file is always either as it was or as it is
 * meant to become: whatever happens in between, xrdp_disable() finds its way back.
 */
#include "credsspd/ctl/xrdp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "credsspd/ctl/ini.h"
#include "credsspd/ctl/textdiff.h"
#include "credsspd/ctl/xrdp-state.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/limits.h"

#define FRAGMENT XRDP_SHARE "/xrdp/xrdp.ini.fragment"
#define STACKS XRDP_SHARE "/pam.d/xrdp-sesman"
#define DEFAULT_STACK "local"
#define SOCKET "run/xrdp/front.sock" /* `port` of the fragment */

/* In the order in which they are started; stopped the other way round by systemd itself. */
static const char *const units[XRDP_UNITS] = { "credsspd.service", "credsspd-rdp.socket", "credsspd-rdp.service" };

__attribute__((format(printf, 3, 4))) static int fail(char *problem, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(problem, XRDP_PROBLEM_MAX, fmt, ap);
	va_end(ap);
	return r;
}

static void add(char *problem, const char *more)
{
	size_t len = strlen(problem);

	(void)snprintf(problem + len, XRDP_PROBLEM_MAX - len, "%s", more);
}

/* ---- what the files are to become ---- */

/* Why a file cannot be read or replaced; a link is not followed. */
static const char *why(int r)
{
	return r == -ELOOP ? "is a symbolic link" : strerror(-r);
}

static int read_shipped(const struct xrdp_host *host, const char *path, struct file_text *ret, char *problem)
{
	int r = rootfile_read(host->root, path, ret);

	return r < 0 ? fail(problem, r, "/%s: %s", path, why(r)) : 0;
}

static int make_ini(const struct xrdp_host *host, struct xrdp_file *f, char *problem)
{
	CLEANUP(file_text_done) struct file_text fragment = FILE_TEXT_NULL;
	int r = read_shipped(host, FRAGMENT, &fragment, problem);

	if (r < 0)
		return r;
	f->after = (struct file_text){ .mode = f->before.mode, .uid = f->before.uid, .gid = f->before.gid };
	r = ini_set(f->before.data, "Globals", fragment.data, &f->after.data, &f->after.len);
	if (r == -ENOENT)
		return fail(problem, r, "/%s has no section [Globals]", xrdp_paths[XRDP_INI]);
	return r < 0 ? fail(problem, r, "/%s: %s", FRAGMENT, strerror(-r)) : 0;
}

static bool stack_name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && name[len] == '\0' && len < XRDP_STACK_MAX;
}

/* @text becomes what a configuration makes of it. */
static int set_options(struct file_text *text, const struct stack_options *o)
{
	AUTO_FREE char *before = text->data;

	text->data = NULL;
	return stack_options_add(before, o, &text->data, &text->len);
}

static int make_stack(const struct xrdp_host *host, const char *name, const struct stack_options *options,
		      struct xrdp_file *f, char *problem)
{
	char path[sizeof STACKS + XRDP_STACK_MAX + 1];
	int r;

	if (!stack_name_valid(name))
		return fail(problem, -EINVAL, "no stack has such a name");
	if (strcmp(name, DEFAULT_STACK) == 0)
		(void)snprintf(path, sizeof path, "%s", STACKS);
	else
		(void)snprintf(path, sizeof path, "%s.%s", STACKS, name);
	r = read_shipped(host, path, &f->after, problem);
	if (r < 0)
		return r;
	if (options && set_options(&f->after, options) < 0)
		return fail(problem, -ENOMEM, "out of memory");
	f->after.mode = f->before.mode;
	f->after.uid = f->before.uid;
	f->after.gid = f->before.gid;
	return 0;
}

/* ---- the files ---- */

static int read_live(const struct xrdp_host *host, struct xrdp_state *s, char *problem)
{
	for (int i = 0; i < XRDP_FILES; i++) {
		int r = rootfile_read(host->root, xrdp_paths[i], &s->file[i].live);

		if (r == -ENOENT)
			return fail(problem, r, "/%s is missing: is the package xrdp installed?", xrdp_paths[i]);
		if (r < 0)
			return fail(problem, r, "/%s: %s", xrdp_paths[i], why(r));
	}
	return 0;
}

/* What somebody has changed since is not ours to overwrite. */
static int check_unchanged(const struct xrdp_state *s, char *problem)
{
	for (int i = 0; i < XRDP_FILES; i++) {
		const struct xrdp_file *f = &s->file[i];

		if (!file_text_same(&f->live, &f->before) && !file_text_same(&f->live, &f->after))
			return fail(problem, -EBUSY,
				    "/%s has been changed since \"credsspctl xrdp enable\": nothing was done. OWN "
				    "CHANGES in credsspctl(8) says how to keep that; to drop it: cp /%s/%s.before /%s",
				    xrdp_paths[i], XRDP_STATE, strrchr(xrdp_paths[i], '/') + 1, xrdp_paths[i]);
	}
	return 0;
}

static void show(const struct xrdp_host *host, const struct file_text *from, const struct file_text *to, int i)
{
	if (file_text_same(from, to))
		return;
	(void)fprintf(host->out, "/%s:\n", xrdp_paths[i]);
	textdiff_show(host->out, from->data, to->data);
}

static int put(const struct xrdp_host *host, const struct file_text *live, const struct file_text *to, int i,
	       char *problem)
{
	int r = file_text_same(live, to) ? 0 : rootfile_replace(host->root, xrdp_paths[i], to);

	return r < 0 ? fail(problem, r, "/%s cannot be replaced: %s", xrdp_paths[i], strerror(-r)) : 0;
}

static int put_before(const struct xrdp_host *host, const struct xrdp_state *s, char *problem)
{
	int r = 0;

	for (int i = 0; r == 0 && i < XRDP_FILES; i++)
		r = put(host, &s->file[i].live, &s->file[i].before, i, problem);
	return r;
}

static int put_after(const struct xrdp_host *host, const struct xrdp_state *s, char *problem)
{
	int r = 0;

	for (int i = 0; r == 0 && i < XRDP_FILES; i++)
		r = put(host, &s->file[i].before, &s->file[i].after, i, problem);
	return r;
}

/* ---- units ---- */

/* `systemctl VERB UNIT...`, shown, and run unless this only shows. */
static int do_units(const struct xrdp_host *host, bool dry_run, const char *verb, const bool which[XRDP_UNITS],
		    char *problem)
{
	const char *arguments[XRDP_UNITS + 3] = { "--quiet", verb };
	size_t n = 2;
	int r;

	for (int i = 0; i < XRDP_UNITS; i++)
		if (which[i])
			arguments[n++] = units[i];
	if (n == 2)
		return 0;
	(void)fprintf(host->out, "systemctl %s", verb);
	for (size_t i = 2; i < n; i++)
		(void)fprintf(host->out, " %s", arguments[i]);
	(void)fputc('\n', host->out);
	if (dry_run)
		return 0;
	(void)fflush(host->out);
	r = host->units.systemctl(host->units.userdata, arguments);
	return r != 0 ? fail(problem, r < 0 ? r : -EIO, "\"systemctl %s\" has failed", verb) : 0;
}

/* sesman goes with it: its unit is bound to this one */
static int restart_xrdp(const struct xrdp_host *host, bool dry_run, char *problem)
{
	const char *const arguments[] = { "--quiet", "restart", "xrdp.service", NULL };

	const char *const reset[] = { "--quiet", "reset-failed", "xrdp.service", "xrdp-sesman.service", NULL };

	(void)fputs("systemctl restart xrdp.service\n", host->out);
	if (dry_run)
		return 0;
	(void)fflush(host->out);
	/* earlier restarts count towards the units' start limit; a unit that has not failed is no error */
	(void)host->units.systemctl(host->units.userdata, reset);
	return host->units.systemctl(host->units.userdata, arguments) != 0
		   ? fail(problem, -EIO, "xrdp.service did not start")
		   : 0;
}

static bool is_enabled(const struct xrdp_host *host, const char *unit)
{
	const char *const arguments[] = { "--quiet", "is-enabled", unit, NULL };

	return host->units.systemctl(host->units.userdata, arguments) == 0;
}

/* Not so when the package is gone; a link to /dev/null, which masks one, is none. */
static bool is_there(const struct xrdp_host *host, const char *unit)
{
	static const char *const directories[] = { "etc/systemd/system", "usr/local/lib/systemd/system",
						   "usr/lib/systemd/system", "lib/systemd/system" };
	char path[128];
	struct stat st;

	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", directories[i], unit);
		if (fstatat(host->root, path, &st, 0) == 0 && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

/* xrdp 0.9 counts as started a second before it listens. */
static bool appears(const struct xrdp_host *host, const char *path)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	for (unsigned waited = 0; waited < XRDP_START_MSEC; waited += 50) {
		if (faccessat(host->root, path, F_OK, 0) == 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static int reach(const struct xrdp_host *host, char *problem)
{
	int r = host->reach ? host->reach(host->userdata, "/" SOCKET) : 0;

	return r < 0 ? fail(problem, r,
			    "credsspd-rdp cannot connect to xrdp on /" SOCKET ": %s (systemctl cat xrdp: Group=xrdp)",
			    strerror(-r))
		     : 0;
}

static int start_all(const struct xrdp_host *host, bool dry_run, const bool missing[XRDP_UNITS], bool settled,
		     char *problem)
{
	const bool front_end[XRDP_UNITS] = { false, true, true };
	int r = do_units(host, dry_run, "enable", missing, problem);

	if (r < 0 || !host->units.booted)
		return r;
	/* xrdp first: it has the port; and not without need: it ends all connections */
	if (!settled)
		r = restart_xrdp(host, dry_run, problem);
	if (r == 0 && !settled && !dry_run && !appears(host, SOCKET))
		r = fail(problem, -ETIMEDOUT, "xrdp does not listen on /" SOCKET);
	if (r == 0)
		r = do_units(host, dry_run, "start", front_end, problem);
	return r < 0 || dry_run ? r : reach(host, problem);
}

/* Before anything is changed, and with the configuration as it is now: what keeps it from starting is better seen here.
 */
static int start_daemon(const struct xrdp_host *host, bool dry_run, bool settled, char *problem)
{
	const char *verb = settled ? "start" : "restart";
	const bool daemon[XRDP_UNITS] = { true, false, false };
	int r = host->units.booted ? do_units(host, dry_run, verb, daemon, problem) : 0;

	return r < 0 ? fail(problem, r, "credsspd does not start (journalctl -t credsspd): nothing was changed") : 0;
}

/* ---- the commands ---- */

/* @s as it will be: before and after of each file, the stack's name, the units that disable has to take away. */
static int plan(const struct xrdp_host *host, const struct xrdp_wish *wish, struct xrdp_state *s, char *problem)
{
	const char *stack = wish->stack ? wish->stack : s->kept ? s->stack : DEFAULT_STACK;
	int r;

	for (int i = 0; i < XRDP_FILES; i++) {
		file_text_done(&s->file[i].after);
		if (!s->kept && !file_text_copy(&s->file[i].before, &s->file[i].live))
			return fail(problem, -ENOMEM, "out of memory");
	}
	r = make_ini(host, &s->file[XRDP_INI], problem);
	if (r == 0)
		r = make_stack(host, stack, wish->options, &s->file[XRDP_STACK], problem);
	if (r == 0 && stack != s->stack)
		(void)snprintf(s->stack, sizeof s->stack, "%s", stack);
	return r;
}

static int keep(const struct xrdp_host *host, struct xrdp_state *s, char *problem)
{
	int r = xrdp_state_write(host->root, s);

	s->kept = s->kept || r == 0;
	return r < 0 ? fail(problem, r, "/%s cannot be written: %s", XRDP_STATE, strerror(-r)) : 0;
}

static int keep_and_put(const struct xrdp_host *host, struct xrdp_state *s, char *problem)
{
	/* with another stack: first all the way back */
	int r = s->kept && !s->settled ? put_before(host, s, problem) : 0;

	if (r == 0)
		r = keep(host, s, problem);
	return r < 0 || s->settled ? r : put_after(host, s, problem);
}

static bool is_in_place(const struct xrdp_state *s)
{
	for (int i = 0; i < XRDP_FILES; i++)
		if (!file_text_same(&s->file[i].live, &s->file[i].after))
			return false;
	return true;
}

/* After a failure of the first enable: nothing of it stays. One that was in force before is left to the administrator.
 */
static void put_back(const struct xrdp_host *host, bool was_kept, char *problem)
{
	char ignored[XRDP_PROBLEM_MAX];

	if (!was_kept && host->units.booted &&
	    xrdp_disable(host, &(struct xrdp_wish){ .dry_run = false }, ignored) == 0)
		add(problem, "; everything was put back");
	else
		add(problem, "; \"credsspctl xrdp disable\" is the way back");
}

int xrdp_enable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX])
{
	CLEANUP(xrdp_state_done) struct xrdp_state s = XRDP_STATE_NULL;
	bool missing[XRDP_UNITS], was_kept = false;
	int r = xrdp_state_read(host->root, &s);

	if (r < 0)
		return fail(problem, r, "/%s cannot be read: %s", XRDP_STATE, strerror(-r));
	r = read_live(host, &s, problem);
	if (r == 0 && s.kept)
		r = check_unchanged(&s, problem);
	if (r == 0)
		r = plan(host, wish, &s, problem);
	if (r < 0)
		return r;
	was_kept = s.kept;
	for (int i = 0; i < XRDP_UNITS; i++) {
		missing[i] = !is_enabled(host, units[i]);
		s.enabled[i] = s.enabled[i] || missing[i];
	}
	for (int i = 0; i < XRDP_FILES; i++)
		show(host, &s.file[i].live, &s.file[i].after, i);
	s.settled = s.settled && is_in_place(&s);
	r = start_daemon(host, wish->dry_run, s.settled, problem);
	if (r == 0 && !wish->dry_run)
		r = keep_and_put(host, &s, problem);
	if (r == 0) {
		r = start_all(host, wish->dry_run, missing, s.settled, problem);
		if (r < 0)
			put_back(host, was_kept, problem);
	}
	if (r < 0 || wish->dry_run || !host->units.booted)
		return r;
	s.settled = true;
	return keep(host, &s, problem);
}

int xrdp_disable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX])
{
	CLEANUP(xrdp_state_done) struct xrdp_state s = XRDP_STATE_NULL;
	int r = xrdp_state_read(host->root, &s);

	if (r < 0)
		return fail(problem, r, "/%s cannot be read: %s", XRDP_STATE, strerror(-r));
	if (!s.kept)
		return fail(problem, -ENOENT, "\"credsspctl xrdp enable\" is not in force");
	r = read_live(host, &s, problem);
	if (r == 0)
		r = check_unchanged(&s, problem);
	if (r < 0)
		return r;
	for (int i = 0; i < XRDP_FILES; i++)
		show(host, &s.file[i].live, &s.file[i].before, i);
	for (int i = 0; i < XRDP_UNITS; i++)
		s.enabled[i] = s.enabled[i] && is_there(host, units[i]);
	r = do_units(host, wish->dry_run, "disable", s.enabled, problem);
	if (r == 0 && host->units.booted)
		r = do_units(host, wish->dry_run, "stop", s.enabled, problem);
	if (r == 0 && !wish->dry_run)
		r = put_before(host, &s, problem);
	if (r == 0 && host->units.booted)
		r = restart_xrdp(host, wish->dry_run, problem);
	if (r < 0 || wish->dry_run)
		return r;
	r = xrdp_state_remove(host->root);
	return r < 0 ? fail(problem, r, "/%s cannot be removed: %s", XRDP_STATE, strerror(-r)) : 0;
}

int xrdp_outdated(int root, const char **ret_path, bool *ret_edited)
{
	static const char *const absolute[XRDP_FILES] = { "/etc/xrdp/xrdp.ini", "/etc/pam.d/xrdp-sesman" };
	const struct xrdp_host host = { .root = root };
	struct stack_options options;
	const struct xrdp_wish the_same = { .options = &options };
	CLEANUP(xrdp_state_done) struct xrdp_state made = XRDP_STATE_NULL;
	CLEANUP(xrdp_state_done) struct xrdp_state now = XRDP_STATE_NULL;
	char problem[XRDP_PROBLEM_MAX];
	int r = xrdp_state_read(root, &made);

	if (r == 0 && !made.kept)
		r = -ENOENT;
	if (r == 0)
		r = xrdp_state_read(root, &now);
	if (r == 0)
		r = read_live(&host, &now, problem);
	if (r == 0) {
		options = stack_options_in(made.file[XRDP_STACK].after.data);
		r = plan(&host, &the_same, &now, problem);
	}
	if (r < 0)
		return r;
	*ret_path = NULL;
	*ret_edited = false;
	for (int i = 0; i < XRDP_FILES; i++) {
		if (file_text_same(&made.file[i].after, &now.file[i].after))
			continue;
		*ret_path = absolute[i];
		*ret_edited = !file_text_same(&now.file[i].live, &made.file[i].after);
	}
	return 0;
}
