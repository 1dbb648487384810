/* SPDX-License-Identifier: MIT */
/* What the statuses of the helper program mean: PAM code and text for the log. */
#pragma once

#include "common/ipc/helper-msg.h"

/* The PAM code; PAM_SYSTEM_ERR for what is no status. */
int helper_status_pam(unsigned status);

/* One line without a full stop, never NULL. */
const char *helper_status_text(unsigned status);
