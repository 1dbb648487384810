/* SPDX-License-Identifier: MIT */
/* Who issued the certificates of cards that may be used here: pkinit_anchors of krb5.conf. */
#pragma once

#include <krb5.h>
#include <stddef.h>
#include <stdint.h>

struct anchors;

/*
 * Loads pkinit_anchors and, for what is in between, pkinit_pool, from where libkrb5's PKINIT takes them for @realm.
 * What cannot be read is left out; with no anchor nothing is trusted. Returns 0 or -ENOMEM.
 */
int anchors_load(krb5_context k, const krb5_data *realm, struct anchors **ret_);
void anchors_free(struct anchors *a);

/* Why the DER certificate @p is not trusted, as a text that is not freed; NULL when it is. */
const char *anchors_complaint(const struct anchors *a, const uint8_t *p, size_t len);
