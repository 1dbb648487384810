/* SPDX-License-Identifier: MIT */
/* What is looked at in mechanism tokens before GSSAPI sees them, with tokens as clients send them and as nobody may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "credsspd/wire/gsstoken.h"
#include "credsspd/wire/spnego.h"
#include "include/credssp/limits.h"
#include "tests/unit/build.h"

/* with tag and length */
#define SPNEGO "\x06\x06\x2b\x06\x01\x05\x05\x02"
#define KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define MS_KRB5 "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define U2U "\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03"
#define NTLM "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define NEGOEX "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e"
#define IAKERB "\x06\x06\x2b\x06\x01\x05\x02\x05"

#define SIGNATURE "NTLMSSP\0"
#define NEGOTIATE_40 \
	SIGNATURE "\x01\0\0\0\xb7\x82\x08\xe2" \
		  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
		  "\x0a\0\x63\x45\0\0\0\x0f"
#define U2U_TGT_REQ "\x04\x00\x6b\x03\x02\x01\x05"
#define AP_REQ "\x01\x00\x6e\x03\x02\x01\x05"

static struct view view_of(const struct buf *b)
{
	return (struct view){ b->p, b->len };
}

static struct buf framed(const char *oid, size_t oid_len, struct buf rest)
{
	return tlv(0x60, JOIN(buf_copy(oid, oid_len), rest));
}
#define FRAMED(oid, rest) framed(oid, sizeof(oid) - 1, rest)

/* NegTokenInit; @flags, @token, @mic are left out when they are empty. */
static struct buf init_token(struct buf mechanisms, struct buf flags, struct buf token, struct buf mic)
{
	return context(
	    0, sequence(JOIN(context(0, sequence(mechanisms)), flags.len ? context(1, flags) : flags,
			     token.len ? context(2, octets(token)) : token, mic.len ? context(3, octets(mic)) : mic)));
}

/* NegTokenResp, accept-incomplete. */
static struct buf resp_token(struct buf mechanism, struct buf token, struct buf mic)
{
	return context(
	    1, sequence(JOIN(context(0, tlv(0x0a, LIT("\x01"))), mechanism.len ? context(1, mechanism) : mechanism,
			     token.len ? context(2, octets(token)) : token, mic.len ? context(3, octets(mic)) : mic)));
}

#define NONE buf_new(0)

/* ---- which kind ---- */

#define TOKEN(s) s, sizeof(s) - 1

