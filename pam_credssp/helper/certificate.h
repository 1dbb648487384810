/* SPDX-License-Identifier: MIT */
/* Reads a certificate on a card; the KDC decides whether it is genuine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct certificate {
	bool readable;
	bool in_time;   /* notBefore, notAfter */
	bool for_logon; /* its extended key usage is smart card logon or PKINIT client, its key may sign */
	bool is_rsa;    /* the only type of key that libkrb5 signs with on a card */
	bool has_names; /* a user principal name, or a Kerberos principal */
	bool names;     /* one of the names is the principal's */
};

/*
 * Checks the DER certificate @p for a logon of @principal ("alice@REALM") at @now. A user principal name is compared by
 * its user part and without case, because in Active Directory its suffix need not be the realm.
 */
void certificate_read(const uint8_t *p, size_t len, const char *principal, time_t now, struct certificate *ret_);
