/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/vault.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"

#define HASH_LEN 32U

struct ticket {
	bool used;
	int fd;
	uint64_t expires;
	uint64_t serial; /* the lower the older */
	uint8_t hash[HASH_LEN];
	struct vault_logon about;
};

struct vault {
	size_t count;
	uint64_t last_serial;
	struct ticket ticket[TICKETS_MAX];
};

struct vault *vault_new(void)
{
	return calloc(1, sizeof(struct vault));
}

static void drop(struct vault *v, struct ticket *t)
{
	(void)close_fd(t->fd);
	*t = (struct ticket){ .fd = -1 };
	v->count--;
}

void vault_free(struct vault *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < TICKETS_MAX; i++)
		if (v->ticket[i].used)
			drop(v, &v->ticket[i]);
	free(v);
}

size_t vault_count(const struct vault *v)
{
	return v->count;
}

static int hash_ticket(const char *ticket, uint8_t ret_hash[HASH_LEN])
{
	return EVP_Digest(ticket, TICKET_LEN, ret_hash, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

/* RFC 4648 section 5, without padding: 32 bytes are 43 characters. */
static void base64url(const uint8_t in[TICKET_BYTES], char *out)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < TICKET_BYTES; i++) {
		bits = bits << 8 | in[i];
		for (n += 8; n >= 6; n -= 6)
			*out++ = digit[bits >> (n - 6) & 0x3f];
	}
	if (n)
		*out++ = digit[bits << (6 - n) & 0x3f];
	*out = '\0';
}

static int mint(char ret_ticket[TICKET_LEN + 1])
{
	uint8_t random[TICKET_BYTES];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return -EIO;
	memcpy(ret_ticket, TICKET_PREFIX, sizeof TICKET_PREFIX);
	base64url(random, ret_ticket + sizeof TICKET_PREFIX - 1);
	secret_wipe(random, sizeof random);
	return 0;
}

static unsigned of_account(const struct vault *v, uid_t uid)
{
	unsigned n = 0;

	for (size_t i = 0; i < TICKETS_MAX; i++)
		n += v->ticket[i].used && v->ticket[i].about.uid == uid;
	return n;
}

static struct ticket *free_slot(struct vault *v)
{
	for (size_t i = 0; i < TICKETS_MAX; i++)
		if (!v->ticket[i].used)
			return &v->ticket[i];
	return NULL;
}

bool vault_account_is_full(const struct vault *v, uid_t uid)
{
	return of_account(v, uid) >= TICKETS_PER_ACCOUNT_MAX;
}

int vault_evict(struct vault *v, struct vault_logon *ret_about)
{
	struct ticket *found = NULL;
	unsigned most = 0;

	if (v->count < TICKETS_MAX)
		return 0;
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		struct ticket *t = &v->ticket[i];
		unsigned n = of_account(v, t->about.uid);

		if (!found || n > most || (n == most && t->serial < found->serial)) {
			found = t;
			most = n;
		}
	}
	if (!found)
		return 0;
	*ret_about = found->about;
	drop(v, found);
	return 1;
}

int vault_put(struct vault *v, const struct vault_logon *about, int pipe_fd, uint64_t expires,
	      char ret_ticket[TICKET_LEN + 1])
{
	struct ticket *t = vault_account_is_full(v, about->uid) ? NULL : free_slot(v);
	char ticket[TICKET_LEN + 1];
	int r;

	if (!t)
		return -EMFILE;
	r = mint(ticket);
	if (r == 0)
		r = hash_ticket(ticket, t->hash);
	if (r == 0) {
		t->used = true;
		t->fd = pipe_fd;
		t->expires = expires;
		t->serial = ++v->last_serial;
		t->about = *about;
		v->count++;
		memcpy(ret_ticket, ticket, sizeof ticket);
	}
	secret_wipe(ticket, sizeof ticket);
	return r;
}

/* Compares with every entry, so that the time does not show which entry matched. */
static struct ticket *find_ticket(struct vault *v, const char *ticket)
{
	struct ticket *found = NULL;
	uint8_t hash[HASH_LEN];

	if (strlen(ticket) != TICKET_LEN || hash_ticket(ticket, hash) < 0)
		return NULL;
	for (size_t i = 0; i < TICKETS_MAX; i++)
		if (v->ticket[i].used && secret_equal(v->ticket[i].hash, hash, HASH_LEN))
			found = &v->ticket[i];
	return found;
}

enum vault_result vault_redeem(struct vault *v, const char *ticket, const char *service, const char *user, uint64_t now,
			       struct vault_logon *ret_about, int *ret_fd)
{
	enum vault_result result = VAULT_MISMATCH;
	struct ticket *t = find_ticket(v, ticket);

	if (!t)
		return VAULT_NO_TICKET;
	if (now >= t->expires) /* vault_expire() drops it */
		return VAULT_NO_TICKET;
	*ret_about = t->about;
	if (strcmp(t->about.service, service) == 0 && strcmp(t->about.user, user) == 0) {
		*ret_fd = TAKE_FD(t->fd);
		result = VAULT_GRANTED;
	}
	drop(v, t);
	return result;
}

int vault_revoke(struct vault *v, uint64_t logon, struct vault_logon *ret_about)
{
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		struct ticket *t = &v->ticket[i];

		if (!t->used || t->about.logon != logon)
			continue;
		*ret_about = t->about;
		drop(v, t);
		return 1;
	}
	return 0;
}

int vault_expire(struct vault *v, uint64_t now, struct vault_logon *ret_about)
{
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		struct ticket *t = &v->ticket[i];

		if (!t->used || now < t->expires)
			continue;
		*ret_about = t->about;
		drop(v, t);
		return 1;
	}
	return 0;
}

uint64_t vault_next_expiry(const struct vault *v)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < TICKETS_MAX; i++)
		if (v->ticket[i].used && v->ticket[i].expires < next)
			next = v->ticket[i].expires;
	return next;
}
