/* SPDX-License-Identifier: MIT */
#include "common/wire/usertouser.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/wire/der.h"

#define PVNO 5U
#define KRB_AP_REQ 14U
#define KRB_TGT_REQ 16U
#define KRB_TGT_REP 17U
#define NAME_TYPE_SRV_INST 2U

static bool read_u32_field(struct der *seq, uint8_t context, uint32_t want)
{
	struct der field = der_enter(seq, DER_CONTEXT(context));
	uint32_t got = der_take_u32(&field);

	return der_ok(&field) && got == want;
}

/* ---- KERB-TGT-REQUEST ---- */

static bool add_component(struct tgt_request *r, struct view v)
{
	size_t at = strlen(r->server), slash = at ? 1 : 0;

	if (v.len == 0 || v.len > PRINCIPAL_MAX || at + slash + v.len > PRINCIPAL_MAX)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~' || v.p[i] == '/' || v.p[i] == '@' || v.p[i] == '\\')
			return false;
	if (slash)
		r->server[at] = '/';
	memcpy(r->server + at + slash, v.p, v.len);
	r->server[at + slash + v.len] = '\0';
	return true;
}

/* PrincipalName, RFC 4120 5.2.2; the name-type is not needed. */
static bool read_server_name(struct der *seq, struct tgt_request *r)
{
	struct der field = der_enter(seq, DER_CONTEXT(2));
	struct der name = der_enter(&field, DER_SEQUENCE);
	struct der type = der_enter(&name, DER_CONTEXT(0));
	struct der strings, list;

	(void)der_take(&type, DER_INTEGER);
	strings = der_enter(&name, DER_CONTEXT(1));
	list = der_enter(&strings, DER_SEQUENCE);
	while (list.len && !list.failed)
		if (!add_component(r, der_take(&list, DER_GENERAL_STRING)))
			list.failed = true;
	return der_ok(&list) && der_ok(&strings) && der_ok(&type) && der_ok(&name) && der_ok(&field);
}

int tgt_request_read(struct view message, struct tgt_request *ret_)
{
	struct der whole = der_init(message.p, message.len);
	struct der seq = der_enter(&whole, DER_SEQUENCE);
	struct tgt_request r = { .server = "" };

	if (!read_u32_field(&seq, 0, PVNO) || !read_u32_field(&seq, 1, KRB_TGT_REQ))
		return -EPROTO;
	if (der_is(&seq, DER_CONTEXT(2)) && !read_server_name(&seq, &r))
		return -EPROTO;
	if (der_is(&seq, DER_CONTEXT(3))) /* the realm is ignored: the server's tickets are found by name */
		(void)der_take(&seq, DER_CONTEXT(3));
	if (!der_ok(&seq) || !der_ok(&whole))
		return -EPROTO;
	*ret_ = r;
	return 0;
}

int tgt_request_write(const char *service, const char *host, uint8_t *out, size_t size, size_t *ret_len)
{
	struct der_writer w = der_writer_init(out, size);

	der_put_element(&w, DER_GENERAL_STRING, host, strlen(host));
	der_put_element(&w, DER_GENERAL_STRING, service, strlen(service));
	der_put_header(&w, DER_SEQUENCE, 0);
	der_put_header(&w, DER_CONTEXT(1), 0);
	der_put_u31_field(&w, 0, NAME_TYPE_SRV_INST);
	der_put_header(&w, DER_SEQUENCE, 0);
	der_put_header(&w, DER_CONTEXT(2), 0);
	der_put_u31_field(&w, 1, KRB_TGT_REQ);
	der_put_u31_field(&w, 0, PVNO);
	der_put_header(&w, DER_SEQUENCE, 0);
	return der_finish(&w, ret_len);
}

/* ---- KERB-TGT-REPLY ---- */

int tgt_reply_write(struct view ticket, uint8_t *out, size_t size, size_t *ret_len)
{
	struct der_writer w = der_writer_init(out, size);

	der_put(&w, ticket.p, ticket.len);
	der_put_header(&w, DER_CONTEXT(2), 0);
	der_put_u31_field(&w, 1, KRB_TGT_REP);
	der_put_u31_field(&w, 0, PVNO);
	der_put_header(&w, DER_SEQUENCE, 0);
	return der_finish(&w, ret_len);
}

int tgt_reply_read(struct view message, struct view *ret_ticket)
{
	struct der whole = der_init(message.p, message.len);
	struct der seq = der_enter(&whole, DER_SEQUENCE);
	struct view ticket;

	if (!read_u32_field(&seq, 0, PVNO) || !read_u32_field(&seq, 1, KRB_TGT_REP))
		return -EPROTO;
	ticket = der_take(&seq, DER_CONTEXT(2));
	if (!der_ok(&seq) || !der_ok(&whole))
		return -EPROTO;
	*ret_ticket = ticket;
	return 0;
}

/* ---- AP-REQ ---- */

struct view ap_req_options(struct view message)
{
	struct der whole = der_init(message.p, message.len);
	struct der application = der_enter(&whole, DER_APPLICATION(KRB_AP_REQ));
	struct der seq = der_enter(&application, DER_SEQUENCE);
	struct der field;
	struct view bits;

	if (!read_u32_field(&seq, 0, PVNO) || !read_u32_field(&seq, 1, KRB_AP_REQ))
		return VIEW_NULL;
	field = der_enter(&seq, DER_CONTEXT(2));
	bits = der_take(&field, DER_BIT_STRING);
	/* KerberosFlags: at least 32 bits, and no client sends more; the first byte counts the unused bits */
	if (!der_ok(&field) || seq.failed || !der_ok(&application) || !der_ok(&whole) || bits.len != 5 ||
	    bits.p[0] != 0)
		return VIEW_NULL;
	return (struct view){ bits.p + 1, 4 };
}
