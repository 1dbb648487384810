/* SPDX-License-Identifier: MIT */
/* Uses only escape sequences that all present terminals support (ECMA-48, and xterm's alternate screen). */
#include "credsspctl/watch-status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/exit-status.h"
#include "credsspctl/host/print-dbus.h"

#define ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l" /* alternate screen, no cursor, long lines are cut */
#define LEAVE "\x1b[?7h\x1b[?25h\x1b[?1049l"
#define HOME "\x1b[H"
#define END_OF_LINE "\x1b[K\n"
#define END_OF_SCREEN "\x1b[J"
#define ROWS_DEFAULT 24

static volatile sig_atomic_t entered;

static void on_end(int sig)
{
	if (entered)
		(void)!write(STDOUT_FILENO, LEAVE, strlen(LEAVE));
	_exit(CTL_OK);
}

static void end_on_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = on_end };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &action, NULL);
}

static bool is_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

static unsigned rows_of_terminal(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 1 ? w.ws_row : ROWS_DEFAULT;
}

/* Gets one status as text, or a text about the failure, with -errno. The caller frees *@ret_text. */
static int look(struct manager *m, bool json, char **ret_text, const char **problem)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return -ENOMEM;
	sd_bus_error_free(&m->error);
	r = manager_status(m, &reply);
	if (r < 0) {
		print_escaped(f, manager_problem(m, NULL));
		(void)fputc('\n', f);
	} else if ((json ? print_dbus_json(f, reply) : print_dbus_text(f, reply)) < 0) {
		*problem = "the daemon's answer is malformed";
		r = -EBADMSG;
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret_text = TAKE_PTR(text);
	return r;
}

/* Draws the whole screen in one write, so that it does not flicker. Text that is too high ends with "...". */
static void draw(const char *text)
{
	unsigned left = rows_of_terminal() - 1; /* the last row is for the cursor */

	(void)fputs(entered ? HOME : ENTER HOME, stdout);
	entered = 1;
	for (const char *end; (end = strchr(text, '\n')) != NULL && left > 0; text = end + 1, left--) {
		if (left == 1 && end[1])
			(void)fputs("...", stdout);
		else
			(void)fwrite(text, 1, (size_t)(end - text), stdout);
		(void)fputs(END_OF_LINE, stdout);
	}
	(void)fputs(END_OF_SCREEN, stdout);
}

static void print(const char *text, bool failed, bool json)
{
	(void)fputs(failed ? "credsspctl: status: " : "", failed ? stderr : stdout);
	(void)fputs(text, failed ? stderr : stdout);
	if (!failed && !json)
		(void)fputc('\n', stdout); /* an empty line between two of them */
}

int watch_status(struct manager *m, bool json, const char **problem)
{
	const struct timespec second = { .tv_sec = 1 };
	bool screen = !json && is_terminal();
	int r;

	end_on_signals();
	for (bool first = true;; first = false) {
		AUTO_FREE char *text = NULL;

		r = look(m, json, &text, problem);
		/* a lost connection to the bus must be opened again */
		if (!text || *problem || (r < 0 && (first || sd_bus_is_open(m->bus) <= 0)))
			break;
		if (screen)
			draw(text);
		else
			print(text, r < 0, json);
		if (fflush(stdout) != 0) {
			r = -errno;
			*problem = "standard output cannot be written";
			break;
		}
		(void)nanosleep(&second, NULL);
	}
	if (entered)
		(void)!write(STDOUT_FILENO, LEAVE, strlen(LEAVE));
	entered = 0;
	return r;
}
