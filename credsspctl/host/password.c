/* SPDX-License-Identifier: MIT */
/*
 * getpass(3) is not used: it keeps the password in stdio's and its own memory. Here read(2) reads one byte at a time
 * into the secret, so that the rest of standard input is left to other programs, such as a loop in a shell.
 */
#include "credsspctl/host/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/wire/utf16.h"
#include "credsspctl/host/print-dbus.h"

/*
 * Reads up to a newline or end of file; the newline is not stored. Signals are unblocked, by @mask, only while it waits
 * (never when @mask is NULL). Returns 0, -EMSGSIZE when the line does not fit, -EINTR after a signal, or another
 * -errno.
 */
static int read_line(int fd, const sigset_t *mask, struct secret *line)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char c;
		ssize_t n;
		int r;

		if (mask && ppoll(&p, 1, NULL, mask) < 0)
			return -errno;
		n = read(fd, &c, 1);
		if (n < 0)
			return -errno;
		if (n == 0 || c == '\n')
			return 0;
		r = secret_append(line, &c, 1);
		secret_wipe(&c, sizeof c);
		if (r < 0)
			return -EMSGSIZE;
	}
}

/* ---- on a terminal ---- */

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define N_CAUGHT (sizeof caught / sizeof *caught)

static volatile sig_atomic_t signalled;

static void note_signal(int n)
{
	signalled = n;
}

/* The earlier signal settings. */
struct signals {
	struct sigaction action[N_CAUGHT];
	sigset_t mask;
};

/* Makes signals end the wait for input, so that the terminal's echo is restored. Signals that come before the wait stay
 * pending until then. */
static void catch_signals(struct signals *before)
{
	struct sigaction a = { .sa_handler = note_signal };
	sigset_t blocked;

	signalled = 0;
	(void)sigemptyset(&a.sa_mask);
	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < N_CAUGHT; i++)
		(void)sigaddset(&blocked, caught[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before->mask);
	for (size_t i = 0; i < N_CAUGHT; i++)
		(void)sigaction(caught[i], &a, &before->action[i]);
}

static void release_signals(const struct signals *before)
{
	/* the handler notes a signal that is still pending */
	(void)sigprocmask(SIG_SETMASK, &before->mask, NULL);
	for (size_t i = 0; i < N_CAUGHT; i++)
		(void)sigaction(caught[i], &before->action[i], NULL);
}

static int ask(FILE *terminal, const char *question, const char *user, struct secret *line)
{
	struct signals before;
	struct termios was, quiet;
	int fd = fileno(terminal), r;

	if (tcgetattr(fd, &was) < 0)
		return -errno;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	catch_signals(&before);
	r = tcsetattr(fd, TCSAFLUSH, &quiet) < 0 ? -errno : 0;
	if (r == 0) {
		(void)fputs(question, terminal);
		print_escaped(terminal, user);
		(void)fputs(": ", terminal);
		(void)fflush(terminal);
		r = read_line(fd, &before.mask, line);
		(void)fputc('\n', terminal);
		(void)fflush(terminal);
	}
	(void)tcsetattr(fd, TCSAFLUSH, &was);
	release_signals(&before);
	if (signalled) {
		(void)raise(signalled);
		r = -EINTR; /* the program was stopped and continued, or the signal is ignored */
	}
	return r;
}

static int ask_terminal(const char *user, bool twice, struct secret *first)
{
	AUTO_SECRET struct secret again = SECRET_NULL;
	AUTO_FCLOSE FILE *terminal = fopen("/dev/tty", "r+e");
	int r;

	if (!terminal)
		return -ENOTTY;
	r = ask(terminal, "Password of ", user, first);
	if (r < 0 || !twice || secret_len(first) == 0) /* an empty password is refused without a second question */
		return r;
	r = secret_init(&again, PASSWORD_MAX);
	if (r == 0)
		r = ask(terminal, "Again, password of ", user, &again);
	if (r == 0 && (secret_len(first) != secret_len(&again) ||
		       !secret_equal(secret_expose(first), secret_expose(&again), secret_len(first))))
		r = -EKEYREJECTED;
	return r;
}

/* ---- */

static int check(const struct secret *password)
{
	const uint8_t *p = secret_expose(password);

	if (secret_len(password) == 0)
		return -ENODATA;
	if (memchr(p, '\0', secret_len(password)))
		return -EINVAL;
	return utf8_check(p, secret_len(password));
}

static const char *problem_of(int r)
{
	static const struct {
		int error;
		const char *text;
	} row[] = {
		{ EMSGSIZE, "the password is too long" },
		{ ENODATA, "the password is empty" },
		{ EINVAL, "the password contains a NUL" },
		{ EILSEQ, "the password is not UTF-8" },
		{ EKEYREJECTED, "these were two different passwords; nothing is changed" },
		{ EINTR, "interrupted; nothing is changed" },
		{ ENOTTY, "there is no terminal to ask on" },
		{ ENOMEM, "no memory" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].error == -r)
			return row[i].text;
	return "the password cannot be read";
}

int password_read(int fd, const char *user, bool twice, struct secret *ret_password, const char **ret_problem)
{
	AUTO_SECRET struct secret password = SECRET_NULL;
	int r = secret_init(&password, PASSWORD_MAX);

	if (r == 0)
		r = isatty(fd) ? ask_terminal(user, twice, &password) : read_line(fd, NULL, &password);
	if (r == 0)
		r = check(&password);
	if (r < 0)
		*ret_problem = problem_of(r);
	else
		secret_move(ret_password, &password);
	return r;
}
