/* SPDX-License-Identifier: MIT */
/* The state of winbindd and of its domain. */
#pragma once

#include <stdbool.h>

#define WINBINDD_NAME_MAX 256U
#define WINBINDD_TIMEOUT_SEC 15U

struct winbindd {
	bool answers;
	char trouble[WINBINDD_NAME_MAX];      /* why it does not answer */
	char netbios_name[WINBINDD_NAME_MAX]; /* of this host */
	char domain[WINBINDD_NAME_MAX];       /* by its NetBIOS name */
	char dns_domain[WINBINDD_NAME_MAX];
	bool has_controller; /* winbindd has a connection to a domain controller */
	char controller_trouble[WINBINDD_NAME_MAX];
};

/* Asks winbindd, in a process with a limit of WINBINDD_TIMEOUT_SEC, because libwbclient has no timeout. */
void winbindd_ask(struct winbindd *ret_);
