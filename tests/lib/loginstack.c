/* SPDX-License-Identifier: MIT */
/*
 * loginstack SOCKET SERVICE LOGFILE: the login stack behind the front end in beds
 * without xrdp. It plays xrdp's part on a unix socket as far as a client needs to
 * come to an active (and empty) session: X.224, MCS connect, channel joins, Client
 * Info, licence, capabilities ([MS-RDPBCGR] 1.3.1.1). Then it does with PAM what
 * xrdp-sesman does, with user and password exactly as they arrived, and appends one
 * line to LOGFILE:
 *
 *   TIME login service=S user="U" domain="D" password=ticket|other|none hidden-prompts=N
 *        stage=authenticate|acct_mgmt|setcred|open_session|open result=PAM_... (text) rhost="R" ccache="C"
 *
 * stage=open means that everything succeeded and the session is open; the line
 * "TIME logout user=..." follows when the client has gone. A protocol error makes
 * "TIME broken stage=... (reason)". A process per connection; a test program: it
 * trusts its front end with nothing but lengths.
 */
#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TPDU_MAX 65536U
#define TEXT_MAX 1024U
#define IO_CHANNEL 1003U
#define USER_CHANNEL 1007U
#define SHARE_ID 0x103eaU
#define SEC_INFO_PKT 0x0040U
#define SEC_LICENSE_PKT 0x0080U
#define INFO_UNICODE 0x0010U
#define TICKET_PREFIX "credssp1:"
#define CHANNELS_MAX 31U

struct buf {
	size_t len;
	uint8_t data[TPDU_MAX];
};

struct login {
	int fd;
	int log;
	const char *service;
	uint32_t requested; /* requestedProtocols of the Connection Request */
	unsigned n_channels;
	uint16_t width, height;
	char domain[TEXT_MAX], user[TEXT_MAX], password[TEXT_MAX];
	unsigned hidden_prompts;
	pam_handle_t *session; /* while one is open */
	struct buf in, out;
};

/* ---- the log ---- */

__attribute__((format(printf, 2, 3))) static void log_line(const struct login *l, const char *format, ...)
{
	static char line[8192];
	struct timespec now;
	struct tm tm;
	size_t n;
	va_list ap;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, ".%06ldZ ", now.tv_nsec / 1000);
	va_start(ap, format);
	r = vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	if (r < 0)
		return;
	n = strlen(line);
	line[n++] = '\n';
	/* one write: lines of several connections do not mix */
	(void)!write(l->log, line, n);
}

/* Quotes what a client sent; the result is valid until the fourth call after it. */
static const char *quote(const char *text)
{
	static char bufs[4][4 * TEXT_MAX];
	static unsigned next;
	char *out = bufs[next++ % 4];
	size_t o = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c && o + 5 < sizeof(bufs[0]); c++) {
		if (*c < 0x20 || *c == 0x7f || *c == '"' || *c == '\\')
			o += (size_t)snprintf(out + o, 5, "\\x%02x", *c);
		else
			out[o++] = (char)*c;
	}
	out[o] = '\0';
	return out;
}

/* The end of this process, when the client has gone or sent something else than expected. */
__attribute__((noreturn)) static void broken(const struct login *l, const char *stage, const char *why)
{
	if (!l->session) {
		log_line(l, "broken stage=%s (%s)", stage, why);
		_exit(1);
	}
	(void)pam_close_session(l->session, 0);
	(void)pam_setcred(l->session, PAM_DELETE_CRED);
	(void)pam_end(l->session, PAM_SUCCESS);
	log_line(l, "logout user=\"%s\" (%s)", quote(l->user), why);
	_exit(0);
}

/* ---- bytes ---- */

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put(struct buf *b, const void *data, size_t n)
{
	if (n > sizeof(b->data) - b->len)
		abort();
	memcpy(b->data + b->len, data, n);
	b->len += n;
}

static void put8(struct buf *b, unsigned v)
{
	uint8_t c = (uint8_t)v;

	put(b, &c, 1);
}

