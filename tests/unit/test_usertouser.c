/* SPDX-License-Identifier: MIT */
/* The messages of user-to-user: as clients send them, cut, with wrong tags, and malformed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/usertouser.h"
#include "tests/unit/build.h"

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static struct buf integer(unsigned n, uint8_t value)
{
	return context(n, tlv(0x02, buf_copy(&value, 1)));
}

static struct buf text(const char *s)
{
	return tlv(0x1b, buf_copy(s, strlen(s)));
}

#define NONE buf_new(0)

/* ---- KERB-TGT-REQUEST ---- */

/* PrincipalName; @strings are its components. */
static struct buf name(struct buf strings)
{
	return sequence(JOIN(integer(0, 2), context(1, sequence(strings))));
}

/* @name and @realm are left out when they are empty. */
static struct buf request(struct buf principal, struct buf realm)
{
	return sequence(JOIN(integer(0, 5), integer(1, 16), principal.len ? context(2, principal) : principal,
			     realm.len ? context(3, realm) : realm));
}

static void assert_server(struct buf message, const char *server)
{
	struct tgt_request r;

	memset(&r, 0x5a, sizeof r);
	if (tgt_request_read(view_of(&message), &r) != 0)
		fail_msg("refused: %s", server);
	assert_string_equal(r.server, server);
	buf_free(&message);
}

static void assert_refused(const char *what, struct buf message)
{
	struct tgt_request r, before;

	memset(&before, 0x5a, sizeof before);
	r = before;
	if (tgt_request_read(view_of(&message), &r) != -EPROTO)
		fail_msg("taken: %s", what);
	assert_memory_equal(&r, &before, sizeof r);
	buf_free(&message);
}

static struct buf good_request(void)
{
	return request(name(JOIN(text("TERMSRV"), text("rdp.test.example"))), text("TEST.EXAMPLE"));
}

static void test_requests(void **state)
{
	assert_server(good_request(), "TERMSRV/rdp.test.example");
	assert_server(request(name(JOIN(text("TERMSRV"), text("rdp.test.example"))), NONE), "TERMSRV/rdp.test.example");
	assert_server(request(NONE, text("TEST.EXAMPLE")), "");
	assert_server(request(NONE, NONE), "");
	assert_server(request(name(text("RDP$")), NONE), "RDP$");
	assert_server(request(name(JOIN(text("a"), text("b"), text("c"))), NONE), "a/b/c");
	assert_server(request(name(NONE), NONE), "");
	/* lengths that are longer than they must be */
	assert_server(tlv_long(2, 0x30,
			       JOIN(integer(0, 5), integer(1, 16),
				    tlv_long(4, 0xa2, name(JOIN(text("TERMSRV"), tlv_long(1, 0x1b, LIT("a"))))))),
		      "TERMSRV/a");
	/* any name type, whatever its size */
	assert_server(sequence(JOIN(integer(0, 5), integer(1, 16),
				    context(2, sequence(JOIN(context(0, tlv(0x02, LIT("\xff\xff\xff\x80"))),
							     context(1, sequence(text("x")))))))),
		      "x");
}

static void test_request_cut(void **state)
{
	struct buf good AUTO_BUF = good_request();

	for (size_t n = 0; n < good.len; n++)
		assert_refused("cut", buf_copy(good.p, n));
	assert_refused("an octet behind it", JOIN(buf_copy(good.p, good.len), LIT("\0")));
	assert_refused("another one behind it", JOIN(buf_copy(good.p, good.len), buf_copy(good.p, good.len)));
}

/*
 * Every value of every octet: what is taken is a name of the same length, whose octets may stand in a name. Only the
 * contents of names, the name type and the contents of the realm are free.
 */
static void test_request_octets(void **state)
{
	struct buf good AUTO_BUF = good_request();
	size_t taken = 0;

	for (size_t at = 0; at < good.len; at++) {
		uint8_t was = good.p[at];

		for (unsigned v = 0; v < 256; v++) {
			struct tgt_request r = { .server = "" };
			struct buf m AUTO_BUF = buf_copy(good.p, good.len);

			m.p[at] = (uint8_t)v;
			if (v == was || tgt_request_read(view_of(&m), &r) < 0)
				continue;
			taken++;
			if (at < 12) /* SEQUENCE, pvno, msg-type */
				fail_msg("octet %zu as %02x", at, v);
			for (const char *p = r.server; *p; p++)
				assert_true(*p > ' ' && *p <= '~' && *p != '@' && *p != '\\');
			/* the only '/' is ours */
			if (strchr(r.server, '/') != r.server + 7 || strchr(r.server + 8, '/') ||
			    strlen(r.server) != 24)
				fail_msg("octet %zu as %02x: %s", at, v, r.server);
		}
	}
	/* 23 octets of names, each any of 90 others; the name type, and the contents of [3] with tag and length: any */
	assert_int_equal(taken, 23 * 90 + 255 + 14 * 255);
}

