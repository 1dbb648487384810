/* SPDX-License-Identifier: MIT */
#include "credsspctl/report/report-text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/print-dbus.h"

#define NAMES_MAX 200U /* different names; a line with one more is left out */
#define LEFT_OUT "(left out)"

static void print_line(FILE *out, const char *line, size_t len)
{
	AUTO_FREE char *copy = strndup(line, len);

	(void)fputs("  ", out);
	print_escaped_line(out, copy);
}

/* ---- configuration ---- */

/* Whether @word is in @key, or at its end where @at_end. */
static bool has_word(const char *key, size_t len, const char *word, bool at_end)
{
	size_t n = strlen(word);

	for (size_t at = at_end && n <= len ? len - n : 0; at + n <= len; at++)
		if (strncasecmp(key + at, word, n) == 0)
			return true;
	return false;
}

/*
 * A key of a secret: of PAM modules (bindpw, pam_yubico's key), of units (Environment=, SetCredential=) and of their
 * programs. The private_key of credsspd.conf is a path.
 */
static bool is_secret_key(const char *key, size_t len)
{
	static const char *const words[] = { "password", "passwd", "passphrase",   "secret",
					     "psk",      "token",  "setcredential" };
	static const char *const ends[] = { "pin", "pw", "pass", "pwd", "apikey", "api_key", "access_key" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (has_word(key, len, words[i], false))
			return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (has_word(key, len, ends[i], true))
			return true;
	return len == 3 && strncasecmp(key, "key", 3) == 0;
}

static size_t word_begin(const char *line, size_t end)
{
	while (end > 0 && !isblank((unsigned char)line[end - 1]))
		end--;
	return end;
}

/* Where the value that belongs to a separator at @i begins, when its key is a secret's; else 0. */
static size_t secret_value(const char *line, size_t i)
{
	bool is_option, is_assignment = line[i] == '=';
	size_t end = i, begin;

	while (is_assignment && end > 0 && isblank((unsigned char)line[end - 1]))
		end--;
	begin = word_begin(line, end);
	/* "--password geheim" of a program in a unit */
	is_option = isblank((unsigned char)line[i]) && line[begin] == '-';
	return (is_assignment || is_option) && end > begin && is_secret_key(line + begin, end - begin) ? i + 1 : 0;
}

/* "https://name:geheim@proxy": where the user of an address begins, when the address has one; else 0. */
static size_t secret_user(const char *line, size_t len, size_t i)
{
	size_t n;

	if (len - i < 3 || strncmp(line + i, "://", 3) != 0)
		return 0;
	n = strcspn(line + i + 3, " \t\n/@");
	return i + 3 + n < len && line[i + 3 + n] == '@' ? i + 3 : 0;
}

/* Returns the length of the line up to its first secret; @len for a line without a secret. */
static size_t public_part(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t value = secret_value(line, i);

		if (value == 0)
			value = secret_user(line, len, i);
		if (value > 0)
			return value;
	}
	return len;
}

static bool continues(const char *line, size_t len)
{
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\r'))
		len--;
	return len > 0 && line[len - 1] == '\\';
}

void report_print_configuration(FILE *out, const char *text)
{
	bool in_secret = false; /* the line before it was left out, and continues here */

	for (size_t len; *text; text += len + (text[len] ? 1 : 0)) {
		const char *first = text + strspn(text, " \t\r");
		size_t shown;

		len = strcspn(text, "\n");
		if (in_secret) {
			in_secret = continues(text, len);
			continue;
		}
		if (first >= text + len || *first == '#' || *first == ';')
			continue;
		shown = public_part(text, len);
		in_secret = shown < len && continues(text, len);
		if (shown == len) {
			print_line(out, text, len);
		} else {
			AUTO_FREE char *line = NULL;

			if (asprintf(&line, "%.*s " LEFT_OUT, (int)shown, text) < 0)
				line = NULL;
			print_line(out, line ? line : LEFT_OUT, strlen(line ? line : LEFT_OUT));
		}
	}
}

