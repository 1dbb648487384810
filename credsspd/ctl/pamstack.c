/* SPDX-License-Identifier: MIT */
/* pam.conf(5), and what libpam's dispatcher does with it. A substack is taken for an include. */
#include "credsspd/ctl/pamstack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "credsspd/config/options.h"
#include "credsspd/util/explain.h"
#include "include/credssp/cleanup.h"

#define DEPTH_MAX 16U
#define WORDS_MAX (PAMSTACK_ARGS_MAX + 3U)
#define BLANKS " \t\r\n"

struct reader {
	const char *directory, *type;
	struct pamstack *stack;
	char **ret_error;
};

static int read_service(struct reader *r, const char *service, unsigned depth);

/* ---- a line ---- */

/* The next word of *@p: up to a blank, or from [ to ], which are taken off; \] is a bracket. NULL at the end. */
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

/* "value=action ..." */
static void read_actions(char *control, int action[PAMSTACK_RESULTS_])
{
	static const char *const names[PAMSTACK_RESULTS_] = { "success", "ignore", "auth_err" };
	bool said[PAMSTACK_RESULTS_] = { false };
	int otherwise = PAMSTACK_DO_BAD;

	for (char *word; (word = strsep(&control, BLANKS));) {
		char *name = strsep(&word, "=");

		if (!word)
			continue;
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

static void read_control(char *control, int action[PAMSTACK_RESULTS_])
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		if (strcasecmp(control, keywords[i].word) != 0)
			continue;
		action[PAMSTACK_SUCCESS] = keywords[i].success;
		action[PAMSTACK_IGNORE] = PAMSTACK_DO_IGNORE;
		action[PAMSTACK_FAILURE] = keywords[i].failure;
		return;
	}
	read_actions(control, action);
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

/* A line of the wanted type; @text goes over to it. */
static int add_line(struct reader *r, char **text, char **words, size_t n)
{
	struct pamstack_line *l = &r->stack->line[r->stack->n];

	if (r->stack->n == PAMSTACK_LINES_MAX)
		return explain(r->ret_error, -E2BIG, "more than %u lines", PAMSTACK_LINES_MAX);
	l->text = TAKE_PTR(*text);
	l->module = stem_of(words[2]);
	for (size_t i = 3; i < n; i++)
		l->args[l->n_args++] = words[i];
	read_control(words[1], l->action);
	r->stack->n++;
	return 0;
}

static int read_line(struct reader *r, char **text, unsigned depth)
{
	char *words[WORDS_MAX];
	size_t n = split(*text, words);
	const char *type;

	if (n >= 2 && strcmp(words[0], "@include") == 0)
		return read_service(r, words[1], depth + 1);
	if (n < 3)
		return 0; /* libpam logs it and fails the service; so much is for it to say */
	type = words[0] + (words[0][0] == '-');
	if (strcasecmp(type, r->type) != 0)
		return 0;
	if (strcasecmp(words[1], "include") == 0 || strcasecmp(words[1], "substack") == 0)
		return read_service(r, words[2], depth + 1);
	return add_line(r, text, words, n);
}

/* A line with those that a \ at its end joins to it. Returns false at the end of the file. */
static bool next_line(FILE *f, char **ret_line)
{
	AUTO_FREE char *line = NULL;
	AUTO_FREE char *whole = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, f)) > 0) {
		AUTO_FREE char *before = whole;
		bool more = n >= 2 && line[n - 1] == '\n' && line[n - 2] == '\\';

		if (more)
			line[n - 2] = '\0';
		if (asprintf(&whole, "%s%s ", before ? before : "", line) < 0)
			whole = NULL;
		if (!more)
			break;
	}
	*ret_line = TAKE_PTR(whole);
	return *ret_line != NULL;
}

static int read_service(struct reader *r, const char *service, unsigned depth)
{
	AUTO_FCLOSE FILE *f = NULL;
	AUTO_FREE char *path = NULL;
	int e = 0;

	if (depth > DEPTH_MAX)
		return explain(r->ret_error, -ELOOP, "%s is included too deeply", service);
	if (asprintf(&path, "%s%s%s", service[0] == '/' ? "" : r->directory, service[0] == '/' ? "" : "/", service) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f)
		return explain(r->ret_error, -errno, "%s: %s", path, strerror(errno));
	for (char *line; e == 0 && next_line(f, &line); free(line))
		e = read_line(r, &line, depth);
	return e;
}

int pamstack_read(const char *directory, const char *service, const char *type, struct pamstack **ret_,
		  char **ret_error)
{
	struct reader r = { .directory = directory, .type = type, .ret_error = ret_error };
	int e;

	*ret_error = NULL;
	r.stack = calloc(1, sizeof *r.stack);
	if (!r.stack)
		return -ENOMEM;
	e = read_service(&r, service, 0);
	if (e < 0)
		pamstack_free(r.stack);
	else
		*ret_ = r.stack;
	return e;
}

void pamstack_free(struct pamstack *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		free(s->line[i].text);
	free(s);
}

/* ---- questions ---- */

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

/* Success is only what a line has said; a jump and an ignored result say nothing. */
bool pamstack_succeeds(const struct pamstack *s,
		       enum pamstack_result (*ask)(const struct pamstack_line *l, size_t i, const void *userdata),
		       const void *userdata)
{
	bool failed = false, succeeded = false;

	for (size_t i = 0; i < s->n; i++) {
		enum pamstack_result result = ask(&s->line[i], i, userdata);
		int action = s->line[i].action[result];

		if (action > 0) {
			if ((size_t)action >= s->n - i)
				return false; /* behind the end */
			i += (size_t)action;
			continue;
		}
		if (action == PAMSTACK_DO_RESET)
			failed = succeeded = false;
		if (action == PAMSTACK_DO_BAD || action == PAMSTACK_DO_DIE)
			failed = true;
		if (action == PAMSTACK_DO_OK || action == PAMSTACK_DO_DONE) {
			succeeded = succeeded || result == PAMSTACK_SUCCESS;
			failed = failed || result == PAMSTACK_FAILURE;
		}
		if (action == PAMSTACK_DO_DIE || (action == PAMSTACK_DO_DONE && !failed))
			break;
	}
	return succeeded && !failed;
}
