/* SPDX-License-Identifier: MIT */
/*
 * The kept copies are complete before the first file is changed, and each file is replaced as a whole. So
 * xrdp_disable() can undo the change after an interruption at any point.
 */
#include "credsspctl/xrdp/xrdp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "credsspctl/host/diff.h"

#define WAY_BACK "; \"credsspctl xrdp disable\" is the way back"
#define DEFAULT_STACK "local"
#define SOCKET "run/xrdp/front.sock" /* `port` of the fragment */

/* In the order of starting; systemd itself stops them in reverse order. */
static const char *const units[XRDP_UNITS] = { "credsspd.service", "credsspd-rdp.socket", "credsspd-rdp.service" };

static void add(char *problem, const char *more)
{
	size_t len = strlen(problem);

	(void)snprintf(problem + len, XRDP_PROBLEM_MAX - len, "%s", more);
}

/* ---- the files ---- */

static bool same(const struct file_text *a, const struct file_text *b)
{
	return (!a->data && !b->data) || file_text_same(a, b);
}

static void show(const struct xrdp_host *host, const struct file_text *from, const struct file_text *to, int i)
{
	AUTO_FREE char *path = NULL;

	if (same(from, to))
		return;
	if (asprintf(&path, "/%s", xrdp_paths[i]) < 0)
		path = NULL;
	if (!path || diff_print(host->out, path, from->data, to->data) < 0)
		(void)fprintf(host->out, "/%s changes; diff, which shows how, cannot be run\n", xrdp_paths[i]);
}

static void show_note(const struct xrdp_host *host, const struct xrdp_file *f, int i)
{
	if (f->note)
		(void)fprintf(host->out, "/%s: %s\n", xrdp_paths[i], f->note);
}

