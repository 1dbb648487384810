/* SPDX-License-Identifier: MIT */
/* What a client of user-to-user sends: frames, in SPNEGO tokens or bare, and messages in them. */
#include "common/wire/spnego.h"
#include "common/wire/usertouser.h"
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

/* What the token of SPNEGO carries. */
static void usertouser_spnego(struct view token)
{
	struct spnego_init i;
	struct spnego_resp r;

	if (spnego_init_read(token, &i) == 0 && i.mech_token.p)
		usertouser_frame(i.mech_token);
	if (spnego_resp_read(token, &r) == 0 && r.response_token.p)
		usertouser_frame(r.response_token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view token = { data, size };

	usertouser_spnego(token);
	usertouser_frame(token);
	usertouser_messages(token);
	return 0;
}
