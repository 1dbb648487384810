/* SPDX-License-Identifier: MIT */
#include "common/wire/name.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/wire/utf16.h"

/* C0, DEL, C1 (U+0080 to U+009F), and what separates fields or directories in files of the host. */
static bool refused(const uint8_t *p, size_t len, size_t i)
{
	return p[i] < 0x20 || p[i] == 0x7f || p[i] == ':' || p[i] == '/' ||
	       (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0);
}

int name_check(const char *name, size_t len)
{
	const uint8_t *p = (const uint8_t *)name;

	if (len > ACCOUNT_NAME_MAX || utf8_check(p, len) < 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (refused(p, len, i))
			return -EINVAL;
	return 0;
}

int name_decode_utf16le(const uint8_t *p, size_t len, char ret_[ACCOUNT_NAME_MAX + 1])
{
	char out[ACCOUNT_NAME_MAX + 1];
	size_t n;
	int r;

	if (len >= 2 && len % 2 == 0 && p[len - 1] == 0 && p[len - 2] == 0)
		len -= 2;
	r = utf16le_to_utf8((struct view){ p, len }, (uint8_t *)out, ACCOUNT_NAME_MAX, &n);
	if (r == -ENOSPC)
		return -ENAMETOOLONG;
	if (r < 0 || name_check(out, n) < 0)
		return -EINVAL;
	memcpy(ret_, out, n);
	ret_[n] = '\0';
	return 0;
}

/* ASCII only: domain names are, or are compared as given. The part before the first dot may stand for the whole. */
static bool says_the_same(const char *domain, const char *qualifier, size_t len)
{
	const char *dot = memchr(qualifier, '.', len);
	size_t n = strlen(domain), label = dot ? (size_t)(dot - qualifier) : len;

	return (n == len || n == label) && strncasecmp(domain, qualifier, n) == 0;
}

int name_split(const char *domain, const char *user, char ret_domain[ACCOUNT_NAME_MAX + 1],
	       char ret_user[ACCOUNT_NAME_MAX + 1])
{
	const char *backslash = strchr(user, '\\');
	const char *at = strrchr(user, '@');
	const char *inner = domain, *name = user;
	size_t inner_len = strlen(domain), name_len = strlen(user);

	if (inner_len > ACCOUNT_NAME_MAX || name_len > ACCOUNT_NAME_MAX || strpbrk(domain, "\\@"))
		return -EINVAL;
	if (backslash && (at || strchr(backslash + 1, '\\')))
		return -EINVAL;
	if (backslash || at) {
		inner = backslash ? user : at + 1;
		inner_len = backslash ? (size_t)(backslash - user) : strlen(at + 1);
		name = backslash ? backslash + 1 : user;
		name_len = backslash ? strlen(name) : (size_t)(at - user);
	}
	if (name_len == 0 || (at && (inner_len == 0 || memchr(name, '@', name_len))))
		return -EINVAL;
	if (strspn(name, "0123456789") >= name_len)
		return -EINVAL;
	if ((backslash || at) && *domain && !says_the_same(domain, inner, inner_len))
		return -EINVAL;
	memcpy(ret_domain, inner, inner_len);
	ret_domain[inner_len] = '\0';
	memcpy(ret_user, name, name_len);
	ret_user[name_len] = '\0';
	return 0;
}
