/* SPDX-License-Identifier: MIT */
#include "credsspd/bus/reply.h"

#include <errno.h>
#include <string.h>

#include "include/credssp/bus-api.h"

int bus_reply_errno(sd_bus_message *m, int errno_value)
{
	static const struct {
		int error;
		const char *name, *text;
	} row[] = {
		{ EACCES, CREDSSP_ERROR_ACCESS_DENIED, "this caller may not do this" },
		{ EINVAL, CREDSSP_ERROR_INVALID_ARGUMENT, "an argument is malformed" },
		{ EBUSY, CREDSSP_ERROR_LIMIT, "a limit is reached; try again later" },
		{ EAGAIN, CREDSSP_ERROR_BACKOFF, "too many failures from that address; it has to wait" },
		{ ENETDOWN, CREDSSP_ERROR_UNAVAILABLE, "not configured, or not working now" },
		{ ENOENT, CREDSSP_ERROR_UNKNOWN_USER, "no such user" },
		{ ENODATA, CREDSSP_ERROR_NO_TICKET, "unknown, used or expired ticket" },
		{ EKEYREJECTED, CREDSSP_ERROR_TICKET_MISMATCH, "the ticket was for another service or user" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].error == -errno_value)
			return sd_bus_reply_method_errorf(m, row[i].name, "%s", row[i].text);
	return sd_bus_reply_method_errorf(m, CREDSSP_ERROR_INTERNAL, "%s", strerror(-errno_value));
}
