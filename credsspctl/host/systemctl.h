/* SPDX-License-Identifier: MIT */
/* systemctl(1), for the units of credsspctl xrdp. */
#pragma once

#include <stdbool.h>

struct systemctl_host {
	/* Runs systemctl with these arguments (NULL at the end). Returns its exit status or -errno. */
	int (*systemctl)(void *userdata, const char *const *arguments);
	void *userdata;
	bool booted; /* systemd is running: units can be started, not only enabled */
};

/* Returns the systemctl of this machine. */
struct systemctl_host systemctl_of_this_host(void);
