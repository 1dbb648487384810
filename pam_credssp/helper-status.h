/* SPDX-License-Identifier: MIT */
/* The PAM code and the log text for each status of the helper program. */
#pragma once

#include "common/ipc/helper-msg.h"

/* Returns the PAM code; PAM_SYSTEM_ERR for an unknown status. */
int helper_status_pam(unsigned status);

/* Returns one line without a full stop, never NULL. */
const char *helper_status_text(unsigned status);
