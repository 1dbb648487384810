/* SPDX-License-Identifier: MIT */
#include "credsspctl/xrdp/xrdp-files.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/conffile.h"
#include "credsspctl/host/ini.h"
#include "credsspctl/host/pamstack.h"
#include "credsspctl/host/stack-edit.h"
#include "credsspctl/host/stack-play.h"

#define FRAGMENT XRDP_SHARE "/xrdp/xrdp.ini.fragment"
#define DROPIN XRDP_SHARE "/xrdp/xrdp.service.conf"
#define SECTION "Globals"
#define SERVICE "xrdp-sesman"

int xrdp_fail(char problem[XRDP_PROBLEM_MAX], int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(problem, XRDP_PROBLEM_MAX, fmt, ap);
	va_end(ap);
	return r;
}

static int no_memory(char *problem)
{
	return xrdp_fail(problem, -ENOMEM, "out of memory");
}

/* Returns why a file cannot be read or replaced; symbolic links are not followed. */
static const char *why(int r)
{
	return r == -ELOOP ? "is a symbolic link" : strerror(-r);
}

static int read_file(int root, const char *path, struct file_text *ret, char *problem)
{
	int r = atomic_file_read(root, path, ret);

	return r < 0 ? xrdp_fail(problem, r, "/%s: %s", path, why(r)) : 0;
}

/* Reads xrdp's stack from the distribution's directory; data is NULL when it has no such file. */
static int read_vendor(int root, struct file_text *ret, char *problem)
{
	for (size_t i = 1; pamstack_directories[i]; i++) {
		char path[64];

		(void)snprintf(path, sizeof path, "%s/" SERVICE, pamstack_directories[i]);
		if (faccessat(root, path, F_OK, 0) == 0)
			return read_file(root, path, ret, problem);
	}
	return 0;
}

/* ---- the base ---- */

static bool copy(struct file_text *to, const struct file_text *from)
{
	if (!from->data) {
		file_text_done(to);
		return true;
	}
	return file_text_copy(to, from);
}

static int note(struct xrdp_file *f, const char *text)
{
	f->note = strdup(text);
	return f->note ? 0 : -ENOMEM;
}