/* Makes the directory of the drop-in, which is removed with it. */
static int make_directory_of(int root, const char *path)
{
	AUTO_FREE char *directory = strndup(path, (size_t)(strrchr(path, '/') - path));

	if (!directory)
		return -ENOMEM;
	return mkdirat(root, directory, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int remove_file(int root, int i)
{
	AUTO_FREE char *directory = strndup(xrdp_paths[i], (size_t)(strrchr(xrdp_paths[i], '/') - xrdp_paths[i]));

	if (!directory)
		return -ENOMEM;
	if (unlinkat(root, xrdp_paths[i], 0) < 0 && errno != ENOENT)
		return -errno;
	if (i == XRDP_DROPIN)
		(void)unlinkat(root, directory, AT_REMOVEDIR); /* fails when other files are in it */
	return 0;
}

static int put(const struct xrdp_host *host, const struct file_text *live, const struct file_text *to, int i,
	       char *problem)
{
	int r = 0;

	if (same(live, to))
		return 0;
	if (to->data)
		r = make_directory_of(host->root, xrdp_paths[i]);
	if (r == 0)
		r = to->data ? atomic_file_replace(host->root, xrdp_paths[i], to) : remove_file(host->root, i);
	return r < 0 ? xrdp_fail(problem, r, "/%s cannot be replaced: %s", xrdp_paths[i], strerror(-r)) : 0;
}

/* Keeps a copy of a stack that an earlier version made as a whole and an administrator has changed. */
static int keep_changed(const struct xrdp_host *host, const struct xrdp_state *s, char *problem)
{
	const struct xrdp_file *f = &s->file[XRDP_STACK];
	int r = s->kept && s->whole && f->note ? atomic_file_replace(host->root, XRDP_CHANGED, &f->live) : 0;

	return r < 0 ? xrdp_fail(problem, r, "/" XRDP_CHANGED ": %s", strerror(-r)) : 0;
}

static int put_base(const struct xrdp_host *host, const struct xrdp_state *s, char *problem)
{
	int r = 0;

	for (int i = 0; r == 0 && i < XRDP_FILES; i++)
		r = put(host, &s->file[i].live, &s->file[i].base, i, problem);
	return r;
}

/* Returns the content to write; a file that is not made here keeps its content. */
static const struct file_text *wanted(const struct xrdp_file *f)
{
	return f->after.data ? &f->after : &f->base;
}

static int put_after(const struct xrdp_host *host, const struct xrdp_state *s, char *problem)
{
	int r = 0;

	for (int i = 0; r == 0 && i < XRDP_FILES; i++)
		r = put(host, &s->file[i].base, wanted(&s->file[i]), i, problem);
	return r;
}

/* ---- units ---- */

/* Prints `systemctl VERB UNIT...`, and runs it without @dry_run. */
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
	return r != 0 ? xrdp_fail(problem, r < 0 ? r : -EIO, "\"systemctl %s\" has failed", verb) : 0;
}

/* Also restarts sesman, because its unit is bound to xrdp's. @reload: systemd must read the drop-in. */
static int restart_xrdp(const struct xrdp_host *host, bool dry_run, bool reload, char *problem)
{
	const char *const arguments[] = { "--quiet", "restart", "xrdp.service", NULL };
	const char *const again[] = { "--quiet", "daemon-reload", NULL };
	const char *const reset[] = { "--quiet", "reset-failed", "xrdp.service", "xrdp-sesman.service", NULL };

	(void)fprintf(host->out, "%ssystemctl restart xrdp.service\n", reload ? "systemctl daemon-reload\n" : "");
	if (dry_run)
		return 0;
	(void)fflush(host->out);
	if (reload && host->units.systemctl(host->units.userdata, again) != 0)
		return xrdp_fail(problem, -EIO, "\"systemctl daemon-reload\" has failed");
	/* earlier restarts count towards the units' start limit; a unit that has not failed is no error */
	(void)host->units.systemctl(host->units.userdata, reset);
	return host->units.systemctl(host->units.userdata, arguments) != 0
		   ? xrdp_fail(problem, -EIO, "xrdp.service did not start")
		   : 0;
}

static bool is_enabled(const struct xrdp_host *host, const char *unit)
{
	const char *const arguments[] = { "--quiet", "is-enabled", unit, NULL };

	return host->units.systemctl(host->units.userdata, arguments) == 0;
}

/* Returns whether the unit's file exists: not when the package was removed. A link to /dev/null (mask) does not
 * count. */
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

	return r < 0 ? xrdp_fail(problem, r,
				 "credsspd-rdp cannot connect to xrdp on /" SOCKET
				 ": %s (systemctl cat xrdp: Group=xrdp)",
				 strerror(-r))
		     : 0;
}

static int start_all(const struct xrdp_host *host, bool dry_run, const bool missing[XRDP_UNITS],
		     const struct xrdp_state *s, char *problem)
{
	bool reload = s->file[XRDP_DROPIN].after.data != NULL, settled = s->settled;
	const bool front_end[XRDP_UNITS] = { false, true, true };
	int r = do_units(host, dry_run, "enable", missing, problem);

	if (r < 0 || !host->units.booted)
		return r;
	/* xrdp first, because it has the port; only when needed, because it ends all connections */
	if (!settled)
		r = restart_xrdp(host, dry_run, reload, problem);
	if (r == 0 && !settled && !dry_run && !appears(host, SOCKET))
		r = xrdp_fail(problem, -ETIMEDOUT, "xrdp does not listen on /" SOCKET);
	if (r == 0)
		r = do_units(host, dry_run, "start", front_end, problem);
	return r < 0 || dry_run ? r : reach(host, problem);
}

/* Starts credsspd before files are changed, so that errors of its configuration are found first. */
static int start_daemon(const struct xrdp_host *host, bool dry_run, bool settled, char *problem)
{
	const char *verb = settled ? "start" : "restart";
	const bool daemon[XRDP_UNITS] = { true, false, false };
	int r = host->units.booted ? do_units(host, dry_run, verb, daemon, problem) : 0;

	return r < 0 ? xrdp_fail(problem, r, "credsspd does not start (journalctl -t credsspd): nothing was changed")
		     : 0;
}

