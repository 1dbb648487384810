/* SPDX-License-Identifier: MIT */
/* credsspctl: runs one command. Most commands are one call of org.credssp1.Manager; check reads the state of the whole
 * server, xrdp changes xrdp's files. */
#pragma once

#include "credsspctl/host/exit-status.h"

/* Runs the command of @argv with standard input, output and error. Returns an exit status. */
int ctl_main(int argc, char **argv);
