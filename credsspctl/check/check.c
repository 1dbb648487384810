/* SPDX-License-Identifier: MIT */
/* Runs the areas in their order and prints the findings. */
#include "credsspctl/check/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/exit-status.h"
#include "credsspctl/host/print-dbus.h"

#define ID_WIDTH 22

static struct check_area (*const areas[])(void) = {
	check_config_area, check_daemon_area, check_certificate_area, check_xrdp_area,
	check_pam_area,    check_access_area, check_keytab_area,      check_kdc_area,
	check_ntlm_area,   check_domain_area, check_smartcard_area,
};
#define N_AREAS (sizeof areas / sizeof *areas)

static const char *const words[] = { [CHECK_OK] = "ok", [CHECK_WARNING] = "warning", [CHECK_ERROR] = "error" };

/* ---- printing ---- */

/* Prints a remedy line by line, because it may be text for a file or a shell. */
static void print_remedy(const char *text)
{
	AUTO_FREE char *copy = strdup(text);
	const char *mark = "->";
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		(void)printf("%-8s %-*s %s ", "", ID_WIDTH, "", mark);
		print_escaped(stdout, line);
		(void)fputc('\n', stdout);
		mark = "  ";
	}
}

static void print_text(const char *id, enum check_result result, const struct finding *f)
{
	(void)printf("%-8s %-*s ", words[result], ID_WIDTH, id);
	print_escaped(stdout, f->looked_at ? f->looked_at : "");
	if (f->wrong) {
		(void)fputs(": ", stdout);
		print_escaped(stdout, f->wrong);
	}
	(void)fputc('\n', stdout);
	if (f->remedy)
		print_remedy(f->remedy);
}

static void print_member(const char *key, const char *value)
{
	(void)printf("\"%s\": ", key);
	if (value)
		print_json_string(stdout, value);
	else
		(void)fputs("null", stdout);
}

static void print_json(const char *id, enum check_result result, const struct finding *f, bool first)
{
	(void)fputs(first ? "[{" : ",\n {", stdout);
	print_member("id", id);
	(void)fputs(", ", stdout);
	print_member("result", words[result]);
	(void)fputs(", ", stdout);
	print_member("looked_at", f->looked_at);
	(void)fputs(", ", stdout);
	print_member("wrong", f->wrong);
	(void)fputs(", ", stdout);
	print_member("remedy", f->remedy);
	(void)fputc('}', stdout);
}

struct tally {
	unsigned n, warnings, errors;
	bool json;
};

static void run_row(const struct check_row *row, struct check_context *f, struct tally *t)
{
	CLEANUP(check_finding_done) struct finding found = { .wrong = NULL };
	enum check_result result = row->look(f, &found);

	if (result == CHECK_NONE)
		return;
	if (result == CHECK_BAD)
		result = row->severity;
	if (t->json)
		print_json(row->id, result, &found, t->n == 0);
	else
		print_text(row->id, result, &found);
	t->n++;
	t->warnings += result == CHECK_WARNING;
	t->errors += result == CHECK_ERROR;
}

static void print_end(const struct tally *t)
{
	if (t->json)
		(void)puts(t->n == 0 ? "[]" : "]");
	else
		(void)printf("\n%u checks: %u errors, %u warnings\n", t->n, t->errors, t->warnings);
}

int check_run(char *const *names, bool json)
{
	CLEANUP(check_context_done) struct check_context f = { .bus = NULL };
	struct tally t = { .json = json };

	if (geteuid() != 0) {
		(void)fputs("credsspctl: check: it reads files that only root can read: run it as root\n", stderr);
		return CTL_USAGE;
	}
	check_context_gather(&f, names);
	for (size_t i = 0; i < N_AREAS; i++) {
		struct check_area area = areas[i]();

		for (size_t k = 0; k < area.n; k++) {
			run_row(&area.rows[k], &f, &t);
			(void)fflush(stdout); /* the next check may wait for a server */
		}
	}
	print_end(&t);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("credsspctl: check: standard output cannot be written\n", stderr);
		return CTL_USAGE;
	}
	return t.errors ? CTL_FAILED : CTL_OK;
}