/* Desktops that are open when sesman is restarted continue to run, but users cannot return to them. */
static int ask_about_desktops(const struct xrdp_host *host, const struct xrdp_wish *wish, char *problem)
{
	unsigned n = host->units.booted && host->desktops ? host->desktops(host->userdata) : 0;

	if (n == 0)
		return 0;
	(void)fprintf(
	    host->out,
	    "%u desktop%s open: the restart of xrdp orphans %s. Programs in %s run on, and a user who logs on "
	    "again gets a new desktop.\n",
	    n, n == 1 ? " is" : "s are", n == 1 ? "it" : "them", n == 1 ? "it" : "them");
	(void)fflush(host->out);
	if (wish->dry_run || wish->force || (host->confirm && host->confirm(host->userdata, n)))
		return 0;
	return xrdp_fail(problem, -EBUSY, "desktops are open: nothing was changed; --force does it nevertheless");
}

/* ---- the commands ---- */

static int keep(const struct xrdp_host *host, struct xrdp_state *s, char *problem)
{
	int r = xrdp_state_write(host->root, s);

	s->kept = s->kept || r == 0;
	return r < 0 ? xrdp_fail(problem, r, "/%s cannot be written: %s", XRDP_STATE, strerror(-r)) : 0;
}

/* Undoes the earlier change first, so that the new copies are those of the original files. */
static int keep_and_put(const struct xrdp_host *host, struct xrdp_state *s, char *problem)
{
	int r = s->settled ? 0 : put_base(host, s, problem);

	if (r == 0)
		r = keep(host, s, problem);
	if (r == 0 && !s->settled)
		r = put_after(host, s, problem);
	if (r < 0 && s->kept) /* some files may have been replaced */
		add(problem, WAY_BACK);
	return r;
}

static bool is_in_place(const struct xrdp_state *s)
{
	for (int i = 0; i < XRDP_FILES; i++)
		if (!same(&s->file[i].live, wanted(&s->file[i])))
			return false;
	return true;
}

/* Undoes a first enable that has failed. After a later enable the administrator must run disable. */
static void put_back(const struct xrdp_host *host, bool was_kept, char *problem)
{
	char ignored[XRDP_PROBLEM_MAX];

	if (!was_kept && host->units.booted && xrdp_disable(host, &(struct xrdp_wish){ .force = true }, ignored) == 0)
		add(problem, "; everything was put back");
	else
		add(problem, WAY_BACK);
}

/* Computes the plan into @s and prints it. */
static int plan(const struct xrdp_host *host, const struct xrdp_wish *wish, struct xrdp_state *s, char *problem)
{
	int r = xrdp_files_read(host->root, s, problem);

	if (wish->stack)
		(void)snprintf(s->stack, sizeof s->stack, "%s", wish->stack);
	else if (!s->kept)
		(void)snprintf(s->stack, sizeof s->stack, DEFAULT_STACK);
	if (r == 0)
		r = xrdp_files_plan(host->root, wish->options, s, problem);
	if (r < 0)
		return r;
	for (int i = 0; i < XRDP_FILES; i++)
		show(host, &s->file[i].live, wanted(&s->file[i]), i);
	show_note(host, &s->file[XRDP_DROPIN], XRDP_DROPIN);
	if (s->whole)
		show_note(host, &s->file[XRDP_STACK], XRDP_STACK);
	s->settled = s->settled && is_in_place(s);
	return 0;
}

static void find_missing(const struct xrdp_host *host, struct xrdp_state *s, bool missing[XRDP_UNITS])
{
	for (int i = 0; i < XRDP_UNITS; i++) {
		missing[i] = !is_enabled(host, units[i]);
		s->enabled[i] = s->enabled[i] || missing[i];
	}
}

