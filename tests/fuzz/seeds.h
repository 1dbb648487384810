/* SPDX-License-Identifier: MIT */
/* Where fuzzing starts: messages as clients send them, for every target. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef void seed_taker(void *arg, const char *target, const char *name, const uint8_t *p, size_t len);

/* Calls @take for every seed; the octets are gone when it returns. */
void seeds_make(seed_taker *take, void *arg);
