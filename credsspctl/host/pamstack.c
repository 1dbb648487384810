/* SPDX-License-Identifier: MIT */
/* Reads pam.conf(5) files, and does what libpam's dispatcher (_pam_dispatch_aux) does. */
#include "credsspctl/host/pamstack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/config/options.h"

#define DEPTH_MAX 16U
#define WORDS_MAX (PAMSTACK_ARGS_MAX + 3U)
#define BLANKS " \t\r\n"

const char *const pamstack_directories[] = { "etc/pam.d", "usr/lib/pam.d", "usr/etc/pam.d", NULL };

struct reader {
	int root;
	const char *type;
	struct pamstack *stack;
	char **ret_error;
};

/* The file that is being read, and its depth of includes and substacks. */
struct place {
	const char *file; /* its name, for errors; NULL: text that is no file */
	unsigned depth;   /* of includes */
	unsigned level;   /* of substacks */
};

static int read_service(struct reader *r, const char *service, struct place place);

/* ---- a line ---- */

/* Returns the next word of *@p: up to a blank, or the text between [ and ] (\] is a bracket). NULL at the end. */
static char *next_word(char **p)
{
	char *word, *out, *in = *p + strspn(*p, BLANKS);

	if (!*in || *in == '#')
		return NULL;
	if (*in != '[') {
		word = strsep(&in, BLANKS);
		*p = in ? in : word + strlen(word);
		return word;
	}
	word = out = ++in;
	while (*in && *in != ']') {
		if (in[0] == '\\' && in[1] == ']')
			in++;
		*out++ = *in++;
	}
	*p = *in ? in + 1 : in;
	*out = '\0';
	return word;
}

static size_t split(char *text, char *words[WORDS_MAX])
{
	size_t n = 0;

	while (n < WORDS_MAX && (words[n] = next_word(&text)))
		n++;
	return n;
}

/* ---- the control ---- */

static const struct {
	const char *word;
	int success, failure;
} keywords[] = {
	{ "required", PAMSTACK_DO_OK, PAMSTACK_DO_BAD },
	{ "requisite", PAMSTACK_DO_OK, PAMSTACK_DO_DIE },
	{ "sufficient", PAMSTACK_DO_DONE, PAMSTACK_DO_IGNORE },
	{ "optional", PAMSTACK_DO_OK, PAMSTACK_DO_IGNORE },
};

static int action_of(const char *word)
{
	static const struct {
		const char *word;
		int action;
	} row[] = {
		{ "ignore", PAMSTACK_DO_IGNORE }, { "ok", PAMSTACK_DO_OK },   { "done", PAMSTACK_DO_DONE },
		{ "bad", PAMSTACK_DO_BAD },       { "die", PAMSTACK_DO_DIE }, { "reset", PAMSTACK_DO_RESET },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (strcmp(row[i].word, word) == 0)
			return row[i].action;
	return *word && !word[strspn(word, "0123456789")] ? atoi(word) : PAMSTACK_DO_BAD;
}

/* Reads "value=action ..."; sets *@leaves when an action jumps or ends the stack. */
static void read_actions(char *control, int action[PAMSTACK_RESULTS_], bool *leaves)
{
	static const char *const names[PAMSTACK_RESULTS_] = { "success", "ignore", "auth_err" };
	bool said[PAMSTACK_RESULTS_] = { false };
	int otherwise = PAMSTACK_DO_BAD;

	for (char *word; (word = strsep(&control, BLANKS));) {
		char *name = strsep(&word, "=");

		if (!word)
			continue;
		*leaves = *leaves || action_of(word) > 0 || action_of(word) == PAMSTACK_DO_DONE;
		if (strcmp(name, "default") == 0)
			otherwise = action_of(word);
		for (size_t i = 0; i < PAMSTACK_RESULTS_; i++) {
			if (strcmp(name, names[i]) != 0)
				continue;
			action[i] = action_of(word);
			said[i] = true;
		}
	}
	for (size_t i = 0; i < PAMSTACK_RESULTS_; i++)
		if (!said[i])
			action[i] = otherwise;
}

static void read_control(char *control, int action[PAMSTACK_RESULTS_], bool *leaves)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		if (strcasecmp(control, keywords[i].word) != 0)
			continue;
		action[PAMSTACK_SUCCESS] = keywords[i].success;
		action[PAMSTACK_IGNORE] = PAMSTACK_DO_IGNORE;
		action[PAMSTACK_FAILURE] = keywords[i].failure;
		*leaves = keywords[i].success == PAMSTACK_DO_DONE;
		return;
	}
	read_actions(control, action, leaves);
}

/* ---- files ---- */

static const char *stem_of(char *module)
{
	char *slash = strrchr(module, '/'), *end;

	module = slash ? slash + 1 : module;
	end = strstr(module, ".so");
	if (end)
		*end = '\0';
	return module;
}

