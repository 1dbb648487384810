/* SPDX-License-Identifier: MIT */
#include "common/wire/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/wire/utf16.h"

/* C0, DEL, C1 (U+0080 to U+009F), and the separators of fields (passwd) and directories. */
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

/* ---- form ---- */

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
	memcpy(ret_domain, inner, inner_len);
	ret_domain[inner_len] = '\0';
	memcpy(ret_user, name, name_len);
	ret_user[name_len] = '\0';
	return 0;
}

bool name_is_digits(const char *user)
{
	return *user && !user[strspn(user, "0123456789")];
}

/* ---- meaning ---- */

#define NETBIOS_NAME_LEN 15U

/* What one name of a domain means; NAME_REALM_ and NAME_OTHER_ do not leave this file. */
enum {
	NAME_REALM_ = NAME_TICKET + 1, /* a realm that is neither in domains nor the ticket's */
	NAME_OTHER_,                   /* unknown to this host */
};

static const char *in_list(char *const *list, const char *domain)
{
	for (; list && *list; list++)
		if (strcasecmp(*list, domain) == 0)
			return *list;
	return NULL;
}

bool name_is_of_dns(const char *domain, const char *dns)
{
	size_t len = strlen(domain), label = strcspn(dns, ".");

	if (strcasecmp(domain, dns) == 0 || (len == label && len > 0 && strncasecmp(domain, dns, len) == 0))
		return true;
	return label > NETBIOS_NAME_LEN && len == NETBIOS_NAME_LEN && strncasecmp(domain, dns, len) == 0;
}

/* Returns whether @domains has the NetBIOS name of @realm: the entry before it. */
static bool has_netbios_name(char *const *domains, const char *realm)
{
	for (size_t i = 1; domains && domains[0] && domains[i]; i++)
		if (strcasecmp(domains[i], realm) == 0 && !strchr(domains[i - 1], '.'))
			return true;
	return false;
}

/* An entry of domains may be longer than a name: struct name_meaning has no room for it. */
static bool is_first_label(const struct name_host *h, const char *label, const char *dns)
{
	size_t len = strcspn(dns, ".");

	return dns[len] && strlen(dns) <= ACCOUNT_NAME_MAX && strlen(label) == len &&
	       strncasecmp(label, dns, len) == 0 && !has_netbios_name(h->domains, dns);
}

/* Returns whether @domain is @dns or, as a NetBIOS name, its first label. */
static bool is_name_of(const struct name_host *h, const char *domain, const char *dns)
{
	return strcasecmp(domain, dns) == 0 || is_first_label(h, domain, dns);
}

/* Returns the entry of domains that @domain is a name of, or NULL. */
static const char *listed(const struct name_host *h, const char *domain)
{
	const char *found = in_list(h->domains, domain);

	for (char *const *d = h->domains; d && *d && !found; d++)
		if (is_first_label(h, domain, *d))
			found = *d;
	return found;
}

static int kind_of(const struct name_host *h, const char *domain)
{
	if (!*domain)
		return NAME_BARE;
	if (strcmp(domain, ".") == 0)
		return NAME_LOCAL;
	if (listed(h, domain))
		return NAME_LISTED;
	if (h->ticket_realm && is_name_of(h, domain, h->ticket_realm))
		return NAME_TICKET;
	if (in_list(h->local_domains, domain) || h->is_own(h->context, domain))
		return NAME_LOCAL;
	return h->is_realm(h->context, domain) ? NAME_REALM_ : NAME_OTHER_;
}

/* Returns whether @field, the domain field beside a user name with @domain (of @kind) in it, means the same domain. */
static bool agrees(const struct name_host *h, const char *field, const char *domain, int kind)
{
	if (!*field || strcasecmp(field, domain) == 0)
		return true;
	if (kind_of(h, field) != kind)
		return false;
	return kind == NAME_LOCAL || kind == NAME_LISTED || is_name_of(h, field, domain) ||
	       is_name_of(h, domain, field);
}

enum name_trouble name_understand(const struct name_host *host, const char *domain, const char *user,
				  struct name_meaning *ret_)
{
	struct name_meaning m = { .kind = NAME_BARE };
	const bool qualified = strpbrk(user, "\\@") != NULL;
	int kind;

	if (name_check(domain, strlen(domain)) < 0 || name_check(user, strlen(user)) < 0)
		return NAME_CHARACTERS;
	if (name_split(domain, user, m.domain, m.user) < 0)
		return NAME_FORM;
	kind = kind_of(host, m.domain);
	if (qualified && !agrees(host, domain, m.domain, kind))
		return NAME_CONTRADICTION;
	if (kind == NAME_OTHER_ && strchr(user, '@'))
		return NAME_UPN;
	if (kind == NAME_REALM_ || (kind == NAME_OTHER_ && host->ticket_realm))
		return NAME_DOMAIN;
	if (kind == NAME_LISTED) {
		(void)strcpy(m.domain, listed(host, m.domain));
		if (qualified && *domain && strcasecmp(listed(host, domain), m.domain) != 0)
			(void)strcpy(m.also, listed(host, domain));
	}
	m.kind = kind == NAME_OTHER_ ? NAME_BARE : (enum name_kind)kind;
	*ret_ = m;
	return NAME_FINE;
}

/* ---- words ---- */

/* Windows puts these before the names of accounts of Microsoft Entra ID and of Microsoft's own. */
static bool is_microsofts(const char *domain, const char *user)
{
	static const char *const prefix[] = { "AzureAD", "MicrosoftAccount" };

	for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
		size_t len = strlen(prefix[i]);

		if (strcasecmp(domain, prefix[i]) == 0 || (strncasecmp(user, prefix[i], len) == 0 && user[len] == '\\'))
			return true;
	}
	return false;
}

const char *name_trouble_text(enum name_trouble trouble, const char *domain, const char *user, char *out, size_t size)
{
	static const char *const text[NAME_TROUBLES_] = {
		[NAME_FINE] = "",
		[NAME_CHARACTERS] = "it has characters that no account name has",
		[NAME_FORM] = "it is not of the form USER, DOMAIN\\USER or USER@DOMAIN",
		[NAME_DIGITS] = "it has only digits and no domain, so it could be a uid: log on as DOMAIN\\USER",
		[NAME_CONTRADICTION] = "the domain field and the user name contradict each other",
		[NAME_DOMAIN] = "the domain is neither this host nor in domains (credsspd.conf)",
		[NAME_UPN] = "the part after @ is neither a realm nor in domains (credsspd.conf)",
		[NAME_ENTERPRISE] = ("the ticket is for a UPN as it was typed: the client must have it canonicalized "
				     "(kinit -C) or log on as USER@REALM"),
		[NAME_NOT_IN_STORE] = "accounts of domains log on with Kerberos (NTLM needs ntlm = winbind)",
	};
	char d[48], u[72];

	if (trouble >= NAME_TROUBLES_)
		trouble = NAME_FORM;
	if (trouble != NAME_FINE && is_microsofts(domain, user)) {
		(void)snprintf(out, size,
			       "AzureAD\\ and MicrosoftAccount\\ are accounts of Microsoft, which this host "
			       "does not know: log on as USER or DOMAIN\\USER");
	} else if (trouble == NAME_CONTRADICTION || trouble == NAME_DOMAIN || trouble == NAME_UPN ||
		   trouble == NAME_NOT_IN_STORE) {
		(void)snprintf(out, size, "%s: domain \"%s\", user \"%s\"", text[trouble],
			       log_escape(d, sizeof d, domain), log_escape(u, sizeof u, user));
	} else {
		(void)snprintf(out, size, "%s", text[trouble]);
	}
	return out;
}
