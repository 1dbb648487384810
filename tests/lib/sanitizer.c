/* SPDX-License-Identifier: MIT */
/*
 * Linked into the programs of make check-sanitize-suites: options of gcc's sanitizers, and a place for what they
 * report. A process behind a filter opens no file, the helper of pam_credssp has /dev/null for standard error and no
 * environment: so every program maps, before main(), memory that tests/lib/bed-init made and looks at when the bed
 * ends. A store into it works behind every filter, and is done before the runtime prints anything.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/sanitizer.h"

static struct sanitizer_board *board;
static char *text; /* of this process's report */

/* the runtime's; its headers declare them only for its own builds */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__lsan_default_suppressions(void);
int __lsan_is_turned_off(void);
void __asan_on_error(void);
void __ubsan_on_report(void);
void __asan_set_error_report_callback(void (*callback)(const char *));
void __sanitizer_set_death_callback(void (*callback)(void));
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file, unsigned *line,
				     unsigned *column, char **address);

/*
 * handle_segv=2 and so on: the daemons reset all signals, and a crash is still to be a report. color=never: isatty()
 * would be one more system call. quarantine_size_mb: what hundreds of processes keep of freed memory.
 */
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=1:detect_leaks=1:handle_segv=2:handle_sigbus=2:"
	       "handle_sigfpe=2:handle_sigill=2:quarantine_size_mb=16:print_suppressions=0:color=never";
}

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1:color=never";
}

/*
 * Modules of others in the PAM application do not free what its conversation answered, and pam_pkcs11 not what it has
 * from libcrypto, which nothing of ours in there uses.
 */
const char *__lsan_default_suppressions(void)
{
	return strcmp(program_invocation_short_name, "pamrun") == 0
		   ? "leak:pam_pkcs11.so\nleak:pam_sss.so\nleak:libcrypto.so\n"
		   : "";
}

/* The search for leaks looks into the process by ptrace(2). */
static bool is_traced(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	int tracer = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (f)
		(void)fclose(f);
	return tracer != 0;
}

int __lsan_is_turned_off(void)
{
	return prctl(PR_GET_DUMPABLE) != 1 || is_traced();
}

/* Modules stay where they are: a report at the end names them, and what they keep is not taken for lost. */
int dlclose(void *handle)
{
	return 0;
}

static void note(void)
{
	unsigned n;

	if (!board || text)
		return;
	n = atomic_fetch_add(&board->reports, 1);
	text = board->report[n < SANITIZER_REPORTS ? n : SANITIZER_REPORTS - 1];
	(void)snprintf(text, SANITIZER_TEXT, "%s[%d]: ", program_invocation_short_name, getpid());
}

static void add(const char *what)
{
	size_t have;

	note();
	have = text ? strlen(text) : 0;
	if (text)
		(void)snprintf(text + have, SANITIZER_TEXT - have, "%s\n", what);
}

void __asan_on_error(void)
{
	note();
}

void __ubsan_on_report(void)
{
	const char *kind = "", *message = "", *file = "";
	unsigned line = 0, column = 0;
	char *address = NULL, place[512];

	__ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
	(void)snprintf(place, sizeof place, "%s:%u: %s: %s", file, line, kind, message);
	add(place);
}

/* Leaks and what ends the runtime itself come to nothing else. */
static void at_death(void)
{
	add("the sanitizer ended this process");
}

static __attribute__((constructor)) void attach(void)
{
	int fd = open(SANITIZER_BOARD, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		(void)close(fd);
	__asan_set_error_report_callback(add);
	__sanitizer_set_death_callback(at_death);
	if (p == MAP_FAILED)
		return;
	board = p;
	(void)atomic_fetch_add(&board->started, 1);
}
