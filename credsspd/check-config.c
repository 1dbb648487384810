/* SPDX-License-Identifier: MIT */
/* Each attempt is made in a process of its own, which has the ids, and a deadline: a file may be a FIFO. */
#include "credsspd/check-config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/become.h"
#include "common/base/cleanup.h"
#include "common/base/explain.h"
#include "common/wire/ntlm-crypto.h"
#include "credsspd/mech/kerberos-credential.h"
#include "credsspd/ntlm-verifier/store.h"

#define TRY_SEC 10

/* ---- attempts: each returns 0, or -errno with a sentence ---- */

static int try_kerberos(const struct config *c, char **ret_error)
{
	const struct kerberos_credential_options o = {
		.keytab = c->keytab,
		.service_ticket = c->kerberos != CONFIG_KERBEROS_USER_TO_USER,
		.user_to_user = c->kerberos != CONFIG_KERBEROS_SERVICE_TICKET,
	};
	struct kerberos_credential *credential = NULL;
	int r = kerberos_credential_environment();

	if (r == 0)
		r = kerberos_credential_new(&o, &credential, ret_error);
	kerberos_credential_free(credential);
	return r;
}

static int try_ntlm(const struct config *c, char **ret_error)
{
	const char *problem = NULL;
	struct store *store = NULL;
	int r = ntlm_crypto_init(&problem);

	if (r < 0)
		return explain(ret_error, r, "NTLM is not available: %s", problem ? problem : strerror(-r));
	if (c->ntlm == CONFIG_NTLM_LOCAL)
		r = store_open(c->ntlm_store, &store, ret_error);
	store_close(store);
	return r;
}

/* ---- processes ---- */

static void run_as_user(const char *user, int (*try)(const struct config *c, char **ret_error), const struct config *c,
			const char *path)
{
	AUTO_FREE char *error = NULL;
	int r;

	if (!become_user(user)) {
		if (geteuid() != 0)
			_exit(EXIT_SUCCESS);
		(void)fprintf(stderr, "credsspd: %s: on this host: cannot run as user %s; is the package installed?\n",
			      path, user);
		_exit(EXIT_FAILURE);
	}
	(void)alarm(TRY_SEC);
	r = try(c, &error);
	if (r < 0)
		(void)fprintf(stderr, "credsspd: %s: on this host, as user %s: %s\n", path, user,
			      error ? error : strerror(-r));
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Returns 1 when it does not work, else 0. */
static unsigned attempt(const char *user, const char *what, int (*try)(const struct config *c, char **ret_error),
			const struct config *c, const char *path)
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_as_user(user, try, c, path);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFSIGNALED(status))
		(void)fprintf(stderr, "credsspd: %s: on this host: %s cannot be read within %d s\n", path, what,
			      TRY_SEC);
	return pid < 0 || status != 0;
}

/* ---- PAM ---- */

static unsigned missing_stacks(const struct config *c, const char *path)
{
	static const char *const directories[] = { "/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d" };
	unsigned n = 0;

	for (size_t i = 0; i < c->n_front_ends; i++)
		for (config_list s = c->front_ends[i].services; *s; s++) {
			bool found = false;

			for (size_t k = 0; k < sizeof directories / sizeof *directories && !found; k++) {
				AUTO_FREE char *file = NULL;

				if (asprintf(&file, "%s/%s", directories[k], *s) < 0)
					file = NULL;
				found = !file || access(file, F_OK) == 0;
			}
			if (!found)
				(void)fprintf(
				    stderr,
				    "credsspd: %s: on this host: the PAM service %s of front_ends has no file in "
				    "/etc/pam.d\n",
				    path, *s);
			n += !found;
		}
	return n;
}

unsigned check_config_on_host(const struct config *config, const char *path)
{
	unsigned n = missing_stacks(config, path);

	if (config->kerberos != CONFIG_KERBEROS_OFF)
		n += attempt("credsspd", config->keytab, try_kerberos, config, path);
	if (config->ntlm != CONFIG_NTLM_OFF)
		n += attempt("credsspd-ntlm", config->ntlm_store, try_ntlm, config, path);
	return n;
}
