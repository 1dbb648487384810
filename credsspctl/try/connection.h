/* SPDX-License-Identifier: MIT */
/* The client's side of an RDP connection up to CredSSP: TCP, X.224, TLS. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/wire/view.h"

#define CONNECTION_PORT "3389"
#define CONNECTION_HOST_MAX 256U

struct connection_target {
	char host[CONNECTION_HOST_MAX], port[16];
	bool is_address; /* an IP address: no name for Kerberos and the certificate */
};

struct try_connection {
	int fd;
	SSL_CTX *ctx;
	SSL *tls;
	bool early_authorization; /* HYBRID_EX was chosen */
	uint8_t *key;             /* SubjectPublicKey of the certificate, malloc'ed */
	size_t key_len;
	char trouble[200];
};

#define TRY_CONNECTION_NULL ((struct try_connection){ .fd = -1 })

/* Reads HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. Returns 0 or -EINVAL. */
int connection_target_read(const char *text, struct connection_target *ret);

/*
 * Connects, negotiates and holds the TLS handshake, with a line for each step. Returns 0, or -errno after the sentence
 * about what failed was printed. connection_done() in every case.
 */
int connection_open(struct try_connection *c, const struct connection_target *target);
void connection_done(struct try_connection *c);

/* Sends all of @data in one TLS record. Returns 0 or -errno with a text in c->trouble. */
int connection_send(struct try_connection *c, struct view data);

/* Receives up to @size bytes. Returns the number, or -errno with a text in c->trouble; the end of the stream is an
 * error. */
ssize_t connection_receive(struct try_connection *c, uint8_t *out, size_t size);
