/* SPDX-License-Identifier: MIT */
/* org.credssp1.Manager: calls of credsspctl, and of pam_credssp when a password changes. Answers contain no secrets. */
#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "credsspd/bus/bus.h"
#include "credsspd/bus/reply.h"
#include "include/credssp/bus-api.h"

/* ---- Status ---- */

static int add_u32(sd_bus_message *r, const char *key, uint32_t value)
{
	return sd_bus_message_append(r, "{sv}", key, "u", value);
}

static int add_u64(sd_bus_message *r, const char *key, uint64_t value)
{
	return sd_bus_message_append(r, "{sv}", key, "t", value);
}

/* What clients are offered now. */
static int add_mechanisms(sd_bus_message *r, const struct supervisor *s)
{
	const char *krb5 = "krb5", *ntlm = "ntlm";
	bool k = s->config.kerberos != CONFIG_KERBEROS_OFF && !services_kerberos_off(&s->services);
	bool n = s->config.ntlm != CONFIG_NTLM_OFF && !services_ntlm_off(&s->services);

	if (k && n)
		return sd_bus_message_append(r, "{sv}", "mechanisms", "as", 2, krb5, ntlm);
	return sd_bus_message_append(r, "{sv}", "mechanisms", "as", k || n, k ? krb5 : ntlm);
}

/* Opens the entry @key, a dictionary with entries of @type; close_dictionary() ends it. */
static int open_dictionary(sd_bus_message *r, const char *key, const char *type)
{
	char array[16];
	int e = sd_bus_message_open_container(r, 'e', "sv");

	(void)snprintf(array, sizeof array, "a{%s}", type);
	if (e >= 0)
		e = sd_bus_message_append(r, "s", key);
	if (e >= 0)
		e = sd_bus_message_open_container(r, 'v', array);
	return e < 0 ? e : sd_bus_message_open_container(r, 'a', array + 1);
}

static int close_dictionary(sd_bus_message *r)
{
	int e = 0;

	for (int i = 0; i < 3 && e >= 0; i++)
		e = sd_bus_message_close_container(r);
	return e;
}

/* What is configured, and not offered. */
static int add_mechanisms_off(sd_bus_message *r, const struct supervisor *s)
{
	const struct {
		const char *name;
		bool off;
	} row[] = {
		{ "krb5", services_kerberos_off(&s->services) },
		{ "ntlm", services_ntlm_off(&s->services) },
		{ "user-to-user", services_usertouser_off(&s->services) },
	};
	int e = open_dictionary(r, "mechanisms-off", "ss");

	for (size_t i = 0; i < sizeof row / sizeof *row && e >= 0; i++)
		if (row[i].off)
			e = sd_bus_message_append(r, "{ss}", row[i].name,
						  "its process did not start; the log says why");
	return e < 0 ? e : close_dictionary(r);
}

static int add_refusals(sd_bus_message *r, const struct logons *l)
{
	int e = open_dictionary(r, "refusals", "st");

	for (unsigned i = 1; i < REFUSAL_MAX_ && e >= 0; i++)
		if (l->refusals[i])
			e = sd_bus_message_append(r, "{st}", refusal_word(i), l->refusals[i]);
	return e < 0 ? e : close_dictionary(r);
}

/* For user-to-user: how many ticket-granting tickets are valid, and until when. */
static int add_tgts(sd_bus_message *r, const struct supervisor *s)
{
	const struct keeper_state *k = services_keeper_state(&s->services);
	int e;

	if (!k)
		return 0;
	e = add_u32(r, "tgts", k->tgts);
	return e < 0 ? e : add_u64(r, "tgts-until", (uint64_t)k->until);
}

/* The number of handshakes in each state of the supervisor; empty states are left out. */
static int add_states(sd_bus_message *r, const struct supervisor *s)
{
	unsigned count[LOGON_STATES_];
	int e = open_dictionary(r, "handshake-states", "su");

	logons_states(&s->logons, count);
	for (unsigned i = 0; i < LOGON_STATES_ && e >= 0; i++)
		if (count[i])
			e = sd_bus_message_append(r, "{su}", logon_state_name(i), count[i]);
	return e < 0 ? e : close_dictionary(r);
}

static int add_limits(sd_bus_message *r, const struct config *c)
{
	return sd_bus_message_append(r, "{sv}", "limits", "a{su}", 9, "handshakes", HANDSHAKES_MAX,
				     "handshakes-per-front-end", HANDSHAKES_PER_CALLER_MAX, "handshakes-per-address",
				     BACKOFF_IN_FLIGHT_MAX, "handshake-timeout-sec", c->handshake_timeout_sec,
				     "tickets", TICKETS_MAX, "tickets-per-account", TICKETS_PER_ACCOUNT_MAX,
				     "ticket-lifetime-sec", c->ticket_lifetime_sec, "backoff-failures",
				     c->backoff_failures, "backoff-max-sec", c->backoff_max_sec);
}