/* Appends a line, which takes over *@text. */
static int add_line(struct reader *r, char **text, const char *module, struct place place)
{
	struct pamstack_line *l = &r->stack->line[r->stack->n];

	if (r->stack->n == PAMSTACK_LINES_MAX)
		return explain(r->ret_error, -E2BIG, "more than %u lines", PAMSTACK_LINES_MAX);
	l->text = TAKE_PTR(*text);
	l->module = module;
	l->level = place.level;
	l->included = place.depth > 0;
	r->stack->n++;
	return 0;
}

static int add_module(struct reader *r, char **text, char **words, size_t n, struct place place)
{
	struct pamstack_line *l = &r->stack->line[r->stack->n];
	AUTO_FREE char *path = strdup(words[2]);
	int e = path ? add_line(r, text, stem_of(words[2]), place) : -ENOMEM;

	if (e < 0)
		return e;
	l->path = TAKE_PTR(path);
	l->may_be_missing = words[0][0] == '-';
	for (size_t i = 3; i < n; i++)
		l->args[l->n_args++] = words[i];
	read_control(words[1], l->action, &l->leaves);
	return 0;
}

/* Adds a head line for the substack, because a jump counts a substack as one line. */
static int add_substack(struct reader *r, const char *service, struct place place)
{
	AUTO_FREE char *no_text = NULL;
	int e = add_line(r, &no_text, "", place);

	place.depth++;
	place.level++;
	return e < 0 ? e : read_service(r, service, place);
}

static int read_line(struct reader *r, char **text, struct place place)
{
	const struct place included = { .depth = place.depth + 1, .level = place.level };
	char *words[WORDS_MAX];
	size_t n = split(*text, words);
	const char *type;

	if (n >= 2 && strcmp(words[0], "@include") == 0)
		return read_service(r, words[1], included);
	if (n < 3)
		return 0; /* libpam logs the error and fails the service */
	type = words[0] + (words[0][0] == '-');
	if (strcasecmp(type, r->type) != 0)
		return 0;
	if (strcasecmp(words[1], "include") == 0)
		return read_service(r, words[2], included);
	if (strcasecmp(words[1], "substack") == 0)
		return add_substack(r, words[2], place);
	return add_module(r, text, words, n, place);
}

/* As _pam_assemble_line() of libpam: a # anywhere begins a comment, which ends the line whatever its last character is. */
bool pamstack_line_continues(const char *line, size_t len)
{
	if (memchr(line, '#', len))
		return false;
	while (len > 0 && strchr(" \t\n", line[len - 1]))
		len--;
	return len > 0 && line[len - 1] == '\\';
}

static int refuse_line(struct reader *r, struct place place, const char *why)
{
	return explain(r->ret_error, -EINVAL, "%s%s: %s", place.file && place.file[0] != '/' ? "/etc/pam.d/" : "",
		       place.file ? place.file : "the stack", why);
}

/* Reads a line and the lines that a \ at its end joins to it. Returns 1, 0 at the end of the file, or -errno. */
static int next_line(struct reader *r, FILE *f, struct place place, char **ret_line)
{
	AUTO_FREE char *line = NULL;
	AUTO_FREE char *whole = NULL;
	bool more = true;
	size_t size = 0;
	ssize_t n;

	while (more && (n = getline(&line, &size, f)) > 0) {
		AUTO_FREE char *before = TAKE_PTR(whole);

		more = pamstack_line_continues(line, (size_t)n);
		line[strcspn(line, "#")] = '\0';
		if (before && !line[strspn(line, BLANKS)])
			return refuse_line(
			    r, place,
			    "a comment or an empty line follows a line that ends in \\: libpam 1.5 continues with the "
			    "line after it, libpam 1.7 does not; remove one of the two");
		if (more)
			*strrchr(line, '\\') = '\0';
		if (asprintf(&whole, "%s%s ", before ? before : "", line) < 0) {
			whole = NULL;
			return -ENOMEM;
		}
	}
	if (whole && more)
		return refuse_line(r, place, "the last line ends in \\: libpam refuses such a file");
	*ret_line = TAKE_PTR(whole);
	return *ret_line != NULL;
}

static int read_file(struct reader *r, FILE *f, struct place place)
{
	char *line = NULL;
	int e;

	while ((e = next_line(r, f, place, &line)) > 0) {
		e = read_line(r, &line, place);
		free(line);
		if (e < 0)
			break;
	}
	return e;
}