static const struct {
	const char *name;
	const char *p;
	size_t len;
	enum gss_token_kind kind;
} kinds[] = {
	{ "nothing", TOKEN(""), GSS_TOKEN_UNKNOWN },
	{ "NTLM", TOKEN(NEGOTIATE_40), GSS_TOKEN_NTLMSSP },
	{ "the signature alone", TOKEN(SIGNATURE), GSS_TOKEN_NTLMSSP },
	{ "the signature cut", TOKEN("NTLMSSP"), GSS_TOKEN_UNKNOWN },
	{ "the signature without NUL", TOKEN("NTLMSSPx\x01\0\0\0"), GSS_TOKEN_UNKNOWN },
	{ "in small letters", TOKEN("ntlmssp\0\x01\0\0\0"), GSS_TOKEN_UNKNOWN },
	{ "Kerberos", TOKEN("\x60\x0d" KRB5 "\x01\x00"), GSS_TOKEN_KRB5 },
	{ "Microsoft's Kerberos", TOKEN("\x60\x0d" MS_KRB5 "\x01\x00"), GSS_TOKEN_KRB5 },
	{ "Kerberos, a long length", TOKEN("\x60\x82\x00\x0d" KRB5 "\x01\x00"), GSS_TOKEN_KRB5 },
	{ "user-to-user", TOKEN("\x60\x0e" U2U "\x04\x00"), GSS_TOKEN_USER_TO_USER },
	{ "IAKERB", TOKEN("\x60\x0a" IAKERB "\x05\x01"), GSS_TOKEN_UNKNOWN },
	{ "a longer OID that starts like Kerberos", TOKEN("\x60\x0c\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02"),
	  GSS_TOKEN_UNKNOWN },
	{ "a shorter one", TOKEN("\x60\x0a\x06\x08\x2a\x86\x48\x86\xf7\x12\x01\x02"), GSS_TOKEN_UNKNOWN },
	{ "SPNEGO", TOKEN("\x60\x0a" SPNEGO "\xa0\x00"), GSS_TOKEN_SPNEGO_INIT },
	{ "NegTokenInit without a frame", TOKEN("\xa0\x02\x30\x00"), GSS_TOKEN_SPNEGO_INIT },
	{ "NegTokenResp", TOKEN("\xa1\x02\x30\x00"), GSS_TOKEN_SPNEGO_RESP },
	{ "a frame and nothing", TOKEN("\x60"), GSS_TOKEN_UNKNOWN },
	{ "an empty frame", TOKEN("\x60\x00"), GSS_TOKEN_UNKNOWN },
	{ "a frame longer than the token", TOKEN("\x60\x0e" KRB5 "\x01\x00"), GSS_TOKEN_UNKNOWN },
	{ "a frame of indefinite length", TOKEN("\x60\x80" KRB5 "\x01\x00\x00\x00"), GSS_TOKEN_UNKNOWN },
	{ "an OID longer than the frame", TOKEN("\x60\x0b\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"),
	  GSS_TOKEN_UNKNOWN },
	{ "an unframed AP-REQ", TOKEN("\x6e\x03\x02\x01\x05"), GSS_TOKEN_UNKNOWN },
	{ "text", TOKEN("Negotiate"), GSS_TOKEN_UNKNOWN },
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct buf token AUTO_BUF = buf_copy(kinds[i].p, kinds[i].len);
		enum gss_token_kind kind = gss_token_kind(view_of(&token));

		if (kind != kinds[i].kind)
			fail_msg("%s: %d", kinds[i].name, kind);
	}
	assert_int_equal(gss_token_kind(VIEW_NULL), GSS_TOKEN_UNKNOWN);
	assert_int_equal(ntlm_token_guard(VIEW_NULL), 0);
}

/* ---- NegTokenInit ---- */

#define OIDS(s) s, sizeof(s) - 1

static const struct init_row {
	const char *name;
	const char *oids;
	size_t oids_len;
	struct spnego_init init;
} inits[] = {
	{ "FreeRDP 3 with NTLM only", OIDS(NTLM), { .ntlm = true } },
	{ "Kerberos only", OIDS(KRB5), { .krb5 = true, .krb5_first = true } },
	{ "Microsoft's Kerberos only", OIDS(MS_KRB5), { .krb5 = true, .krb5_first = true } },
	{ "mstsc in a domain",
	  OIDS(MS_KRB5 KRB5 NEGOEX NTLM),
	  { .krb5 = true, .krb5_first = true, .negoex = true, .ntlm = true } },
	{ "FreeRDP 3", OIDS(U2U KRB5 NTLM), { .user_to_user = true, .krb5 = true, .ntlm = true } },
	{ "mstsc with Entra", OIDS(NEGOEX NTLM), { .negoex = true, .ntlm = true } },
	{ "NTLM first", OIDS(NTLM KRB5), { .ntlm = true, .krb5 = true } },
	{ "IAKERB first", OIDS(IAKERB KRB5), { .unknown = true, .krb5 = true } },
	{ "IAKERB last", OIDS(KRB5 IAKERB), { .krb5 = true, .krb5_first = true, .unknown = true } },
	{ "only what nobody knows", OIDS(IAKERB "\x06\x01\x2a\x06\x00"), { .unknown = true } },
	{ "SPNEGO inside SPNEGO", OIDS(SPNEGO), { .unknown = true } },
	{ "the same one again and again", OIDS(KRB5 KRB5 KRB5 KRB5), { .krb5 = true, .krb5_first = true } },
	{ "no mechanism", OIDS(""), { .unknown = false } },
};

