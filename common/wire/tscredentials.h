/* SPDX-License-Identifier: MIT */
/*
 * TSCredentials, MS-CSSP 2.2.1.2, after decryption. Strings stay UTF-16LE views
 * into the input, which is secret: the caller keeps it in a struct secret.
 */
#pragma once

#include "common/wire/view.h"

enum ts_cred_type {
	TS_CRED_PASSWORD = 1,
	TS_CRED_SMARTCARD = 2,
	TS_CRED_REMOTE_GUARD = 6,
};

struct ts_password_creds { /* 2.2.1.2.1; all three empty: restricted admin */
	struct view domain_name, user_name, password;
};

struct ts_smartcard_creds { /* 2.2.1.2.2; absent views have p == NULL */
	struct view pin;
	uint32_t key_spec;
	struct view card_name, reader_name, container_name, csp_name;
	struct view user_hint, domain_hint;
};

struct ts_remote_guard_creds {    /* 2.2.1.2.3; supplemental credentials are checked for form and ignored */
	struct view package_name; /* UTF-16LE */
	struct view cred_buffer;
};

struct tscredentials {
	enum ts_cred_type type;
	union {
		struct ts_password_creds password;
		struct ts_smartcard_creds smartcard;
		struct ts_remote_guard_creds remote_guard;
	};
};

/*
 * Reads the TSCredentials that is the whole of @p, by the DER rules of tsrequest_read(). Returns 0, -EPROTO, or
 * -EPROTONOSUPPORT for an unknown credType.
 */
int tscredentials_read(const uint8_t *p, size_t len, struct tscredentials *ret_);
