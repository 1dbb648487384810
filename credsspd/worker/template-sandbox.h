/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Called in the template when everything is loaded: from now on it can open no file, make no socket but a pair, and
 * start no process but workers, which enter a filter of their own on top of this one. Returns 0 or -errno.
 */
int template_confine(void);
