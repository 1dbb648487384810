/* SPDX-License-Identifier: MIT */
/*
 * credsspctl check: finds the usual reasons for failed logons on this server. It reads files, asks the bus, the KDC and
 * winbind, and changes nothing. Each area (one file here) is a table of checks; a check has an id, a function and a
 * severity.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "credsspctl/check/context.h"

/* the page about domains */
#define AD_PAGE "docs/active-directory.md"

enum check_result {
	CHECK_NONE = 0, /* the check does not apply, or another finding reports why it cannot be made */
	CHECK_OK,
	CHECK_WARNING,
	CHECK_ERROR,
	CHECK_BAD, /* returned by checks only: the row has the severity */
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

/* For checks: stores the object that was checked. Returns CHECK_OK. */
__attribute__((format(printf, 2, 3))) enum check_result check_looked(struct finding *found, const char *fmt, ...);

/* For checks, after check_looked(): stores what is wrong. Returns CHECK_BAD. */
__attribute__((format(printf, 2, 3))) enum check_result check_wrong(struct finding *found, const char *fmt, ...);

/* For checks, after check_wrong(): stores the commands or edits that help, one line or more. Returns CHECK_BAD. */
__attribute__((format(printf, 2, 3))) enum check_result check_remedy(struct finding *found, const char *fmt, ...);

/* Frees the texts. */
void check_finding_done(struct finding *f);

/* As check_remedy(), with the commands that put keys for TERMSRV/@name into the keytab. */
enum check_result check_remedy_keytab(struct finding *found, const struct check_context *ctx, const char *name);

/*
 * Runs all checks and prints the findings; @names (NULL-terminated) are other names that clients connect to. Returns an
 * exit status: CTL_OK without an error, CTL_FAILED with one, CTL_USAGE for users other than root.
 */
int check_run(char *const *names, bool json);
