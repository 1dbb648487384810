/* SPDX-License-Identifier: MIT */
/* A pointer and a length into memory that another object owns. A view is valid as long as that memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* p is NULL when an optional field is absent; a field that is present and empty has a non-NULL p. */
struct view {
	const uint8_t *p;
	size_t len;
};

#define VIEW_NULL ((struct view){ NULL, 0 })
