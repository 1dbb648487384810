/* SPDX-License-Identifier: MIT */
/*
 * What the targets have in common. A target also checks what a reader promises about what it takes; breaking that is
 * as bad as a crash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition) \
	do { \
		if (!(condition)) { \
			(void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

static inline bool fuzz_inside(struct view v, const uint8_t *data, size_t size)
{
	return !v.p || ((uintptr_t)v.p >= (uintptr_t)data && (uintptr_t)v.p + v.len <= (uintptr_t)data + size);
}
