/* SPDX-License-Identifier: MIT */
/* The exit statuses of credsspctl. */
#pragma once

enum ctl_status {
	CTL_OK = 0,
	CTL_FAILED = 1, /* credsspd refused, or could not be asked. check: it found errors. try: no logon */
	CTL_USAGE = 2,  /* the command line is wrong, and nothing was done. check: it was not run as root */
};