static void assert_init(const char *name, const struct spnego_init *a, const struct spnego_init *b)
{
	if (a->krb5_first != b->krb5_first || a->krb5 != b->krb5 || a->user_to_user != b->user_to_user ||
	    a->ntlm != b->ntlm || a->negoex != b->negoex || a->unknown != b->unknown)
		fail_msg("%s: other mechanisms", name);
}

/* Each list framed and not, with and without what may stand behind it. */
static void test_inits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
		for (unsigned with = 0; with < 16; with++) {
			struct buf init = init_token(buf_copy(inits[i].oids, inits[i].oids_len),
						     with & 1 ? LIT("\x03\x02\x01\x06") : NONE,
						     with & 2 ? LIT(NEGOTIATE_40) : NONE, with & 4 ? LIT("mic") : NONE);
			struct buf token AUTO_BUF = with & 8 ? FRAMED(SPNEGO, init) : init;
			struct spnego_init read;

			assert_int_equal(gss_token_kind(view_of(&token)), GSS_TOKEN_SPNEGO_INIT);
			assert_int_equal(spnego_init_read(view_of(&token), &read), 0);
			assert_init(inits[i].name, &read, &inits[i].init);
			assert_int_equal(read.mech_token, with & 2 ? GSS_TOKEN_NTLMSSP : GSS_TOKEN_UNKNOWN);
			if (with & 2) {
				assert_int_equal(read.mech_token_octets.len, 40);
				assert_memory_equal(read.mech_token_octets.p, NEGOTIATE_40, 40);
			} else {
				assert_null(read.mech_token_octets.p);
			}
		}
	}
}

/* The optimistic token is told by its own frame, whatever the list says. */
static void test_mech_tokens(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		enum gss_token_kind kind;
	} row[] = {
		{ TOKEN("\x60\x12" KRB5 AP_REQ), GSS_TOKEN_KRB5 },
		{ TOKEN("\x60\x13" U2U U2U_TGT_REQ), GSS_TOKEN_USER_TO_USER },
		{ TOKEN(NEGOTIATE_40), GSS_TOKEN_NTLMSSP },
		{ TOKEN("NEGOEXTS"), GSS_TOKEN_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct buf token AUTO_BUF =
		    FRAMED(SPNEGO, init_token(LIT(U2U KRB5 NTLM), NONE, buf_copy(row[i].p, row[i].len), NONE));
		struct spnego_init read;

		assert_int_equal(spnego_init_read(view_of(&token), &read), 0);
		assert_int_equal(read.mech_token, row[i].kind);
		assert_int_equal(read.mech_token_octets.len, row[i].len);
	}
}

static struct buf good_init(void)
{
	return FRAMED(SPNEGO,
		      init_token(LIT(KRB5 NTLM), LIT("\x03\x02\x01\x06"), LIT("\x60\x12" KRB5 AP_REQ), LIT("mic")));
}

static void assert_init_refused(const char *name, const struct buf *token)
{
	struct spnego_init read, before;

	memset(&before, 0x5a, sizeof before);
	memcpy(&read, &before, sizeof read);
	if (spnego_init_read(view_of(token), &read) != -EPROTO)
		fail_msg("%s", name);
	assert_memory_equal(&read, &before, sizeof read);
}

static void test_init_truncated(void **state)
{
	struct buf good AUTO_BUF = good_init();

	(void)state;
	for (size_t n = 0; n < good.len; n++) {
		struct buf part AUTO_BUF = buf_copy(good.p, n);

		assert_init_refused("truncated", &part);
	}
}

