/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/config/config.h"
#include "common/config/options.h"
#include "common/config/rdp-settings.h"

static char path[] = "/tmp/test_settings.XXXXXX";

static int load(const char *text, struct settings *s, char **ret_error)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return settings_load(path, s, ret_error);
}

static struct settings good(const char *text)
{
	AUTO_FREE char *error = NULL;
	struct settings s;

	if (load(text, &s, &error) != 0)
		fail_msg("%s: %s", text, error ? error : "nothing said");
	assert_null(error);
	return s;
}

static void test_defaults(void **state)
{
	static const char *const files[] = { "", "[credsspd-rdp]\n", "[credsspd]\n ntlm = local\n" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct settings s = good(files[i]);

		assert_string_equal(s.listen[0], "3389");
		assert_null(s.listen[1]);
		assert_null(s.certificate);
		assert_null(s.private_key);
		assert_string_equal(s.state_directory, "/var/lib/credsspd-rdp");
		assert_string_equal(s.xrdp_socket, "/run/xrdp/front.sock");
		assert_string_equal(s.service, "xrdp-sesman");
		assert_true(s.hybrid_ex);
		assert_null(s.proxy_peers[0]);
		assert_int_equal(s.max_connections, 2048);
		assert_false(s.debug);
		assert_false(s.remote_guard);
		assert_false(s.restricted_admin);
		settings_done(&s);
		assert_null(s.listen);
	}
}

static void test_all_keys(void **state)
{
	static const char text[] =
	    "[credsspd-rdp]\n"
	    " listen = 127.0.0.1:3390, [::1]:3390\n certificate = /c\n private_key = /k\n"
	    " state_directory = /d\n xrdp_socket = /x\n service = other\n hybrid_ex = no\n tls_minimum = 1.2-aead\n"
	    " proxy_peers = 192.0.2.1 2001:DB8:0:0::1\n max_connections = 10\n log_level = debug\n";
	struct settings s = good(text);
	size_t n;
	const struct option_row *rows = settings_rows(&n);

	for (size_t i = 0; i < n; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "\n %s = ", rows[i].key);
		if (!strstr(text, key))
			fail_msg("%s", rows[i].key);
	}
	assert_string_equal(s.listen[0], "127.0.0.1:3390");
	assert_string_equal(s.listen[1], "[::1]:3390");
	assert_null(s.listen[2]);
	assert_string_equal(s.certificate, "/c");
	assert_string_equal(s.private_key, "/k");
	assert_string_equal(s.state_directory, "/d");
	assert_string_equal(s.xrdp_socket, "/x");
	assert_string_equal(s.service, "other");
	assert_false(s.hybrid_ex);
	assert_int_equal(s.tls_minimum, TLS_MINIMUM_1_2_AEAD);
	assert_string_equal(s.proxy_peers[1], "2001:db8::1");
	assert_int_equal(s.max_connections, 10);
	assert_true(s.debug);
	settings_done(&s);
}

/* Every word that credsspd takes for the two keys: all but the one that refuses are told to clients. */
static void test_daemon_keys(void **state)
{
	size_t n, n_all, words = 0;
	const struct option_row *ours = settings_daemon_rows(&n), *all = config_rows(&n_all);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n_all; k++) {
			if (strcmp(ours[i].key, all[k].key) != 0)
				continue;
			assert_string_equal(ours[i].def, all[k].def);
			for (const struct option_choice *c = all[k].choices; c->word; c++, words++) {
				char text[256];
				struct settings s;
				bool guard = strcmp(ours[i].key, "remote_guard") == 0;

				(void)snprintf(text, sizeof text,
					       "[credsspd]\n %s = %s\n x = y\n sub = {\n a = b\n }\n[credsspd-rdp]\n",
					       ours[i].key, c->word);
				s = good(text);
				assert_int_equal(guard ? s.remote_guard : s.restricted_admin,
						 strcmp(c->word, "refuse") != 0);
				assert_false(guard ? s.restricted_admin : s.remote_guard);
				settings_done(&s);
			}
		}
	}
	assert_int_equal(words, 5);
}