/* ---- logs ---- */

static const struct field {
	const char *key, *token;
} fields[] = {
	{ "user=", "user" },     { "ruser=", "user" },       { "principal=", "principal" },
	{ "account=", "user" },  { "delegated=", "user" },   { "domain=", "domain" },
	{ "rhost=", "address" }, { ", delegated ", "user" }, { "workstation=", "machine" },
	{ "logname=", "user" }, /* pam_krb5's user */
};
#define N_FIELDS (sizeof fields / sizeof *fields)

/*
 * How PAM modules and xrdp name users and clients in sentences. Only their lines are searched for these words, which
 * are common ones.
 */
static const struct field sentences[] = {
	{ "user ", "user" }, { "user: ", "user" },    { "account ", "user" }, { "username ", "user" },
	{ "User ", "user" }, { "getpwnam(", "user" }, { "user=", "user" },    { "authenticated as ", "principal" },
};
#define N_SENTENCES (sizeof sentences / sizeof *sentences)

struct name {
	char *value;
	const struct field *field;
	unsigned number;
};

struct names {
	struct name p[NAMES_MAX];
	size_t n;
	bool full;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->p[i].value);
}

static void add_name(struct names *names, const struct field *field, const char *value, size_t len)
{
	unsigned number = 1;

	for (size_t i = 0; i < names->n; i++) {
		if (strlen(names->p[i].value) == len && strncmp(names->p[i].value, value, len) == 0)
			return;
		number += strcmp(names->p[i].field->token, field->token) == 0;
	}
	if (len == 0)
		return;
	if (names->n == NAMES_MAX) {
		names->full = true;
		return;
	}
	names->p[names->n] = (struct name){ strndup(value, len), field, number };
	names->n += names->p[names->n].value ? 1 : 0;
}

/* Of "BEDCORP\\alice" (also as the log escapes it) and "alice@realm" the user alone as well: other programs log
 * that. */
static void add_user(struct names *names, const struct field *field, const char *value, size_t len)
{
	static const char escaped[] = "\\x5c";
	size_t begin = 0, end = len;

	add_name(names, field, value, len);
	if (strcmp(field->token, "user") != 0 && strcmp(field->token, "principal") != 0)
		return;
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\\')
			begin = strncmp(value + i, escaped, sizeof escaped - 1) == 0 ? i + sizeof escaped - 1 : i + 1;
		if (value[i] == '@' && end == len)
			end = i;
	}
	if (begin < end && end - begin < len)
		add_name(names, &fields[0], value + begin, end - begin);
}

/* A value ends at a blank, or at the quote that it begins with. */
static void find_values(struct names *names, const struct field *field, const char *text)
{
	for (const char *p = text; (p = strstr(p, field->key));) {
		bool is_part = p > text && isalnum((unsigned char)field->key[0]) &&
			       (isalnum((unsigned char)p[-1]) || p[-1] == '-' || p[-1] == '_');
		bool quoted;

		p += strlen(field->key);
		quoted = *p == '"';
		if (!is_part)
			add_user(names, field, p + quoted, strcspn(p + quoted, quoted ? "\"\n" : " \t\n"));
	}
}

/* Whether a PAM module but our own wrote the line: "pam_unix(xrdp-sesman:account): ...". */
static bool is_of_module(const char *line)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	for (const char *p = line; (p = strstr(p, "pam_")); p += 4)
		if (p[strspn(p, letters)] == '(' && strncmp(p, "pam_credssp(", 12) != 0)
			return true;
	return false;
}

/* Returns whether the line may have names outside of fields. */
static bool has_sentences(const char *line, size_t len)
{
	AUTO_FREE char *copy = strndup(line, len);

	return copy && (is_of_module(copy) || strstr(copy, "xrdp-sesman[") || strstr(copy, "xrdp-sesexec["));
}