static void test_init_refused(void **state)
{
	struct buf row[] = {
		LIT(""),
		LIT("\xa0\x00"),
		LIT("\xa0\x02\x30\x00"),
		LIT("\xa0\x04\x30\x02\xa0\x00"),
		/* a NegTokenResp */
		resp_token(LIT(KRB5), LIT("x"), NONE),
		/* mechTypes that are not in a SEQUENCE, or no OIDs */
		context(0, sequence(context(0, LIT(KRB5)))),
		context(0, sequence(context(0, sequence(LIT("\x04\x01x"))))),
		context(0, sequence(context(0, sequence(LIT(KRB5 "\x02\x01\x01"))))),
		context(0, sequence(context(0, sequence(LIT(KRB5 "\x06"))))),
		context(0, sequence(context(0, sequence(LIT(KRB5 "\x06\x0a\x2a"))))),
		/* an octet more in [0], and two lists */
		context(0, sequence(context(0, JOIN(sequence(LIT(KRB5)), LIT("\0"))))),
		context(0, sequence(context(0, JOIN(sequence(LIT(KRB5)), sequence(LIT(NTLM)))))),
		/* behind the sequence, and behind the choice */
		context(0, JOIN(sequence(context(0, sequence(LIT(KRB5)))), LIT("\0"))),
		FRAMED(SPNEGO, JOIN(init_token(LIT(KRB5), NONE, NONE, NONE), LIT("\0"))),
		/* mechToken that is no OCTET STRING, or more than one */
		context(0, sequence(JOIN(context(0, sequence(LIT(KRB5))), context(2, LIT(KRB5))))),
		context(0, sequence(JOIN(context(0, sequence(LIT(KRB5))),
					 context(2, JOIN(octets(LIT("a")), octets(LIT("b"))))))),
		/* no OID in the frame */
		tlv(0x60, init_token(LIT(KRB5), NONE, NONE, NONE)),
		/* the list is second */
		context(0, sequence(JOIN(context(2, octets(LIT("a"))), context(0, sequence(LIT(KRB5)))))),
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char name[] = "row xx";

		name[4] = (char)('0' + i / 10);
		name[5] = (char)('0' + i % 10);
		assert_init_refused(name, &row[i]);
		buf_free(&row[i]);
	}
}

/* ---- NTLM ---- */

enum { LM, NT, DOMAIN, USER, WORKSTATION, KEY, N_FIELDS };

struct authenticate {
	struct {
		uint16_t len;
		uint32_t offset;
	} field[N_FIELDS];
	size_t total;
};

/* As FreeRDP sends it: 72 octets of header with Version, then the MIC, then the fields. */
static const struct authenticate sane = {
	.field = { [DOMAIN] = { 8, 88 },
		   [USER] = { 10, 96 },
		   [WORKSTATION] = { 4, 106 },
		   [LM] = { 24, 110 },
		   [NT] = { 300, 134 },
		   [KEY] = { 16, 434 } },
	.total = 450,
};

