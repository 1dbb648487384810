/* SPDX-License-Identifier: MIT */
/*
 * Allocations and library calls that fail, after a seed: the same seed, the same failures. The linker puts the
 * functions of faults.c (FAULTS in fuzz.mk) before those that the code under test calls; libraries themselves are not
 * touched.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* From now on about one call of @in fails; @seed 0: none does. */
void faults_begin(uint32_t seed, unsigned in);

/* None fails any more. Returns how many have. */
unsigned faults_end(void);

/* A seed that depends on the input. */
static inline uint32_t faults_seed(const uint8_t *p, size_t len)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619U;
	return h | 1U;
}

/*
 * From now on no block that the code under test frees or unmaps may have one of these in it (two, of @len octets each;
 * NULL: none): abort() when one has.
 */
void faults_watch(const void *a, const void *b, size_t len);
