/* SPDX-License-Identifier: MIT */
/* The helper program: reads all of its input, runs one mode, writes one result, and ends. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "pam_credssp/helper/helper-sandbox.h"
#include "pam_credssp/helper/mode.h"

static const struct {
	const char *name;
	helper_mode *run;
	enum credential_kind kind; /* the kind of hand-over that the mode needs; CREDENTIAL_NONE: no hand-over */
} modes[] = {
	{ "pkinit", pkinit_run, CREDENTIAL_SMARTCARD },
	{ "remote-guard", remote_guard_mode, CREDENTIAL_REMOTE_GUARD },
	{ "store", ccache_store_run, CREDENTIAL_NONE },
	{ "forget", ccache_forget_run, CREDENTIAL_NONE },
};

static const struct {
	const char *key;
	size_t offset;
} arguments[] = {
	{ "user", offsetof(struct helper_request, user) },
	{ "principal", offsetof(struct helper_request, principal) },
	{ "mechanism", offsetof(struct helper_request, mechanism) },
	{ "ccache", offsetof(struct helper_request, ccache) },
	{ "ticket", offsetof(struct helper_request, ticket) },
	{ "pkcs11_module", offsetof(struct helper_request, module) },
	{ "final_try", offsetof(struct helper_request, final_try) },
	{ "certificate", offsetof(struct helper_request, certificate) },
	{ "deadline", offsetof(struct helper_request, deadline) },
};

static int take_argument(const char *text, struct helper_request *out)
{
	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		size_t len = strlen(arguments[i].key);

		if (strncmp(text, arguments[i].key, len) != 0 || text[len] != '=')
			continue;
		*(const char **)((char *)out + arguments[i].offset) = text + len + 1;
		return 0;
	}
	return -ENOENT;
}

/* Reads all of standard input. Returns 0, -EFBIG or another -errno. */
static int read_input(struct secret *out)
{
	for (;;) {
		ssize_t n = read(0, (char *)secret_expose(out) + secret_len(out), secret_room(out));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		(void)secret_set_len(out, secret_len(out) + (size_t)n);
		if (secret_room(out) == 0)
			return -EFBIG;
	}
}

static unsigned run_mode(size_t mode, const struct helper_request *request, struct helper_result *result)
{
	AUTO_SECRET struct secret input = SECRET_NULL;
	struct handover h = { .kind = CREDENTIAL_NONE };
	int r;

	if (modes[mode].kind == CREDENTIAL_NONE)
		return modes[mode].run(request, NULL, result);
	if (secret_init(&input, HANDOVER_MAX + 1) < 0)
		return helper_say(result, HELPER_INTERNAL, "out of memory");
	r = read_input(&input);
	if (r == 0)
		r = handover_read(&input, &h);
	if (r < 0 || h.kind != modes[mode].kind)
		return helper_say(result, HELPER_HANDOVER, "%s", r < 0 ? strerror(-r) : "another kind");
	return modes[mode].run(request, &h, result);
}

static unsigned run(int argc, char **argv, struct helper_result *result)
{
	struct helper_request request = { "", "", "", "", "", PKCS11_PROXY_MODULE, "", "", "0" };

	for (int i = 2; i < argc; i++)
		if (take_argument(argv[i], &request) < 0)
			return helper_say(result, HELPER_INTERNAL, "argument %d is not known", i);
	for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return run_mode(i, &request, result);
	return helper_say(result, HELPER_INTERNAL, "no such mode");
}

int main(int argc, char **argv)
{
	struct helper_result result = { .magic = HELPER_RESULT_MAGIC, .status = HELPER_NONE };

	result.status = helper_restrain() < 0 ? helper_say(&result, HELPER_INTERNAL, "it cannot be confined (seccomp)")
					      : run(argc, argv, &result);
	return write(HELPER_RESULT_FD, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1;
}
