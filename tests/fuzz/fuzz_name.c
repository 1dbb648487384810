/* SPDX-License-Identifier: MIT */
/* Names of clients: an octet that chooses what this host knows, the domain, NUL, the user. */
#include "common/wire/name.h"
#include "tests/fuzz/fuzz.h"

#define NAME_ROOM 1024U

static bool name_equals(const void *context, const char *domain)
{
	return strcmp(domain, context) == 0;
}

static void name_meaning_promises(const struct name_meaning *m)
{
	PROMISE(*m->user && !strpbrk(m->user, ":/\\@\n\r\x1b"));
	PROMISE(m->kind == NAME_LISTED || !*m->also);
	PROMISE(name_check(m->user, strlen(m->user)) == 0 && name_check(m->domain, strlen(m->domain)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *domains[] = { (char[]){ "D" }, (char[]){ "d.test" }, (char[]){ "e.test" }, NULL };
	char *local[] = { (char[]){ "L" }, NULL };
	char names[NAME_ROOM + 1], decoded[ACCOUNT_NAME_MAX + 1], text[200];
	struct name_host host = { .is_own = name_equals, .is_realm = name_equals, .context = "host" };
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
		name_meaning_promises(&m);
	(void)name_trouble_text((enum name_trouble)(data[0] >> 4), names, user, text, sizeof text);
	if (name_decode_utf16le(data, size, decoded) == 0)
		PROMISE(name_check(decoded, strlen(decoded)) == 0);
	return 0;
}