int xrdp_enable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX])
{
	CLEANUP(xrdp_state_done) struct xrdp_state s = XRDP_STATE_NULL;
	bool missing[XRDP_UNITS], was_kept;
	int r = xrdp_state_read(host->root, &s);

	if (r < 0)
		return xrdp_fail(problem, r, "/%s cannot be read: %s", XRDP_STATE, strerror(-r));
	was_kept = s.kept;
	r = plan(host, wish, &s, problem);
	if (r == 0 && !s.settled)
		r = ask_about_desktops(host, wish, problem);
	if (r < 0)
		return r;
	find_missing(host, &s, missing);
	r = start_daemon(host, wish->dry_run, s.settled, problem);
	if (r == 0 && !wish->dry_run)
		r = keep_changed(host, &s, problem);
	if (r == 0 && !wish->dry_run)
		r = keep_and_put(host, &s, problem);
	if (r == 0) {
		r = start_all(host, wish->dry_run, missing, &s, problem);
		if (r < 0)
			put_back(host, was_kept, problem);
	}
	if (r < 0 || wish->dry_run || !host->units.booted)
		return r;
	s.settled = true;
	return keep(host, &s, problem);
}

/* Stops the front end and gives xrdp its files back. */
static int undo(const struct xrdp_host *host, const struct xrdp_wish *wish, struct xrdp_state *s, char *problem)
{
	int r;

	for (int i = 0; i < XRDP_UNITS; i++)
		s->enabled[i] = s->enabled[i] && is_there(host, units[i]);
	r = do_units(host, wish->dry_run, "disable", s->enabled, problem);
	if (r == 0 && host->units.booted)
		r = do_units(host, wish->dry_run, "stop", s->enabled, problem);
	if (r == 0 && !wish->dry_run)
		r = keep_changed(host, s, problem);
	if (r == 0 && !wish->dry_run)
		r = put_base(host, s, problem);
	if (r == 0 && host->units.booted && is_there(host, "xrdp.service"))
		r = restart_xrdp(host, wish->dry_run, s->file[XRDP_DROPIN].after.data != NULL, problem);
	return r;
}

int xrdp_disable(const struct xrdp_host *host, const struct xrdp_wish *wish, char problem[XRDP_PROBLEM_MAX])
{
	CLEANUP(xrdp_state_done) struct xrdp_state s = XRDP_STATE_NULL;
	int r = xrdp_state_read(host->root, &s);

	if (r < 0)
		return xrdp_fail(problem, r, "/%s cannot be read: %s", XRDP_STATE, strerror(-r));
	if (!s.kept)
		return xrdp_fail(problem, -ENOENT, "\"credsspctl xrdp enable\" is not in force");
	r = xrdp_files_read(host->root, &s, problem);
	if (r < 0)
		return r;
	for (int i = 0; i < XRDP_FILES; i++) {
		show(host, &s.file[i].live, &s.file[i].base, i);
		show_note(host, &s.file[i], i);
	}
	r = ask_about_desktops(host, wish, problem);
	if (r == 0)
		r = undo(host, wish, &s, problem);
	if (r < 0 || wish->dry_run)
		return r;
	r = xrdp_state_remove(host->root);
	return r < 0 ? xrdp_fail(problem, r, "/%s cannot be removed: %s", XRDP_STATE, strerror(-r)) : 0;
}

int xrdp_outdated(int root, const char **ret_path)
{
	CLEANUP(xrdp_state_done) struct xrdp_state s = XRDP_STATE_NULL;
	char problem[XRDP_PROBLEM_MAX];
	int r = xrdp_state_read(root, &s);

	if (r == 0 && !s.kept)
		r = -ENOENT;
	if (r == 0)
		r = xrdp_files_read(root, &s, problem);
	if (r == 0)
		r = xrdp_files_plan(root, NULL, &s, problem);
	if (r < 0)
		return r;
	*ret_path = NULL;
	for (int i = 0; i < XRDP_FILES; i++)
		if (!*ret_path && !same(&s.file[i].live, wanted(&s.file[i])))
			*ret_path = xrdp_paths[i];
	return 0;
}