/* Keys that were changed after xrdp_enable() are left. */
static int ini_base(struct xrdp_file *f)
{
	AUTO_FREE char *left = NULL;
	char *data;
	int r = ini_undo(f->live.data, SECTION, f->before.data, f->after.data, &data, &f->base.len, &left);

	if (r < 0)
		return r;
	free(f->base.data);
	f->base.data = data;
	if (left && asprintf(&f->note, "%s: changed since, and left", left) < 0) {
		f->note = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* An earlier version made the whole file, so its lines cannot be distinguished from the administrator's. */
static int whole_stack_base(struct xrdp_file *f)
{
	if (!stack_edit_has_own(f->live.data))
		return 0;
	if (!file_text_copy(&f->base, &f->before))
		return -ENOMEM;
	return note(f, "changed since an earlier version replaced it; the changed file is kept as /" XRDP_CHANGED);
}

static int stack_base(int root, struct xrdp_file *f, char *problem)
{
	CLEANUP(file_text_done) struct file_text vendor = FILE_TEXT_NULL;
	char *data;
	int r = stack_edit_remove(f->live.data, &data, &f->base.len);

	if (r < 0)
		return r;
	free(f->base.data);
	f->base.data = data;
	if (f->before.data || !f->after.data)
		return 0;
	/* a file made from the distribution's is removed, unless other lines were changed */
	r = read_vendor(root, &vendor, problem);
	if (r == 0 && vendor.data && file_text_same(&f->base, &vendor))
		file_text_done(&f->base);
	else if (r == 0)
		r = note(f, "changed since it was made, and left");
	return r;
}

static int other_base(int root, struct xrdp_state *s, int i, char *problem)
{
	struct xrdp_file *f = &s->file[i];

	if (i == XRDP_STACK)
		return s->kept && s->whole ? whole_stack_base(f) : stack_base(root, f, problem);
	if (!s->kept)
		return 0;
	if (i == XRDP_INI)
		return ini_base(f);
	return f->after.data ? note(f, "changed since it was made, and left") : 0;
}

static int make_base(int root, struct xrdp_state *s, int i, char *problem)
{
	struct xrdp_file *f = &s->file[i];
	bool as_made = s->kept && file_text_same(&f->live, &f->after);

	if (!copy(&f->base, as_made ? &f->before : &f->live))
		return -ENOMEM;
	if (as_made || !f->live.data || (s->kept && file_text_same(&f->live, &f->before)))
		return 0;
	return other_base(root, s, i, problem);
}

/*
 * When the administrator keeps the file that xrdp_enable() made in a release upgrade, dpkg puts the new release's file
 * beside it. That file replaces the kept copy of the old release's file, unless that copy was changed.
 */
static int take_new_release(int root, struct xrdp_state *s, int i)
{
	CLEANUP(file_text_done) struct file_text shipped = FILE_TEXT_NULL;
	struct xrdp_file *f = &s->file[i];
	char path[64];

	if (!s->kept || !f->shipped || !file_text_same(&f->base, &f->before))
		return 0;
	(void)snprintf(path, sizeof path, "%s.dpkg-dist", xrdp_paths[i]);
	/* a file of an earlier upgrade differs from the file that the package ships now */
	if (atomic_file_read(root, path, &shipped) < 0 || !conffile_is_shipped(root, xrdp_paths[i], &shipped) ||
	    file_text_same(&shipped, &f->base))
		return 0;
	shipped.mode = f->base.mode;
	shipped.uid = f->base.uid;
	shipped.gid = f->base.gid;
	if (!file_text_copy(&f->base, &shipped))
		return -ENOMEM;
	free(f->note);
	f->note = NULL;
	return note(f, "the new release's, which dpkg had put beside it (.dpkg-dist)");
}

int xrdp_files_read(int root, struct xrdp_state *s, char problem[XRDP_PROBLEM_MAX])
{
	for (int i = 0; i < XRDP_FILES; i++) {
		int r = atomic_file_read(root, xrdp_paths[i], &s->file[i].live);

		if (r < 0 && r != -ENOENT)
			return xrdp_fail(problem, r, "/%s: %s", xrdp_paths[i], why(r));
		*problem = '\0';
		r = make_base(root, s, i, problem);
		if (r == 0)
			r = take_new_release(root, s, i);
		if (r < 0)
			return *problem ? r : no_memory(problem);
	}
	return 0;
}

/* ---- the new files ---- */

/* Sets owner and mode: those of the base, or those of a new file. */
static void attributes(struct xrdp_file *f)
{
	const struct file_text *from = f->base.data ? &f->base : NULL;

	f->after.mode = from ? from->mode : 0644;
	f->after.uid = from ? from->uid : geteuid();
	f->after.gid = from ? from->gid : getegid();
}

static int make_ini(int root, struct xrdp_file *f, char *problem)
{
	CLEANUP(file_text_done) struct file_text fragment = FILE_TEXT_NULL;
	int r;

	if (!f->base.data)
		return xrdp_fail(problem, -ENOENT, "/%s is missing: is the package xrdp installed?",
				 xrdp_paths[XRDP_INI]);
	r = read_file(root, FRAGMENT, &fragment, problem);
	if (r < 0)
		return r;
	r = ini_set(f->base.data, SECTION, fragment.data, &f->after.data, &f->after.len);
	if (r == -ENOENT)
		return xrdp_fail(problem, r, "/%s has no section [" SECTION "]", xrdp_paths[XRDP_INI]);
	return r < 0 ? xrdp_fail(problem, r, "/%s: %s", FRAGMENT, strerror(-r)) : 0;
}

/* The module that each value of --stack requires in the stack of the host. */
static const struct requirement {
	const char *stack, *module, *how;
} requirements[] = {
	{ "local", NULL, NULL },
	{ "smartcard", NULL, NULL },
	{ "krb5", "pam_krb5", "apt install libpam-krb5 (pam-auth-update --enable krb5)" },
	{ "sss", "pam_sss", "apt install libpam-sss (pam-auth-update --enable sss), or authselect select sssd" },
	{ "winbind", "pam_winbind",
	  "apt install libpam-winbind (pam-auth-update --enable winbind), or authselect select winbind" },
};

static int check_requirement(const struct pamstack *s, const char *stack, char *problem)
{
	for (size_t i = 0; i < sizeof requirements / sizeof *requirements; i++) {
		const struct requirement *q = &requirements[i];

		if (strcmp(stack, q->stack) != 0)
			continue;
		if (!q->module || pamstack_find(s, q->module))
			return 0;
		return xrdp_fail(problem, -EINVAL,
				 "--stack %s: the auth lines of /%s have no %s, not in what they include either: %s. "
				 "Without it: --stack local",
				 stack, xrdp_paths[XRDP_STACK], q->module, q->how);
	}
	return xrdp_fail(problem, -EINVAL,
			 "there is no stack \"%s\": the lines go into the stack of the host (--stack local)", stack);
}

/* Checks the outcomes of the new stack: only a verified logon with a ticket may succeed. */
static int check_made(const struct pamstack *s, bool no_password, char *problem)
{
	const char *wrong = NULL;

	if (stack_play_succeeds(s, &stack_play_wrong))
		wrong = "a password that no module has verified would be enough";
	else if (stack_play_succeeds(s, &stack_play_refused))
		wrong = "a logon without a ticket would be let in";
	else if (!no_password && !stack_play_succeeds(s, &stack_play_right))
		wrong = "the right password would be refused";
	return wrong ? xrdp_fail(problem, -EINVAL, "/%s, with the lines of pam_credssp: %s; nothing was changed",
				 xrdp_paths[XRDP_STACK], wrong)
		     : 0;
}

static int check_stack(int root, const char *text, const char *stack, bool no_password, char *problem)
{
	AUTO_PAMSTACK struct pamstack *s = NULL;
	AUTO_FREE char *error = NULL;
	int r = pamstack_read_text(root, text, "auth", &s, &error);

	if (r < 0)
		return xrdp_fail(problem, r, "%s", error ? error : "out of memory");
	r = check_requirement(s, stack, problem);
	return r < 0 ? r : check_made(s, no_password, problem);
}

static int add_lines(int root, const char *from, const struct stack_edit *edit, struct file_text *ret, char *problem)
{
	AUTO_FREE char *error = NULL;
	int r = stack_edit_add(root, from, edit, &ret->data, &ret->len, &error);

	return r < 0 ? xrdp_fail(problem, r, "%s", error ? error : "out of memory") : 0;
}

static int make_stack(int root, const struct stack_options *options, struct xrdp_state *s, char *problem)
{
	CLEANUP(file_text_done) struct file_text vendor = FILE_TEXT_NULL;
	struct xrdp_file *f = &s->file[XRDP_STACK];
	struct stack_edit edit = { .no_password = strcmp(s->stack, "smartcard") == 0, .present = f->live.data };
	const char *from;
	int r = f->base.data ? 0 : read_vendor(root, &vendor, problem);

	if (r < 0)
		return r;
	from = f->base.data ? f->base.data : vendor.data;
	if (!from)
		return xrdp_fail(problem, -ENOENT, "/%s is missing: is the package xrdp installed?",
				 xrdp_paths[XRDP_STACK]);
	edit.options = options ? *options : stack_options_in(f->live.data ? f->live.data : "");
	r = add_lines(root, from, &edit, &f->after, problem);
	return r < 0 ? r : check_stack(root, f->after.data, s->stack, edit.no_password, problem);
}

/* An administrator's file of that name is not replaced. */
static int make_dropin(int root, struct xrdp_file *f, char *problem)
{
	return f->base.data ? 0 : read_file(root, DROPIN, &f->after, problem);
}

int xrdp_files_plan(int root, const struct stack_options *options, struct xrdp_state *s, char problem[XRDP_PROBLEM_MAX])
{
	int r;

	for (int i = 0; i < XRDP_FILES; i++) {
		file_text_done(&s->file[i].after);
		if (!copy(&s->file[i].before, &s->file[i].base))
			return no_memory(problem);
		s->file[i].shipped = conffile_is_shipped(root, xrdp_paths[i], &s->file[i].before);
	}
	r = make_ini(root, &s->file[XRDP_INI], problem);
	if (r == 0)
		r = make_stack(root, options, s, problem);
	if (r == 0)
		r = make_dropin(root, &s->file[XRDP_DROPIN], problem);
	for (int i = 0; r == 0 && i < XRDP_FILES; i++)
		attributes(&s->file[i]);
	return r;
}
