/* SPDX-License-Identifier: MIT */
/*
 * Where the lines belong. `redeem` must come before every line that asks for the password, because xrdp answers every
 * question with the ticket, and before every line that may end the stack or jump, because a new line in the range of a
 * jump would change its target. A success of `verify` ends the auth phase (success=done). It cannot jump over the
 * verifying lines, because an included file may get more lines with the next package; and modules that use the password
 * (keyrings) would have no password. For a password the result of `verify` is ignored, and all lines of the host run.
 */
#include "credsspctl/host/stack-edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/base/limits.h"
#include "credsspctl/host/pamstack.h"
#include "credsspctl/host/stack-play.h"

#define BLANKS " \t\r"
#define REDEEM "auth     [success=ignore ignore=ignore default=die]  pam_credssp.so redeem require_ticket"
#define VERIFY "auth     [success=done ignore=ignore default=die]    pam_credssp.so verify require_ticket"
#define NO_PASSWORD "auth     requisite  pam_deny.so"
#define ACCOUNT "account  required  pam_credssp.so require_ticket"
#define SESSION "session  optional  pam_credssp.so"

enum phase { AUTH, ACCOUNT_PHASE, SESSION_PHASE, PHASES };

static const char *const types[PHASES] = { "auth", "account", "session" };

/* A line and the lines that a \ at its end joins to it, with the newline. */
struct whole_line {
	const char *begin;
	size_t len;
};

/* Text to insert at a place. */
struct insertion {
	size_t at;
	char *text;
};

#define INSERTIONS_MAX 4U

struct editor {
	int root;
	const char *text;
	const struct stack_edit *edit;
	char **ret_error;
	struct insertion insertion[INSERTIONS_MAX];
	size_t n;
};

/* ---- lines ---- */

static bool next_line(const char **p, struct whole_line *ret)
{
	const char *end = *p, *line;

	if (!*end)
		return false;
	do {
		line = end;
		end += strcspn(end, "\n");
		end += *end ? 1 : 0;
	} while (*end && pamstack_line_continues(line, (size_t)(end - line)));
	*ret = (struct whole_line){ *p, (size_t)(end - *p) };
	*p = end;
	return true;
}

/* Returns where the comment of a line begins; the line's length without a comment. */
static size_t comment_of(struct whole_line l)
{
	const char *hash = memchr(l.begin, '#', l.len);

	return hash ? (size_t)(hash - l.begin) : l.len;
}

static bool is_comment(struct whole_line l)
{
	return l.begin[strspn(l.begin, BLANKS)] == '#';
}

static bool has(const char *text, size_t len, const char *word)
{
	return memmem(text, len, word, strlen(word)) != NULL;
}

static bool is_marked(struct whole_line l)
{
	size_t comment = comment_of(l);

	return !is_comment(l) && has(l.begin + comment, l.len - comment, STACK_EDIT_MARK);
}

static bool is_own(struct whole_line l)
{
	return !is_comment(l) && !is_marked(l) && has(l.begin, comment_of(l), STACK_MODULE ".so");
}

/* ---- the places ---- */

/* Returns whether the module may come before `redeem`: it asks no question and needs no password. */
static bool stands_before(const struct pamstack_line *l, enum phase phase)
{
	static const char *const modules[PHASES][24] = {
		[AUTH] = { "pam_env",      "pam_nologin",    "pam_selinux",   "pam_loginuid",  "pam_faildelay",
			   "pam_keyinit",  "pam_shells",     "pam_securetty", "pam_access",    "pam_time",
			   "pam_listfile", "pam_succeed_if", "pam_usertype",  "pam_localuser", "pam_group",
			   "pam_limits",   "pam_warn",       "pam_echo",      "pam_faillock",  "pam_tally2" },
		[SESSION_PHASE] = { "pam_selinux", "pam_loginuid", "pam_keyinit", "pam_namespace", "pam_lastlog",
				    "pam_lastlog2", "pam_env", "pam_limits", "pam_nologin" },
	};

	for (size_t i = 0; modules[phase][i]; i++)
		if (strcmp(l->module, modules[phase][i]) == 0)
			return !l->leaves;
	return false;
}

/* Reads what @l contributes to @phase, with what it includes. */
static int read_line(struct editor *e, struct whole_line l, enum phase phase, struct pamstack **ret)
{
	AUTO_FREE char *text = strndup(l.begin, l.len);

	return text ? pamstack_read_text(e->root, text, types[phase], ret, e->ret_error) : -ENOMEM;
}

