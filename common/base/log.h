/* SPDX-License-Identifier: MIT */
/*
 * Log lines of the daemons: to the journal with structured fields when the
 * process runs under systemd, else to standard error as text with the same
 * fields. Layers below the one that decides do not log. Control characters in
 * arguments are escaped, so a client cannot forge a line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* Must be called once, before any other function here. @ident, the program name in the journal, is not copied. */
void log_open(const char *ident);

/* Switches to standard error, for a process that may not open a socket. Under systemd the journal reads that, too. */
void log_use_stderr(void);

/* Switches LOG_DEBUG lines on or off. */
void log_set_debug(bool debug);
bool log_debug_enabled(void);

/* Writes one line. @level is LOG_ERR ... LOG_DEBUG. */
__attribute__((format(printf, 2, 3))) void log_line(int level, const char *fmt, ...);

/*
 * Fields of a line about one logon; each becomes CREDSSP_* in the journal and
 * key=value at the end of the text. NULL or 0 leaves a field out.
 */
struct log_logon {
	uint64_t logon;        /* CREDSSP_LOGON */
	const char *user;      /* CREDSSP_USER: canonical name, or what the client claimed */
	const char *rhost;     /* CREDSSP_RHOST */
	uint16_t rport;        /* CREDSSP_RPORT */
	const char *service;   /* CREDSSP_SERVICE */
	const char *mechanism; /* CREDSSP_MECHANISM */
	unsigned version;      /* CREDSSP_VERSION */
	const char *kind;      /* CREDSSP_KIND */
	const char *principal; /* CREDSSP_PRINCIPAL */
	const char *reason;    /* CREDSSP_REASON: refusal_word() */
};

__attribute__((format(printf, 3, 4))) void log_logon_line(int level, const struct log_logon *who, const char *fmt, ...);

/*
 * Copies @in to @out (@size bytes, at least 8) with controls, bytes that are
 * not UTF-8, '"' and '\\' written as \xNN; cut with "..." when it does not fit. For
 * text of libraries and peers that goes into a log line. Returns @out.
 */
const char *log_escape(char *out, unsigned long size, const char *in);
