/* SPDX-License-Identifier: MIT */
/* MIT Kerberos, "Credential cache file format", version 4: big endian, every string with its length in front. */
#include "pam_credssp/helper/ticket-file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/base/secret.h"

/* What is written; the first error sticks. */
struct out {
	struct secret s;
	int error;
};

static void put(struct out *o, const void *p, size_t len)
{
	if (o->error == 0 && len > 0)
		o->error = secret_append(&o->s, p, len);
}

static void put_8(struct out *o, uint8_t value)
{
	put(o, &value, sizeof value);
}

static void put_16(struct out *o, uint16_t value)
{
	value = htobe16(value);
	put(o, &value, sizeof value);
}

static void put_32(struct out *o, uint32_t value)
{
	value = htobe32(value);
	put(o, &value, sizeof value);
}

static void put_data(struct out *o, const void *p, size_t len)
{
	put_32(o, (uint32_t)len);
	put(o, p, len);
}

static void put_principal(struct out *o, krb5_const_principal p)
{
	put_32(o, (uint32_t)p->type);
	put_32(o, (uint32_t)p->length);
	put_data(o, p->realm.data, p->realm.length);
	for (krb5_int32 i = 0; i < p->length; i++)
		put_data(o, p->data[i].data, p->data[i].length);
}

static void put_addresses(struct out *o, krb5_address *const *a)
{
	uint32_t n = 0;

	while (a && a[n])
		n++;
	put_32(o, n);
	for (uint32_t i = 0; i < n; i++) {
		put_16(o, (uint16_t)a[i]->addrtype);
		put_data(o, a[i]->contents, a[i]->length);
	}
}

static void put_creds(struct out *o, const krb5_creds *c)
{
	put_principal(o, c->client);
	put_principal(o, c->server);
	put_16(o, (uint16_t)c->keyblock.enctype);
	put_data(o, c->keyblock.contents, c->keyblock.length);
	put_32(o, (uint32_t)c->times.authtime);
	put_32(o, (uint32_t)c->times.starttime);
	put_32(o, (uint32_t)c->times.endtime);
	put_32(o, (uint32_t)c->times.renew_till);
	put_8(o, c->is_skey != 0);
	put_32(o, (uint32_t)c->ticket_flags);
	put_addresses(o, c->addresses);
	put_32(o, 0); /* authorization data */
	put_data(o, c->ticket.data, c->ticket.length);
	put_data(o, NULL, 0); /* second ticket */
}

unsigned ticket_file_open(const char *path, int *ret_fd, struct helper_result *result)
{
	int fd = -1;

	if (*path) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return helper_say(result, HELPER_CCACHE, "%s: %s", path, strerror(errno));
	}
	*ret_fd = fd;
	return HELPER_SUCCESS;
}

unsigned ticket_file_write(int fd, const krb5_creds *creds, struct helper_result *result)
{
	struct out o = { .s = SECRET_NULL };

	if (fd < 0)
		return HELPER_SUCCESS;
	o.error = secret_init(&o.s, creds->ticket.length + TICKET_FILE_REST_MAX);
	put_16(&o, 0x0504);
	put_16(&o, 0); /* no header fields */
	put_principal(&o, creds->client);
	put_creds(&o, creds);
	if (o.error == 0)
		o.error = io_write_all(fd, secret_expose(&o.s), secret_len(&o.s));
	secret_done(&o.s);
	if (o.error < 0)
		return helper_say(result, HELPER_CCACHE, "%s", strerror(-o.error));
	result->has_ccache = 1;
	return HELPER_SUCCESS;
}