static void put_be16(struct buf *b, unsigned v)
{
	put8(b, v >> 8);
	put8(b, v);
}

static void put16(struct buf *b, unsigned v)
{
	put8(b, v);
	put8(b, v >> 8);
}

static void put32(struct buf *b, uint32_t v)
{
	put16(b, v & 0xffff);
	put16(b, v >> 16);
}

static void put_zero(struct buf *b, size_t n)
{
	while (n--)
		put8(b, 0);
}

/* Always in the form of two octets. */
static void put_ber_length(struct buf *b, size_t n)
{
	put8(b, 0x82);
	put_be16(b, (unsigned)n);
}

/* rdesktop takes no longer form than is needed. */
static size_t per_length_size(size_t n)
{
	return n < 0x80 ? 1 : 2;
}

static void put_per_length(struct buf *b, size_t n)
{
	if (n < 0x80)
		put8(b, (unsigned)n);
	else
		put_be16(b, (unsigned)n | 0x8000);
}

/* ---- TPKT ---- */

static void read_exactly(struct login *l, const char *stage, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t r = read(l->fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			broken(l, stage, r == 0 ? "end of file" : strerror(errno));
		p += r;
		n -= (size_t)r;
	}
}

/* One TPKT or, after the connection sequence, one fast-path PDU; in.data holds all of it. */
static void read_tpdu(struct login *l, const char *stage)
{
	size_t len, have = 2;

	read_exactly(l, stage, l->in.data, 2);
	if (l->in.data[0] == 3) {
		read_exactly(l, stage, l->in.data + 2, 2);
		have = 4;
		len = be16(l->in.data + 2);
	} else if (l->in.data[1] & 0x80) {
		read_exactly(l, stage, l->in.data + 2, 1);
		have = 3;
		len = (size_t)(l->in.data[1] & 0x7f) << 8 | l->in.data[2];
	} else {
		len = l->in.data[1];
	}
	if (len < have)
		broken(l, stage, "impossible length");
	read_exactly(l, stage, l->in.data + have, len - have);
	l->in.len = len;
}

