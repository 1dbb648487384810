/* SPDX-License-Identifier: MIT */
/*
 * /etc/credsspd.conf, section [credsspd] and subsection front_ends; krb5.conf
 * syntax, parsed by libkrb5's profile library, drop-ins by includedir. The table
 * in config.c is the reference: key, type, range, default.
 *
 * Each process of ours reads the file itself when it starts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "common/base/limits.h"

#define CONFIG_PATH_DEFAULT "/etc/credsspd.conf"

enum config_kerberos {
	CONFIG_KERBEROS_OFF = 0,
	CONFIG_KERBEROS_ANY,
	CONFIG_KERBEROS_USER_TO_USER,   /* no long-term key reaches a worker */
	CONFIG_KERBEROS_SERVICE_TICKET, /* no TGT of the server is fetched */
};

enum config_ntlm {
	CONFIG_NTLM_OFF,
	CONFIG_NTLM_LOCAL,   /* the store of credsspctl ntlm set */
	CONFIG_NTLM_WINBIND, /* the domain verifies the response; domains is then not empty */
};

enum config_smartcard {
	CONFIG_SMARTCARD_REFUSE,
	CONFIG_SMARTCARD_PKINIT, /* PAM verifies the PIN and the card with the KDC */
	CONFIG_SMARTCARD_GSS,    /* what the client proved with its card in CredSSP is enough */
};

enum config_remote_guard {
	CONFIG_REMOTE_GUARD_REFUSE,
	CONFIG_REMOTE_GUARD_REQUIRE_TICKETS,
	CONFIG_REMOTE_GUARD_ALLOW, /* without tickets for the session, where the client keeps their key */
};

/* NULL-terminated, never NULL itself. */
typedef char **config_list;

struct config_front_end {
	uid_t uid;
	config_list services; /* PAM services that it may request tickets for */
};

struct config {
	enum config_kerberos kerberos; /* kerberos = any | user-to-user | service-ticket | off; default any */
	enum config_ntlm ntlm;         /* ntlm = off | local | winbind; default off */
	bool ntlm_mic_required;        /* ntlm_mic = when-claimed | require; default when-claimed */
	char *keytab;                  /* FILE path without prefix; default /etc/krb5.keytab */
	char **tgt_principals;         /* principals that get a TGT for user-to-user; empty: see credsspd.conf(5) */
	char *ntlm_store;              /* default /var/lib/credsspd/ntlm */
	unsigned min_version;          /* 2 to 6; default 5 (CVE-2018-0886) */
	config_list domains;           /* domains with accounts on this host, by the name service; the first is the
					  host's own, by its NetBIOS name */
	config_list local_domains;     /* names of this host besides "", "." and its own names */
	config_list allow_users;       /* both lists empty: every account may log on */
	config_list allow_groups;
	unsigned minimum_uid;            /* default 1000 */
	bool allow_root;                 /* default false */
	bool account_check;              /* PAM's account phase is asked before the client delegates; default true */
	enum config_smartcard smartcard; /* default pkinit */
	config_list smartcard_gss_users; /* with gss: only these; they also have to pass the lists above */
	config_list smartcard_gss_groups;
	enum config_remote_guard remote_guard; /* default refuse */
	bool restricted_admin;                 /* restricted_admin = allow | refuse; default refuse */
	config_list restricted_admin_users;    /* with allow: only these; they also have to pass the lists above */
	config_list restricted_admin_groups;
	unsigned ticket_lifetime_sec;   /* 1 to TICKET_LIFETIME_SEC; default that */
	unsigned handshake_timeout_sec; /* 1 to HANDSHAKE_TIMEOUT_SEC; default that */
	unsigned backoff_failures;      /* default BACKOFF_FREE_FAILURES */
	unsigned backoff_max_sec;       /* default BACKOFF_MAX_SEC */
	config_list backoff_exempt;     /* addresses (proxies) that never have to wait */
	uid_t *vault_uids;              /* uids that may redeem tickets; default root alone */
	size_t n_vault_uids;
	struct config_front_end *front_ends; /* default: credsspd-rdp = xrdp-sesman, when that user exists */
	size_t n_front_ends;
	bool debug;     /* log_level = info | debug; default info */
	time_t changed; /* no option: when the newest of the files was changed */
};

/*
 * Reads @path. The file and every included one must be regular, owned by root
 * (or by the caller), not writable by group and others, and at most
 * CONFIG_FILE_MAX. A missing file is an error; unknown sections, keys and values
 * are errors. On failure returns -errno and puts one sentence that names file and
 * key into *@ret_error (malloc'ed). On success @ret_ owns its parts.
 */
int config_load(const char *path, struct config *ret_, char **ret_error);

/* Frees the parts of @c and leaves it empty. */
void config_done(struct config *c);

/* Returns the services that @uid may request tickets for, or NULL when it is not a front end. */
config_list config_services_of(const struct config *c, uid_t uid);
bool config_may_redeem(const struct config *c, uid_t uid);

/* Returns whether @domain is in domains; case does not count. */
bool config_is_domain(const struct config *c, const char *domain);

/* The table of the options of section [credsspd], for the tests that compare it with the manual. */
struct option_row;
const struct option_row *config_rows(size_t *ret_n);