static void test_request_refused(void **state)
{
	assert_refused("pvno 4", sequence(JOIN(integer(0, 4), integer(1, 16))));
	assert_refused("pvno 0x105", sequence(JOIN(context(0, tlv(2, LIT("\x01\x05"))), integer(1, 16))));
	assert_refused("pvno with a zero in front", sequence(JOIN(context(0, tlv(2, LIT("\0\x05"))), integer(1, 16))));
	assert_refused("msg-type 17", sequence(JOIN(integer(0, 5), integer(1, 17))));
	assert_refused("no msg-type", sequence(integer(0, 5)));
	assert_refused("no pvno", sequence(integer(1, 16)));
	assert_refused("the other order", sequence(JOIN(integer(1, 16), integer(0, 5))));
	assert_refused("nothing", NONE);
	assert_refused("an empty sequence", sequence(NONE));
	assert_refused("pvno twice", sequence(JOIN(integer(0, 5), integer(0, 5), integer(1, 16))));
	assert_refused("an octet in pvno", sequence(JOIN(context(0, LIT("\x02\x01\x05\0")), integer(1, 16))));
	assert_refused("[4]", sequence(JOIN(integer(0, 5), integer(1, 16), context(4, text("x")))));
	assert_refused("realm before name", sequence(JOIN(integer(0, 5), integer(1, 16), context(3, text("R")),
							  context(2, name(text("a"))))));
	assert_refused("two names", sequence(JOIN(integer(0, 5), integer(1, 16), context(2, name(text("a"))),
						  context(2, name(text("b"))))));
	/* PrincipalName */
	assert_refused("no SEQUENCE", request(text("a"), NONE));
	assert_refused("no name type", request(sequence(context(1, sequence(text("a")))), NONE));
	assert_refused("no names", request(sequence(integer(0, 2)), NONE));
	assert_refused("names without SEQUENCE", request(sequence(JOIN(integer(0, 2), context(1, text("a")))), NONE));
	assert_refused("an OCTET STRING", request(name(octets(LIT("a"))), NONE));
	assert_refused("a UTF8String", request(name(tlv(0x0c, LIT("a"))), NONE));
	assert_refused("an octet behind the names", request(name(JOIN(text("a"), LIT("\0"))), NONE));
	assert_refused(
	    "two lists",
	    request(sequence(JOIN(integer(0, 2), context(1, JOIN(sequence(text("a")), sequence(text("b")))))), NONE));
	assert_refused("[2] in the name",
		       request(sequence(JOIN(integer(0, 2), context(1, sequence(text("a"))), integer(2, 1))), NONE));
	assert_refused("two name types",
		       request(sequence(JOIN(context(0, LIT("\2\1\1\2\1\1")), context(1, sequence(text("a"))))), NONE));
	assert_refused("behind the name in [2]",
		       sequence(JOIN(integer(0, 5), integer(1, 16), context(2, JOIN(name(text("a")), LIT("\0"))))));
	/* components */
	assert_refused("an empty one", request(name(text("")), NONE));
	assert_refused("an empty one first", request(name(JOIN(text(""), text("a"))), NONE));
	assert_refused("an empty one last", request(name(JOIN(text("a"), text(""))), NONE));
}

/* Each octet that a component may or may not have, at its beginning, in it and at its end. */
static void test_request_characters(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		bool fine = v > ' ' && v < 0x7f && v != '/' && v != '@' && v != '\\';

		for (size_t at = 0; at < 3; at++) {
			char s[4] = "abc";
			struct tgt_request r = { .server = "" };

			s[at] = (char)v;
			struct buf m AUTO_BUF = request(name(JOIN(text("T"), tlv(0x1b, buf_copy(s, 3)))), NONE);

			if (tgt_request_read(view_of(&m), &r) != (fine ? 0 : -EPROTO))
				fail_msg("%02x", v);
			if (fine)
				assert_memory_equal(r.server + 2, s, 4);
		}
	}
}