static void test_mistakes(void **state)
{
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	static const struct {
		const char *text, *told;
	} row[] = {
		{ "[credsspd-rdp]\n certificate = /c\n", "certificate and private_key go together" },
		{ "[credsspd-rdp]\n private_key = /k\n", "certificate and private_key go together" },
		{ "[credsspd-rdp]\n certificate = c\n private_key = /k\n", "state_directory are absolute paths" },
		{ "[credsspd-rdp]\n certificate = /c\n private_key = k\n", "state_directory are absolute paths" },
		{ "[credsspd-rdp]\n state_directory = \"\"\n", "state_directory are absolute paths" },
		{ "[credsspd-rdp]\n xrdp_socket = 3350\n", "xrdp_socket is an absolute path of at most 107 bytes" },
		{ "[credsspd-rdp]\n xrdp_socket = /" LONG "1234567\n", "xrdp_socket is an absolute path" },
		{ "[credsspd-rdp]\n service = \"\"\n", "service is no PAM service" },
		{ "[credsspd-rdp]\n service = ../x\n", "service is no PAM service" },
		{ "[credsspd-rdp]\n service = " LONG "\n", "service is no PAM service" },
		{ "[credsspd-rdp]\n hybrid_ex = maybe\n", "hybrid_ex = maybe: true or false is expected" },
		{ "[credsspd-rdp]\n max_connections = 0\n", "max_connections = 0: a number from 1 to 2048" },
		{ "[credsspd-rdp]\n max_connections = 2049\n", "max_connections = 2049: a number from 1 to 2048" },
		{ "[credsspd-rdp]\n proxy_peers = haproxy1\n", "proxy_peers = haproxy1: at most 64 addresses" },
		{ "[credsspd-rdp]\n log_level = all\n", "log_level = all: info or debug is expected" },
		{ "[credsspd-rdp]\n port = 3389\n", "[credsspd-rdp] unknown key port" },
		{ "[credsspd-rdp]\n front_ends = {\n  a = b\n }\n", "[credsspd-rdp] unknown subsection front_ends" },
		{ "[credsspd]\n remote_guard = on\n", "[credsspd] remote_guard = on: refuse or require-tickets" },
		{ "[credsspd-rdp]\n remote_guard = allow\n", "[credsspd-rdp] unknown key remote_guard" },
		{ "listen = 3390\n", "line 1 stands before the first section" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *error = NULL;
		struct settings s = { .max_connections = 4711 };

		if (load(row[i].text, &s, &error) >= 0)
			fail_msg("passed: %s", row[i].text);
		assert_int_equal(s.max_connections, 4711);
		if (!error || strncmp(error, path, strlen(path)) != 0 || !strstr(error, row[i].told))
			fail_msg("%s: %s", row[i].text, error ? error : "nothing said");
	}
	struct settings s = good("[credsspd-rdp]\n xrdp_socket = /" LONG "123456\n");

	assert_int_equal(strlen(s.xrdp_socket), 107);
	settings_done(&s);
}

/* All of them at once, as in test_config.c. */
static void test_all_mistakes(void **state)
{
	static const char *const said[] = { "unknown key port", "hybrid_ex = maybe", "certificate and private_key",
					    "xrdp_socket is an absolute path", "service is no PAM service" };
	AUTO_FREE char *error = NULL;
	struct settings s;

	assert_true(load("[credsspd-rdp]\n port = 3389\n hybrid_ex = maybe\n certificate = /c\n xrdp_socket = x\n"
			 " service = ../x\n",
			 &s, &error) < 0);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (!error || !strstr(error, said[i]))
			fail_msg("%s: %s", said[i], error ? error : "nothing said");
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),     cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_daemon_keys),  cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_all_mistakes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
