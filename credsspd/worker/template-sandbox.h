/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * In the template, when everything is loaded: from here on it opens no file, makes no socket and runs nothing but
 * workers, which have a filter of their own on top of this one. Returns 0 or -errno.
 */
int template_confine(void);
