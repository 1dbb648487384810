/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/config/config.h"

/*
 * The process: serves its control socket until end of file. *@config is what @config_path said when it started, and is
 * replaced when it is to read that again. Returns 0 or -errno, having logged why.
 */
int keeper_main(const char *config_path, struct config *config, int control_fd);
