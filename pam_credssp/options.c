/* SPDX-License-Identifier: MIT */
/* A misspelt require_ticket must not mean its absence: whatever is not understood fails the stack. */
#include "pam_credssp/options.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "include/credssp/limits.h"

enum set {
	SET_ACTION,
	SET_FLAG,
	SET_NUMBER,
};

static const struct row {
	struct options_row public;
	enum set set;
	size_t offset;
	int value; /* of SET_ACTION */
} rows[] = {
	{ { "redeem", "trade a ticket for the credentials (default)" },
	  SET_ACTION,
	  offsetof(struct options, action),
	  ACTION_REDEEM },
	{ { "verify", "verify credentials other than passwords" },
	  SET_ACTION,
	  offsetof(struct options, action),
	  ACTION_VERIFY },
	{ { "require_ticket", "without a ticket nobody logs on" },
	  SET_FLAG,
	  offsetof(struct options, require_ticket),
	  0 },
	{ { "debug", "log what the module does" }, SET_FLAG, offsetof(struct options, debug), 0 },
	{ { "timeout=", "milliseconds that credsspd, or with verify the helper program, may take" },
	  SET_NUMBER,
	  offsetof(struct options, timeout),
	  0 },
};
#define N_ROWS (sizeof rows / sizeof *rows)

const struct options_row *options_rows(void)
{
	static struct options_row public[N_ROWS + 1];

	for (size_t i = 0; i < N_ROWS; i++)
	public[i] = rows[i].public;
	return public;
}

static int parse_number(const char *text, unsigned *out)
{
	unsigned long v;
	char *end;

	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || v == 0 || v > PAM_TIMEOUT_MAX_MSEC)
		return -ERANGE;
	*out = (unsigned)v;
	return 0;
}

static int apply(const char *arg, struct options *o)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];
		void *field = (char *)o + r->offset;
		size_t len = strlen(r->public.word);

		if (r->set == SET_NUMBER && strncmp(arg, r->public.word, len) == 0)
			return parse_number(arg + len, field);
		if (strcmp(arg, r->public.word) != 0)
			continue;
		if (r->set == SET_ACTION)
			*(int *)field = r->value;
		else
			*(bool *)field = true;
		return 0;
	}
	return -ENOENT;
}

int options_parse(pam_handle_t *pamh, int argc, const char **argv, struct options *ret_options)
{
	struct options o = { .action = ACTION_REDEEM };

	for (int i = 0; i < argc; i++) {
		int r = apply(argv[i], &o);

		if (r == 0)
			continue;
		pam_syslog(pamh, LOG_ERR, "%s argument \"%s\"; see pam_credssp(8)",
			   r == -ENOENT ? "unknown" : "malformed", argv[i]);
		return PAM_SERVICE_ERR;
	}
	if (o.timeout == 0)
		o.timeout = o.action == ACTION_VERIFY ? PAM_VERIFY_TIMEOUT_DEFAULT_MSEC : PAM_TIMEOUT_DEFAULT_MSEC;
	*ret_options = o;
	return PAM_SUCCESS;
}
