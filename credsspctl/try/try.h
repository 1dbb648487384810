/* SPDX-License-Identifier: MIT */
/* credsspctl try: a logon by NLA as a client begins it, against this server or any other. */
#pragma once

#include <stdbool.h>

struct try_wish {
	const char *server; /* HOST[:PORT] */
	const char *user;   /* NULL: the owner of the Kerberos tickets */
	bool delegate;      /* send the password, too */
};

/* Prints a line for each step and a sentence at the end. Returns an exit status. */
int try_run(const struct try_wish *wish);
