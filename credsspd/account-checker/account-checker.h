/* SPDX-License-Identifier: MIT */
#pragma once

#include <security/pam_appl.h>

#include "common/config/config.h"
#include "common/ipc/account-msg.h"

/* The functions of libpam that the checker calls; tests replace them. */
struct account_pam {
	int (*start)(const char *service, const char *user, const struct pam_conv *conv, pam_handle_t **ret_pamh);
	int (*set_item)(pam_handle_t *pamh, int item, const void *value);
	int (*acct_mgmt)(pam_handle_t *pamh, int flags);
	int (*end)(pam_handle_t *pamh, int status);
};

/*
 * Asks the account phase of the question's PAM service. Returns 0 and the answer, or -EPROTO when the question is
 * malformed or asks for a service that no front end of @config may have tickets for.
 */
int account_answer_question(const struct account_pam *pam, const struct config *config,
			    const struct account_question *question, struct account_answer *ret_answer);

/*
 * Runs an account checker, a process of root's that the warden of credsspd-account.service makes: answers the questions
 * on its control socket until end of file. Returns 0, or -errno. Each error is one line in the log, except -EPIPE and
 * -ECONNRESET: then the supervisor has closed the connection, at a deadline or when it ended.
 */
int account_checker_main(const struct config *config, int control_fd);