int bus_status(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	const struct tickets_counters *t = tickets_counters(s->tickets);
	const struct logons *l = &s->logons;
	const struct config *c = &s->config;
	const struct {
		const char *key;
		uint64_t value;
	} counter[] = {
		{ "granted", l->granted },   { "refused", l->refused },
		{ "redeemed", t->redeemed }, { "redeem-refused", t->redeem_refused },
		{ "expired", t->expired },   { "revoked", t->revoked },
		{ "evicted", t->evicted },   { "crashes", s->services.crashes },
	};
	sd_bus_message *r = NULL;
	char stale[128];
	int e;

	e = sd_bus_message_new_method_return(m, &r);
	if (e >= 0)
		e = sd_bus_message_open_container(r, 'a', "{sv}");
	if (e >= 0)
		e = sd_bus_message_append(r, "{sv}", "version", "s", CREDSSP_VERSION);
	if (e >= 0)
		e = add_u32(r, "handshakes", l->live);
	if (e >= 0)
		e = add_states(r, s);
	if (e >= 0)
		e = add_u32(r, "tickets", tickets_outstanding(s->tickets));
	for (size_t i = 0; i < sizeof counter / sizeof *counter && e >= 0; i++)
		e = add_u64(r, counter[i].key, counter[i].value);
	if (e >= 0)
		e = add_refusals(r, l);
	if (e >= 0)
		e = add_mechanisms(r, s);
	if (e >= 0)
		e = add_mechanisms_off(r, s);
	if (e >= 0)
		e = add_tgts(r, s);
	supervisor_stale(s, stale, sizeof stale);
	if (e >= 0)
		e = sd_bus_message_append(r, "{sv}", "stale", "s", stale);
	if (e >= 0)
		e = add_u64(r, "config-time", (uint64_t)c->changed);
	if (e >= 0)
		e = add_limits(r, c);
	if (e >= 0)
		e = sd_bus_message_close_container(r);
	if (e >= 0)
		e = sd_bus_send(NULL, r, NULL);
	sd_bus_message_unref(r);
	return e;
}

static void on_reloaded(enum reload_result result, const char *stale, void *userdata)
{
	sd_bus_message *m = userdata;

	switch (result) {
	case RELOAD_DONE:
		(void)sd_bus_reply_method_return(m, "");
		break;
	case RELOAD_STALE:
		(void)sd_bus_reply_method_errorf(
		    m, CREDSSP_ERROR_NOT_RENEWED,
		    "%s did not restart: the old process, if any, continues; the log says why", stale);
		break;
	case RELOAD_STOPPED:
		(void)sd_bus_reply_method_errorf(m, CREDSSP_ERROR_NOT_RENEWED, "the daemon stops");
		break;
	}
	sd_bus_message_unref(m);
}

int bus_reload(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	AUTO_FREE char *error = NULL;
	int r;

	r = supervisor_reload(s, on_reloaded, sd_bus_message_ref(m), &error);
	if (r >= 0)
		return 0;
	sd_bus_message_unref(m);
	log_line(LOG_ERR, "reload refused, the old configuration stays: %s", error ? error : "no memory");
	return sd_bus_reply_method_errorf(m, CREDSSP_ERROR_INVALID_ARGUMENT, "%s", error ? error : "no memory");
}

/* ---- the NTLM store ---- */

static void on_changed(int result, void *userdata)
{
	sd_bus_message *m = userdata;

	if (result < 0)
		(void)bus_reply_errno(m, result);
	else
		(void)sd_bus_reply_method_return(m, "");
	sd_bus_message_unref(m);
}

int bus_set_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	const char *user;
	int fd, r;

	if (sd_bus_message_read(m, "sh", &user, &fd) < 0)
		return -EINVAL;
	r = ntlm_store_set(s->store, user, fd, on_changed, sd_bus_message_ref(m));
	if (r < 0)
		sd_bus_message_unref(m);
	return r;
}

int bus_update_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	const char *user;
	int create, fd, r;

	if (sd_bus_message_read(m, "sbh", &user, &create, &fd) < 0)
		return -EINVAL;
	r = ntlm_store_update(s->store, user, create != 0, fd, on_changed, sd_bus_message_ref(m));
	if (r < 0)
		sd_bus_message_unref(m);
	return r;
}

int bus_delete_verifier(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	const char *user;
	int r;

	if (sd_bus_message_read(m, "s", &user) < 0)
		return -EINVAL;
	r = ntlm_store_delete(s->store, user, on_changed, sd_bus_message_ref(m));
	if (r < 0)
		sd_bus_message_unref(m);
	return r;
}

struct list_call {
	sd_bus_message *call, *reply;
};

static void on_listed(const char *name, int result, void *userdata)
{
	struct list_call *l = userdata;

	if (name) {
		(void)sd_bus_message_append(l->reply, "s", name);
		return;
	}
	if (result >= 0)
		result = sd_bus_message_close_container(l->reply);
	if (result >= 0)
		result = sd_bus_send(NULL, l->reply, NULL);
	if (result < 0)
		(void)bus_reply_errno(l->call, result);
	sd_bus_message_unref(l->reply);
	sd_bus_message_unref(l->call);
	free(l);
}

int bus_list_verifiers(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	struct list_call *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->call = sd_bus_message_ref(m);
	r = sd_bus_message_new_method_return(m, &l->reply);
	if (r >= 0)
		r = sd_bus_message_open_container(l->reply, 'a', "s");
	if (r >= 0)
		r = ntlm_store_list(s->store, on_listed, l);
	if (r < 0) {
		sd_bus_message_unref(l->reply);
		sd_bus_message_unref(l->call);
		free(l);
	}
	return r;
}
