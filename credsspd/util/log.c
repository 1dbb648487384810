/* SPDX-License-Identifier: MIT */
/*
 * The journal is written to only when standard error is connected to it
 * (JOURNAL_STREAM, sd-journal's own convention); a daemon that was started by
 * hand, or in a test, prints the same line with the fields behind it.
 */
#include "credsspd/util/log.h"

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

#define LINE_MAX_ 2048U
#define FIELD_MAX_ 640U
#define FIELDS_MAX_ 16U

static const char *ident = "credsspd";
static bool debug;
static bool to_journal;
static bool priority_prefix; /* sd-daemon(3): "<4>" before a line tells the journal its priority */

static bool stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!s || sscanf(s, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st) < 0)
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

/* Controls of ASCII and, in UTF-8, of Latin-1 (a terminal may take U+009B for an escape sequence). */
static bool needs_escape(unsigned char c, unsigned char next)
{
	return c < 0x20 || c == 0x7f || c == '"' || c == '\\' || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

const char *log_escape(char *out, unsigned long size, const char *in)
{
	size_t o = 0;

	for (size_t i = 0; in[i]; i++) {
		unsigned char c = (unsigned char)in[i];

		if (o + 4 + 4 > size) {
			memcpy(out + o, "...", 4);
			return out;
		}
		if (needs_escape(c, (unsigned char)in[i + 1]))
			o += (size_t)snprintf(out + o, size - o, "\\x%02x", c);
		else
			out[o++] = (char)c;
	}
	out[o] = '\0';
	return out;
}

struct fields {
	char text[FIELDS_MAX_][FIELD_MAX_]; /* "CREDSSP_USER=alice" */
	size_t n;
};

__attribute__((format(printf, 3, 4))) static void add_field(struct fields *f, const char *name, const char *fmt, ...)
{
	char raw[FIELD_MAX_ - 40];
	char *out = f->text[f->n];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	int n = snprintf(out, FIELD_MAX_, "CREDSSP_%s=", name);

	(void)log_escape(out + n, FIELD_MAX_ - (size_t)n, raw);
	f->n++;
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

static void write_journal(int level, const char *message, struct fields *f)
{
	struct iovec iov[FIELDS_MAX_ + 3];
	char prio[16], id[64];
	static char text[LINE_MAX_ + 16];
	int n = 0;

	(void)snprintf(text, sizeof text, "MESSAGE=%s", message);
	(void)snprintf(prio, sizeof prio, "PRIORITY=%d", level);
	(void)snprintf(id, sizeof id, "SYSLOG_IDENTIFIER=%s", ident);
	iov[n++] = (struct iovec){ text, strlen(text) };
	iov[n++] = (struct iovec){ prio, strlen(prio) };
	iov[n++] = (struct iovec){ id, strlen(id) };
	for (size_t i = 0; i < f->n; i++)
		iov[n++] = (struct iovec){ f->text[i], strlen(f->text[i]) };
	(void)sd_journal_sendv(iov, n);
}

/* "CREDSSP_USER=alice" is printed as user="alice", or user=alice when nothing in it needs quotes. */
static size_t field_as_text(char *out, size_t size, const char *field)
{
	const char *name = field + strlen("CREDSSP_");
	const char *eq = strchr(name, '=');
	const char *quote;
	size_t o = 0;

	if (size < 4 || !eq)
		return 0;
	quote = strpbrk(eq + 1, " \\=") || !eq[1] ? "\"" : "";
	out[o++] = ' ';
	for (const char *c = name; c < eq && o + 2 < size; c++)
		out[o++] = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	int n = snprintf(out + o, size - o, "=%s%s%s", quote, eq + 1, quote);

	return n < 0 || (size_t)n >= size - o ? size - 1 : o + (size_t)n;
}

static void write_stderr(int level, const char *message, struct fields *f)
{
	static const char *const word[] = { "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug" };
	static char line[2 * LINE_MAX_ + FIELDS_MAX_ * 64];
	struct timespec now;
	size_t o;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (priority_prefix)
		o = (size_t)snprintf(line, sizeof line, "<%d>%s", level, message);
	else
		o = (size_t)snprintf(line, sizeof line, "%lld.%06ld %s[%d] %s: %s", (long long)now.tv_sec,
				     now.tv_nsec / 1000, ident, (int)getpid(), word[level & 7], message);
	for (size_t i = 0; i < f->n && o < sizeof line - 2; i++)
		o += field_as_text(line + o, sizeof line - 1 - o, f->text[i]);
	line[o++] = '\n';
	/* one write a line, so that lines of several processes do not mix */
	(void)!write(STDERR_FILENO, line, o);
}

__attribute__((format(printf, 3, 0))) static void write_line(int level, const struct log_logon *who, const char *fmt,
							     va_list ap)
{
	/* the daemons have one thread; a stack frame of this size would be the largest by far */
	static struct fields f;
	static char message[LINE_MAX_], safe[LINE_MAX_];
	int saved = errno;

	if (level >= LOG_DEBUG && !debug)
		return;
	f.n = 0;
	(void)vsnprintf(message, sizeof message, fmt, ap);
	/* arguments are escaped here, as a whole: a newline of a client cannot start a line of its own */
	size_t o = 0;
	for (size_t i = 0; message[i] && o + 5 < sizeof safe; i++) {
		unsigned char c = (unsigned char)message[i];

		if (c < 0x20 || c == 0x7f)
			o += (size_t)snprintf(safe + o, sizeof safe - o, "\\x%02x", c);
		else
			safe[o++] = (char)c;
	}
	safe[o] = '\0';
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
