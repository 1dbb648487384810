/* SPDX-License-Identifier: MIT */
/*
 * Names of accounts and domains that clients send: which names are refused before any lookup, and which account a name
 * means. Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

/*
 * Checks one name (a user or a domain; @len bytes): no NUL, control
 * characters (C0, C1, DEL), ':' or '/', valid UTF-8, at most ACCOUNT_NAME_MAX
 * bytes. Returns 0 or -EINVAL.
 */
int name_check(const char *p, size_t len);

/*
 * Decodes a UTF-16LE string of a peer (@len bytes) into @ret_ (UTF-8,
 * NUL-terminated): one trailing NUL is stripped, then name_check(). Returns 0,
 * -EINVAL for an odd length, unpaired surrogates or what name_check() refuses,
 * -ENAMETOOLONG when it does not fit; nothing is truncated.
 */
int name_decode_utf16le(const uint8_t *p, size_t len, char ret_[ACCOUNT_NAME_MAX + 1]);

/*
 * Splits "DOMAIN\user" or "user@domain" of a client into its two parts; for a plain user the domain is @domain, the
 * domain field beside it. Returns 0, or -EINVAL for more than one backslash, more than one '@', a backslash together
 * with '@', an empty user, or a backslash or '@' in @domain. @ret_user and @ret_domain are NUL-terminated.
 */
int name_split(const char *domain, const char *user, char ret_domain[ACCOUNT_NAME_MAX + 1],
	       char ret_user[ACCOUNT_NAME_MAX + 1]);

/* Returns true when the name consists of digits only: some name services take such a name for a uid. */
bool name_is_digits(const char *user);

/* ---- what a name means on this host ---- */

/*
 * Returns true when @domain means the host or realm with the DNS name @dns: that name, its first label, or the first 15
 * characters of a longer label, which is its NetBIOS name. For is_own and is_realm below.
 */
bool name_is_of_dns(const char *domain, const char *dns);

/* What this host knows about the names of domains, and how the client authenticated. */
struct name_host {
	char *const *domains, *const *local_domains; /* credsspd.conf; NULL for an empty list */
	const char *ticket_realm;                    /* realm of the client's Kerberos ticket; NULL with NTLM */
	bool (*is_own)(const void *context, const char *domain);   /* is @domain a name of this host? */
	bool (*is_realm)(const void *context, const char *domain); /* is it a realm of krb5.conf, or its first label? */
	const void *context;
};

enum name_kind {
	NAME_BARE,   /* no domain; with NTLM also a domain that this host does not know: the client's own computer */
	NAME_LOCAL,  /* this host, by one of its names */
	NAME_LISTED, /* a domain of credsspd.conf's domains */
	NAME_TICKET, /* the realm of the client's ticket, which is not in domains */
};

/* Why a name is not usable. The values travel in struct resolver_answer. */
enum name_trouble {
	NAME_FINE = 0,
	NAME_CHARACTERS,    /* name_check() refuses it */
	NAME_FORM,          /* name_split() refuses it */
	NAME_DIGITS,        /* digits only, without a domain; name_understand() does not return it */
	NAME_CONTRADICTION, /* the domain field and the user name say different domains */
	NAME_DOMAIN,        /* the domain is neither this host nor in domains */
	NAME_UPN,           /* user@suffix, and this host does not know the suffix */
	NAME_ENTERPRISE,    /* a ticket for an enterprise name; name_understand() does not return it */
	NAME_NOT_IN_STORE,  /* a domain of domains, without ntlm = winbind; name_understand() does not return it */
	NAME_TROUBLES_
};

struct name_meaning {
	enum name_kind kind;
	char domain[ACCOUNT_NAME_MAX + 1]; /* LISTED: in the spelling of domains */
	char also[ACCOUNT_NAME_MAX + 1];   /* LISTED: the domain field, when it is another one of domains; else empty */
	char user[ACCOUNT_NAME_MAX + 1];
};

/*
 * Finds out which account a client means by the domain and user that it sent. The one place where names of domains are
 * compared: NTLM's AUTHENTICATE message, winbind and delegated names all come here.
 *
 * A domain field beside DOMAIN\user or user@domain must mean the same domain. Two names of domains mean the same when
 * they are equal (in any case of ASCII letters), when both are names of this host, when both are in domains (the caller
 * compares the two accounts), or when one is the first label of the other, unless domains says the NetBIOS name of that
 * realm: the entry before it, when it has no dot.
 *
 * Returns NAME_FINE and the meaning, or the trouble.
 */
enum name_trouble name_understand(const struct name_host *host, const char *domain, const char *user,
				  struct name_meaning *ret_);

/* Writes a sentence about @trouble with the client's names for the log, and returns @out. Empty for NAME_FINE. */
const char *name_trouble_text(enum name_trouble trouble, const char *domain, const char *user, char *out, size_t size);
