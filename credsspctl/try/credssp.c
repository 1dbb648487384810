/* SPDX-License-Identifier: MIT */
#include "credsspctl/try/credssp.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/initiator/credssp-initiator.h"
#include "common/wire/der.h"
#include "common/wire/ntlm.h"
#include "common/wire/spnego.h"
#include "common/wire/tscredentials.h"
#include "common/wire/utf16.h"
#include "credsspctl/try/report.h"

#define EARLY_GRANTED 0U
#define EARLY_DENIED 5U

struct exchange {
	struct try_connection *c;
	struct credssp_initiator credssp;
	bool answered; /* the server has sent a TSRequest */
	uint8_t in[TSREQUEST_MAX];
	size_t in_len;
};

/* ---- TSRequests ---- */

static int receive_error(const struct exchange *e, int r)
{
	if (r == -ETIMEDOUT)
		return report_end(r, "the server does not answer within 30 seconds");
	if (strstr(e->c->trouble, "access denied"))
		return report_end(-EACCES, "the server refuses (TLS alert access_denied)");
	return report_end(
	    r, "%s%s", e->c->trouble,
	    e->credssp.bound
		? ": it refuses without a reason; its log has one (\"binding\": a device between here and the "
		  "server reads TLS)"
	    : e->answered ? ": it refuses without a reason; its log has one"
			  : " after the first message: it does not speak CredSSP, or its log has the reason");
}

/* ---- the server's choice ---- */

static const char *mech_name(enum gss_mech mech)
{
	static const char *const name[GSS_MECHS_] = {
		[GSS_MECH_UNKNOWN] = "an unknown mechanism",
		[GSS_MECH_SPNEGO] = "SPNEGO",
		[GSS_MECH_KRB5] = "Kerberos",
		[GSS_MECH_MS_KRB5] = "Kerberos (Microsoft's number)",
		[GSS_MECH_USER_TO_USER] = "Kerberos user-to-user",
		[GSS_MECH_NTLM] = "NTLM",
		[GSS_MECH_NEGOEX] = "NEGOEX",
	};

	return name[mech];
}

static void describe_challenge(struct view message)
{
	static const struct {
		uint16_t id;
		const char *name;
	} row[] = {
		{ NTLM_AV_NB_DOMAIN_NAME, "domain" },
		{ NTLM_AV_NB_COMPUTER_NAME, "computer" },
		{ NTLM_AV_DNS_DOMAIN_NAME, "DNS domain" },
		{ NTLM_AV_DNS_COMPUTER_NAME, "DNS name" },
	};
	char names[512] = "", text[ACCOUNT_NAME_MAX + 1];
	struct ntlm_challenge c;
	struct view value;
	uint16_t id;
	size_t len;

	if (ntlm_challenge_read(message, &c) < 0)
		return;
	while (ntlm_av_next(&c.target_info, &id, &value) == 1)
		for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
			size_t at = strlen(names);

			if (row[i].id != id || utf16le_to_utf8(value, (uint8_t *)text, sizeof text - 1, &len) < 0)
				continue;
			(void)snprintf(names + at, sizeof names - at, "%s%s %.*s", at ? ", " : "", row[i].name,
				       (int)len, text);
		}
	report_step("ntlm", "the server says that it is %s", *names ? names : "nameless");
}

static void describe_answer(struct view token)
{
	struct spnego_resp r;

	if (spnego_resp_read(token, &r) < 0)
		return;
	if (r.supported_mech.p)
		report_step("spnego", "the server chose %s", mech_name(gss_mech_of(r.supported_mech)));
	if (r.state == SPNEGO_REJECT)
		report_step("spnego", "the server rejects every mechanism that was offered");
	if (ntlm_is_message(r.response_token))
		describe_challenge(r.response_token);
}

/* ---- TSRequests ---- */

static int send_tsrequest(void *userdata, struct view tsrequest)
{
	struct exchange *e = userdata;
	int r = connection_send(e->c, tsrequest);

	return r < 0 ? report_end(r, "the message cannot be sent to the server: %s", e->c->trouble) : 0;
}

/* Receives one TSRequest whole into e->in. */
static int receive_tsrequest(void *userdata, struct tsrequest *ret_)
{
	struct exchange *e = userdata;
	size_t total = 0;
	ssize_t n;
	int r;

	e->in_len = 0;
	while ((r = tsrequest_frame(e->in, e->in_len, &total)) == 0 || (r == 1 && e->in_len < total)) {
		n = connection_receive(e->c, e->in + e->in_len, sizeof e->in - e->in_len);
		if (n < 0)
			return receive_error(e, (int)n);
		e->in_len += (size_t)n;
	}
	if (r != 1 || e->in_len != total || tsrequest_read(e->in, total, ret_) < 0)
		return report_end(-EPROTO, "the server's answer is no TSRequest");
	if (!e->answered)
		report_step("credssp", "version %u offered, %" PRIu32 " answered", CREDSSP_PROTOCOL_VERSION,
			    ret_->version);
	e->answered = true;
	if (ret_->has_error_code)
		return report_end(-EACCES, "the server refuses with 0x%08" PRIX32 ", %s", ret_->error_code,
				  report_status(ret_->error_code));
	if (!e->credssp.bound)
		describe_answer(ret_->nego_token);
	return 0;
}

