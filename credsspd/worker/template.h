/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/config/config.h"
#include "common/ipc/worker-msg.h"

/*
 * Runs the template, from which workers of one mechanism are forked: serves its control socket until end of file.
 * Returns 0, or -errno after a line in the log.
 */
int template_main(enum mechanism mechanism, const struct config *config, int control_fd);
