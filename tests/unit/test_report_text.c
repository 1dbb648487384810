/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "credsspctl/report/report-text.h"

static char *printed(void (*print)(FILE *out, const char *text), const char *text)
{
	char *got = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&got, &len);

	assert_non_null(out);
	print(out, text);
	assert_int_equal(fclose(out), 0);
	return got;
}

static void test_configuration(void **state)
{
	static const struct {
		const char *text, *shown;
	} row[] = {
		{ "", "" },
		{ "# a\n  ; b\n\n[credsspd]\n\tntlm = off\n", "  [credsspd]\n  \tntlm = off\n" },
		{ "\tLDAP_PassWord = a b\nx = 1", "  \tLDAP_PassWord = (left out)\n  x = 1\n" },
		{ "auth required pam_x.so use_first_pass passwd=geheim debug\n",
		  "  auth required pam_x.so use_first_pass passwd= (left out)\n" },
		{ "auth required pam_x.so use_first_pass try_first_pass\n",
		  "  auth required pam_x.so use_first_pass try_first_pass\n" },
		{ "private_key = /etc/key.pem\n", "  private_key = /etc/key.pem\n" },
		{ "pin=1234\n", "  pin= (left out)\n" },
		/* of modules, units and programs */
		{ "auth required pam_ldap.so bindpw=x debug\n", "  auth required pam_ldap.so bindpw= (left out)\n" },
		{ "auth required pam_yubico.so id=16 key=x\n",
		  "  auth required pam_yubico.so id=16 key= (left out)\n" },
		{ "Environment=DB_PASSWORD=x\n", "  Environment=DB_PASSWORD= (left out)\n" },
		{ "Environment=\"API_TOKEN=x\"\n", "  Environment=\"API_TOKEN= (left out)\n" },
		{ "SetCredential=a:x\n", "  SetCredential= (left out)\n" },
		{ "ExecStart=/bin/a --user b --password x\n", "  ExecStart=/bin/a --user b --password  (left out)\n" },
		{ "Environment=https_proxy=http://u:x@proxy:3128\n", "  Environment=https_proxy=http:// (left out)\n" },
		{ "documentation=https://example.org/a@b\n", "  documentation=https://example.org/a@b\n" },
		{ "passwd=\\\n  x\ny = 1\n", "  passwd= (left out)\n  y = 1\n" },
		{ "password requisite pam_pwquality.so retry=3\n", "  password requisite pam_pwquality.so retry=3\n" },
		{ "keytab = /etc/krb5.keytab\n", "  keytab = /etc/krb5.keytab\n" },
		{ "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n",
		  "  account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n" },
		{ "a\x1b[2J = b\n", "  a\\x1b[2J = b\n" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *got = printed(report_print_configuration, row[i].text);

		assert_string_equal(got, row[i].shown);
	}
}

static void test_log(void **state)
{
	static const struct {
		const char *text, *shown;
	} row[] = {
		{ "", "" },
		{ "192.0.2.1: refused rhost=192.0.2.1 rport=5 user=alice reason=x\nalice was here, malice not\n",
		  "  address-1: refused rhost=address-1 rport=5 user=user-1 reason=x\n  user-1 was here, malice "
		  "not\n" },
		{ "user=a rhost=::1\nuser=\"b c\" rhost=::1\nuser=a@R\n",
		  "  user=user-1 rhost=address-1\n  user=\"user-2\" rhost=address-1\n  user=user-3\n" },
		{ "ruser= rhost=h  user=u principal=u@R\n",
		  "  ruser= rhost=address-1  user=user-1 principal=principal-1\n" },
		/* pam_krb5 */
		{ "authentication failure; logname=u uid=0 ruser= rhost=h\n",
		  "  authentication failure; logname=user-1 uid=0 ruser= rhost=address-1\n" },
		/* one name begins with another */
		{ "user=a principal=a@R\na@RS a@R a\n",
		  "  user=user-1 principal=principal-1\n  user-1@RS principal-1 user-1\n" },
		/* names of other programs' sentences, without a line of ours that has them */
		{ "credsspd: pam_sss(xrdp-sesman:account): Access denied for user bob: 6 (Permission denied)\n",
		  "  credsspd: pam_sss(xrdp-sesman:account): Access denied for user user-1: 6 (Permission denied)\n" },
		{ "credsspd: pam_access(xrdp-sesman:account): access denied for user `bob' from `192.0.2.1'\n",
		  "  credsspd: pam_access(xrdp-sesman:account): access denied for user `user-1' from `address-1'\n" },
		{ "pam_unix(xrdp-sesman:account): account bob has expired (account expired)\n",
		  "  pam_unix(xrdp-sesman:account): account user-1 has expired (account expired)\n" },
		{ "pam_krb5(xrdp-sesman:auth): (user bob) credential verification failed\n",
		  "  pam_krb5(xrdp-sesman:auth): (user user-1) credential verification failed\n" },
		{ "pam_winbind(xrdp-sesman:account): user 'CORP\\bob' OK, then bob\n",
		  "  pam_winbind(xrdp-sesman:account): user 'user-1' OK, then user-2\n" },
		{ "xrdp-sesman[1]: [ERROR] access denied for user: bob, ip 2001:db8::7\n",
		  "  xrdp-sesman[1]: [ERROR] access denied for user: user-1, ip address-1\n" },
		/* a line of ours is no sentence of theirs */
		{ "credsspd[1]: PAM service xrdp-sesman: the user sets a new one; pam_sss refuses; user=bob\n",
		  "  credsspd[1]: PAM service xrdp-sesman: the user sets a new one; pam_sss refuses; user=user-1\n" },
		{ "pam_unix(x:auth): check pass; user unknown\n", "  pam_unix(x:auth): check pass; user unknown\n" },
		{ "the delegated account is not alice: authenticated alice, delegated bob user=alice\n",
		  "  the delegated account is not user-1: authenticated user-1, delegated user-2 user=user-1\n" },
		/* the two forms of a domain's account */
		{ "user=CORP\\x5calice and alice, principal=bob@AD.TEST and bob\n",
		  "  user=user-1 and user-2, principal=principal-1 and user-3\n" },
		/* addresses in sentences, which are no times and no versions */
		{ "2026-11-30T17:34:49+0000 connection from 192.0.2.1:50000, [2001:db8::1] and ::ffff:192.0.2.7. xrdp "
		  "0.9.21\n",
		  "  2026-11-30T17:34:49+0000 connection from address-1:50000, [address-2] and address-3. xrdp "
		  "0.9.21\n" },
		/* a value that a client has chosen */
		{ "user=\x1b]0;x\n", "  user=user-1\n" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_FREE char *got = printed(report_print_log, row[i].text);

		assert_string_equal(got, row[i].shown);
	}
}

/* More names than there is room for: nothing is shown rather than a name. */
static void test_many(void **state)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *got = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	for (unsigned i = 0; i < 1000; i++)
		(void)fprintf(f, "user=name%u\n", i);
	assert_int_equal(fclose(f), 0);
	got = printed(report_print_log, text);
	assert_string_equal(got, "  (left out)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
