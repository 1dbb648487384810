/* SPDX-License-Identifier: MIT */
/* Octets that belong to somebody else. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* p is NULL when the optional thing is absent; a present empty one has a non-NULL p. */
struct view {
	const uint8_t *p;
	size_t len;
};

#define VIEW_NULL ((struct view){ NULL, 0 })
