/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "credsspd-rdp/mcs.h"

/* TPKT (its length is put in by pdu()) and X.224 data header */
#define DATA "\x03\x00\x00\x00\x02\xf0\x80"
#define PDU(s) DATA s, sizeof(DATA s) - 1
/* SendDataRequest of user 1007 on the I/O channel, whole, with @n octets in one or two octets of length */
#define SEND(n) "\x64\x00\x06\x03\xeb\x70" n

struct row {
	const char *name, *p;
	size_t len;
	enum mcs_kind kind;
};

static const struct row rows[] = {
	{ "Connect-Initial", PDU("\x7f\x65\x82\x01\x94\x04\x01\x01"), MCS_CONNECT_INITIAL },
	{ "ErectDomain of FreeRDP and mstsc", PDU("\x04\x01\x00\x01\x00"), MCS_ERECT_DOMAIN },
	{ "ErectDomain, longer integers", PDU("\x04\x03\x00\x00\x00\x03\x00\x00\x00"), MCS_ERECT_DOMAIN },
	{ "AttachUser", PDU("\x28"), MCS_ATTACH_USER },
	{ "ChannelJoin", PDU("\x38\x00\x06\x03\xeb"), MCS_CHANNEL_JOIN },
	{ "Client Info, short length", PDU(SEND("\x04") "\x40\x00\x00\x00"), MCS_CLIENT_INFO },
	{ "Client Info, long length", PDU(SEND("\x80\x04") "\x40\x00\x00\x00"), MCS_CLIENT_INFO },
	{ "licence", PDU(SEND("\x08") "\x80\x00\x00\x00\x13\x83\x04\x00"), MCS_LICENCE },
	{ "licence that asks for encryption", PDU(SEND("\x80\x08") "\x80\x02\x00\x00\x13\x83\x04\x00"), MCS_LICENCE },

	{ "SEC_INFO_PKT with SEC_ENCRYPT", PDU(SEND("\x04") "\x48\x00\x00\x00"), MCS_OTHER },
	{ "SEC_INFO_PKT and SEC_LICENSE_PKT", PDU(SEND("\x04") "\xc0\x00\x00\x00"), MCS_OTHER },
	{ "Security Exchange", PDU(SEND("\x04") "\x01\x00\x00\x00"), MCS_OTHER },
	{ "auto-detect", PDU(SEND("\x04") "\x00\x20\x00\x00"), MCS_OTHER },
	{ "no security flags", PDU(SEND("\x04") "\x00\x00\x00\x00"), MCS_OTHER },
	{ "Client Info in another channel", PDU("\x64\x00\x06\x03\xec\x70\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "Client Info in the user's channel", PDU("\x64\x00\x06\x03\xef\x70\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "first segment", PDU("\x64\x00\x06\x03\xeb\x60\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "last segment", PDU("\x64\x00\x06\x03\xeb\x50\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "other priority", PDU("\x64\x00\x06\x03\xeb\xb0\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "length one too short", PDU(SEND("\x03") "\x40\x00\x00\x00"), MCS_OTHER },
	{ "length one too long", PDU(SEND("\x05") "\x40\x00\x00\x00"), MCS_OTHER },
	{ "long length one too short", PDU(SEND("\x80\x03") "\x40\x00\x00\x00"), MCS_OTHER },
	{ "length of a fragment", PDU(SEND("\xc1") "\x40\x00\x00\x00"), MCS_OTHER },
	{ "no room for flags", PDU(SEND("\x03") "\x40\x00\x00"), MCS_OTHER },
	{ "SendDataIndication", PDU("\x68\x00\x06\x03\xeb\x70\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "UniformSendDataRequest", PDU("\x6c\x00\x06\x03\xeb\x70\x04\x40\x00\x00\x00"), MCS_OTHER },
	{ "DisconnectProviderUltimatum", PDU("\x21\x80"), MCS_OTHER },
	{ "DetachUser", PDU("\x30\x00\x06"), MCS_OTHER },
	{ "Connect-Response", PDU("\x7f\x66\x82\x01\x94"), MCS_OTHER },
	{ "half a Connect-Initial", PDU("\x7f"), MCS_OTHER },
	{ "ErectDomain, short", PDU("\x04\x01\x00\x01"), MCS_OTHER },
	{ "ErectDomain, long", PDU("\x04\x03\x00\x00\x00\x03\x00\x00\x00\x00"), MCS_OTHER },
	{ "AttachUser with more", PDU("\x28\x00"), MCS_OTHER },
	{ "AttachUser and an initiator", PDU("\x2a\x00\x06"), MCS_OTHER },
	{ "ChannelJoin, short", PDU("\x38\x00\x06\x03"), MCS_OTHER },
	{ "ChannelJoin with more", PDU("\x38\x00\x06\x03\xeb\x00"), MCS_OTHER },
	{ "no MCS at all", PDU(""), MCS_OTHER },
	{ "X.224 disconnect", "\x03\x00\x00\x0b\x06\x80\x00\x00\x00\x00\x00", 11, MCS_OTHER },
	{ "X.224 data that is not the last", "\x03\x00\x00\x0c\x02\xf0\x00\x04\x01\x00\x01\x00", 12, MCS_OTHER },
	{ "X.224 data with a longer header", "\x03\x00\x00\x0c\x03\xf0\x80\x04\x01\x00\x01\x00", 12, MCS_OTHER },
	{ "a second connection request", "\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\x00\x08\x00\x03\0\0\0", 19,
	  MCS_OTHER },
};

static uint8_t *pdu(const char *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	return copy;
}

static void test_kinds(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t *p = pdu(rows[i].p, rows[i].len);

		if (mcs_kind(p, rows[i].len) != rows[i].kind)
			fail_msg("%s: %d", rows[i].name, (int)mcs_kind(p, rows[i].len));
		free(p);
	}
}

/* Cut anywhere they are nothing that may pass, Connect-Initial excepted, whose inside is xrdp's to judge. */
static void test_cut(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t len = 0; len < rows[i].len; len++) {
			uint8_t *p = pdu(rows[i].p, len);
			enum mcs_kind kind = mcs_kind(p, len);

			if (kind != MCS_OTHER && kind != MCS_CONNECT_INITIAL && rows[i].kind != MCS_OTHER &&
			    rows[i].kind != MCS_ERECT_DOMAIN)
				fail_msg("%s, cut at %zu, is %d", rows[i].name, len, (int)kind);
			free(p);
		}
	}
}

static void test_offset(void **state)
{
	static const char short_form[] = DATA SEND("\x04") "\x40\x00\x00\x00";
	static const char long_form[] = DATA SEND("\x80\x04") "\x40\x00\x00\x00";

	assert_int_equal(mcs_send_data_offset((const uint8_t *)short_form, sizeof short_form - 1), 14);
	assert_int_equal(mcs_send_data_offset((const uint8_t *)long_form, sizeof long_form - 1), 15);
}

/* Every state and every kind: what is not in this list is refused, and moves nothing. */
static void test_order(void **state)
{
	static const struct {
		enum mcs_kind kind;
		enum mcs_state next;
	} row[MCS_STATES_][2] = {
		[MCS_EXPECT_CONNECT] = { { MCS_CONNECT_INITIAL, MCS_EXPECT_ERECT } },
		[MCS_EXPECT_ERECT] = { { MCS_ERECT_DOMAIN, MCS_EXPECT_ATTACH } },
		[MCS_EXPECT_ATTACH] = { { MCS_ATTACH_USER, MCS_EXPECT_JOIN_OR_INFO } },
		[MCS_EXPECT_JOIN_OR_INFO] = { { MCS_CHANNEL_JOIN, MCS_EXPECT_JOIN_OR_INFO },
					      { MCS_CLIENT_INFO, MCS_EXPECT_LICENCE } },
		[MCS_EXPECT_LICENCE] = { { MCS_LICENCE, MCS_LOGGED_ON } },
	};

	for (int s = 0; s < MCS_STATES_; s++) {
		for (int kind = MCS_OTHER; kind <= MCS_LICENCE; kind++) {
			enum mcs_state now = (enum mcs_state)s, expected = now;
			int allowed = 0;

			for (int i = 0; i < 2; i++) {
				if (row[s][i].kind != MCS_OTHER && row[s][i].kind == (enum mcs_kind)kind) {
					allowed = 1;
					expected = row[s][i].next;
				}
			}
			assert_int_equal(mcs_allow(&now, (enum mcs_kind)kind), allowed ? 0 : -EPROTO);
			assert_int_equal(now, expected);
		}
	}
}

/* Whole exchanges; the last PDU of each is the one that is refused. */
static void test_exchanges(void **state)
{
	enum { C = MCS_CONNECT_INITIAL, E, A, J, I, L, O = MCS_OTHER, END = -1 };
	static const int row[][10] = {
		{ C, E, A, J, J, J, I, I, END }, /* a second Client Info: the hazard itself */
		{ C, E, A, J, I, J, END },       /* joins behind it */
		{ C, E, A, I, C, END },          /* beginning again */
		{ C, E, A, J, I, O, END },       /* anything at all before the licence */
		{ C, E, A, J, O, END },          /* and before Client Info */
		{ C, E, A, J, L, END },          /* no Client Info */
		{ C, E, I, END },
		{ C, I, END },
		{ I, END },
		{ C, C, END },
		{ C, E, E, END },
		{ C, E, A, A, END },
		{ C, E, J, END },
		{ C, E, A, J, I, L, I, END }, /* mcs_allow() is not called after the licence, but would refuse, too */
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		enum mcs_state now = MCS_EXPECT_CONNECT;

		for (const int *k = row[i]; *k != END; k++)
			if (mcs_allow(&now, (enum mcs_kind) * k) != (k[1] == END ? -EPROTO : 0))
				fail_msg("exchange %zu, PDU %zu", i, (size_t)(k - row[i]));
	}
}

/* SC_CORE of an MCS Connect Response: the client finds again what it asked for. */
static void test_patch(void **state)
{
#define CORE "\x01\x0c\x0c\x00\x04\x00\x08\x00\x0b\x00\x00\x00"
#define HEAD \
	DATA "\x7f\x66\x5a\x0a\x01\x00\x02\x01\x00" \
	     "McDn"
	static const struct {
		const char *name, *p;
		size_t len;
		int result;
		size_t at;
	} row[] = {
		{ "short length", HEAD "\x0c" CORE, sizeof(HEAD "\x0c" CORE) - 1, 1, sizeof HEAD + 8 },
		{ "long length", HEAD "\x80\x0c" CORE "\x03\x0c", sizeof(HEAD "\x80\x0c" CORE "\x03\x0c") - 1, 1,
		  sizeof HEAD + 9 },
		{ "a core block without it", HEAD "\x80\x08\x01\x0c\x08\x00\x04\x00\x08\x00\x03\x0c\x08\x00",
		  sizeof(HEAD "\x80\x08\x01\x0c\x08\x00\x04\x00\x08\x00\x03\x0c\x08\x00") - 1, 0, 0 },
		{ "another block first", HEAD "\x80\x0c\x03\x0c\x0c\x00\x04\x00\x08\x00\x0b\x00\x00\x00",
		  sizeof(HEAD "\x80\x0c" CORE) - 1, 0, 0 },
		{ "no key", DATA "\x7f\x66" CORE CORE, sizeof(DATA "\x7f\x66" CORE CORE) - 1, 0, 0 },
		{ "key of the client",
		  DATA "\x7f\x66"
		       "Duca\x0c" CORE,
		  sizeof(DATA "\x7f\x66"
			      "Duca\x0c" CORE) -
		      1,
		  0, 0 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		uint8_t *p = pdu(row[i].p, row[i].len);

		if (mcs_patch_protocols(p, row[i].len, 0x1020304f) != row[i].result)
			fail_msg("%s", row[i].name);
		if (row[i].result) {
			assert_memory_equal(p + row[i].at, "\x4f\x30\x20\x10", 4);
			memcpy(p + row[i].at, "\x0b\x00\x00\x00", 4);
		}
		/* and nothing else has changed */
		assert_memory_equal(p, row[i].p, row[i].len);
		free(p);
		for (size_t len = 0; len < row[i].len; len++) {
			p = pdu(row[i].p, len);
			(void)mcs_patch_protocols(p, len, 0x1020304f); /* the sanitizer looks on */
			free(p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds), cmocka_unit_test(test_cut),       cmocka_unit_test(test_offset),
		cmocka_unit_test(test_order), cmocka_unit_test(test_exchanges), cmocka_unit_test(test_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
