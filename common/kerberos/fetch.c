/* SPDX-License-Identifier: MIT */
/* A new context each time: krb5.conf may have changed, and a KDC that was down is asked again. */
#include "common/kerberos/fetch.h"

#include <errno.h>
#include <krb5/krb5.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"
#include "common/kerberos/enctypes.h"

#define SERVICE "TERMSRV"
#define ENTRIES_MAX 512U /* keytab entries of services and accounts that are read; more are ignored */
#define KEY_MAX 64U

static int failed(krb5_context k, krb5_error_code code, char ret_error[FETCH_ERROR_MAX])
{
	const char *text = krb5_get_error_message(k, code);

	(void)snprintf(ret_error, FETCH_ERROR_MAX, "%s", text);
	krb5_free_error_message(k, text);
	return -EIO;
}

static krb5_error_code open_keytab(krb5_context k, const char *path, krb5_keytab *ret_)
{
	AUTO_FREE char *name = NULL;

	if (asprintf(&name, "FILE:%s", path) < 0) {
		name = NULL;
		return ENOMEM;
	}
	return krb5_kt_resolve(k, name, ret_);
}

/* ---- which principals ---- */

static bool is_machine(krb5_const_principal p)
{
	return p->length == 1 && p->data[0].length > 1 && p->data[0].data[p->data[0].length - 1] == '$';
}

static bool is_service(krb5_const_principal p)
{
	/* `net ads keytab create` writes it in lower case */
	return p->length == 2 && p->data[0].length == strlen(SERVICE) &&
	       strncasecmp(p->data[0].data, SERVICE, strlen(SERVICE)) == 0;
}

/* One key of the keytab. */
struct entry {
	char name[RECORD_PRINCIPAL_MAX];
	bool service, machine, used; /* used: the ticket of this account is needed */
	krb5_kvno vno;
	krb5_enctype enctype;
	unsigned len;
	uint8_t key[KEY_MAX];
};

struct entries {
	unsigned n;
	struct entry *entry; /* ENTRIES_MAX */
};

static void add(krb5_context k, struct entries *all, const krb5_keytab_entry *from)
{
	struct entry *e = &all->entry[all->n];
	char *name = NULL;

	if (all->n == ENTRIES_MAX || (!is_service(from->principal) && from->principal->length != 1) ||
	    from->key.length > KEY_MAX || krb5_unparse_name(k, from->principal, &name) != 0)
		return;
	if (strlen(name) <= PRINCIPAL_MAX) {
		*e = (struct entry){
			.service = is_service(from->principal),
			.machine = is_machine(from->principal),
			.vno = from->vno,
			.enctype = from->key.enctype,
			.len = from->key.length,
		};
		(void)snprintf(e->name, sizeof e->name, "%s", name);
		memcpy(e->key, from->key.contents, from->key.length);
		all->n++;
	}
	krb5_free_unparsed_name(k, name);
}

static krb5_error_code read_entries(krb5_context k, krb5_keytab keytab, struct entries *all)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry e;
	krb5_error_code code = krb5_kt_start_seq_get(k, keytab, &cursor);

	if (code)
		return code;
	while ((code = krb5_kt_next_entry(k, keytab, &e, &cursor)) == 0) {
		add(k, all, &e);
		(void)krb5_free_keytab_entry_contents(k, &e);
	}
	(void)krb5_kt_end_seq_get(k, keytab, &cursor);
	return code == KRB5_KT_END ? 0 : code;
}

/* Returns whether the entry at @at is the first of its name; a keytab has one for each enctype and version. */
static bool is_first(const struct entries *all, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (strcmp(all->entry[i].name, all->entry[at].name) == 0)
			return false;
	return true;
}

static bool same_key(const struct entry *a, const struct entry *b)
{
	return a->enctype == b->enctype && a->len == b->len && secret_equal(a->key, b->key, a->len);
}

/*
 * Returns the account that has a key of @service, by the newest version that an account also has, or NULL. While a new
 * password's keys are being written, only one of account and service may have its newest key yet.
 */
static struct entry *owner(const struct entries *all, const char *service)
{
	const struct entry *newest = NULL;
	struct entry *account = NULL;

	for (unsigned i = 0; i < all->n; i++) {
		const struct entry *s = &all->entry[i];

		if (strcmp(s->name, service) != 0 || (newest && s->vno <= newest->vno))
			continue;
		for (unsigned j = 0; j < all->n; j++) {
			if (all->entry[j].service || !same_key(s, &all->entry[j]))
				continue;
			newest = s;
			account = &all->entry[j];
			break;
		}
	}
	return account;
}

