/* SPDX-License-Identifier: MIT */
/*
 * Each process answers one question at a time: a module that blocks occupies one process, which the supervisor has
 * killed at the deadline.
 *
 * The stack is the one that the login program will run, so its account phase gives the same answer, with the items that
 * the login program sets: PAM_RHOST, and PAM_TTY as xrdp-sesman sets it (the name of the service). Questions of modules
 * get no answer, and their messages to the user are dropped: the client gets a status only.
 */
#include "credsspd/account-checker/account-checker.h"

#include <dlfcn.h>
#include <errno.h>
#include <shadow.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/words.h"
#include "common/ipc/packet.h"
#include "common/sandbox/sandbox.h"
#include "common/wire/name.h"
#include "credsspd/account-checker/verdict.h"

#define LIBRARY "libpam.so.0"
#define DAY_SEC (24 * 3600)

const char ACCOUNT_QUESTION_SYMBOL[] = "account checker of credsspd";

/* ---- the question ---- */

static bool is_service_of_front_end(const struct config *config, const char *service)
{
	for (size_t i = 0; i < config->n_front_ends; i++)
		if (words_have(config->front_ends[i].services, service))
			return true;
	return false;
}

/* An address, perhaps with a zone, or a host name. */
static bool is_rhost(const char *rhost)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:%-_";

	return !rhost[strspn(rhost, allowed)];
}

/* Checks the strings, because libpam makes a path of the service, and modules look user and rhost up in root's
 * files. */
static bool is_question(const struct config *config, const struct account_question *q)
{
	return q->type == ACCOUNT_QUESTION && packet_text_ends(q->service, sizeof q->service) &&
	       packet_text_ends(q->user, sizeof q->user) && packet_text_ends(q->rhost, sizeof q->rhost) && q->user[0] &&
	       name_check(q->user, strlen(q->user)) == 0 && is_rhost(q->rhost) && !strchr(q->service, '/') &&
	       is_service_of_front_end(config, q->service);
}

/* ---- the answer ---- */

static int refuse_questions(int n, const struct pam_message **messages, struct pam_response **responses, void *appdata)
{
	for (int i = 0; i < n; i++)
		if (messages[i]->msg_style != PAM_ERROR_MSG && messages[i]->msg_style != PAM_TEXT_INFO)
			return PAM_CONV_ERR;
	*responses = calloc((size_t)n, sizeof **responses);
	return *responses ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int ask_pam(const struct account_pam *pam, const struct account_question *q)
{
	const struct pam_conv conv = { .conv = refuse_questions };
	pam_handle_t *pamh = NULL;
	int r = pam->start(q->service, q->user, &conv, &pamh);

	if (r != PAM_SUCCESS)
		return r;
	if (q->rhost[0])
		r = pam->set_item(pamh, PAM_RHOST, q->rhost);
	if (r == PAM_SUCCESS)
		r = pam->set_item(pamh, PAM_TTY, q->service);
	if (r == PAM_SUCCESS)
		r = pam->acct_mgmt(pamh, (int)PAM_SILENT);
	(void)pam->end(pamh, r);
	return r;
}

int account_answer_question(const struct account_pam *pam, const struct config *config,
			    const struct account_question *question, struct account_answer *ret_answer)
{
	struct account_answer a = { .type = ACCOUNT_ANSWER, .id = question->id };
	struct verdict_facts facts = { .local_password = question->local_password == 1 };

	if (!is_question(config, question))
		return -EPROTO;
	facts.service = question->service;
	facts.pam = ask_pam(pam, question);
	facts.shadow = getspnam(question->user);
	facts.today = (long)(time(NULL) / DAY_SEC);
	a.pam = facts.pam;
	a.refusal = (uint16_t)verdict_of(&facts, a.detail, sizeof a.detail);
	*ret_answer = a;
	return 0;
}

/* ---- the process ---- */

/* Loaded here and not linked: no other process of credsspd has libpam. */
static int load_pam(struct account_pam *ret_pam)
{
	static const struct {
		const char *name;
		size_t offset;
	} row[] = {
		{ "pam_start", offsetof(struct account_pam, start) },
		{ "pam_set_item", offsetof(struct account_pam, set_item) },
		{ "pam_acct_mgmt", offsetof(struct account_pam, acct_mgmt) },
		{ "pam_end", offsetof(struct account_pam, end) },
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);

	for (size_t i = 0; library && i < sizeof row / sizeof *row; i++) {
		void *symbol = dlsym(library, row[i].name);

		if (!symbol)
			return -ENOENT;
		memcpy((char *)ret_pam + row[i].offset, &symbol, sizeof symbol);
	}
	return library ? 0 : -ENOENT;
}

/*
 * A handle that is never ended keeps the modules of its stack and their libraries loaded, which pam_end() would unload:
 * a question then takes a tenth of the time (pam_sss and pam_winbind have many libraries). Each question still has a
 * handle of its own, which reads the stack again.
 */
static void keep_modules(const struct account_pam *pam, const struct config *config)
{
	static const struct pam_conv conv = { .conv = refuse_questions };
	pam_handle_t *kept = NULL;

	for (size_t i = 0; i < config->n_front_ends; i++)
		for (config_list s = config->front_ends[i].services; *s; s++)
			(void)pam->start(*s, NULL, &conv, &kept);
}

static int serve_questions(const struct account_pam *pam, const struct config *config, int fd)
{
	struct account_question q;
	struct account_answer a;
	ssize_t n;

	while ((n = packet_recv(fd, &q, sizeof q, NULL, 0)) > 0) {
		int r = n == (ssize_t)sizeof q ? account_answer_question(pam, config, &q, &a) : -EPROTO;

		if (r == 0)
			r = packet_send(fd, &a, sizeof a, NULL, 0);
		if (r < 0)
			return r;
	}
	return (int)n;
}

int account_checker_main(const struct config *config, int control_fd)
{
	struct account_pam pam;
	int r = load_pam(&pam);

	if (r < 0) {
		log_line(LOG_ERR, "account-checker: " LIBRARY ": %s", dlerror());
		return r;
	}
	r = confine_account_checker(control_fd);
	if (r == 0) {
		keep_modules(&pam, config);
		r = serve_questions(&pam, config, control_fd);
	}
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		log_line(LOG_ERR, "account-checker: %s", strerror(-r));
	return r;
}
