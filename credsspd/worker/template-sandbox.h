/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Confines the template, after everything is loaded: it cannot open files, can make no sockets except socket pairs, and
 * can start only workers, which enter their own filter on top of this one. Returns 0 or -errno.
 */
int template_confine(void);
