/* SPDX-License-Identifier: MIT */
/*
 * The journal is written to only when standard error is connected to it
 * (JOURNAL_STREAM, sd-journal's own convention); a daemon that was started by
 * hand, or in a test, prints the same line with the fields after it.
 *
 * The text of a line repeats the fields. The client's address comes before everything that a client can choose, because
 * packaging/fail2ban reads the address there.
 */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "common/base/printable.h"

#define LINE_MAX_ 2048U
#define VALUE_MAX_ 600U
#define FIELD_MAX_ (VALUE_MAX_ + 40U)
#define FIELDS_MAX_ 16U
#define TEXT_MAX_ (2U * LINE_MAX_ + FIELDS_MAX_ * 64U) /* a line with its fields as text */

static const char *ident = "credsspd";
static bool debug;
static bool to_journal;
static bool priority_prefix; /* sd-daemon(3): "<4>" before a line tells the journal its priority */

static bool stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	/* systemd sets the variable; a number that does not fit into the type is not a device number */
	if (!s || sscanf(s, "%llu:%llu", &dev, &ino) != 2 || /* NOLINT(cert-err34-c) */
	    fstat(STDERR_FILENO, &st) < 0)
		return false;
	return st.st_dev == dev && st.st_ino == ino;
}

void log_open(const char *name)
{
	ident = name;
	to_journal = stderr_is_journal();
}

void log_use_stderr(void)
{
	priority_prefix = to_journal;
	to_journal = false;
}

void log_set_debug(bool on)
{
	debug = on;
}

bool log_debug_enabled(void)
{
	return debug;
}

/* @special are characters that are escaped too. */
static const char *escape(char *out, size_t size, const char *in, const char *special)
{
	const char *p = in;
	size_t o = 0, mark = 0; /* "..." fits at @mark */

	while (*p) {
		size_t n = strchr(special, *p) ? 0 : printable_len(p);
		size_t need = n ? n : strlen("\\x00");

		if (o + need >= size) {
			memcpy(out + mark, "...", 4);
			return out;
		}
		if (n)
			memcpy(out + o, p, n);
		else
			(void)snprintf(out + o, size - o, "\\x%02x", (unsigned char)*p);
		o += need;
		p += n ? n : 1;
		if (o + 4 <= size)
			mark = o;
	}
	out[o] = '\0';
	return out;
}

const char *log_escape(char *out, unsigned long size, const char *in)
{
	return escape(out, size, in, "\"\\");
}

struct field {
	const char *name;       /* "USER": CREDSSP_USER in the journal, user= after the text of the line */
	char value[VALUE_MAX_]; /* not escaped: the journal field and the text escape it differently */
};

struct fields {
	struct field field[FIELDS_MAX_];
	size_t n;
};

__attribute__((format(printf, 3, 4))) static void add_field(struct fields *f, const char *name, const char *fmt, ...)
{
	struct field *to = &f->field[f->n++];
	va_list ap;

	to->name = name;
	va_start(ap, fmt);
	(void)vsnprintf(to->value, sizeof to->value, fmt, ap);
	va_end(ap);
}

static void add_logon_fields(struct fields *f, const struct log_logon *w)
{
	const struct {
		const char *name, *value;
	} text[] = {
		{ "USER", w->user }, { "SERVICE", w->service },     { "MECHANISM", w->mechanism },
		{ "KIND", w->kind }, { "PRINCIPAL", w->principal }, { "REASON", w->reason },
	};

	if (w->logon)
		add_field(f, "LOGON", "%llu", (unsigned long long)w->logon);
	if (w->rhost && *w->rhost)
		add_field(f, "RHOST", "%s", w->rhost);
	if (w->rport)
		add_field(f, "RPORT", "%u", w->rport);
	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		if (text[i].value && *text[i].value)
			add_field(f, text[i].name, "%s", text[i].value);
	if (w->version)
		add_field(f, "VERSION", "%u", w->version);
}

/* Prints the field USER as user=alice, or as user="..." when the value needs quotes. */
static size_t field_as_text(char *out, size_t size, const struct field *f)
{
	char value[VALUE_MAX_];
	const char *quote;
	size_t o = 0;

	if (size < 4)
		return 0;
	(void)log_escape(value, sizeof value, f->value);
	quote = strpbrk(value, " \\=") || !*value ? "\"" : "";
	out[o++] = ' ';
	for (const char *c = f->name; *c && o + 2 < size; c++)
		out[o++] = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	int n = snprintf(out + o, size - o, "=%s%s%s", quote, value, quote);

	return n < 0 || (size_t)n >= size - o ? size - 1 : o + (size_t)n;
}

