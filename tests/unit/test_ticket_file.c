/* SPDX-License-Identifier: MIT */
/* pam_credssp/helper/ticket-file.h: what it writes libkrb5 reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pam_credssp/helper/ticket-file.h"

static char directory[] = "/tmp/test_ticket_file.XXXXXX", path[64], name[80];
static krb5_context k;

static int setup(void **state)
{
	if (!mkdtemp(directory) || krb5_init_context(&k))
		return -1;
	(void)snprintf(path, sizeof path, "%s/cc", directory);
	(void)snprintf(name, sizeof name, "FILE:%s", path);
	return 0;
}

static int teardown(void **state)
{
	krb5_free_context(k);
	return rmdir(directory);
}

static unsigned write_to_path(const krb5_creds *c, struct helper_result *result)
{
	unsigned status;
	int fd = -1;

	*result = (struct helper_result){ .status = 0 };
	status = ticket_file_open(path, &fd, result);
	if (status == HELPER_SUCCESS)
		status = ticket_file_write(fd, c, result);
	if (fd >= 0)
		(void)close(fd);
	return status;
}

static void fill(krb5_creds *c, unsigned ticket_length)
{
	static uint8_t key[32], host[4] = { 192, 0, 2, 7 };
	static krb5_address a = { .addrtype = ADDRTYPE_INET, .length = 4, .contents = host }, *list[] = { &a, NULL };

	memset(key, 'k', sizeof key);
	*c = (krb5_creds){ .keyblock = { .enctype = 18, .length = 32, .contents = key }, .addresses = list };
	c->ticket = (krb5_data){ .length = ticket_length, .data = malloc(ticket_length + 1) };
	assert_non_null(c->ticket.data);
	memset(c->ticket.data, 't', ticket_length);
	c->times = (krb5_ticket_times){ 1000000001, 1000000002, 2000000003, 2000000004 };
	c->ticket_flags = TKT_FLG_FORWARDED | TKT_FLG_INITIAL;
	assert_int_equal(krb5_parse_name(k, "alice\\/x/y@R.TEST", &c->client), 0);
	assert_int_equal(krb5_parse_name(k, "krbtgt/R.TEST@R.TEST", &c->server), 0);
}

static void done(krb5_creds *c)
{
	krb5_free_principal(k, c->client);
	krb5_free_principal(k, c->server);
	free(c->ticket.data);
}

static void compare(const krb5_creds *a, const krb5_creds *b)
{
	assert_true(krb5_principal_compare(k, a->client, b->client));
	assert_true(krb5_principal_compare(k, a->server, b->server));
	assert_int_equal(a->client->type, b->client->type);
	assert_int_equal(a->keyblock.enctype, b->keyblock.enctype);
	assert_int_equal(a->keyblock.length, b->keyblock.length);
	assert_memory_equal(a->keyblock.contents, b->keyblock.contents, b->keyblock.length);
	assert_memory_equal(&a->times, &b->times, sizeof a->times);
	assert_int_equal(a->ticket_flags, b->ticket_flags);
	assert_int_equal(a->is_skey, b->is_skey);
	assert_int_equal(a->ticket.length, b->ticket.length);
	assert_memory_equal(a->ticket.data, b->ticket.data, b->ticket.length);
	assert_int_equal(a->second_ticket.length, 0);
	assert_null(a->authdata ? a->authdata[0] : NULL);
	assert_non_null(a->addresses[0]);
	assert_null(a->addresses[1]);
	assert_true(krb5_address_compare(k, a->addresses[0], b->addresses[0]));
}

static void test_libkrb5_reads_it(void **state)
{
	static const unsigned lengths[] = { 1, 1000, 300000 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct helper_result result;
		krb5_cc_cursor cursor;
		krb5_principal p;
		krb5_creds c, got;
		krb5_ccache cc;
		struct stat st;

		fill(&c, lengths[i]);
		assert_int_equal(write_to_path(&c, &result), HELPER_SUCCESS);
		assert_int_equal(result.has_ccache, 1);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(krb5_cc_resolve(k, name, &cc), 0);
		assert_int_equal(krb5_cc_get_principal(k, cc, &p), 0);
		assert_true(krb5_principal_compare(k, p, c.client));
		assert_int_equal(krb5_cc_start_seq_get(k, cc, &cursor), 0);
		assert_int_equal(krb5_cc_next_cred(k, cc, &cursor, &got), 0);
		compare(&got, &c);
		krb5_free_cred_contents(k, &got);
		assert_int_equal(krb5_cc_next_cred(k, cc, &cursor, &got), KRB5_CC_END);
		(void)krb5_cc_end_seq_get(k, cc, &cursor);
		krb5_free_principal(k, p);
		assert_int_equal(krb5_cc_destroy(k, cc), 0);
		done(&c);
	}
}

static void test_what_is_in_the_way(void **state)
{
	struct helper_result result;
	krb5_creds c;
	int fd = 7;

	fill(&c, 100);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(write_to_path(&c, &result), HELPER_CCACHE);
	assert_non_null(strstr(result.detail, path));
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write_to_path(&c, &result), HELPER_CCACHE);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	/* a full device */
	fd = open("/dev/full", O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(ticket_file_write(fd, &c, &result), HELPER_CCACHE);
	assert_int_equal(result.has_ccache, 0);
	(void)close(fd);
	done(&c);
}

static void test_names_that_do_not_fit(void **state)
{
	static char octets[TICKET_FILE_REST_MAX];
	struct helper_result result;
	krb5_creds c;

	memset(octets, 'a', sizeof octets);
	fill(&c, 100);
	krb5_free_principal(k, c.server);
	assert_int_equal(krb5_build_principal_ext(k, &c.server, 6, "R.TEST", sizeof octets, octets, 0), 0);
	assert_int_equal(write_to_path(&c, &result), HELPER_CCACHE);
	assert_int_equal(result.has_ccache, 0);
	assert_int_equal(unlink(path), 0);
	done(&c);
}

static void test_none_is_wanted(void **state)
{
	struct helper_result result = { .status = 0 };
	krb5_creds c;
	int fd = 7;

	fill(&c, 100);
	assert_int_equal(ticket_file_open("", &fd, &result), HELPER_SUCCESS);
	assert_int_equal(fd, -1);
	assert_int_equal(ticket_file_write(fd, &c, &result), HELPER_SUCCESS);
	assert_int_equal(result.has_ccache, 0);
	done(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libkrb5_reads_it),
		cmocka_unit_test(test_what_is_in_the_way),
		cmocka_unit_test(test_names_that_do_not_fit),
		cmocka_unit_test(test_none_is_wanted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
