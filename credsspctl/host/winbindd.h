/* SPDX-License-Identifier: MIT */
/* What winbindd says about itself and the domain. */
#pragma once

#include <stdbool.h>

#define WINBINDD_NAME_MAX 256U
#define WINBINDD_TIMEOUT_SEC 15U

struct winbindd {
	bool answers;
	char trouble[WINBINDD_NAME_MAX];      /* why it does not */
	char netbios_name[WINBINDD_NAME_MAX]; /* of this host */
	char domain[WINBINDD_NAME_MAX];       /* by its NetBIOS name */
	char dns_domain[WINBINDD_NAME_MAX];
	bool has_controller; /* a domain controller answers it */
	char controller_trouble[WINBINDD_NAME_MAX];
};

/* Asks it, in a process that is given WINBINDD_TIMEOUT_SEC: libwbclient waits as long as winbindd does. */
void winbindd_ask(struct winbindd *ret_);