static const struct field *field_of(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->field[i].name, name) == 0)
			return &f->field[i];
	return NULL;
}

/* "from 192.0.2.7: logon refused: wrong password logon=7 user=alice reason=bad-password", at most @size - 1 bytes */
static size_t journal_text(char *out, size_t size, const char *message, const struct fields *f)
{
	const struct field *rhost = field_of(f, "RHOST");
	char from[VALUE_MAX_] = "";
	int n;

	if (rhost)
		(void)log_escape(from, sizeof from, rhost->value);
	n = snprintf(out, size, "%s%s%s%s", rhost ? "from " : "", from, rhost ? ": " : "", message);
	size_t o = n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;

	for (size_t i = 0; i < f->n; i++)
		if (&f->field[i] != rhost)
			o += field_as_text(out + o, size - o, &f->field[i]);
	return o;
}

static void write_journal(int level, const char *message, struct fields *f)
{
	struct iovec iov[FIELDS_MAX_ + 3];
	char prio[16], id[64];
	static char text[TEXT_MAX_] = "MESSAGE=", field[FIELDS_MAX_][FIELD_MAX_];
	size_t head = strlen("MESSAGE=");
	int n = 0;

	head += journal_text(text + head, sizeof text - head, message, f);
	(void)snprintf(prio, sizeof prio, "PRIORITY=%d", level);
	(void)snprintf(id, sizeof id, "SYSLOG_IDENTIFIER=%s", ident);
	iov[n++] = (struct iovec){ text, head };
	iov[n++] = (struct iovec){ prio, strlen(prio) };
	iov[n++] = (struct iovec){ id, strlen(id) };
	for (size_t i = 0; i < f->n; i++) {
		int o = snprintf(field[i], FIELD_MAX_, "CREDSSP_%s=", f->field[i].name);

		/* a backslash is not doubled: journalctl CREDSSP_USER='CORP\alice' finds the line */
		(void)escape(field[i] + o, FIELD_MAX_ - (size_t)o, f->field[i].value, "");
		iov[n++] = (struct iovec){ field[i], strlen(field[i]) };
	}
	(void)sd_journal_sendv(iov, n);
}

static void write_stderr(int level, const char *message, struct fields *f)
{
	static const char *const word[] = { "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug" };
	static char line[TEXT_MAX_];
	struct timespec now;
	size_t o;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (priority_prefix) {
		o = (size_t)snprintf(line, sizeof line, "<%d>", level);
		o += journal_text(line + o, sizeof line - 1 - o, message, f);
	} else {
		o = (size_t)snprintf(line, sizeof line, "%lld.%06ld %s[%d] %s: %s", (long long)now.tv_sec,
				     now.tv_nsec / 1000, ident, (int)getpid(), word[level & 7], message);
		for (size_t i = 0; i < f->n && o < sizeof line - 2; i++)
			o += field_as_text(line + o, sizeof line - 1 - o, &f->field[i]);
	}
	line[o++] = '\n';
	/* one write a line, so that lines of several processes do not mix */
	(void)!write(STDERR_FILENO, line, o);
}

__attribute__((format(printf, 3, 0))) static void write_line(int level, const struct log_logon *who, const char *fmt,
							     va_list ap)
{
	/* static, because it is large; the daemons have one thread */
	static struct fields f;
	static char message[LINE_MAX_ + 4], safe[LINE_MAX_]; /* what is cut does not fit into @safe: "..." */
	int saved = errno;

	if (level >= LOG_DEBUG && !debug)
		return;
	f.n = 0;
	(void)vsnprintf(message, sizeof message, fmt, ap);
	/* arguments are escaped here, as a whole: a newline of a client cannot start a line of its own */
	(void)escape(safe, sizeof safe, message, "");
	if (who)
		add_logon_fields(&f, who);
	if (to_journal)
		write_journal(level, safe, &f);
	else
		write_stderr(level, safe, &f);
	errno = saved;
}

void log_line(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(level, NULL, fmt, ap);
	va_end(ap);
}

void log_logon_line(int level, const struct log_logon *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(level, who, fmt, ap);
	va_end(ap);
}
