/* SPDX-License-Identifier: MIT */
/* The Client Info PDU of a client, and what xrdp is given in its place. */
#include "credsspd-rdp/clientinfo.h"
#include "credsspd-rdp/mcs.h"
#include "credsspd-rdp/x224.h"
#include "tests/fuzz/fuzz.h"

#define CLIENTINFO_USER "alice"
#define CLIENTINFO_TICKET "credssp1:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

static size_t clientinfo_le16(const uint8_t *p)
{
	return (size_t)p[0] | (size_t)p[1] << 8;
}

/* String @n of the five (MS-RDPBCGR 2.2.1.11.1.1) in what was written; it must be @ascii. */
static void clientinfo_is(const uint8_t *p, size_t len, size_t n, const char *ascii)
{
	size_t at = 37;

	for (size_t i = 0; i < n; i++)
		at += clientinfo_le16(p + 27 + 2 * i) + 2;
	PROMISE(clientinfo_le16(p + 27 + 2 * n) == 2 * strlen(ascii));
	PROMISE(at + 2 * strlen(ascii) + 2 <= len);
	for (size_t i = 0; i < strlen(ascii); i++)
		PROMISE(p[at + 2 * i] == (uint8_t)ascii[i] && p[at + 2 * i + 1] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[CLIENT_INFO_OUT_MAX], again[CLIENT_INFO_OUT_MAX];
	size_t len, again_len, total;

	if (client_info_rewrite(data, size, CLIENTINFO_USER, CLIENTINFO_TICKET, out, &len) < 0)
		return 0;
	PROMISE(len <= sizeof out);
	/* the front end calls it for nothing else */
	if (x224_frame(data, size, &total) != 1 || total != size || mcs_kind(data, size) != MCS_CLIENT_INFO)
		return 0;
	PROMISE(x224_frame(out, len, &total) == 1 && total == len && mcs_kind(out, len) == MCS_CLIENT_INFO);
	clientinfo_is(out, len, 0, "");
	clientinfo_is(out, len, 1, CLIENTINFO_USER);
	clientinfo_is(out, len, 2, CLIENTINFO_TICKET);
	/* nothing is left to be changed */
	PROMISE(client_info_rewrite(out, len, CLIENTINFO_USER, CLIENTINFO_TICKET, again, &again_len) == 0);
	PROMISE(again_len == len && memcmp(again, out, len) == 0);
	return 0;
}