/* Returns whether the lines of pam_credssp must come before these lines. */
static bool stops(const struct pamstack *s, enum phase phase)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct pamstack_line *l = &s->line[i];
		bool head = !*l->module;

		if (phase == ACCOUNT_PHASE || (phase == SESSION_PHASE && (head || l->included)))
			return true;
		if (!head && !stands_before(l, phase))
			return true;
	}
	return false;
}

/* Finds the first line of @phase that must come after pam_credssp, and the end of the last line of @phase. */
static int find_place(struct editor *e, enum phase phase, size_t *ret_first, size_t *ret_end)
{
	size_t first = SIZE_MAX, end = strlen(e->text);
	const char *p = e->text;
	struct whole_line l;

	while (next_line(&p, &l)) {
		AUTO_PAMSTACK struct pamstack *s = NULL;
		int r = read_line(e, l, phase, &s);

		if (r < 0)
			return r;
		if (s->n == 0)
			continue;
		end = (size_t)(p - e->text);
		if (first == SIZE_MAX && stops(s, phase))
			first = (size_t)(l.begin - e->text);
	}
	*ret_first = first == SIZE_MAX ? end : first;
	*ret_end = end;
	return 0;
}

/* ---- the lines ---- */

static int insert(struct editor *e, size_t at, const char *text)
{
	struct insertion *i = &e->insertion[e->n];

	if (e->n == INSERTIONS_MAX)
		return -E2BIG;
	i->at = at;
	i->text = strdup(text);
	if (!i->text)
		return -ENOMEM;
	e->n++;
	return 0;
}

static int read_phase(struct editor *e, enum phase phase, struct pamstack **ret)
{
	return pamstack_read_text(e->root, e->text, types[phase], ret, e->ret_error);
}

/* Returns whether the session phase has @module: pam_krb5, if present, makes the session's credentials cache. */
static int session_has(struct editor *e, const char *module, bool *ret)
{
	AUTO_PAMSTACK struct pamstack *s = NULL;
	int r = read_phase(e, SESSION_PHASE, &s);

	if (r == 0)
		*ret = pamstack_find(s, module) != NULL;
	return r;
}

/* Returns whether the argument is one that this file adds. */
static bool is_made(const char *arg)
{
	static const char *const made[] = { "redeem",       "verify",       "require_ticket",
					    "accept_proof", "minimum_uid=", "ccache=" };

	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		if (strncmp(arg, made[i], strlen(made[i])) == 0)
			return true;
	return false;
}

static void write_others(FILE *f, const struct pamstack *s, enum stack_kind kind)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t a = 0; stack_kind_of(&s->line[i]) == kind && a < s->line[i].n_args; a++)
			if (!is_made(s->line[i].args[a]))
				(void)fprintf(f, " %s", s->line[i].args[a]);
}

/* Returns the other arguments of the present marked line of @kind, each with a blank before it. */
static int other_arguments(struct editor *e, enum stack_kind kind, char **ret)
{
	const char *p = e->edit->present;
	struct whole_line l;
	size_t len;
	FILE *f = open_memstream(ret, &len);
	int r = f ? 0 : -ENOMEM;

	while (r == 0 && p && next_line(&p, &l)) {
		AUTO_PAMSTACK struct pamstack *s = NULL;

		if (!is_marked(l))
			continue;
		r = read_line(e, l, AUTH, &s);
		if (r == 0)
			write_others(f, s, kind);
	}
	return f && fclose(f) != 0 ? -ENOMEM : r;
}