static void send_tpdu(struct login *l, const uint8_t *header, size_t header_len, const struct buf *body)
{
	static struct buf b;
	size_t done = 0;

	b.len = 0;
	put8(&b, 3);
	put8(&b, 0);
	put_be16(&b, (unsigned)(4 + header_len + body->len));
	put(&b, header, header_len);
	put(&b, body->data, body->len);
	while (done < b.len) {
		ssize_t r = send(l->fd, b.data + done, b.len - done, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			broken(l, "send", strerror(errno));
		done += (size_t)r;
	}
}

static const uint8_t x224_data[] = { 0x02, 0xf0, 0x80 };

/* out as SendDataIndication on the I/O channel */
static void send_data(struct login *l)
{
	static struct buf b;

	b.len = 0;
	put8(&b, 0x68);
	put_be16(&b, USER_CHANNEL - 1001);
	put_be16(&b, IO_CHANNEL);
	put8(&b, 0x70);
	put_per_length(&b, l->out.len);
	put(&b, l->out.data, l->out.len);
	send_tpdu(l, x224_data, sizeof(x224_data), &b);
}

/* ---- X.224 and MCS ---- */

static void connection_request(struct login *l)
{
	static const uint8_t confirm[] = { 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x01, 8, 0, 0, 0, 0, 0 };
	static const struct buf empty;
	const uint8_t *end;

	read_tpdu(l, "connection-request");
	if (l->in.len < 11 || l->in.data[5] != 0xe0)
		broken(l, "connection-request", "no Connection Request");
	end = l->in.data + l->in.len;
	if (l->in.len >= 19 && end[-8] == 1 && le16(end - 6) == 8)
		l->requested = le32(end - 4);
	send_tpdu(l, confirm, l->requested ? sizeof(confirm) : 7, &empty);
}

/* Finds the client's data blocks in Connect-Initial: behind "Duca" and a PER length. */
static void parse_client_data(struct login *l)
{
	const uint8_t *p = memmem(l->in.data, l->in.len, "Duca", 4);
	const uint8_t *end = l->in.data + l->in.len;

	if (!p || end - p < 6)
		broken(l, "connect-initial", "no GCC user data");
	p += p[4] & 0x80 ? 6 : 5;
	while (end - p >= 4) {
		size_t n = le16(p + 2);

		if (n < 4 || n > (size_t)(end - p))
			broken(l, "connect-initial", "block length");
		if (le16(p) == 0xc001 && n >= 12) {
			l->width = le16(p + 8);
			l->height = le16(p + 10);
		}
		if (le16(p) == 0xc003 && n >= 8)
			l->n_channels = le32(p + 4) <= CHANNELS_MAX ? le32(p + 4) : CHANNELS_MAX;
		p += n;
	}
}

static void put_server_data(struct login *l, struct buf *b)
{
	put16(b, 0x0c01); /* SC_CORE */
	put16(b, 12);
	put32(b, 0x00080004);
	put32(b, l->requested);
	put16(b, 0x0c02); /* SC_SECURITY: none */
	put16(b, 12);
	put32(b, 0);
	put32(b, 0);
	put16(b, 0x0c03); /* SC_NET */
	put16(b, 8 + 2 * (l->n_channels + l->n_channels % 2));
	put16(b, IO_CHANNEL);
	put16(b, l->n_channels);
	for (unsigned i = 0; i < l->n_channels; i++)
		put16(b, IO_CHANNEL + 1 + i);
	if (l->n_channels % 2)
		put16(b, 0);
}

static void connect_initial(struct login *l)
{
	static const uint8_t oid[] = { 0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01 };
	static const uint8_t gcc[] = { 0x14, 0x76, 0x0a, 0x01, 0x01, 0x00, 0x01, 0xc0, 0x00, 'M', 'c', 'D', 'n' };
	static const uint8_t connect[] = { 0x0a, 0x01, 0x00, 0x02, 0x01, 0x00, /* result, calledConnectId */
					   0x30, 0x1a, 0x02, 0x01, 0x22, 0x02, 0x01, 0x03, 0x02, 0x01,
					   0x00, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01,
					   0x02, 0x03, 0x00, 0xff, 0xf8, 0x02, 0x01, 0x02 };
	static struct buf data, response;
	size_t gcc_len, user_data;

	read_tpdu(l, "connect-initial");
	if (l->in.len < 9 || l->in.data[7] != 0x7f || l->in.data[8] != 0x65)
		broken(l, "connect-initial", "no Connect-Initial");
	parse_client_data(l);
	put_server_data(l, &data);
	gcc_len = sizeof(gcc) + per_length_size(data.len) + data.len;
	user_data = sizeof(oid) + per_length_size(gcc_len) + gcc_len;
	put8(&response, 0x7f);
	put8(&response, 0x66);
	put_ber_length(&response, sizeof(connect) + 4 + user_data);
	put(&response, connect, sizeof(connect));
	put8(&response, 0x04);
	put_ber_length(&response, user_data);
	put(&response, oid, sizeof(oid));
	put_per_length(&response, gcc_len);
	put(&response, gcc, sizeof(gcc));
	put_per_length(&response, data.len);
	put(&response, data.data, data.len);
	send_tpdu(l, x224_data, sizeof(x224_data), &response);
}

static void channel_join(struct login *l)
{
	struct buf *b = &l->out;

	b->len = 0;
	put8(b, 0x3e);
	put8(b, 0);
	put(b, l->in.data + 8, 4);
	put(b, l->in.data + 10, 2);
	send_tpdu(l, x224_data, sizeof(x224_data), b);
}

static void attach_user(struct login *l)
{
	static const uint8_t confirm[] = { 0x2e, 0x00, 0x00, USER_CHANNEL - 1001 };

	l->out.len = 0;
	put(&l->out, confirm, sizeof(confirm));
	send_tpdu(l, x224_data, sizeof(x224_data), &l->out);
}

/* Everything up to the first SendDataRequest, which stays in l->in; returns the offset of its data. */
static size_t read_data(struct login *l, const char *stage)
{
	for (;;) {
		size_t at = 13;

		read_tpdu(l, stage);
		if (l->in.data[0] != 3)
			continue;
		if (l->in.len < 8 || l->in.data[5] != 0xf0)
			broken(l, stage, "no data TPDU");
		switch (l->in.data[7] >> 2) {
		case 1: /* ErectDomain */
			break;
		case 8: /* DisconnectProviderUltimatum */
			broken(l, stage, "the client disconnected");
		case 10:
			attach_user(l);
			break;
		case 14:
			if (l->in.len < 12)
				broken(l, stage, "short ChannelJoin");
			channel_join(l);
			break;
		case 25:
			if (l->in.len < 15)
				broken(l, stage, "short SendData");
			at += l->in.data[13] & 0x80 ? 2 : 1;
			if (be16(l->in.data + 10) == IO_CHANNEL)
				return at;
			break;
		default:
			broken(l, stage, "unexpected MCS PDU");
		}
	}
}

/* ---- Client Info ---- */

/* UTF-16LE to UTF-8, or bytes as they are. */
static void text(struct login *l, const uint8_t *p, size_t n, bool unicode, char out[TEXT_MAX])
{
	size_t o = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c = unicode ? le16(p + i) : p[i];

		i += unicode ? 2 : 1;
		if (unicode && (c & 0xfc00) == 0xd800 && i + 1 < n) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (le16(p + i) & 0x3ff);
			i += 2;
		}
		if (o + 5 > TEXT_MAX)
			broken(l, "client-info", "string too long");
		if (!unicode || c < 0x80) {
			out[o++] = (char)c;
		} else if (c < 0x800) {
			out[o++] = (char)(0xc0 | c >> 6);
			out[o++] = (char)(0x80 | (c & 0x3f));
		} else if (c < 0x10000) {
			out[o++] = (char)(0xe0 | c >> 12);
			out[o++] = (char)(0x80 | (c >> 6 & 0x3f));
			out[o++] = (char)(0x80 | (c & 0x3f));
		} else {
			out[o++] = (char)(0xf0 | c >> 18);
			out[o++] = (char)(0x80 | (c >> 12 & 0x3f));
			out[o++] = (char)(0x80 | (c >> 6 & 0x3f));
			out[o++] = (char)(0x80 | (c & 0x3f));
		}
	}
	out[o] = '\0';
}

