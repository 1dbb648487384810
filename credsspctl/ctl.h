/* SPDX-License-Identifier: MIT */
/* credsspctl: one command a run, each a call of org.credssp1.Manager, but for check and xrdp: they look at the whole
 * server, and change xrdp's files. */
#pragma once

#include "credsspctl/host/exit-status.h"

/* Runs the command that @argv says, on standard input, output and error. Returns an exit status. */
int ctl_main(int argc, char **argv);
