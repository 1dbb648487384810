/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/config/config.h"

/*
 * Runs the keeper: gets and renews the server's own ticket-granting tickets, and serves its control socket until end
 * of file. *@config is the content of @config_path, and is replaced when the supervisor asks for a reload. Returns 0,
 * or -errno after a line in the log.
 */
int keeper_main(const char *config_path, struct config *config, int control_fd);