static void client_info(struct login *l)
{
	size_t at = read_data(l, "client-info");
	const uint8_t *p = l->in.data + at, *end = l->in.data + l->in.len;
	char *const out[] = { l->domain, l->user, l->password };
	const uint8_t *string;
	bool unicode;

	if (end - p < 22 || !(le16(p) & SEC_INFO_PKT))
		broken(l, "client-info", "no Client Info PDU");
	unicode = le32(p + 8) & INFO_UNICODE;
	string = p + 22;
	for (unsigned i = 0; i < 3; i++) {
		size_t n = le16(p + 12 + 2 * i), nul = unicode ? 2 : 1;

		if (n + nul > (size_t)(end - string) || (unicode && n % 2))
			broken(l, "client-info", "string length");
		text(l, string, n, unicode, out[i]);
		string += n + nul;
	}
}

/* ---- licence: a request, as xrdp sends it, whatever the client answers, and "valid client" ([MS-RDPELE]) ---- */

static void put_licence_certificate(struct buf *b)
{
	uint8_t modulus[64];

	if (getrandom(modulus, sizeof(modulus), 0) != sizeof(modulus))
		abort();
	modulus[0] |= 1;
	modulus[63] |= 0x80;
	put16(b, 3); /* BB_CERTIFICATE_BLOB */
	put16(b, 184);
	put32(b, 1); /* proprietary */
	put32(b, 1);
	put32(b, 1);
	put16(b, 6);
	put16(b, 92);
	put(b, "RSA1", 4);
	put32(b, 72);
	put32(b, 512);
	put32(b, 63);
	put32(b, 0x10001);
	put(b, modulus, sizeof(modulus));
	put_zero(b, 8);
	put16(b, 8);
	put16(b, 72);
	put_zero(b, 72);
}

