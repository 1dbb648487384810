/* SPDX-License-Identifier: MIT */
/* An unknown argument fails the stack, because a misspelt require_ticket must not be ignored. */
#include "pam_credssp/options.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/base/limits.h"

enum set {
	SET_ACTION,
	SET_FLAG,
	SET_NUMBER,
	SET_UID,
	SET_CHOICE,
	SET_PATH,
};

struct choice {
	const char *word;
	int value;
};

static const struct choice yes_no_try[] = { { "refuse", 0 }, { "allow", 1 }, { NULL, 0 } };
static const struct choice certificates[] = { { "match", 0 }, { "any", 1 }, { NULL, 0 } };
static const struct choice ccaches[] = {
	{ "own", CCACHE_OWN }, { "pam_krb5", CCACHE_PAM_KRB5 }, { "none", CCACHE_NONE }, { NULL, 0 }
};
static const struct choice pins[] = { { "pkinit", PIN_PKINIT }, { "conversation", PIN_CONVERSATION }, { NULL, 0 } };

static const struct row {
	struct options_row public;
	enum set set;
	size_t offset;
	int value;                    /* for SET_ACTION */
	const struct choice *choices; /* for SET_CHOICE */
} rows[] = {
	{ { "redeem", "trade a ticket for the credentials (default)" },
	  SET_ACTION,
	  offsetof(struct options, action),
	  ACTION_REDEEM,
	  NULL },
	{ { "verify", "verify credentials other than passwords" },
	  SET_ACTION,
	  offsetof(struct options, action),
	  ACTION_VERIFY,
	  NULL },
	{ { "require_ticket", "refuse logons without a ticket" },
	  SET_FLAG,
	  offsetof(struct options, require_ticket),
	  0,
	  NULL },
	{ { "minimum_uid=", "accounts below this uid do not log on with a ticket" },
	  SET_UID,
	  offsetof(struct options, minimum_uid),
	  0,
	  NULL },
	{ { "accept_proof", "verify: accept users that CredSSP alone has proved" },
	  SET_FLAG,
	  offsetof(struct options, accept_proof),
	  0,
	  NULL },
	{ { "create", "password: make an NTLM record for users without one" },
	  SET_FLAG,
	  offsetof(struct options, create),
	  0,
	  NULL },
	{ { "debug", "log what the module does" }, SET_FLAG, offsetof(struct options, debug), 0, NULL },
	{ { "timeout=", "milliseconds that credsspd, or with verify the helper program, may take" },
	  SET_NUMBER,
	  offsetof(struct options, timeout),
	  0,
	  NULL },
	{ { "pkcs11_module=", "path of the PKCS#11 module of the cards" },
	  SET_PATH,
	  offsetof(struct options, pkcs11_module),
	  0,
	  NULL },
	{ { "final_try=", "refuse or allow the last try before a card locks" },
	  SET_CHOICE,
	  offsetof(struct options, final_try),
	  0,
	  yes_no_try },
	{ { "certificate=", "match: the certificate names the principal; any: the KDC maps it" },
	  SET_CHOICE,
	  offsetof(struct options, any_certificate),
	  0,
	  certificates },
	{ { "ccache=", "what writes the session's credentials cache" },
	  SET_CHOICE,
	  offsetof(struct options, ccache),
	  0,
	  ccaches },
	{ { "pin=", "what uses the PIN" }, SET_CHOICE, offsetof(struct options, pin), 0, pins },
};
#define N_ROWS (sizeof rows / sizeof *rows)

const struct options_row *options_rows(void)
{
	static struct options_row list[N_ROWS + 1];

	for (size_t i = 0; i < N_ROWS; i++)
		list[i] = rows[i].public;
	return list;
}

static int parse_number(const char *text, unsigned long min, unsigned long max, unsigned *out)
{
	unsigned long v;

	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	errno = 0;
	v = strtoul(text, NULL, 10);
	if (errno || v < min || v > max)
		return -ERANGE;
	*out = (unsigned)v;
	return 0;
}

/* Refuses colons, because libkrb5 gets the path in a string that it splits at colons. */
static int parse_path(const char *text, const char **out)
{
	if (*text != '/' || strchr(text, ':') || strlen(text) > MODULE_PATH_MAX)
		return -EINVAL;
	*out = text;
	return 0;
}

static int parse_choice(const char *text, const struct choice *choices, int *out)
{
	for (; choices->word; choices++) {
		if (strcmp(text, choices->word) != 0)
			continue;
		*out = choices->value;
		return 0;
	}
	return -EINVAL;
}

/* @text is the text after the row's word. */
static int apply_row(const struct row *r, const char *text, void *field)
{
	switch (r->set) {
	case SET_NUMBER:
		return parse_number(text, 1, PAM_TIMEOUT_MAX_MSEC, field);
	case SET_UID:
		return parse_number(text, 0, (uid_t)-2, field);
	case SET_PATH:
		return parse_path(text, field);
	case SET_CHOICE:
		return parse_choice(text, r->choices, field);
	case SET_ACTION:
		*(int *)field = r->value;
		return 0;
	case SET_FLAG:
		*(bool *)field = true;
		return 0;
	}
	return -EINVAL;
}

static int apply(const char *arg, struct options *o)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];
		size_t len = strlen(r->public.word);

		if (strncmp(arg, r->public.word, len) == 0 && (r->public.word[len - 1] == '=' || !arg[len]))
			return apply_row(r, arg + len, (char *)o + r->offset);
	}
	return -ENOENT;
}

int options_parse(pam_handle_t *pamh, int argc, const char **argv, struct options *ret_options)
{
	struct options o = { .action = ACTION_REDEEM, .minimum_uid = MINIMUM_UID_DEFAULT };

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
