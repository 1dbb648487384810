/* SPDX-License-Identifier: MIT */
/* The trusted issuers of cards' certificates: pkinit_anchors of krb5.conf. */
#pragma once

#include <krb5.h>
#include <stddef.h>
#include <stdint.h>

struct anchors;

/*
 * Loads pkinit_anchors and, for intermediate certificates, pkinit_pool, as libkrb5's PKINIT does for @realm. Files that
 * cannot be read are left out; without an anchor no certificate is trusted. Returns 0 or -ENOMEM.
 */
int anchors_load(krb5_context k, const krb5_data *realm, struct anchors **ret_);
void anchors_free(struct anchors *a);

/* Returns NULL when the DER certificate @p is trusted, else a static text with the reason. */
const char *anchors_complaint(const struct anchors *a, const uint8_t *p, size_t len);