/* Opens @service in the first directory that has it; a name that begins with a slash is a path. */
static FILE *open_service(int root, const char *service)
{
	FILE *f = NULL;

	for (size_t i = 0; pamstack_directories[i] && !f; i++) {
		AUTO_FREE char *path = NULL;
		bool absolute = service[0] == '/';
		int fd, n = absolute ? asprintf(&path, "%s", service + strspn(service, "/"))
				     : asprintf(&path, "%s/%s", pamstack_directories[i], service);

		if (n < 0) {
			path = NULL;
			return NULL;
		}
		fd = openat(root, path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
		f = fd < 0 ? NULL : fdopen(fd, "r");
		if (fd >= 0 && !f)
			(void)close(fd);
		if (absolute || (!f && errno != ENOENT))
			break;
	}
	return f;
}

static int read_service(struct reader *r, const char *service, struct place place)
{
	AUTO_FCLOSE FILE *f = NULL;

	if (place.depth > DEPTH_MAX)
		return explain(r->ret_error, -ELOOP, "%s is included too deeply", service);
	f = open_service(r->root, service);
	if (!f)
		return explain(r->ret_error, -errno, "%s%s: %s", service[0] == '/' ? "" : "/etc/pam.d/", service,
			       strerror(errno));
	place.file = service;
	return read_file(r, f, place);
}

static int read_text(struct reader *r, const char *text)
{
	/* fmemopen() does not write, and needs at least one byte */
	AUTO_FCLOSE FILE *f = *text ? fmemopen((void *)(uintptr_t)text, strlen(text), "r") : NULL;

	if (!*text)
		return 0;
	return f ? read_file(r, f, (struct place){ .depth = 0 }) : -errno;
}

/* Reads @text, or the file of @service. */
static int read_stack(int root, const char *service, const char *text, const char *type, struct pamstack **ret_,
		      char **ret_error)
{
	struct reader r = { .root = root, .type = type, .ret_error = ret_error };
	int e;

	*ret_error = NULL;
	r.stack = calloc(1, sizeof *r.stack);
	if (!r.stack)
		return -ENOMEM;
	e = text ? read_text(&r, text) : read_service(&r, service, (struct place){ .depth = 0 });
	if (e < 0)
		pamstack_free(r.stack);
	else
		*ret_ = r.stack;
	return e;
}

int pamstack_read(int root, const char *service, const char *type, struct pamstack **ret_, char **ret_error)
{
	return read_stack(root, service, NULL, type, ret_, ret_error);
}

int pamstack_read_text(int root, const char *text, const char *type, struct pamstack **ret_, char **ret_error)
{
	return read_stack(root, NULL, text, type, ret_, ret_error);
}

void pamstack_free(struct pamstack *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		free(s->line[i].text);
		free(s->line[i].path);
	}
	free(s);
}

/* ---- queries ---- */

const struct pamstack_line *pamstack_find(const struct pamstack *s, const char *module)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->line[i].module, module) == 0)
			return &s->line[i];
	return NULL;
}

bool pamstack_has_arg(const struct pamstack_line *l, const char *arg)
{
	for (size_t i = 0; i < l->n_args; i++)
		if (strcmp(l->args[i], arg) == 0)
			return true;
	return false;
}

const char *pamstack_arg(const struct pamstack_line *l, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < l->n_args; i++)
		if (strncmp(l->args[i], name, len) == 0 && l->args[i][len] == '=')
			return l->args[i] + len + 1;
	return NULL;
}

/* ---- the dispatcher ---- */

/* The dispatcher's result so far: jumps and ignored results do not change it. */
struct impression {
	bool failed, succeeded;
};

/* Returns the last line of the substack of line @i, or of the stack at level 0. */
static size_t end_of_level(const struct pamstack *s, size_t i)
{
	unsigned level = s->line[i].level;

	while (i + 1 < s->n && s->line[i + 1].level >= level)
		i++;
	return i;
}

/* Returns the line before the target of a jump of @n from line @i; SIZE_MAX for a jump beyond the end. */
static size_t jump(const struct pamstack *s, size_t i, int n)
{
	unsigned level = s->line[i].level;

	for (; n > 0 && i + 1 < s->n && s->line[i + 1].level >= level; n--) {
		do
			i++;
		while (i + 1 < s->n && s->line[i + 1].level > level);
	}
	return n > 0 ? SIZE_MAX : i;
}

static void count(struct impression *now, int action, enum pamstack_result result)
{
	if (action == PAMSTACK_DO_BAD || action == PAMSTACK_DO_DIE)
		now->failed = true;
	if (action == PAMSTACK_DO_OK || action == PAMSTACK_DO_DONE) {
		now->succeeded = now->succeeded || result == PAMSTACK_SUCCESS;
		now->failed = now->failed || result == PAMSTACK_FAILURE;
	}
}

bool pamstack_succeeds(const struct pamstack *s,
		       enum pamstack_result (*ask)(const struct pamstack_line *l, size_t i, const void *userdata),
		       const void *userdata)
{
	struct impression now = { false, false };
	struct impression entered[DEPTH_MAX + 2] = { now }; /* `reset` goes back to it */

	for (size_t i = 0; i < s->n; i++) {
		const struct pamstack_line *l = &s->line[i];
		enum pamstack_result result;
		int action;

		if (!*l->module) {
			entered[l->level + 1] = now;
			continue;
		}
		result = ask(l, i, userdata);
		action = l->action[result];
		if (action > 0) {
			i = jump(s, i, action);
			if (i == SIZE_MAX)
				return false;
			continue;
		}
		if (action == PAMSTACK_DO_RESET)
			now = entered[l->level];
		count(&now, action, result);
		if (action == PAMSTACK_DO_DIE || (action == PAMSTACK_DO_DONE && !now.failed))
			i = end_of_level(s, i);
	}
	return now.succeeded && !now.failed;
}
