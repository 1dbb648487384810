/* SPDX-License-Identifier: MIT */
/*
 * Limits of the interfaces that bus-api.h and channel.h describe. Sizes are bytes. The limits inside the project are
 * in common/base/limits.h.
 */
#pragma once

#define TSREQUEST_MAX 66560U         /* one whole TSRequest: 64 KiB of payload and its DER framing */
#define SUBJECT_PUBLIC_KEY_MAX 4096U /* RSA-16384 is 2 KiB */
#define ACCOUNT_NAME_MAX 256U        /* user, domain, pw_name; UTF-8 bytes without NUL */
#define PRINCIPAL_MAX 512U           /* displayed GSS name; UTF-8 bytes without NUL */
#define PAM_SERVICE_MAX 64U
#define RHOST_MAX 64U            /* textual address of the client */
#define TICKET_LIFETIME_SEC 180U /* sesman 0.9 logs on one user at a time */
#define TICKET_LEN 52U           /* prefix and 43 base64url characters, without NUL */
