/* SPDX-License-Identifier: MIT */
/* TSRequests of a client: read in the worker, framed in the front end. */
#include "common/wire/tsrequest.h"
#include "tests/fuzz/fuzz.h"

static bool tsrequest_view_same(struct view a, struct view b)
{
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

/* What was read can be written, and is the same when it is read again. */
static void tsrequest_again(const struct tsrequest *t)
{
	static uint8_t out[TSREQUEST_MAX + 8];
	struct tsrequest again;
	size_t len, total;

	if (t->version > 0x7f)
		return;
	PROMISE(tsrequest_write(t, out, sizeof out, &len) == 0);
	/* errorCode may get longer */
	if (len > TSREQUEST_MAX)
		return;
	PROMISE(tsrequest_read(out, len, &again) == 0);
	PROMISE(tsrequest_frame(out, len, &total) == 1 && total == len);
	PROMISE(again.version == t->version && again.has_error_code == t->has_error_code);
	PROMISE(again.error_code == t->error_code);
	PROMISE(tsrequest_view_same(again.nego_token, t->nego_token));
	PROMISE(tsrequest_view_same(again.auth_info, t->auth_info));
	PROMISE(tsrequest_view_same(again.pub_key_auth, t->pub_key_auth));
	PROMISE(tsrequest_view_same(again.client_nonce, t->client_nonce));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsrequest t;
	size_t total = 0;
	int frame = tsrequest_frame(data, size, &total);

	if (frame == 1)
		PROMISE(total >= 2 && total <= TSREQUEST_MAX);
	if (tsrequest_read(data, size, &t) < 0)
		return 0;
	PROMISE(frame == 1 && total == size);
	PROMISE(t.version >= 2);
	PROMISE(fuzz_inside(t.nego_token, data, size) && fuzz_inside(t.auth_info, data, size));
	PROMISE(fuzz_inside(t.pub_key_auth, data, size) && fuzz_inside(t.client_nonce, data, size));
	PROMISE(!t.client_nonce.p || t.client_nonce.len == CLIENT_NONCE_LEN);
	PROMISE(t.has_error_code || t.error_code == 0);
	tsrequest_again(&t);
	return 0;
}