/* Two and three components around the room that there is, which a '/' takes part of. */
static void test_request_lengths(void **state)
{
	for (size_t a = PRINCIPAL_MAX - 4; a <= PRINCIPAL_MAX + 4; a++) {
		for (size_t b = 0; b <= 6; b++) {
			for (size_t c = 0; c <= 3; c++) {
				size_t len = a + (b ? 1 + b : 0) + (c ? 1 + c : 0);
				struct tgt_request *r = malloc(sizeof *r); /* exactly as large */
				struct buf m AUTO_BUF = request(
				    name(JOIN(tlv(0x1b, buf_fill('a', a)), b ? tlv(0x1b, buf_fill('b', b)) : NONE,
					      c ? tlv(0x1b, buf_fill('c', c)) : NONE)),
				    NONE);

				assert_non_null(r);
				if (tgt_request_read(view_of(&m), r) != (len <= PRINCIPAL_MAX ? 0 : -EPROTO))
					fail_msg("%zu, %zu, %zu octets", a, b, c);
				if (len <= PRINCIPAL_MAX)
					assert_int_equal(strlen(r->server), len);
				free(r);
			}
		}
	}
	assert_refused(
	    "much longer",
	    request(name(JOIN(tlv(0x1b, buf_fill('a', PRINCIPAL_MAX)), tlv(0x1b, buf_fill('b', 60000)))), NONE));
	assert_refused("many", request(name(JOIN(tlv(0x1b, buf_fill('a', PRINCIPAL_MAX)), text("a"), text("b"),
						 text("c"), text("d"), text("e"))),
				       NONE));
}

/* ---- writing ---- */

static void test_request_written(void **state)
{
	static const char *const host[] = { "h", "rdp.test.example", "self-test" };
	uint8_t out[256];
	size_t len, ignored = 77;

	for (size_t i = 0; i < sizeof host / sizeof *host; i++) {
		struct buf want AUTO_BUF = request(name(JOIN(text("TERMSRV"), text(host[i]))), NONE);

		assert_int_equal(tgt_request_write("TERMSRV", host[i], out, sizeof out, &len), 0);
		assert_int_equal(len, want.len);
		assert_memory_equal(out, want.p, len);
		/* in every room that is too small nothing is returned, and nothing written behind it */
		for (size_t room = 0; room <= want.len; room++) {
			struct buf b AUTO_BUF = buf_new(room);

			assert_int_equal(
			    tgt_request_write("TERMSRV", host[i], b.p, room, room < want.len ? &ignored : &len),
			    room < want.len ? -ENOSPC : 0);
		}
		assert_int_equal(ignored, 77);
	}
}

static const size_t ticket_len[] = { 0, 1, 100, 127, 128, 255, 256, 1500, TGT_MAX };

static struct buf reply(struct buf ticket)
{
	return sequence(JOIN(integer(0, 5), integer(1, 17), context(2, ticket)));
}

static void test_reply_written(void **state)
{
	for (size_t i = 0; i < sizeof ticket_len / sizeof *ticket_len; i++) {
		struct buf ticket AUTO_BUF = buf_fill(0x61, ticket_len[i]);
		struct buf want AUTO_BUF = reply(buf_copy(ticket.p, ticket.len));
		struct buf out AUTO_BUF = buf_new(want.len), small AUTO_BUF = buf_new(want.len - 1);
		struct view got;
		size_t len, ignored = 77;

		assert_int_equal(tgt_reply_write(view_of(&ticket), out.p, out.len, &len), 0);
		assert_int_equal(len, want.len);
		assert_memory_equal(out.p, want.p, len);
		assert_int_equal(tgt_reply_read(view_of(&out), &got), 0);
		assert_int_equal(got.len, ticket.len);
		assert_memory_equal(got.p, ticket.p, got.len);
		assert_int_equal(tgt_reply_write(view_of(&ticket), small.p, small.len, &ignored), -ENOSPC);
		assert_int_equal(ignored, 77);
	}
}

static void assert_reply_refused(const char *what, struct buf m)
{
	static const uint8_t octet;
	struct view got = { &octet, 4711 };

	if (tgt_reply_read(view_of(&m), &got) != -EPROTO)
		fail_msg("taken: %s", what);
	assert_ptr_equal(got.p, &octet);
	assert_int_equal(got.len, 4711);
	buf_free(&m);
}

static void test_reply_refused(void **state)
{
	struct buf good AUTO_BUF = reply(tlv(0x61, LIT("ticket")));

	for (size_t n = 0; n < good.len; n++)
		assert_reply_refused("cut", buf_copy(good.p, n));
	assert_reply_refused("an octet behind it", JOIN(buf_copy(good.p, good.len), LIT("\0")));
	/* tags, lengths and numbers: everything in front of the ticket, but not its octets */
	for (size_t at = 0; at < 14; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf m = buf_copy(good.p, good.len);

			m.p[at] = (uint8_t)v;
			if (v == good.p[at])
				buf_free(&m);
			else
				assert_reply_refused("another octet", m);
		}
	}
	assert_reply_refused("a request", good_request());
	assert_reply_refused("no ticket", sequence(JOIN(integer(0, 5), integer(1, 17))));
	assert_reply_refused("[3] behind it",
			     sequence(JOIN(integer(0, 5), integer(1, 17), context(2, LIT("t")), context(3, LIT("x")))));
}