static void put_le(uint8_t *p, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static struct buf authenticate(const struct authenticate *a)
{
	uint8_t header[64] = SIGNATURE "\x03";
	struct buf b = buf_fill(0xcc, a->total);

	for (unsigned i = 0; i < N_FIELDS; i++) {
		put_le(header + 12 + 8 * i, a->field[i].len, 2);
		put_le(header + 14 + 8 * i, a->field[i].len, 2);
		put_le(header + 16 + 8 * i, a->field[i].offset, 4);
	}
	put_le(header + 60, 0xe2888215, 4);
	memcpy(b.p, header, a->total < sizeof header ? a->total : sizeof header);
	return b;
}

/* The same answer whether the message is raw, in a NegTokenResp or in a NegTokenInit. */
static int guard_everywhere(const struct buf *message)
{
	struct buf resp AUTO_BUF = resp_token(NONE, buf_copy(message->p, message->len), LIT("mic"));
	struct buf init AUTO_BUF =
	    FRAMED(SPNEGO, init_token(LIT(NTLM), NONE, buf_copy(message->p, message->len), NONE));
	struct buf bare AUTO_BUF = init_token(LIT(NTLM), NONE, buf_copy(message->p, message->len), NONE);
	int r = ntlm_token_guard(view_of(message));

	assert_int_equal(ntlm_token_guard(view_of(&resp)), r);
	assert_int_equal(ntlm_token_guard(view_of(&init)), r);
	assert_int_equal(ntlm_token_guard(view_of(&bare)), r);
	return r;
}

static void test_authenticate(void **state)
{
	struct buf m AUTO_BUF = authenticate(&sane);

	(void)state;
	assert_int_equal(guard_everywhere(&m), 0);
	/* cut anywhere, a field is outside */
	for (size_t n = 8; n < m.len; n++) {
		struct buf part AUTO_BUF = buf_copy(m.p, n);

		assert_int_equal(guard_everywhere(&part), -EPROTO);
	}
}

/* Each field moved around the ends of header and message. */
static void test_authenticate_fields(void **state)
{
	static const uint32_t offset[] = { 0,   1,   12,  63,    64,         65,         434,        435,       440,
					   449, 450, 451, 65535, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };

	(void)state;
	for (unsigned f = 0; f < N_FIELDS; f++) {
		for (size_t i = 0; i < sizeof offset / sizeof *offset; i++) {
			struct authenticate a = sane;
			uint64_t end = (uint64_t)offset[i] + a.field[f].len;

			a.field[f].offset = offset[i];
			struct buf m AUTO_BUF = authenticate(&a);

			assert_int_equal(guard_everywhere(&m), offset[i] >= 64 && end <= a.total ? 0 : -EPROTO);
			/* where an empty field points does not matter */
			if (f == NT || f == KEY)
				continue;
			a.field[f].len = 0;
			struct buf none AUTO_BUF = authenticate(&a);

			assert_int_equal(guard_everywhere(&none), 0);
		}
	}
}

/* What is behind a NUL in a name would be lost; two zero octets of two characters are none. */
static void test_authenticate_names(void **state)
{
	static const unsigned name[] = { DOMAIN, USER };
	static const uint8_t nul[4] = { 'a', 0, 0, 0 }, none[4] = { 1, 0, 0, 1 };

	(void)state;
	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		struct buf m AUTO_BUF = authenticate(&sane);

		memcpy(m.p + sane.field[name[i]].offset, none, sizeof none);
		assert_int_equal(guard_everywhere(&m), 0);
		memcpy(m.p + sane.field[name[i]].offset, nul, sizeof nul);
		assert_int_equal(guard_everywhere(&m), -EPROTO);
	}
}

