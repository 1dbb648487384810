/* SPDX-License-Identifier: MIT */
/*
 * vaultd BEHAVIOUR USER PASSWORD RHOST: owns org.credssp1 and answers Vault.Redeem as credsspd never would. The good
 * answer is here as well, so that each bad one differs from it in one thing. Says "ready" on standard output.
 *
 * vaultd serve USER PASSWORD RHOST KIND [KEY=VALUE...]: answers with a hand-over of KIND, whose fields are read from
 * standard input, a line each: tag and octets in hexadecimal. KEY is one of mechanism, principal, proof and logon.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "common/ipc/handover.h"
#include "include/credssp/bus-api.h"

static const char *behaviour, *user, *password, *rhost;
static const char *kind = "password", *mechanism = "ntlm", *principal, *proof, *logon = "7";
static struct secret served;
static int held[16]; /* ends of pipes that stay open */

static int is(const char *name)
{
	return strcmp(behaviour, name) == 0;
}

/* The octets of the hand-over, bent as the behaviour says. */
static size_t fill(uint8_t *out, size_t size)
{
	struct secret s = SECRET_NULL;
	size_t len;

	if (is("serve")) {
		memcpy(out, secret_expose(&served), secret_len(&served));
		return secret_len(&served);
	}
	if (secret_init(&s, HANDOVER_MAX) < 0 || handover_begin(&s, CREDENTIAL_PASSWORD) < 0 ||
	    handover_add(&s, HANDOVER_PASSWORD, password, strlen(password)) < 0)
		abort();
	if (is("two-passwords"))
		(void)handover_add(&s, HANDOVER_PASSWORD, password, strlen(password));
	handover_end(&s);
	len = secret_len(&s);
	if (len > size)
		abort();
	memcpy(out, secret_expose(&s), len);
	secret_done(&s);
	if (is("garbage"))
		memset(out, 'x', len);
	if (is("other-version"))
		out[4]++;
	if (is("unknown-field"))
		out[HANDOVER_HEADER_LEN + 1] = 99;
	if (is("truncated"))
		len -= 3;
	if (is("empty-pipe"))
		len = 0;
	if (is("trailing"))
		out[len++] = 0;
	return len;
}

static int make_pipe(void)
{
	static uint8_t octets[2 * HANDOVER_MAX];
	size_t len = fill(octets, HANDOVER_MAX);
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		abort();
	(void)fcntl(p[0], F_SETPIPE_SZ, 1 << 20);
	if (is("too-long")) {
		memset(octets + len, 0, sizeof octets - len);
		len = sizeof octets;
	}
	if (write(p[1], octets, len) != (ssize_t)len)
		abort();
	if (is("pipe-stays-open"))
		held[0] = p[1];
	else
		(void)close(p[1]);
	return p[0];
}

static int on_redeem(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int fd, r;

	if (is("silent")) {
		(void)sd_bus_message_ref(m); /* never answered */
		return 1;
	}
	if (is("no-ticket"))
		return sd_bus_reply_method_errorf(m, CREDSSP_ERROR_NO_TICKET, "no");
	if (is("mismatch"))
		return sd_bus_reply_method_errorf(m, CREDSSP_ERROR_TICKET_MISMATCH, "no");
	if (is("denied"))
		return sd_bus_reply_method_errorf(m, CREDSSP_ERROR_ACCESS_DENIED, "no");
	if (is("unknown-error"))
		return sd_bus_reply_method_errorf(m, "org.example.Whatever", "no");
	if (is("dies"))
		_exit(1);
	if (is("other-signature"))
		return sd_bus_reply_method_return(m, "s", "what");
	if (is("no-user"))
		user = "";
	if (is("other-kind"))
		kind = "smartcard";
	fd = make_pipe();
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_append(
		    reply, "a{sv}", proof ? 8 : 7, "user", "s", is("other-user") ? "somebody" : user, "uid", "u", 1000U,
		    "kind", "s", kind, "rhost", "s", rhost, "principal", "s", principal ? principal : user, "mechanism",
		    "s", mechanism, "logon", "t", (uint64_t)strtoull(logon, NULL, 10), "proof", "s", proof);
	if (r >= 0)
		r = sd_bus_message_append(reply, "h", fd);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	(void)sd_bus_message_unref(reply);
	(void)close(fd);
	return r < 0 ? r : 1;
}

/* ---- serve ---- */

static unsigned kind_by_name(const char *name)
{
	for (unsigned k = 1; k < 256; k++)
		if (credential_kind_name(k) && strcmp(credential_kind_name(k), name) == 0)
			return k;
	abort();
}

static void add_field(char *line)
{
	static uint8_t octets[HANDOVER_MAX];
	size_t len = 0;
	char *hex;
	unsigned long tag = strtoul(line, &hex, 10);
	unsigned octet;
	int n;

	for (; sscanf(hex, "%2x%n", &octet, &n) == 1 && len < sizeof octets; hex += n)
		octets[len++] = (uint8_t)octet;
	if (handover_add(&served, (enum handover_tag)tag, octets, len) < 0)
		abort();
}

static void prepare(int argc, char **argv)
{
	static const struct {
		const char *key;
		const char **value;
	} keys[] = {
		{ "mechanism=", &mechanism }, { "principal=", &principal }, { "proof=", &proof }, { "logon=", &logon }
	};
	char *line = NULL;
	size_t size = 0;

	kind = argv[0];
	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			if (strncmp(argv[i], keys[k].key, strlen(keys[k].key)) == 0)
				*keys[k].value = argv[i] + strlen(keys[k].key);
	if (secret_init(&served, HANDOVER_MAX) < 0 ||
	    handover_begin(&served, (enum credential_kind)kind_by_name(kind)) < 0)
		abort();
	while (getline(&line, &size, stdin) > 0)
		add_field(line);
	free(line);
	handover_end(&served);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD(CREDSSP_METHOD_REDEEM, "sss", "a{sv}h", on_redeem, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};
/* sd-bus sends no answer of another signature than it was told */
static const sd_bus_vtable other_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD(CREDSSP_METHOD_REDEEM, "sss", "s", on_redeem, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int main(int argc, char **argv)
{
	sd_bus *bus = NULL;
	int r;

	if (argc < 5)
		return 2;
	behaviour = argv[1];
	user = argv[2];
	password = argv[3];
	rhost = argv[4];
	if (is("serve"))
		prepare(argc - 5, argv + 5);
	r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, CREDSSP_OBJECT_PATH, CREDSSP_VAULT_INTERFACE,
					     is("other-signature") ? other_vtable : vtable, NULL);
	if (r >= 0)
		r = sd_bus_request_name(bus, CREDSSP_BUS_NAME, 0);
	if (r < 0) {
		(void)fprintf(stderr, "vaultd: %s\n", strerror(-r));
		return 1;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		r = sd_bus_process(bus, NULL);
		if (r < 0)
			return 1;
		if (r == 0)
			(void)sd_bus_wait(bus, UINT64_MAX);
	}
}