static bool is_common_word(const char *word, size_t len)
{
	static const char *const words[] = { "unknown", "not", "name", "is",     "has",     "to",
					     "in",      "or",  "from", "with",   "expired", "of",
					     "for",     "was", "and",  "cannot", "phase",   "does" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == len && strncmp(word, words[i], len) == 0)
			return true;
	return false;
}

static void find_in_sentence(struct names *names, const struct field *field, const char *line, size_t len)
{
	size_t n = strlen(field->key);

	for (const char *p = line; p + n < line + len; p++) {
		size_t quote, value;

		if (strncmp(p, field->key, n) != 0 || (p > line && isalnum((unsigned char)p[-1])))
			continue;
		quote = strspn(p + n, "'`\"[(<");
		value = strcspn(p + n + quote, " \t\n,;:'`\"()[]<>");
		if (!is_common_word(p + n + quote, value))
			add_user(names, field, p + n + quote, value);
	}
}

static void find_sentences(struct names *names, const char *text)
{
	for (size_t len; *text; text += len + (text[len] ? 1 : 0)) {
		len = strcspn(text, "\n");
		if (!has_sentences(text, len))
			continue;
		for (size_t i = 0; i < N_SENTENCES; i++)
			find_in_sentence(names, &sentences[i], text, len);
	}
}

static bool is_address(const char *word, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (len >= sizeof text)
		return false;
	memcpy(text, word, len);
	text[len] = '\0';
	return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

/* Finds addresses outside of fields, perhaps with a port or a full stop after them. */
static void find_addresses(struct names *names, const char *text)
{
	static const char digits[] = "0123456789abcdefABCDEF:.";
	static const struct field address = { "", "address" };

	for (size_t len; *text; text += len ? len : 1) {
		size_t n;

		len = strspn(text, digits);
		for (n = len; n > 0 && !is_address(text, n); n--)
			while (n > 1 && text[n - 1] != ':' && text[n - 1] != '.')
				n--;
		if (n > 0 && strpbrk(text, ":.") < text + n)
			add_name(names, &address, text, n);
	}
}

/* Longer ones first: "alice@AD" before "alice". */
static int longer_first(const void *a, const void *b)
{
	size_t x = strlen(((const struct name *)a)->value), y = strlen(((const struct name *)b)->value);

	return (x < y) - (x > y);
}

/* The longest name that is a whole word before @end. */
static const struct name *name_at(const struct names *names, const char *p, const char *end)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t n = strlen(names->p[i].value);

		if (n <= (size_t)(end - p) && strncmp(p, names->p[i].value, n) == 0 && !isalnum((unsigned char)p[n]))
			return &names->p[i];
	}
	return NULL;
}

static void print_masked(FILE *out, const struct names *names, const char *line, size_t len)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *masked = open_memstream(&text, &size);

	if (!masked)
		return;
	for (const char *p = line; p < line + len;) {
		bool begins = p == line || !isalnum((unsigned char)p[-1]);
		const struct name *name = begins ? name_at(names, p, line + len) : NULL;

		if (name) {
			(void)fprintf(masked, "%s-%u", name->field->token, name->number);
			p += strlen(name->value);
		} else {
			(void)fputc(*p++, masked);
		}
	}
	if (fclose(masked) == 0)
		print_line(out, text, size);
}

void report_print_log(FILE *out, const char *text)
{
	static struct names names; /* too large for the stack */

	names = (struct names){ .n = 0 };
	for (size_t i = 0; i < N_FIELDS; i++)
		find_values(&names, &fields[i], text);
	find_sentences(&names, text);
	find_addresses(&names, text);
	if (names.n > 0)
		qsort(names.p, names.n, sizeof *names.p, longer_first);
	if (names.full)
		print_line(out, LEFT_OUT, strlen(LEFT_OUT));
	for (size_t len; !names.full && *text; text += len + (text[len] ? 1 : 0)) {
		len = strcspn(text, "\n");
		print_masked(out, &names, text, len);
	}
	names_done(&names);
}