/* Prints why a function of credssp-initiator.h failed. Returns @r. */
static int report_fault(const struct exchange *e, int r)
{
	const char *detail = initiator_detail(e->credssp.initiator);

	switch (e->credssp.fault) {
	case CREDSSP_TRANSPORT_FAILED:
		break; /* a callback above has printed it */
	case CREDSSP_TOO_LONG:
		return report_end(r, "the message is too long for CredSSP");
	case CREDSSP_BAD_TOKEN:
		return report_end(r, "the server's answer does not fit: %s", detail);
	case CREDSSP_TOO_MANY_ROUNDS:
		return report_end(r, "the server asks for more than %u messages", CREDSSP_ROUNDS_MAX);
	case CREDSSP_NOT_SEALED:
		return e->credssp.bound ? report_end(r, "the credentials cannot be sealed")
					: report_end(r, "the server's key cannot be sealed: %s", detail);
	case CREDSSP_NO_BINDING:
		return report_end(r, "the server sends no proof that it holds the key of its certificate");
	case CREDSSP_OTHER_KEY:
		return report_end(r, "the server proves another key than that of the certificate: there is a device "
				     "between here and the server that reads TLS");
	}
	return r;
}

/* ---- credentials ---- */

static void put_utf16_field(struct der_writer *w, uint8_t n, const void *text, size_t len, struct secret *room)
{
	size_t used;

	if (utf8_to_utf16le((struct view){ text, len }, secret_expose(room), 4096, &used) < 0)
		w->full = true;
	else
		der_put_field(w, n, DER_OCTET_STRING, secret_expose(room), used);
}

/* TSCredentials with TSPasswordCreds, MS-CSSP 2.2.1.2 and 2.2.1.2.1. */
static int write_credentials(const struct try_credentials *d, struct secret *out)
{
	AUTO_SECRET struct secret room = SECRET_NULL;
	struct der_writer w;
	size_t len;

	if (secret_init(&room, 4096) < 0 || secret_init(out, CREDSSP_CREDENTIALS_MAX) < 0)
		return -ENOMEM;
	w = der_writer_init(secret_expose(out), CREDSSP_CREDENTIALS_MAX);
	put_utf16_field(&w, 2, secret_expose(d->password), secret_len(d->password) - 1, &room);
	put_utf16_field(&w, 1, d->user, strlen(d->user), &room);
	put_utf16_field(&w, 0, d->domain, strlen(d->domain), &room);
	der_put_header(&w, DER_SEQUENCE, 0);
	der_put_header(&w, DER_OCTET_STRING, 0);
	der_put_header(&w, DER_CONTEXT(1), 0);
	der_put_u31_field(&w, 0, TS_CRED_PASSWORD);
	der_put_header(&w, DER_SEQUENCE, 0);
	return der_finish(&w, &len) < 0 ? -EMSGSIZE : secret_set_len(out, len);
}

static int read_early_result(struct exchange *e)
{
	uint8_t p[4];
	uint32_t result;
	ssize_t n = connection_receive(e->c, p, sizeof p);

	if (n < 0)
		return receive_error(e, (int)n);
	result =
	    n == 4 ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : UINT32_MAX;
	report_step("authorize", "early user authorization result %" PRIu32, result);
	if (result == EARLY_GRANTED)
		return 0;
	return result == EARLY_DENIED ? report_end(-EACCES, "the server authenticated the user and refuses the logon")
				      : report_end(-EPROTO, "the server's authorization result is malformed");
}

static int delegate(struct exchange *e, const struct try_credentials *d)
{
	AUTO_SECRET struct secret clear = SECRET_NULL;
	int r;

	if (write_credentials(d, &clear) < 0)
		return report_end(-EIO, "the credentials cannot be sealed");
	r = credssp_delegate(&e->credssp, (struct view){ secret_expose(&clear), secret_len(&clear) });
	if (r < 0)
		return report_fault(e, r);
	report_step("delegate", "user name and password were sent, sealed");
	return e->c->early_authorization ? read_early_result(e) : 0;
}

int credssp_run(struct try_connection *c, struct initiator *initiator, const struct try_credentials *credentials)
{
	static const struct credssp_transport transport = { send_tsrequest, receive_tsrequest };
	AUTO_FREE struct exchange *e = calloc(1, sizeof *e);
	int r;

	if (!e || RAND_bytes(e->credssp.nonce, sizeof e->credssp.nonce) != 1)
		return report_end(-ENOMEM, "no memory");
	e->c = c;
	e->credssp.transport = &transport;
	e->credssp.userdata = e;
	e->credssp.initiator = initiator;
	e->credssp.key = (struct view){ c->key, c->key_len };
	r = credssp_authenticate(&e->credssp);
	if (r == 0)
		r = credssp_check_binding(&e->credssp);
	if (r < 0)
		return report_fault(e, r);
	report_step("binding", "the server holds the key of its certificate, and knows who authenticated");
	if (credentials)
		r = delegate(e, credentials);
	if (r < 0)
		return r;
	return report_end(0, "%s",
			  credentials && c->early_authorization ? "the server lets this user log on"
			  : credentials ? "the server took the credentials; its log says whether the logon succeeded"
					: "the server authenticated the user; no credentials were delegated");
}
