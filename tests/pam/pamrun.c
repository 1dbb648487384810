/* SPDX-License-Identifier: MIT */
/*
 * pamrun SERVICE USER ANSWER RHOST PHASE...: a PAM application that answers every question with ANSWER, as sesman does.
 * RHOST and USER may be "-". Prints every message, "PHASE=RESULT" for each phase until one fails, then the items that
 * are left and how many questions were asked. Exit status: 0 when all phases succeeded. "env" as a phase prints the PAM
 * environment, "delete_cred" deletes the credentials, "run=COMMAND" runs COMMAND with the PAM environment in its own,
 * "user=NAME" goes on with another user,
 * "kill" ends pamrun as a crash would, "fork" goes on in a child, as sesman does between acct_mgmt and setcred.
 */
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct state {
	const char *answer;
	unsigned hidden, visible;
};

static int converse(int n, const struct pam_message **messages, struct pam_response **ret_responses, void *userdata)
{
	struct state *s = userdata;
	struct pam_response *r = calloc((size_t)n, sizeof *r);

	if (!r)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		switch (messages[i]->msg_style) {
		case PAM_PROMPT_ECHO_OFF:
			s->hidden++;
			r[i].resp = strdup(s->answer);
			break;
		case PAM_PROMPT_ECHO_ON:
			s->visible++;
			r[i].resp = strdup(s->answer);
			break;
		default:
			(void)printf("message: %s\n", messages[i]->msg);
		}
	}
	*ret_responses = r;
	return PAM_SUCCESS;
}

static int setcred(pam_handle_t *pamh, int flags)
{
	return pam_setcred(pamh, flags | (int)PAM_ESTABLISH_CRED);
}

static int delete_cred(pam_handle_t *pamh, int flags)
{
	return pam_setcred(pamh, flags | (int)PAM_DELETE_CRED);
}

static int print_environment(pam_handle_t *pamh, int flags)
{
	char **list = pam_getenvlist(pamh);

	for (char **e = list; e && *e; e++) {
		(void)printf("env: %s\n", *e);
		(void)putenv(*e); /* for run= */
	}
	free(list);
	return PAM_SUCCESS;
}

static int end_here(pam_handle_t *pamh, int flags)
{
	(void)fflush(stdout);
	(void)raise(SIGKILL);
	return PAM_ABORT;
}

/* The parent ends with the child's status; its own handle is ended when the session is over. */
static int go_on_in_child(pam_handle_t *pamh, int flags)
{
	int status = 1;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid < 0)
		return PAM_ABORT;
	if (pid == 0)
		return PAM_SUCCESS;
	(void)waitpid(pid, &status, 0);
	(void)pam_end(pamh, PAM_SUCCESS);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static const struct {
	const char *name;
	int (*call)(pam_handle_t *pamh, int flags);
} phases[] = {
	{ "authenticate", pam_authenticate },
	{ "setcred", setcred },
	{ "acct_mgmt", pam_acct_mgmt },
	{ "open_session", pam_open_session },
	{ "close_session", pam_close_session },
	{ "chauthtok", pam_chauthtok },
	{ "delete_cred", delete_cred },
	{ "env", print_environment },
	{ "kill", end_here },
	{ "fork", go_on_in_child },
};

static int run_phase(pam_handle_t *pamh, const char *name)
{
	struct timespec before, after;

	if (strncmp(name, "run=", 4) == 0) {
		(void)fflush(stdout);
		return system(name + 4) == 0 ? PAM_SUCCESS : PAM_ABORT;
	}
	if (strncmp(name, "user=", 5) == 0)
		return pam_set_item(pamh, PAM_USER, name + 5);
	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
		if (strcmp(phases[i].name, name) != 0)
			continue;
		(void)clock_gettime(CLOCK_MONOTONIC, &before);
		int r = phases[i].call(pamh, 0);

		(void)clock_gettime(CLOCK_MONOTONIC, &after);
		long long usec =
		    (long long)(after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;

		(void)printf("%s=%d msec=%lld usec=%lld (%s)\n", name, r, usec / 1000, usec, pam_strerror(pamh, r));
		return r;
	}
	(void)fprintf(stderr, "pamrun: no phase %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct state s = { 0 };
	const struct pam_conv conv = { converse, &s };
	const void *user = NULL, *rhost = NULL;
	pam_handle_t *pamh = NULL;
	int r;

	if (argc < 6)
		return 2;
	s.answer = argv[3];
	r = pam_start(argv[1], strcmp(argv[2], "-") == 0 ? NULL : argv[2], &conv, &pamh);
	if (r != PAM_SUCCESS)
		return 2;
	if (strcmp(argv[4], "-") != 0)
		(void)pam_set_item(pamh, PAM_RHOST, argv[4]);
	for (int i = 5; i < argc && r == PAM_SUCCESS; i++)
		r = run_phase(pamh, argv[i]);
	(void)pam_get_item(pamh, PAM_USER, &user);
	(void)pam_get_item(pamh, PAM_RHOST, &rhost);
	(void)printf("user=%s rhost=%s hidden=%u visible=%u\n", user ? (const char *)user : "(none)",
		     rhost ? (const char *)rhost : "(none)", s.hidden, s.visible);
	(void)pam_end(pamh, r);
	return r == PAM_SUCCESS ? 0 : 1;
}