static bool find_owners(struct entries *all)
{
	bool any = false;

	for (unsigned i = 0; i < all->n; i++) {
		struct entry *e = &all->entry[i], *account = e->service ? owner(all, e->name) : e->machine ? e : NULL;

		if (account)
			account->used = any = true;
	}
	return any;
}

static void add_name(const struct entries *all, const struct entry *service, bool accounts, struct keeper_names *names)
{
	struct keeper_name *n = &names->name[names->n];
	const struct entry *account = owner(all, service->name);

	if (names->n == SERVER_NAMES_MAX)
		return;
	(void)snprintf(n->server, sizeof n->server, "%s", service->name);
	*strrchr(n->server, '@') = '\0';
	if (account)
		(void)snprintf(n->owner, sizeof n->owner, "%s", account->name);
	else if (!accounts)
		(void)snprintf(n->owner, sizeof n->owner, "%s", service->name);
	names->n++;
}

static void add_principal(struct keytab_list *list, const char *name)
{
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->principal[i], name) == 0)
			return;
	if (list->n < TGTS_MAX)
		(void)snprintf(list->principal[list->n++], sizeof *list->principal, "%s", name);
}

static void make_list(struct entries *all, struct keytab_list *list)
{
	bool accounts = find_owners(all);

	for (unsigned i = 0; i < all->n; i++) {
		const struct entry *e = &all->entry[i];

		if (e->service && is_first(all, i))
			add_name(all, e, accounts, &list->names);
		if (accounts ? e->used : e->service)
			add_principal(list, e->name);
	}
}

int fetch_list(const char *path, struct keytab_list *ret_, char ret_error[FETCH_ERROR_MAX])
{
	struct entries all = { .entry = calloc(ENTRIES_MAX, sizeof *all.entry) };
	krb5_keytab keytab = NULL;
	krb5_context k = NULL;
	krb5_error_code code = all.entry ? krb5_init_context(&k) : ENOMEM;

	if (code == 0)
		code = open_keytab(k, path, &keytab);
	if (code == 0)
		code = read_entries(k, keytab, &all);
	if (code == 0) {
		*ret_ = (struct keytab_list){ .names = { .type = KEEPER_NAMES } };
		make_list(&all, ret_);
	} else {
		(void)failed(k, code, ret_error);
	}
	if (all.entry)
		secret_wipe(all.entry, ENTRIES_MAX * sizeof *all.entry);
	free(all.entry);
	if (keytab)
		(void)krb5_kt_close(k, keytab);
	if (k)
		krb5_free_context(k);
	return code ? -EIO : 0;
}

/* ---- the ticket ---- */

/* Returns advice about the KDC's error, for errors that have no advice in their text. */
static const char *hint(krb5_error_code code, krb5_const_principal p)
{
	if (code == KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN && is_service(p))
		return "; in Active Directory the key of HOST$ has to be in the keytab (net ads keytab add 'HOST$')";
	if (code == KRB5KDC_ERR_PREAUTH_FAILED)
		return "; the keytab is out of date (the machine's password was changed)";
	return "";
}

static krb5_error_code get(krb5_context k, krb5_keytab keytab, krb5_principal p, krb5_creds *ret_creds)
{
	/* a session key of another type (RC4) makes clients hang up */
	krb5_enctype aes[AES_ENCTYPES_MAX];
	const unsigned n = enctypes_permitted(k, aes);
	krb5_get_init_creds_opt *o = NULL;
	krb5_error_code code = n ? krb5_get_init_creds_opt_alloc(k, &o) : KRB5_CONFIG_ETYPE_NOSUPP;

	if (code)
		return code;
	krb5_get_init_creds_opt_set_etype_list(o, aes, (int)n);
	krb5_get_init_creds_opt_set_forwardable(o, 0);
	krb5_get_init_creds_opt_set_proxiable(o, 0);
	code = krb5_get_init_creds_keytab(k, ret_creds, p, keytab, 0, NULL, o);
	krb5_get_init_creds_opt_free(k, o);
	return code;
}

