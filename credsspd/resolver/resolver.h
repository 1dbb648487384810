/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/config/config.h"

/* The process: serves its control socket until end of file. Returns 0 or -errno, having logged why. */
int resolver_main(const struct config *config, int control_fd);
