/* SPDX-License-Identifier: MIT */
/* Names of clients: a byte that chooses what this host knows, the domain, NUL, the user. */
#include "common/wire/name.h"
#include "tests/fuzz/fuzz.h"

#define NAME_ROOM 1024U

static bool name_is_known(const void *context, const char *domain)
{
	return name_is_of_dns(domain, context);
}

static bool name_is_listed(const struct name_host *host, const char *domain)
{
	for (char *const *d = host->domains; d && *d; d++)
		if (strcmp(*d, domain) == 0)
			return true;
	return false;
}

static void name_meaning_promises(const struct name_host *host, const struct name_meaning *m)
{
	PROMISE(*m->user && !strpbrk(m->user, ":/\\@\n\r\x1b"));
	PROMISE((m->kind == NAME_LISTED) == name_is_listed(host, m->domain));
	PROMISE(!*m->also ||
		(m->kind == NAME_LISTED && name_is_listed(host, m->also) && strcmp(m->also, m->domain) != 0));
	PROMISE(m->kind != NAME_TICKET || host->ticket_realm);
	/* only an NTLM client has a computer of its own */
	PROMISE(m->kind != NAME_BARE || !host->ticket_realm || !*m->domain);
	PROMISE(name_check(m->user, strlen(m->user)) == 0 && name_check(m->domain, strlen(m->domain)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *domains[] = { (char[]){ "D" }, (char[]){ "d.test" }, (char[]){ "e.test" }, NULL };
	char *local[] = { (char[]){ "L" }, NULL };
	char names[NAME_ROOM + 1], decoded[ACCOUNT_NAME_MAX + 1], text[200];
	struct name_host host = { .is_own = name_is_known, .is_realm = name_is_known, .context = "host" };
	struct name_meaning m;
	enum name_trouble trouble;
	const char *user;

	if (size < 1 || size > NAME_ROOM)
		return 0;
	memcpy(names, data + 1, size - 1);
	names[size - 1] = names[size] = '\0';
	user = names + strlen(names) + (strlen(names) < size - 1);
	host.domains = data[0] & 1 ? domains : NULL;
	host.local_domains = data[0] & 2 ? local : NULL;
	host.ticket_realm = data[0] & 4 ? "R.TEST" : NULL;
	host.context = data[0] & 8 ? "D" : "host";
	PROMISE(!name_is_digits(user) || name_check(user, strlen(user)) == 0 || strlen(user) > ACCOUNT_NAME_MAX);
	trouble = name_understand(&host, names, user, &m);
	(void)name_trouble_text(trouble, names, user, text, sizeof text);
	PROMISE((trouble == NAME_FINE) == !text[0]);
	if (trouble == NAME_FINE)
		name_meaning_promises(&host, &m);
	(void)name_trouble_text((enum name_trouble)(data[0] >> 4), names, user, text, sizeof text);
	if (name_decode_utf16le(data, size, decoded) == 0)
		PROMISE(name_check(decoded, strlen(decoded)) == 0);
	return 0;
}
