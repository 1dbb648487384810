/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/stack-options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

#define BLANKS " \t"
#define MODULE "pam_credssp.so"
#define ACCEPT_PROOF "accept_proof"
#define MINIMUM_UID "minimum_uid="

struct stack_options stack_options_of(const struct config *c)
{
	return (struct stack_options){
		.accept_proof = c->restricted_admin || c->remote_guard == CONFIG_REMOTE_GUARD_ALLOW ||
				(c->kerberos && c->smartcard == CONFIG_SMARTCARD_GSS),
		.minimum_uid = c->allow_root ? 0 : c->minimum_uid,
	};
}

/* ---- lines ---- */

/* Returns the length of a line without newline, comment and the blanks before the comment. */
static size_t length_of(const char *line)
{
	size_t len = strcspn(line, "#\n");

	while (len > 0 && strchr(BLANKS "\r", line[len - 1]))
		len--;
	return len;
}

/* Finds @word among the words of the first @len bytes of @line; with '=' at its end it is the beginning of one. */
static const char *find(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (size_t)(p - line) < len; p += strcspn(p, BLANKS "\n")) {
		p += strspn(p, BLANKS);
		if ((size_t)(p - line) + n > len || strncmp(p, word, n) != 0)
			continue;
		if (word[n - 1] == '=' || strcspn(p, BLANKS "#\r\n") == n || (size_t)(p - line) + n == len)
			return p;
	}
	return NULL;
}

static bool is_ours(const char *line, size_t len)
{
	if (len > 0 && *line == '-') {
		line++;
		len--;
	}
	return strncmp(line, "auth", 4) == 0 && line[4] && strchr(BLANKS, line[4]) && find(line, len, MODULE);
}

static const char *next(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

struct stack_options stack_options_in(const char *text)
{
	struct stack_options o = { .minimum_uid = MINIMUM_UID_DEFAULT };

	for (const char *line = text; *line; line = next(line)) {
		size_t len = length_of(line);
		const char *uid;

		if (!is_ours(line, len))
			continue;
		uid = find(line, len, MINIMUM_UID);
		if (uid)
			o.minimum_uid = (unsigned)strtoul(uid + strlen(MINIMUM_UID), NULL, 10);
		o.accept_proof = o.accept_proof || find(line, len, ACCEPT_PROOF);
	}
	return o;
}
