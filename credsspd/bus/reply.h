/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>

/* Answers @m with the D-Bus error for @errno_value (negative). Returns the result of sd-bus. */
int bus_reply_errno(sd_bus_message *m, int errno_value);
