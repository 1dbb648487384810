/* SPDX-License-Identifier: MIT */
/*
 * struct secret: bytes that must not outlive their use.
 *
 * A secret is allocated once at its final size, never grown and never copied;
 * it lives in its own mapping that is left out of core dumps, of children
 * (MADV_WIPEONFORK) and, where the limit allows, of swap. It is wiped when it
 * is done. The pointer is a void pointer on purpose: handing it to printf
 * does not compile.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/cleanup.h"

struct secret {
	void *p_;    /* use secret_expose() */
	size_t len_; /* bytes in use */
	size_t cap_; /* bytes allocated */
};

#define SECRET_NULL ((struct secret){ NULL, 0, 0 })
#define AUTO_SECRET CLEANUP(secret_done)

/* Overwrites @len bytes at @p; the compiler does not remove it. */
static inline void secret_wipe(void *p, size_t len)
{
#if defined(SECRET_NO_WIPE) /* for tests/packaging/nowipe: the tests' searches must find secrets that stay */
#else
	if (p && len)
		explicit_bzero(p, len);
#endif
}

/* Wipes and unmaps @s, which may be NULL or SECRET_NULL; it is SECRET_NULL afterwards. */
static inline void secret_done(struct secret *s)
{
	if (s->p_) {
		secret_wipe(s->p_, s->cap_);
		(void)munmap(s->p_, s->cap_);
	}
	*s = SECRET_NULL;
}

/*
 * Makes @s, which must be SECRET_NULL, an empty secret that can take @cap
 * bytes. Returns 0 or -ENOMEM.
 */
static inline int secret_init(struct secret *s, size_t cap)
{
	size_t size = cap ? cap : 1;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	(void)madvise(p, size, MADV_DONTDUMP);
	(void)madvise(p, size, MADV_WIPEONFORK);
	(void)mlock(p, size); /* RLIMIT_MEMLOCK may forbid it; wiping does not depend on it */
	*s = (struct secret){ .p_ = p, .len_ = 0, .cap_ = size };
	return 0;
}

/* Returns the bytes; the only access to them. tests/packaging/expose lists every caller, for reviews. */
static inline void *secret_expose(const struct secret *s)
{
	return s->p_;
}

static inline size_t secret_len(const struct secret *s)
{
	return s->len_;
}

static inline size_t secret_room(const struct secret *s)
{
	return s->cap_ - s->len_;
}

/* Appends @len bytes of @p. Returns 0, or -ENOSPC with nothing changed. */
static inline int secret_append(struct secret *s, const void *p, size_t len)
{
	if (len > secret_room(s))
		return -ENOSPC;
	if (len)
		memcpy((uint8_t *)s->p_ + s->len_, p, len);
	s->len_ += len;
	return 0;
}

/* Sets the length after @len bytes were written through secret_expose(). */
static inline int secret_set_len(struct secret *s, size_t len)
{
	if (len > s->cap_)
		return -ENOSPC;
	s->len_ = len;
	return 0;
}

/* Moves @from into @to (which must be SECRET_NULL); @from is empty afterwards. */
static inline void secret_move(struct secret *to, struct secret *from)
{
	*to = *from;
	*from = SECRET_NULL;
}

/* Returns 1 when the @len bytes at @a and @b are equal, else 0, in time that depends on @len only. */
static inline int secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return diff == 0;
}
