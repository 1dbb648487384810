/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/config/config.h"

/* Runs a resolver: serves its control socket until end of file. Returns 0, or -errno after a line in the log. */
int resolver_main(const struct config *config, int control_fd);
