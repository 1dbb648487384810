/* SPDX-License-Identifier: MIT */
/* The records of the channel: nothing hidden in them, room for the largest of everything, and a packet each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "common/base/cleanup.h"
#include "common/base/refusal.h"
#include "common/ipc/handover.h"
#include "common/ipc/packet.h"
#include "include/credssp/channel.h"
#include "tests/unit/build.h"

#define SIZE(type, member) sizeof(((type *)NULL)->member)

static void test_no_padding(void **state)
{
	assert_int_equal(SIZE(struct channel_done, type) + SIZE(struct channel_done, kind) +
			     SIZE(struct channel_done, version) + SIZE(struct channel_done, pad_) +
			     SIZE(struct channel_done, mechanism) + SIZE(struct channel_done, ticket) +
			     SIZE(struct channel_done, user) + SIZE(struct channel_done, principal),
			 sizeof(struct channel_done));
	assert_int_equal(SIZE(struct channel_failed, type) + SIZE(struct channel_failed, alert) +
			     SIZE(struct channel_failed, early_result) + SIZE(struct channel_failed, failure) +
			     SIZE(struct channel_failed, pad_) + SIZE(struct channel_failed, reason),
			 sizeof(struct channel_failed));
	/* the type is what is looked at first */
	assert_int_equal(offsetof(struct channel_done, type), 0);
	assert_int_equal(offsetof(struct channel_failed, type), 0);
}

static void test_room(void **state)
{
	assert_true(SIZE(struct channel_done, ticket) > TICKET_LEN);
	assert_true(SIZE(struct channel_done, user) > ACCOUNT_NAME_MAX);
	assert_true(SIZE(struct channel_done, principal) > PRINCIPAL_MAX);
	assert_true(SIZE(struct channel_done, mechanism) > strlen("krb5"));
	for (unsigned r = 0; r < REFUSAL_MAX_; r++)
		assert_true(strlen(refusal_word(r)) < SIZE(struct channel_failed, reason));
	/* the prefix, and base64url of the octets without padding */
	assert_int_equal(TICKET_LEN, strlen(TICKET_PREFIX) + (TICKET_BYTES * 8 + 5) / 6);
	/* a result that was never set must not be a success, MS-RDPBCGR 2.2.10.2 */
	assert_int_not_equal(CHANNEL_EARLY_NONE, 0);
	assert_int_equal(CHANNEL_EARLY_ACCESS_DENIED, 5);
}

/* The largest TSRequest is one packet on the sockets that Begin() hands out. */
static void test_largest(void **state)
{
	struct buf m AUTO_BUF = buf_fill(0x30, TSREQUEST_MAX);
	struct buf in AUTO_BUF = buf_new(CHANNEL_PACKET_MAX);
	const uint8_t type = CHANNEL_TSREQUEST;
	int fd[2];

	assert_int_equal(packet_pair(0, fd), 0);
	int a AUTO_CLOSE = fd[0], b AUTO_CLOSE = fd[1];

	assert_int_equal(packet_send2(a, &type, 1, m.p, m.len, NULL, 0), 0);
	assert_int_equal(packet_recv(b, in.p, in.len, NULL, 0), CHANNEL_PACKET_MAX);
	assert_int_equal(in.p[0], CHANNEL_TSREQUEST);
	assert_memory_equal(in.p + 1, m.p, m.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_padding),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