static void test_authenticate_lengths(void **state)
{
	static const struct {
		unsigned field;
		uint16_t len;
		int result;
	} row[] = {
		/* none: anonymous; 24: NTLMv1 */
		{ NT, 0, -EPROTO },
		{ NT, 24, -EPROTO },
		{ NT, 43, -EPROTO },
		{ NT, 44, 0 },
		{ NT, NTLM_RESPONSE_MAX, 0 },
		{ NT, NTLM_RESPONSE_MAX + 1, -EPROTO },
		{ NT, 65535, -EPROTO },
		{ KEY, 0, -EPROTO },
		{ KEY, 15, -EPROTO },
		{ KEY, 17, -EPROTO },
		{ KEY, 32, -EPROTO },
		{ KEY, 16, 0 },
		{ LM, 0, 0 },
		{ LM, 65535, 0 },
		{ DOMAIN, 65535, 0 },
		{ USER, 65535, 0 },
		{ WORKSTATION, 65535, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct authenticate a = sane;

		a.field[row[i].field].len = row[i].len;
		a.field[row[i].field].offset = 450;
		a.total = 450U + row[i].len;
		struct buf m AUTO_BUF = authenticate(&a);

		if (guard_everywhere(&m) != row[i].result)
			fail_msg("field %u of %u octets", row[i].field, row[i].len);
	}
}

/* The shortest that there can be: no room for Version or MIC. */
static void test_authenticate_shortest(void **state)
{
	struct authenticate a = { .field = { [NT] = { 44, 64 }, [KEY] = { 16, 108 } }, .total = 124 };
	struct buf m AUTO_BUF = authenticate(&a);
	struct buf header AUTO_BUF = buf_copy(m.p, NTLM_AUTHENTICATE_MIN);
	struct buf less AUTO_BUF = buf_copy(m.p, NTLM_AUTHENTICATE_MIN - 1);

	(void)state;
	assert_int_equal(guard_everywhere(&m), 0);
	assert_int_equal(guard_everywhere(&header), -EPROTO);
	assert_int_equal(guard_everywhere(&less), -EPROTO);
}

static void test_other_messages(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		int result;
	} row[] = {
		{ TOKEN(NEGOTIATE_40), 0 },           { TOKEN(SIGNATURE "\x01\0\0\0"), 0 },
		{ TOKEN(SIGNATURE "\x02\0\0\0"), 0 }, { TOKEN(SIGNATURE "\x03\0\0\0"), -EPROTO },
		{ TOKEN(SIGNATURE "\x03\0\0\1"), 0 }, { TOKEN(SIGNATURE "\x01\0\0"), -EPROTO },
		{ TOKEN(SIGNATURE), -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct buf m AUTO_BUF = buf_copy(row[i].p, row[i].len);

		if (guard_everywhere(&m) != row[i].result)
			fail_msg("row %zu", i);
	}
}

/* A message in any place but the one that was looked at. */
static void test_hidden_messages(void **state)
{
	struct buf good = authenticate(&sane);
#define GOOD buf_copy(good.p, good.len)
	struct buf row[] = {
		FRAMED(KRB5, GOOD),
		FRAMED(NTLM, GOOD),
		FRAMED(SPNEGO, GOOD),
		JOIN(LIT("x"), GOOD),
		octets(GOOD),
		resp_token(NONE, JOIN(LIT("x"), GOOD), NONE),
		resp_token(NONE, octets(GOOD), NONE),
		resp_token(NONE, NONE, GOOD),
		resp_token(NONE, LIT("x"), GOOD),
		resp_token(NONE, GOOD, GOOD),
		resp_token(NONE, GOOD, LIT(SIGNATURE)),
		resp_token(NONE, JOIN(GOOD, LIT(SIGNATURE)), NONE),
		resp_token(octets(LIT(SIGNATURE)), GOOD, NONE),
		init_token(LIT(NTLM), LIT(SIGNATURE), GOOD, NONE),
		init_token(LIT(NTLM), NONE, GOOD, GOOD),
		init_token(LIT(NTLM), NONE, NONE, GOOD),
		init_token(LIT(NTLM), GOOD, NONE, NONE),
		/* a malformed one around a good one */
		context(0, sequence(context(2, octets(GOOD)))),
		context(1, sequence(JOIN(context(0, tlv(0x0a, LIT("\x01"))), context(2, GOOD)))),
		JOIN(resp_token(NONE, GOOD, NONE), LIT("\0")),
		context(1, JOIN(sequence(context(2, octets(GOOD))), LIT("\0"))),
	};

	(void)state;
	buf_free(&good);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (ntlm_token_guard(view_of(&row[i])) != -EPROTO)
			fail_msg("row %zu", i);
		buf_free(&row[i]);
	}
}

static void test_without_ntlm(void **state)
{
	struct buf row[] = {
		good_init(),
		resp_token(LIT(KRB5), LIT("\x60\x12" KRB5 AP_REQ), LIT("mic")),
		resp_token(NONE, NONE, LIT("mic")),
		resp_token(NONE, LIT("x"), NONE),
		FRAMED(KRB5, LIT(AP_REQ)),
		LIT("NTLMSSP"),
		LIT("anything"),
		LIT(""),
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_int_equal(ntlm_token_guard(view_of(&row[i])), 0);
		buf_free(&row[i]);
	}
}

static void test_pad(void **state)
{
	struct buf whole AUTO_BUF = LIT(NEGOTIATE_40 "workstation");

	(void)state;
	for (size_t n = 0; n <= whole.len; n++) {
		struct buf token AUTO_BUF = buf_copy(whole.p, n);
		uint8_t buffer[NTLM_NEGOTIATE_LEN];
		struct view v;

		memset(buffer, 0xee, sizeof buffer);
		v = ntlm_negotiate_pad(view_of(&token), buffer);
		if (n < 32 || n >= 40) {
			assert_ptr_equal(v.p, token.p);
			assert_int_equal(v.len, n);
			assert_int_equal(buffer[0], 0xee);
			continue;
		}
		assert_ptr_equal(v.p, buffer);
		assert_int_equal(v.len, 40);
		assert_memory_equal(buffer, whole.p, n);
		for (size_t i = n; i < 40; i++)
			assert_int_equal(buffer[i], 0);
	}
}