static int fill(const krb5_creds *c, const char *principal, struct keeper_tgt *ret_, char ret_error[FETCH_ERROR_MAX])
{
	if (c->keyblock.length > SESSION_KEY_MAX || c->ticket.length > TGT_MAX) {
		(void)snprintf(ret_error, FETCH_ERROR_MAX, "the KDC's ticket has %u bytes, its key %u: too large",
			       c->ticket.length, c->keyblock.length);
		return -EIO;
	}
	*ret_ = (struct keeper_tgt){ .type = KEEPER_TGT };
	ret_->key_len = (uint8_t)c->keyblock.length;
	ret_->ticket_len = (uint16_t)c->ticket.length;
	ret_->enctype = c->keyblock.enctype;
	ret_->ends = (int64_t)(uint32_t)c->times.endtime; /* krb5_timestamp is unsigned since 2018 */
	(void)snprintf(ret_->principal, sizeof ret_->principal, "%s", principal);
	memcpy(ret_->key, c->keyblock.contents, c->keyblock.length);
	memcpy(ret_->ticket, c->ticket.data, c->ticket.length);
	return 0;
}

static int get_tgt(const char *path, const char *principal, struct keeper_tgt *ret_, char ret_error[FETCH_ERROR_MAX])
{
	krb5_principal p = NULL;
	krb5_keytab keytab = NULL;
	krb5_context k = NULL;
	krb5_creds creds = { .magic = 0 };
	krb5_error_code code = krb5_init_context(&k);
	int r;

	if (code)
		return failed(NULL, code, ret_error);
	code = krb5_parse_name(k, principal, &p);
	if (code == 0)
		code = open_keytab(k, path, &keytab);
	if (code == 0)
		code = get(k, keytab, p, &creds);
	r = code ? failed(k, code, ret_error) : fill(&creds, principal, ret_, ret_error);
	if (code && p)
		(void)snprintf(ret_error + strlen(ret_error), FETCH_ERROR_MAX - strlen(ret_error), "%s", hint(code, p));
	krb5_free_cred_contents(k, &creds); /* wipes the key */
	if (keytab)
		(void)krb5_kt_close(k, keytab);
	krb5_free_principal(k, p);
	krb5_free_context(k);
	return r;
}

/* ---- in a process of its own ---- */

/* Sends a struct keeper_tgt without its unused end, or an error text. */
__attribute__((noreturn)) static void run(const char *path, const char *principal, int fd, pid_t parent)
{
	static struct keeper_tgt tgt;
	char error[FETCH_ERROR_MAX];
	int r;

	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(KEEPER_FETCH_TIMEOUT_SEC);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	(void)prctl(PR_SET_NAME, "keeper-fetch");
	if (get_tgt(path, principal, &tgt, error) == 0)
		r = packet_send(fd, &tgt, offsetof(struct keeper_tgt, ticket) + tgt.ticket_len, NULL, 0);
	else
		r = packet_send(fd, error, strlen(error) + 1, NULL, 0);
	_exit(r == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int fetch_start(const char *path, const char *principal, struct fetch *ret_)
{
	pid_t parent = getpid(), pid;
	int pair[2];
	int r = packet_pair(0, pair);

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		run(path, principal, pair[1], parent);
	r = pid < 0 ? -errno : 0;
	(void)close_fd(pair[1]);
	if (r < 0) {
		(void)close_fd(pair[0]);
		return r;
	}
	*ret_ = (struct fetch){ .pid = pid, .fd = pair[0] };
	(void)snprintf(ret_->principal, sizeof ret_->principal, "%s", principal);
	return 0;
}

/* Returns 0 for a ticket, else -EIO. */
static int take_result(const struct keeper_tgt *got, ssize_t n, char ret_error[FETCH_ERROR_MAX])
{
	if (n > 0 && got->type == KEEPER_TGT)
		return n == (ssize_t)offsetof(struct keeper_tgt, ticket) + got->ticket_len ? 0 : -EIO;
	if (n > 0 && memchr(got, '\0', (size_t)n))
		(void)snprintf(ret_error, FETCH_ERROR_MAX, "%s", (const char *)got);
	return -EIO;
}

int fetch_finish(struct fetch *f, struct keeper_tgt *ret_, char ret_error[FETCH_ERROR_MAX])
{
	static struct keeper_tgt got;
	ssize_t n = packet_recv(f->fd, &got, sizeof got, NULL, 0);
	int status, r;

	(void)snprintf(ret_error, FETCH_ERROR_MAX, "no answer after %u s", KEEPER_FETCH_TIMEOUT_SEC);
	r = take_result(&got, n, ret_error);
	if (r == 0)
		*ret_ = got;
	secret_wipe(&got, sizeof got);
	(void)close_fd(f->fd);
	(void)waitpid(f->pid, &status, 0);
	*f = (struct fetch){ .fd = -1 };
	return r;
}
