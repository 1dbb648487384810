/* SPDX-License-Identifier: MIT */
/*
 * credsspctl check: what makes NLA fail in practice on this server. It reads files, asks the bus, KDC and winbind, and
 * changes nothing. Each area (check-*.c) is a table of checks; a check is one id, one question and one severity.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "credsspctl/check/context.h"

/* where more is said of domains */
#define AD_PAGE "docs/active-directory.md"

enum check_result {
	CHECK_NONE = 0, /* the question does not arise, or another finding says why it cannot be answered */
	CHECK_OK,
	CHECK_WARNING,
	CHECK_ERROR,
	CHECK_BAD, /* from a check only: as bad as its row says */
};

/* Texts are malloc'ed; wrong and remedy are NULL when all is well. */
struct finding {
	char *looked_at, *wrong, *remedy;
};

struct check_row {
	const char *id;
	enum check_result severity; /* CHECK_WARNING or CHECK_ERROR */
	enum check_result (*look)(struct check_context *ctx, struct finding *found);
};

struct check_area {
	const struct check_row *rows;
	size_t n;
};

/* The areas, in the order of their output. */
struct check_area check_config_area(void);
struct check_area check_daemon_area(void);
struct check_area check_certificate_area(void);
struct check_area check_xrdp_area(void);
struct check_area check_pam_area(void);
struct check_area check_access_area(void);
struct check_area check_keytab_area(void);
struct check_area check_kdc_area(void);
struct check_area check_ntlm_area(void);
struct check_area check_domain_area(void);
struct check_area check_smartcard_area(void);

/* For checks: what was looked at. Returns CHECK_OK. */
__attribute__((format(printf, 2, 3))) enum check_result check_looked(struct finding *found, const char *fmt, ...);

/* For checks, after check_looked(): what is wrong. Returns CHECK_BAD. */
__attribute__((format(printf, 2, 3))) enum check_result check_wrong(struct finding *found, const char *fmt, ...);

/* For checks, after check_wrong(): what to type or edit, one line or more. Returns CHECK_BAD. */
__attribute__((format(printf, 2, 3))) enum check_result check_remedy(struct finding *found, const char *fmt, ...);

/* Frees the texts. */
void check_finding_done(struct finding *f);

/* check_remedy() with how keys for TERMSRV/@name come into the keytab. */
enum check_result check_remedy_keytab(struct finding *found, const struct check_context *ctx, const char *name);

/*
 * Runs all checks and prints the findings; @names (NULL-terminated) are other names that clients connect to. Returns an
 * exit status: CTL_OK without an error, CTL_FAILED with one, CTL_USAGE when this user cannot look.
 */
int check_run(char *const *names, bool json);
