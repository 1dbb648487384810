/* SPDX-License-Identifier: MIT */
#pragma once

/* From here on the process opens nothing, connects to nothing and starts nothing. Returns 0 or -errno. */
int child_confine(void);
