/* SPDX-License-Identifier: MIT */
/*
 * Templates of the real program, for the tests that are their supervisor, and what they need: a directory with
 * configuration and keytabs. Everything fails the test that is not as it must be.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <krb5/krb5.h>

#include "common/base/cleanup.h"
#include "common/ipc/packet.h"
#include "common/ipc/worker-msg.h"

#define DEADLINE_MSEC 10000
#define REALM "TEST.EXAMPLE"
#define PRINCIPAL "TERMSRV/rdp.test.example@" REALM
#define CLIENT "self-test@" REALM /* whom initiator_new_krb5() makes tickets for */

static char talk_dir[64];
/* of the program and of files in talk_dir; keytab_path has a key of PRINCIPAL besides those of the other keytabs */
static char program[4096], config_path[96], keytab_path[96], host_keytab[96], rc4_keytab[96];
/* ---- templates ---- */

struct template
{
	const char *mechanism; /* as in --template */
	const char *config;    /* a file; NULL: config_path */
	int control;
	pid_t pid;
	uint64_t last; /* logon */
};

static struct template ntlm = { .mechanism = "ntlm", .control = -1 }, krb5 = { .mechanism = "krb5", .control = -1 };

static inline bool is_ntlm(const struct template *t)
{
	return strcmp(t->mechanism, "ntlm") == 0;
}

/* In a child: becomes the program in @role, with or without @argument, and the socket @control. */
__attribute__((noreturn)) static inline void exec_role(const char *role, const char *argument, const char *config,
						       int control)
{
	char *const args[] = { (char *)(uintptr_t) "credsspd", (char *)(uintptr_t) "--config",
			       (char *)(uintptr_t)config,      (char *)(uintptr_t)role,
			       (char *)(uintptr_t)argument,    NULL };

	if (control == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(control, 3) < 0)
		_exit(127);
	(void)close_range(4, ~0U, 0);
	(void)execv(program, args);
	_exit(127);
}

/* Waits until there is something to read. */
static inline void readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, DEADLINE_MSEC), 1);
}

static inline struct template_record template_record(struct template *t)
{
	struct template_record r;

	readable(t->control);
	assert_int_equal(packet_recv(t->control, &r, sizeof r, NULL, 0), sizeof r);
	return r;
}

/* Starts @t, and waits until it has shaken hands with itself. */
static inline void start(struct template *t)
{
	int pair[2];

	assert_int_equal(packet_pair(0, pair), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		exec_role("--template", t->mechanism, t->config ? t->config : config_path, pair[1]);
	(void)close(pair[1]);
	t->control = pair[0];
	assert_int_equal(template_record(t).type, TEMPLATE_READY);
}

/* Closes its socket and returns its wait status. */
static inline int stop(struct template *t)
{
	int status = -1;

	t->control = close_fd(t->control);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	return status;
}

/* ---- set-up ---- */

/* @lines: of section [credsspd]. */
static inline void make_config(const char *path, const char *lines)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0644), 0);
	(void)fprintf(f, "[credsspd]\n%s", lines);
	assert_int_equal(fclose(f), 0);
}

static inline void add_key(krb5_context k, const char *path, const char *name, krb5_enctype enctype)
{
	krb5_keytab_entry e = { .vno = 3 };
	krb5_keytab keytab;
	char full[112];

	(void)snprintf(full, sizeof full, "WRFILE:%s", path);
	assert_int_equal(krb5_kt_resolve(k, full, &keytab), 0);
	assert_int_equal(krb5_parse_name(k, name, &e.principal), 0);
	assert_int_equal(krb5_c_make_random_key(k, enctype, &e.key), 0);
	assert_int_equal(krb5_kt_add_entry(k, keytab, &e), 0);
	/* what the server's keytab holds besides */
	if (strcmp(path, keytab_path) != 0) {
		krb5_keytab all;

		(void)snprintf(full, sizeof full, "WRFILE:%s", keytab_path);
		assert_int_equal(krb5_kt_resolve(k, full, &all), 0);
		assert_int_equal(krb5_kt_add_entry(k, all, &e), 0);
		(void)krb5_kt_close(k, all);
	}
	krb5_free_keytab_entry_contents(k, &e);
	(void)krb5_kt_close(k, keytab);
}

static inline void make_keytabs(void)
{
	krb5_context k;

	(void)snprintf(keytab_path, sizeof keytab_path, "%s/keytab", talk_dir);
	(void)snprintf(host_keytab, sizeof host_keytab, "%s/host.keytab", talk_dir);
	(void)snprintf(rc4_keytab, sizeof rc4_keytab, "%s/rc4.keytab", talk_dir);
	assert_int_equal(krb5_init_context(&k), 0);
	add_key(k, keytab_path, PRINCIPAL, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, host_keytab, "HOST/rdp.test.example@" REALM, ENCTYPE_AES256_CTS_HMAC_SHA1_96);
	add_key(k, rc4_keytab, PRINCIPAL, ENCTYPE_ARCFOUR_HMAC);
	krb5_free_context(k);
}

/* A directory in /tmp with configuration and keytabs; the program is found beside the directory of the unit tests. */
static inline void talk_set_up(void)
{
	char self[4000] = "", lines[256];

	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	(void)snprintf(program, sizeof program, "%s/credsspd",
		       getenv("CREDSSPD_DIR") ? getenv("CREDSSPD_DIR") : dirname(dirname(self)));
	if (access(program, X_OK) < 0)
		fail_msg("%s: %s", program, strerror(errno));
	(void)snprintf(talk_dir, sizeof talk_dir, "/tmp/test-credsspd.XXXXXX");
	assert_non_null(mkdtemp(talk_dir));
	/* the client's side must not look anything up */
	(void)setenv("KRB5_CONFIG", "/dev/null", 1);
	make_keytabs();
	(void)snprintf(config_path, sizeof config_path, "%s/credsspd.conf", talk_dir);
	(void)snprintf(lines, sizeof lines, "\tkerberos = any\n\tntlm = local\n\tkeytab = %s\n", keytab_path);
	make_config(config_path, lines);
}

/* Removes what talk_set_up() made. */
static inline int talk_tear_down(void)
{
	const char *const file[] = { keytab_path, host_keytab, rc4_keytab, config_path };

	for (size_t i = 0; i < sizeof file / sizeof *file; i++)
		(void)unlink(file[i]);
	return rmdir(talk_dir);
}

/* For groups of tests that use the templates ntlm and krb5. */
static inline int templates_set_up(void **unused)
{
	talk_set_up();
	start(&ntlm);
	start(&krb5);
	return 0;
}

static inline int templates_tear_down(void **unused)
{
	assert_int_equal(stop(&ntlm), 0);
	assert_int_equal(stop(&krb5), 0);
	return talk_tear_down();
}