static void licence_request(struct login *l)
{
	static const char company[] = "b\0e\0d\0\0", product[] = "A\0000\0002\0\0";
	static struct buf body;
	uint8_t random[32];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		abort();
	put(&body, random, sizeof(random));
	put32(&body, 0x00060000);
	put32(&body, sizeof(company));
	put(&body, company, sizeof(company));
	put32(&body, sizeof(product));
	put(&body, product, sizeof(product));
	put16(&body, 13); /* BB_KEY_EXCHG_ALG_BLOB: RSA */
	put16(&body, 4);
	put32(&body, 1);
	put_licence_certificate(&body);
	put32(&body, 1);
	put16(&body, 14); /* BB_SCOPE_BLOB */
	put16(&body, sizeof("bed"));
	put(&body, "bed", sizeof("bed"));

	l->out.len = 0;
	put16(&l->out, SEC_LICENSE_PKT);
	put16(&l->out, 0);
	put8(&l->out, 0x01);
	put8(&l->out, 0x03);
	put16(&l->out, (unsigned)(4 + body.len));
	put(&l->out, body.data, body.len);
	send_data(l);
}

static void licence(struct login *l)
{
	static const uint8_t valid[] = { 0x80, 0, 0, 0, 0xff, 0x03, 16, 0, 7, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0 };
	size_t at;

	licence_request(l);
	at = read_data(l, "licence");
	if (l->in.len - at < 2 || !(le16(l->in.data + at) & SEC_LICENSE_PKT))
		broken(l, "licence", "no licence PDU");
	l->out.len = 0;
	put(&l->out, valid, sizeof(valid));
	send_data(l);
}

/* ---- capabilities and finalization ---- */

static void put_bitmap_capability(const struct login *l, struct buf *b)
{
	put16(b, 2);
	put16(b, 28);
	put16(b, 24);
	put16(b, 1);
	put16(b, 1);
	put16(b, 1);
	put16(b, l->width);
	put16(b, l->height);
	put16(b, 0);
	put16(b, 1);
	put16(b, 1);
	put16(b, 0);
	put16(b, 1);
	put16(b, 0);
}

