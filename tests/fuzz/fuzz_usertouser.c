/* SPDX-License-Identifier: MIT */
/* What a client of user-to-user sends: SPNEGO tokens, frames in them, messages in these. */
#include "credsspd/wire/spnego.h"
#include "credsspd/wire/usertouser.h"
#include "tests/fuzz/fuzz.h"

static bool usertouser_same(struct view a, struct view b)
{
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

static void usertouser_messages(struct view message)
{
	struct tgt_request request;
	struct view options = ap_req_options(message), ticket;

	if (options.p) {
		PROMISE(fuzz_inside(options, message.p, message.len) && options.len == 4);
		/* user-to-user's own bits may be set in place */
		PROMISE(options.p > message.p + 4);
	}
	if (tgt_reply_read(message, &ticket) == 0)
		PROMISE(ticket.p && fuzz_inside(ticket, message.p, message.len));
	if (tgt_request_read(message, &request) == 0) {
		size_t len = strnlen(request.server, sizeof request.server);

		PROMISE(len <= PRINCIPAL_MAX && !options.p);
		for (size_t i = 0; i < len; i++)
			PROMISE(request.server[i] > ' ' && request.server[i] <= '~' && request.server[i] != '@' &&
				request.server[i] != '\\');
		PROMISE(!len || (request.server[0] != '/' && request.server[len - 1] != '/'));
		PROMISE(!strstr(request.server, "//"));
	}
}

/* What was read can be written, and is the same when it is read again. */
static void usertouser_frame(struct view token)
{
	static uint8_t out[70000];
	struct view message, again;
	enum gss_mech mech, mech_again;
	uint16_t id, id_again;
	size_t len;

	if (gss_frame_read(token, &mech, &id, &message) < 0)
		return;
	PROMISE(message.p && message.p + message.len == token.p + token.len && message.p > token.p + 4);
	usertouser_messages(message);
	if (mech == GSS_MECH_UNKNOWN || message.len > sizeof out - 64)
		return;
	PROMISE(gss_frame_write(mech, id, message, out, sizeof out, &len) == 0 && len <= token.len);
	PROMISE(gss_frame_read((struct view){ out, len }, &mech_again, &id_again, &again) == 0);
	PROMISE(mech_again == mech && id_again == id && usertouser_same(again, message));
}

static void usertouser_resp(struct view token)
{
	static uint8_t out[70000];
	struct spnego_resp r, again;
	size_t len;

	if (spnego_resp_read(token, &r) < 0)
		return;
	PROMISE(gss_token_kind(token) == GSS_TOKEN_SPNEGO_RESP);
	PROMISE(r.state <= SPNEGO_REQUEST_MIC || r.state == SPNEGO_NO_STATE);
	PROMISE(fuzz_inside(r.supported_mech, token.p, token.len));
	PROMISE(fuzz_inside(r.response_token, token.p, token.len));
	PROMISE(fuzz_inside(r.mech_list_mic, token.p, token.len));
	if (r.response_token.p)
		usertouser_frame(r.response_token);
	if (token.len > sizeof out)
		return;
	PROMISE(spnego_resp_write(&r, out, sizeof out, &len) == 0 && len <= token.len);
	PROMISE(spnego_resp_read((struct view){ out, len }, &again) == 0);
	PROMISE(again.state == r.state && usertouser_same(again.supported_mech, r.supported_mech) &&
		usertouser_same(again.response_token, r.response_token) &&
		usertouser_same(again.mech_list_mic, r.mech_list_mic));
}

static void usertouser_init_written(struct view mech_token)
{
	static const enum gss_mech mechs[] = { GSS_MECH_MS_KRB5, GSS_MECH_KRB5, GSS_MECH_NEGOEX, GSS_MECH_NTLM };
	static uint8_t out[70000];
	struct spnego_init i;
	size_t len;

	if (spnego_init_write(mechs, sizeof mechs / sizeof *mechs, mech_token, out, sizeof out, &len) < 0)
		return;
	PROMISE(spnego_init_read((struct view){ out, len }, &i) == 0 && usertouser_same(i.mech_token, mech_token));
}

static void usertouser_init(struct view token)
{
	struct spnego_init i;
	struct view oid;
	unsigned n = 0;

	if (spnego_init_read(token, &i) < 0)
		return;
	PROMISE(gss_token_kind(token) == GSS_TOKEN_SPNEGO_INIT);
	PROMISE(i.mech_types.p && fuzz_inside(i.mech_types, token.p, token.len));
	PROMISE(i.mech_types.len >= 2 && i.mech_types.p[0] == 0x30);
	for (struct der list = spnego_mech_list(i.mech_types); spnego_mech_next(&list, &oid); n++)
		PROMISE(fuzz_inside(oid, i.mech_types.p, i.mech_types.len));
	PROMISE(n > 0);
	PROMISE(fuzz_inside(i.mech_list_mic, token.p, token.len));
	PROMISE(fuzz_inside(i.mech_token, token.p, token.len));
	if (i.mech_token.p)
		usertouser_frame(i.mech_token);
	usertouser_init_written(i.mech_token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };

	usertouser_init(token);
	usertouser_resp(token);
	usertouser_frame(token);
	usertouser_messages(token);
	if (krb5_mic_guard(token) == 0)
		PROMISE(size >= 28 && data[2] == 4);
	return 0;
}
