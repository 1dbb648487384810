/* SPDX-License-Identifier: MIT */
/* credsspctl: one command a run, each a call of org.credssp1.Manager, but for check and xrdp: they look at the whole
 * server, and change xrdp's files. */
#pragma once

/* Exit statuses. */
enum ctl_status {
	CTL_OK = 0,
	CTL_FAILED = 1, /* the daemon refused, or could not be asked; check: errors were found */
	CTL_USAGE = 2,  /* the command line is wrong; nothing was asked. check: it could not look */
};

/* Runs the command that @argv says, on standard input, output and error. Returns an exit status. */
int ctl_main(int argc, char **argv);