static int write_auth(const struct editor *e, bool krb5, const char *redeem, const char *verify, char **ret)
{
	const struct stack_edit *w = e->edit;
	char minimum[32] = "";

	if (w->options.minimum_uid != MINIMUM_UID_DEFAULT)
		(void)snprintf(minimum, sizeof minimum, " minimum_uid=%u", w->options.minimum_uid);
	if (asprintf(ret, REDEEM "%s%s  " STACK_EDIT_MARK "\n" VERIFY "%s%s%s  " STACK_EDIT_MARK "\n%s", minimum,
		     redeem, krb5 ? " ccache=pam_krb5" : "", w->options.accept_proof ? " accept_proof" : "", verify,
		     w->no_password ? NO_PASSWORD "  " STACK_EDIT_MARK "\n" : "") < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int add_auth(struct editor *e, size_t at)
{
	AUTO_FREE char *redeem = NULL;
	AUTO_FREE char *verify = NULL;
	AUTO_FREE char *text = NULL;
	bool krb5 = false;
	int r = session_has(e, "pam_krb5", &krb5);

	if (r == 0)
		r = other_arguments(e, STACK_REDEEM, &redeem);
	if (r == 0)
		r = other_arguments(e, STACK_VERIFY, &verify);
	if (r == 0)
		r = write_auth(e, krb5, redeem, verify, &text);
	return r < 0 ? r : insert(e, at, text);
}

/* A cache below /run/user can be written only after pam_systemd has made that. */
static int add_session(struct editor *e, size_t at, size_t end)
{
	bool krb5 = false, systemd = false, elogind = false;
	int r = session_has(e, "pam_krb5", &krb5);

	if (r == 0)
		r = session_has(e, "pam_systemd", &systemd);
	if (r == 0)
		r = session_has(e, "pam_elogind", &elogind);
	if (r == 0)
		r = insert(e, at, SESSION "  " STACK_EDIT_MARK "\n");
	if (r == 0 && !krb5 && (systemd || elogind))
		r = insert(e, end, SESSION "  " STACK_EDIT_MARK "\n");
	return r;
}

static int add_phase(struct editor *e, enum phase phase)
{
	AUTO_PAMSTACK struct pamstack *s = NULL;
	size_t first, end;
	int r = read_phase(e, phase, &s);

	if (r < 0 || pamstack_find(s, STACK_MODULE))
		return r; /* the administrator has such lines, here or in an included file */
	r = find_place(e, phase, &first, &end);
	if (r < 0)
		return r;
	if (phase == AUTH)
		return add_auth(e, first);
	return phase == SESSION_PHASE ? add_session(e, first, end)
				      : insert(e, first, ACCOUNT "  " STACK_EDIT_MARK "\n");
}

/* ---- the new text ---- */

/* Insertions at one place stay in the order in which they were made. */
static int put_together(const struct editor *e, char **ret, size_t *ret_len)
{
	AUTO_FREE char *out = NULL;
	size_t len = 0, done = 0, size = strlen(e->text);
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return -ENOMEM;
	for (size_t at = 0; at <= size; at++) {
		for (size_t i = 0; i < e->n; i++) {
			if (e->insertion[i].at != at)
				continue;
			(void)fwrite(e->text + done, 1, at - done, f);
			/* the last line of a file may have no newline */
			if (at > 0 && e->text[at - 1] != '\n' && done < at)
				(void)fputc('\n', f);
			(void)fputs(e->insertion[i].text, f);
			done = at;
		}
	}
	(void)fputs(e->text + done, f);
	if (fclose(f) != 0 || !out)
		return -ENOMEM;
	*ret = TAKE_PTR(out);
	*ret_len = len;
	return 0;
}

static void editor_done(struct editor *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->insertion[i].text);
}

int stack_edit_add(int root, const char *text, const struct stack_edit *edit, char **ret, size_t *ret_len,
		   char **ret_error)
{
	CLEANUP(editor_done) struct editor e = { .root = root, .text = text, .edit = edit, .ret_error = ret_error };
	int r = 0;

	*ret_error = NULL;
	for (enum phase phase = AUTH; r == 0 && phase < PHASES; phase++)
		r = add_phase(&e, phase);
	return r < 0 ? r : put_together(&e, ret, ret_len);
}

int stack_edit_remove(const char *text, char **ret, size_t *ret_len)
{
	AUTO_FREE char *out = NULL;
	struct whole_line l;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return -ENOMEM;
	while (next_line(&text, &l))
		if (!is_marked(l))
			(void)fwrite(l.begin, 1, l.len, f);
	if (fclose(f) != 0 || !out)
		return -ENOMEM;
	*ret = TAKE_PTR(out);
	*ret_len = len;
	return 0;
}

static bool any(const char *text, bool (*is)(struct whole_line l))
{
	struct whole_line l;

	while (next_line(&text, &l))
		if (is(l))
			return true;
	return false;
}

bool stack_edit_is_in(const char *text)
{
	return any(text, is_marked);
}

bool stack_edit_has_own(const char *text)
{
	return any(text, is_own);
}