/* Nothing but a NEGOTIATE is made longer. */
static void test_pad_others(void **state)
{
	static const uint8_t type[] = { 0, 2, 3, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof type; i++) {
		struct buf token AUTO_BUF = buf_copy(NEGOTIATE_40, 32);
		uint8_t buffer[NTLM_NEGOTIATE_LEN];

		token.p[8] = type[i];
		assert_ptr_equal(ntlm_negotiate_pad(view_of(&token), buffer).p, token.p);
	}

	struct buf resp AUTO_BUF = resp_token(NONE, buf_copy(NEGOTIATE_40, 20), NONE);
	uint8_t buffer[NTLM_NEGOTIATE_LEN];

	assert_in_range(resp.len, 32, 39);
	assert_ptr_equal(ntlm_negotiate_pad(view_of(&resp), buffer).p, resp.p);
}

/* ---- wrap tokens ---- */

#define CFX_LEAST 60U /* AES-SHA1 over nothing: header, confounder, header, 12 octets of checksum */

static struct buf cfx(size_t len)
{
	struct buf b = buf_fill(0xcc, len);
	const uint8_t header[16] = { 5, 4, 0x06, 0xff, 0, 0, 0, 28 };

	memcpy(b.p, header, len < sizeof header ? len : sizeof header);
	return b;
}

static void test_krb5_wrap(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 200; n++) {
		struct buf t AUTO_BUF = cfx(n);

		assert_int_equal(krb5_wrap_guard(view_of(&t)), n < CFX_LEAST ? -EPROTO : 0);
	}
	/* every value of every octet of the header: RRC and the sequence number are free, the rest is not */
	for (size_t at = 0; at < 16; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf t AUTO_BUF = cfx(100);
			uint8_t was = t.p[at];

			t.p[at] = (uint8_t)v;
			if (krb5_wrap_guard(view_of(&t)) != (at >= 6 || v == was ? 0 : -EPROTO))
				fail_msg("octet %zu as %02x", at, v);
		}
	}
	assert_int_equal(krb5_wrap_guard(VIEW_NULL), -EPROTO);
}

static void test_ntlm_wrap(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 100; n++) {
		struct buf t AUTO_BUF = buf_fill(0xcc, n);

		if (n)
			memcpy(t.p, "\x01\0\0\0", n < 4 ? n : 4);
		/* the signature takes 16; nothing that is sealed is empty */
		assert_int_equal(ntlm_wrap_guard(view_of(&t)), n < 17 ? -EPROTO : 0);
	}
	for (size_t at = 0; at < 4; at++) {
		for (unsigned v = 0; v < 256; v++) {
			struct buf t AUTO_BUF = buf_fill(0xcc, 64);

			memcpy(t.p, "\x01\0\0\0", 4);
			t.p[at] = (uint8_t)v;
			assert_int_equal(ntlm_wrap_guard(view_of(&t)), v == (at == 0) ? 0 : -EPROTO);
		}
	}
	assert_int_equal(ntlm_wrap_guard(VIEW_NULL), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_inits),
		cmocka_unit_test(test_mech_tokens),
		cmocka_unit_test(test_init_truncated),
		cmocka_unit_test(test_init_refused),
		cmocka_unit_test(test_authenticate),
		cmocka_unit_test(test_authenticate_fields),
		cmocka_unit_test(test_authenticate_names),
		cmocka_unit_test(test_authenticate_lengths),
		cmocka_unit_test(test_authenticate_shortest),
		cmocka_unit_test(test_other_messages),
		cmocka_unit_test(test_hidden_messages),
		cmocka_unit_test(test_without_ntlm),
		cmocka_unit_test(test_pad),
		cmocka_unit_test(test_pad_others),
		cmocka_unit_test(test_krb5_wrap),
		cmocka_unit_test(test_ntlm_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