static void put_capabilities(const struct login *l, struct buf *b)
{
	static const uint8_t share[] = { 9, 0, 8, 0, 0xea, 3, 0, 0 };
	static const uint8_t general[] = { 1, 0, 24, 0, 1, 0, 3, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t pointer[] = { 8, 0, 10, 0, 1, 0, 20, 0, 20, 0 };

	put(b, share, sizeof(share));
	put(b, general, sizeof(general));
	put_bitmap_capability(l, b);
	put16(b, 3); /* order */
	put16(b, 88);
	put_zero(b, 20);
	put16(b, 1);
	put16(b, 20);
	put16(b, 0);
	put16(b, 1);
	put16(b, 0);
	put16(b, 0x2a);
	put_zero(b, 52);
	put(b, pointer, sizeof(pointer));
	put16(b, 13); /* input */
	put16(b, 88);
	put16(b, 1);
	put_zero(b, 82);
}

static void demand_active(struct login *l)
{
	static struct buf caps;
	struct buf *b = &l->out;

	put_capabilities(l, &caps);
	b->len = 0;
	put16(b, (unsigned)(6 + 4 + 4 + 4 + 4 + caps.len + 4));
	put16(b, 0x11);
	put16(b, 0x03ea);
	put32(b, SHARE_ID);
	put16(b, 4);
	put16(b, (unsigned)(4 + caps.len));
	put(b, "RDP", 4);
	put16(b, 6);
	put16(b, 0);
	put(b, caps.data, caps.len);
	put32(b, 0);
	send_data(l);
}

static void send_data_pdu(struct login *l, unsigned type, const uint8_t *body, size_t n)
{
	struct buf *b = &l->out;

	b->len = 0;
	put16(b, (unsigned)(18 + n));
	put16(b, 0x17);
	put16(b, 0x03ea);
	put32(b, SHARE_ID);
	put8(b, 0);
	put8(b, 1);
	put16(b, (unsigned)(4 + n));
	put8(b, type);
	put8(b, 0);
	put16(b, 0);
	put(b, body, n);
	send_data(l);
}

/* Answers the client's finalization PDUs; returns when it has gone. */
static void session(struct login *l)
{
	static const uint8_t synchronize[] = { 1, 0, 0xef, 0x03 };
	static const uint8_t cooperate[] = { 4, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t granted[] = { 2, 0, 0xef, 0x03, 0xea, 0x03, 0, 0 };
	static const uint8_t font_map[] = { 0, 0, 0, 0, 3, 0, 4, 0 };

	demand_active(l);
	for (;;) {
		size_t at = read_data(l, "session");
		const uint8_t *p = l->in.data + at;
		size_t n = l->in.len - at;

		if (n >= 6 && (le16(p + 2) & 0xf) == 3) {
			send_data_pdu(l, 31, synchronize, sizeof(synchronize));
			send_data_pdu(l, 20, cooperate, sizeof(cooperate));
		} else if (n >= 20 && (le16(p + 2) & 0xf) == 7 && p[14] == 20 && le16(p + 18) == 1) {
			send_data_pdu(l, 20, granted, sizeof(granted));
		} else if (n >= 18 && (le16(p + 2) & 0xf) == 7 && p[14] == 39) {
			send_data_pdu(l, 40, font_map, sizeof(font_map));
		}
	}
}

/* ---- PAM, in xrdp-sesman's order ---- */

/* xrdp answers every hidden prompt with the password; a visible one is an error. */
static int converse(int n, const struct pam_message **messages, struct pam_response **ret_responses, void *userdata)
{
	struct login *l = userdata;
	struct pam_response *r = calloc((size_t)n, sizeof(*r));

	if (!r)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		switch (messages[i]->msg_style) {
		case PAM_PROMPT_ECHO_OFF:
			l->hidden_prompts++;
			r[i].resp = strdup(l->password);
			break;
		case PAM_TEXT_INFO:
		case PAM_ERROR_MSG:
			log_line(l, "message user=\"%s\" (%s)", quote(l->user), quote(messages[i]->msg));
			break;
		default:
			log_line(l, "visible-prompt user=\"%s\" (%s)", quote(l->user), quote(messages[i]->msg));
			for (int k = 0; k < i; k++)
				free(r[k].resp);
			free(r);
			return PAM_CONV_ERR;
		}
	}
	*ret_responses = r;
	return PAM_SUCCESS;
}

static int converse_nothing(int n, const struct pam_message **messages, struct pam_response **ret, void *userdata)
{
	*ret = calloc((size_t)n, sizeof(**ret));
	return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int establish(pam_handle_t *pam)
{
	return pam_setcred(pam, PAM_ESTABLISH_CRED);
}

static int open_session(pam_handle_t *pam)
{
	return pam_open_session(pam, 0);
}

static int authenticate(pam_handle_t *pam)
{
	return pam_authenticate(pam, 0);
}

/* after it the conversation is replaced, as sesman does */
static int account(pam_handle_t *pam)
{
	static const struct pam_conv nothing = { converse_nothing, NULL };
	int r = pam_acct_mgmt(pam, 0);

	(void)pam_set_item(pam, PAM_CONV, &nothing);
	return r;
}

static const struct {
	const char *name;
	int (*call)(pam_handle_t *pam);
} stages[] = {
	{ "authenticate", authenticate },
	{ "acct_mgmt", account },
	{ "setcred", establish },
	{ "open_session", open_session },
};

static const char *password_kind(const struct login *l)
{
	if (!l->password[0])
		return "none";
	return strncmp(l->password, TICKET_PREFIX, strlen(TICKET_PREFIX)) == 0 ? "ticket" : "other";
}

static const char *pam_result_name(int r)
{
	static const char *const names[] = {
		"PAM_SUCCESS",           "PAM_OPEN_ERR",         "PAM_SYMBOL_ERR",     "PAM_SERVICE_ERR",
		"PAM_SYSTEM_ERR",        "PAM_BUF_ERR",          "PAM_PERM_DENIED",    "PAM_AUTH_ERR",
		"PAM_CRED_INSUFFICIENT", "PAM_AUTHINFO_UNAVAIL", "PAM_USER_UNKNOWN",   "PAM_MAXTRIES",
		"PAM_NEW_AUTHTOK_REQD",  "PAM_ACCT_EXPIRED",     "PAM_SESSION_ERR",    "PAM_CRED_UNAVAIL",
		"PAM_CRED_EXPIRED",      "PAM_CRED_ERR",         "PAM_NO_MODULE_DATA", "PAM_CONV_ERR",
		"PAM_AUTHTOK_ERR",       "PAM_AUTHTOK_RECOVERY", "PAM_AUTHTOK_LOCK",   "PAM_AUTHTOK_DISABLE",
		"PAM_TRY_AGAIN",         "PAM_IGNORE",           "PAM_ABORT",          "PAM_AUTHTOK_EXPIRED",
		"PAM_MODULE_UNKNOWN",
	};

	return r >= 0 && (size_t)r < sizeof(names) / sizeof(names[0]) ? names[r] : "PAM_?";
}

static bool pam_login(struct login *l)
{
	const struct pam_conv conv = { converse, l };
	const char *stage = "start", *ccache;
	const void *rhost = NULL;
	pam_handle_t *pam = NULL;
	int r = pam_start(l->service, l->user, &conv, &pam);

	if (r != PAM_SUCCESS)
		broken(l, "pam_start", pam_result_name(r));
	(void)pam_set_item(pam, PAM_TTY, "xrdp-sesman");
	for (size_t i = 0; r == PAM_SUCCESS && i < sizeof(stages) / sizeof(stages[0]); i++) {
		stage = stages[i].name;
		r = stages[i].call(pam);
	}
	(void)pam_get_item(pam, PAM_RHOST, &rhost);
	ccache = pam_getenv(pam, "KRB5CCNAME");
	log_line(l,
		 "login service=%s user=\"%s\" domain=\"%s\" password=%s hidden-prompts=%u stage=%s result=%s (%s) "
		 "rhost=\"%s\" "
		 "ccache=\"%s\"",
		 l->service, quote(l->user), quote(l->domain), password_kind(l), l->hidden_prompts,
		 r == PAM_SUCCESS ? "open" : stage, pam_result_name(r), pam_strerror(pam, r), rhost ? quote(rhost) : "",
		 ccache ? quote(ccache) : "");
	if (r == PAM_SUCCESS)
		l->session = pam;
	else
		(void)pam_end(pam, r);
	return r == PAM_SUCCESS;
}

/* ---- a connection ---- */

static void serve(int fd, int log, const char *service)
{
	static struct login l;

	l.fd = fd;
	l.log = log;
	l.service = service;
	connection_request(&l);
	connect_initial(&l);
	client_info(&l);
	licence(&l);
	if (pam_login(&l))
		session(&l);
	_exit(0);
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		return -1;
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	(void)unlink(path);
	(void)umask(0117);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1024) < 0)
		return -1;
	(void)umask(022);
	return fd;
}

int main(int argc, char **argv)
{
	int listener, log;

	if (argc != 4) {
		fprintf(stderr, "Usage: loginstack SOCKET SERVICE LOGFILE\n");
		return 2;
	}
	(void)signal(SIGCHLD, SIG_IGN);
	log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	listener = listen_at(argv[1]);
	if (log < 0 || listener < 0) {
		perror("loginstack");
		return 1;
	}
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		switch (fork()) {
		case 0:
			(void)close(listener);
			/* PAM modules wait for their helpers */
			(void)signal(SIGCHLD, SIG_DFL);
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd, log, argv[2]);
			break;
		case -1:
			perror("fork");
			break;
		default:
			break;
		}
		(void)close(fd);
	}
}