/* ---- AP-REQ ---- */

/* RFC 4120 5.5.1; @rest: ticket and authenticator, which are not parsed here. */
static struct buf ap_req(struct buf options, struct buf rest)
{
	return tlv(0x6e, sequence(JOIN(integer(0, 5), integer(1, 14), context(2, tlv(0x03, options)), rest)));
}

static struct buf good_ap_req(void)
{
	return ap_req(LIT("\0\x60\0\0\0"), JOIN(context(3, tlv(0x61, LIT("ticket"))), context(4, sequence(LIT("")))));
}

static void assert_no_options(const char *what, struct buf m)
{
	struct view v = ap_req_options(view_of(&m));

	if (v.p || v.len)
		fail_msg("taken: %s", what);
	buf_free(&m);
}

static void test_ap_req(void **state)
{
	struct buf good AUTO_BUF = good_ap_req();
	struct view v = ap_req_options(view_of(&good));

	assert_ptr_equal(v.p, good.p + 4 + 10 + 5);
	assert_int_equal(v.len, 4);
	assert_int_equal(v.p[0], AP_OPTION_USE_SESSION_KEY | AP_OPTION_MUTUAL_REQUIRED);
	for (size_t n = 0; n < good.len; n++)
		assert_no_options("cut", buf_copy(good.p, n));
	assert_no_options("an octet behind it", JOIN(buf_copy(good.p, good.len), LIT("\0")));
	assert_no_options("two", JOIN(buf_copy(good.p, good.len), buf_copy(good.p, good.len)));
	/* all up to the options themselves */
	for (size_t at = 0; at < 4 + 10 + 5; at++) {
		for (unsigned o = 0; o < 256; o++) {
			struct buf m = buf_copy(good.p, good.len);

			m.p[at] = (uint8_t)o;
			if (o == good.p[at])
				buf_free(&m);
			else
				assert_no_options("another octet", m);
		}
	}
	/* every value of them is what is returned */
	for (unsigned o = 0; o < 256; o++) {
		struct buf m AUTO_BUF = good_ap_req();

		m.p[v.p - good.p] = (uint8_t)o;
		assert_int_equal(ap_req_options(view_of(&m)).p[0], o);
	}
}

static void test_ap_req_refused(void **state)
{
	assert_no_options("nothing", NONE);
	assert_no_options("no options", tlv(0x6e, sequence(JOIN(integer(0, 5), integer(1, 14)))));
	assert_no_options("empty options", ap_req(NONE, NONE));
	assert_no_options("no bits", ap_req(LIT("\0"), NONE));
	assert_no_options("24 bits", ap_req(LIT("\0\x60\0\0"), NONE));
	assert_no_options("31 bits", ap_req(LIT("\1\x60\0\0\0"), NONE));
	assert_no_options("40 bits", ap_req(LIT("\0\x60\0\0\0\0"), NONE));
	assert_no_options("no SEQUENCE", tlv(0x6e, JOIN(integer(0, 5), integer(1, 14))));
	assert_no_options("no [APPLICATION 14]",
			  sequence(JOIN(integer(0, 5), integer(1, 14), context(2, tlv(3, LIT("\0\x60\0\0\0"))))));
	assert_no_options("an AP-REP", tlv(0x6f, sequence(JOIN(integer(0, 5), integer(1, 15)))));
	assert_no_options("behind the BIT STRING",
			  tlv(0x6e, sequence(JOIN(integer(0, 5), integer(1, 14),
						  context(2, JOIN(tlv(3, LIT("\0\x60\0\0\0")), LIT("\0")))))));
	assert_no_options(
	    "behind the SEQUENCE",
	    tlv(0x6e, JOIN(sequence(JOIN(integer(0, 5), integer(1, 14), context(2, tlv(3, LIT("\0\x60\0\0\0"))))),
			   LIT("\0"))));
	assert_int_equal(ap_req_options(VIEW_NULL).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),           cmocka_unit_test(test_request_cut),
		cmocka_unit_test(test_request_octets),     cmocka_unit_test(test_request_refused),
		cmocka_unit_test(test_request_characters), cmocka_unit_test(test_request_lengths),
		cmocka_unit_test(test_request_written),    cmocka_unit_test(test_reply_written),
		cmocka_unit_test(test_reply_refused),      cmocka_unit_test(test_ap_req),
		cmocka_unit_test(test_ap_req_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
