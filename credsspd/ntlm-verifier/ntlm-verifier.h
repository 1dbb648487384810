/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/config/config.h"

/* Runs the verifier: serves its control socket until end of file. Returns 0, or -errno after a line in the log. */
int verifier_main(const struct config *config, int control_fd);
