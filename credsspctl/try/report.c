/* SPDX-License-Identifier: MIT */
#include "credsspctl/try/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/ntstatus.h"
#include "credsspctl/host/print-dbus.h"

#define STEP_WIDTH 11

__attribute__((format(printf, 2, 0))) static void print_line(const char *head, const char *fmt, va_list ap)
{
	AUTO_FREE char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	(void)printf("%-*s ", STEP_WIDTH, head);
	print_escaped(stdout, text ? text : "no memory");
	(void)fputc('\n', stdout);
	(void)fflush(stdout); /* the next step may take a while */
}

void report_step(const char *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(step, fmt, ap);
	va_end(ap);
}

int report_end(int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(r == 0 ? "ok:" : "failed:", fmt, ap);
	va_end(ap);
	return r;
}

const char *report_status(uint32_t code)
{
	static const struct {
		uint32_t code;
		const char *text;
	} row[] = {
		{ NTSTATUS_ACCESS_DENIED, "STATUS_ACCESS_DENIED: the server's rules do not let this user log on" },
		{ NTSTATUS_NO_SUCH_USER, "STATUS_NO_SUCH_USER: the server does not know the user" },
		{ NTSTATUS_WRONG_PASSWORD, "STATUS_WRONG_PASSWORD: the password is wrong" },
		{ NTSTATUS_LOGON_FAILURE,
		  "STATUS_LOGON_FAILURE: the user name or the password is wrong, or NTLM has no "
		  "record of the account (credsspctl ntlm set, on the server)" },
		{ NTSTATUS_ACCOUNT_RESTRICTION,
		  "STATUS_ACCOUNT_RESTRICTION: a rule of the account forbids this logon" },
		{ NTSTATUS_INVALID_LOGON_HOURS, "STATUS_INVALID_LOGON_HOURS: the account may not log on at this time" },
		{ NTSTATUS_INVALID_WORKSTATION, "STATUS_INVALID_WORKSTATION: the account may not log on from here" },
		{ NTSTATUS_PASSWORD_EXPIRED, "STATUS_PASSWORD_EXPIRED: the password has expired" },
		{ NTSTATUS_PASSWORD_MUST_CHANGE, "STATUS_PASSWORD_MUST_CHANGE: the password must be changed first" },
		{ NTSTATUS_ACCOUNT_DISABLED, "STATUS_ACCOUNT_DISABLED: the account is disabled" },
		{ NTSTATUS_ACCOUNT_EXPIRED, "STATUS_ACCOUNT_EXPIRED: the account has expired" },
		{ NTSTATUS_ACCOUNT_LOCKED_OUT, "STATUS_ACCOUNT_LOCKED_OUT: the account is locked" },
		{ NTSTATUS_LOGON_TYPE_NOT_GRANTED,
		  "STATUS_LOGON_TYPE_NOT_GRANTED: the user may not log on by remote desktop" },
		{ NTSTATUS_NOT_SUPPORTED, "STATUS_NOT_SUPPORTED: the server refuses this version of CredSSP" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].code == code)
			return row[i].text;
	return "the server refuses; MS-ERREF 2.3.1 lists the code";
}
