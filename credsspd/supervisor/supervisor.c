/* SPDX-License-Identifier: MIT */
/*
 * The spine: which processes exist, when the daemon is ready, tickets and their
 * end. One handshake is logon.c; D-Bus is credsspd/bus/.
 */
#include "credsspd/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/ipc/handover.h"
#include "common/ipc/packet.h"
#include "credsspd/supervisor/supervisor-private.h"
#include "credsspd/supervisor/tickets.h"

#define USEC_PER_SEC_ 1000000ULL

uint64_t supervisor_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC_ + (uint64_t)t.tv_nsec / 1000;
}

/* ---- processes ---- */

static int on_verifier_record(struct child *c, const void *p, size_t len, void *userdata)
{
	struct supervisor *s = userdata;
	struct verifier_result result;

	(void)c;
	if (*(const uint8_t *)p != VERIFIER_RESULT)
		return store_record(s, p, len);
	if (len != sizeof result)
		return -EPROTO;
	memcpy(&result, p, sizeof result);
	return handshake_verifier_result(s, &result);
}

static void on_verifier_gone(struct child *c, void *userdata)
{
	struct supervisor *s = userdata;

	handshake_verifier_gone(s, c);
	store_verifier_gone(s, c);
}

/* ---- the keeper and the krb5 template ---- */

/*
 * One socket between the two that are current; child.use of the template says to which keeper it has one. Session keys
 * go over it and not through this process.
 */
static void connect_keeper(struct supervisor *s)
{
	struct template_record to_template = { .type = TEMPLATE_KEEPER };
	const uint8_t to_keeper = KEEPER_ATTACH;
	struct child *keeper = service_current(s->keeper), *template = service_current(s->krb5);
	int pair[2], r;

	if (!keeper || !template || template->use == keeper)
		return;
	r = packet_pair(0, pair);
	if (r == 0) {
		r = packet_send(template->control, &to_template, sizeof to_template, &pair[0], 1);
		if (r == 0)
			r = packet_send(keeper->control, &to_keeper, sizeof to_keeper, &pair[1], 1);
		(void)close_fd(pair[0]);
		(void)close_fd(pair[1]);
	}
	if (r < 0)
		log_line(LOG_ERR, "keeper: not connected to the krb5 template: %s", strerror(-r));
	else
		template->use = keeper;
}

/* Returns a sealed copy in memory, or -1. sendfile(): the keys do not pass through the memory of this process. */
static int copy_keytab(const char *path)
{
	AUTO_CLOSE int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_CLOSE int to = from < 0 ? -1 : memfd_create("keytab", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t left = KEYTAB_FILE_MAX;
	ssize_t n = to < 0 ? -1 : 1;

	for (; n > 0 && left > 0; left -= (size_t)n)
		n = sendfile(to, from, NULL, left);
	if (n < 0 || left == 0 || fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -1;
	return TAKE_FD(to);
}

/* The keeper's user may not open the keytab, so it gets a copy. Without one it tries, and logs the error. */
static int send_reread(const struct supervisor *s, const struct child *keeper)
{
	const uint8_t reread = KEEPER_REREAD;
	AUTO_CLOSE int fd = copy_keytab(s->config.keytab);

	return packet_send(keeper->control, &reread, sizeof reread, &fd, fd < 0 ? 0 : 1);
}

static void greet_keeper(struct child *c, void *userdata)
{
	(void)send_reread(userdata, c);
}

static int on_keeper_record(struct child *c, const void *p, size_t len, void *userdata)
{
	struct supervisor *s = userdata;

	if (len != sizeof s->keeper_state || *(const uint8_t *)p != KEEPER_STATE)
		return -EPROTO;
	if (c == service_current(s->keeper)) {
		memcpy(&s->keeper_state, p, sizeof s->keeper_state);
		s->keeper_serial = c->serial;
	}
	return 0;
}

static void on_keeper_gone(struct child *c, void *userdata)
{
	struct supervisor *s = userdata;
	struct child *template = service_current(s->krb5);

	/* its address may be given to another one */
	if (template && template->use == c)
		template->use = NULL;
}

int supervisor_reread_keeper(struct supervisor *s)
{
	struct child *keeper = service_current(s->keeper);
	uint64_t serial;

	if (!keeper)
		return service_renew(s->keeper, &serial);
	/* a process of its own takes any number of these: it hangs, and another one is started when it has gone */
	if (send_reread(s, keeper) < 0)
		child_kill(keeper);
	return 0;
}

static bool service_settled(struct service *sv)
{
	return !sv || service_current(sv) || service_failed_to_start(sv);
}

static bool service_off(const struct service *sv)
{
	return sv && service_failed_to_start(sv);
}

static bool kerberos_off(const struct supervisor *s)
{
	return service_off(s->krb5);
}

static bool ntlm_off(const struct supervisor *s)
{
	return service_off(s->ntlm) || service_off(s->verifier);
}

static void log_off(const char *what, const char *rest)
{
	log_line(
	    LOG_ERR,
	    "%s is off, for its process did not start (see its lines above); %s. Another attempt follows in %u s, and "
	    "after credsspctl reload",
	    what, rest, CHILD_RETRY_SEC);
}

/* A mechanism that cannot work on this host is off, and the rest runs. */
static void log_what_is_off(const struct supervisor *s)
{
	if (kerberos_off(s))
		log_off("Kerberos", "clients log on by NTLM");
	if (ntlm_off(s))
		log_off("NTLM", "clients log on by Kerberos");
	if (service_off(s->keeper) && !kerberos_off(s))
		log_off("user-to-user", "clients log on without it");
}

static void check_ready(struct supervisor *s)
{
	if (s->was_ready)
		return;
	if (resolver_pool_failed_to_start(s->resolvers) ||
	    ((!s->krb5 || kerberos_off(s)) && (!s->ntlm || ntlm_off(s)))) {
		s->failed_fn(s->userdata);
		return;
	}
	if (service_settled(s->krb5) && service_settled(s->ntlm) && service_settled(s->verifier) &&
	    service_settled(s->keeper) && resolver_pool_ready(s->resolvers)) {
		s->was_ready = true;
		log_what_is_off(s);
		s->ready_fn(s->userdata);
	}
}

static void on_service_ready(struct service *sv, void *userdata)
{
	struct supervisor *s = userdata;

	connect_keeper(s); /* before a logon that waits for a template gets its worker */
	if (sv == s->krb5)
		keys_service_changed(s);
	check_ready(s);
	reload_check(s);
}

static void on_resolvers_changed(void *userdata)
{
	struct supervisor *s = userdata;

	/* the first call comes from within resolver_pool_new() at the earliest */
	if (!s->resolvers)
		return;
	check_ready(s);
	reload_check(s);
}

static const struct service_ops krb5_ops = {
	.name = "krb5 template",
	.arg1 = "--template",
	.arg2 = "krb5",
	.ready_type = TEMPLATE_READY,
	.ping_type = TEMPLATE_PING,
	.ping_len = sizeof(struct template_record),
	.sign_sec = CHILD_SIGN_TIMEOUT_SEC,
	.record_max = sizeof(struct template_record),
	.record = handshake_template_record,
	.gone = handshake_template_gone,
	.ready = on_service_ready,
};

static const struct service_ops ntlm_ops = {
	.name = "ntlm template",
	.arg1 = "--template",
	.arg2 = "ntlm",
	.ready_type = TEMPLATE_READY,
	.ping_type = TEMPLATE_PING,
	.ping_len = sizeof(struct template_record),
	.sign_sec = CHILD_SIGN_TIMEOUT_SEC,
	.record_max = sizeof(struct template_record),
	.record = handshake_template_record,
	.gone = handshake_template_gone,
	.ready = on_service_ready,
};

static const struct service_ops verifier_ops = {
	.name = "verifier",
	.socket = WARDEN_SOCKETS "/verifier",
	.ready_type = VERIFIER_READY,
	.ping_type = VERIFIER_PING,
	.ping_len = sizeof(struct verifier_control),
	.sign_sec = CHILD_SIGN_TIMEOUT_SEC,
	.record_max = sizeof(struct verifier_result),
	.record = on_verifier_record,
	.gone = on_verifier_gone,
	.ready = on_service_ready,
	/* who was proved is known before the worker's word of it is read */
	.priority = SD_EVENT_PRIORITY_IMPORTANT,
};

static const struct service_ops keeper_ops = {
	.name = "keeper",
	.socket = WARDEN_SOCKETS "/keeper",
	.greet = greet_keeper,
	.ready_type = KEEPER_READY,
	.ping_type = KEEPER_PING,
	.ping_len = 1,
	.sign_sec = KEEPER_SIGN_TIMEOUT_SEC,
	.record_max = sizeof(struct keeper_state),
	.record = on_keeper_record,
	.gone = on_keeper_gone,
	.ready = on_service_ready,
};

/* Starts, renews or ends the service so that it is as @wanted says. */
static int settle(struct supervisor *s, struct service **service, const struct service_ops *ops, bool wanted)
{
	uint64_t serial;
	int r = 0;

	if (wanted && ops == &keeper_ops && *service)
		return supervisor_reread_keeper(s);
	if (wanted) {
		if (!*service)
			r = service_new(s->event, ops, s->config_path, s, service);
		if (r == 0)
			r = service_renew(*service, &serial);
		if (r == 0 && ops == &krb5_ops && s->was_ready)
			keys_expect(s, serial);
		return r;
	}
	if (*service)
		log_line(LOG_NOTICE, "%s: switched off", ops->name);
	service_free(*service);
	*service = NULL;
	return 0;
}

static int first_failure(int r, int then)
{
	return r < 0 ? r : then;
}

int supervisor_settle(struct supervisor *s)
{
	enum config_kerberos kerberos = s->config.kerberos;
	bool ntlm = s->config.ntlm != CONFIG_NTLM_OFF;
	int r = keys_watch(s);

	/* all of them, whatever fails on the way */
	r = first_failure(r, settle(s, &s->verifier, &verifier_ops, ntlm));
	r = first_failure(r, settle(s, &s->ntlm, &ntlm_ops, ntlm));
	r = first_failure(r, settle(s, &s->keeper, &keeper_ops,
				    kerberos != CONFIG_KERBEROS_OFF && kerberos != CONFIG_KERBEROS_SERVICE_TICKET));
	return first_failure(r, settle(s, &s->krb5, &krb5_ops, kerberos != CONFIG_KERBEROS_OFF));
}

void supervisor_worker_crashed(struct supervisor *s, struct service *template)
{
	s->counters.crashes++;
	(void)service_start(template);
}

/* ---- tickets ---- */

static int on_vault_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void arm_vault_timer(struct supervisor *s)
{
	uint64_t next = vault_next_expiry(s->vault);

	s->vault_timer = sd_event_source_disable_unref(s->vault_timer);
	if (next != UINT64_MAX &&
	    sd_event_add_time(s->event, &s->vault_timer, CLOCK_BOOTTIME, next, 100000, on_vault_timer, s) < 0)
		log_line(LOG_ERR, "vault: no timer; tickets are swept when the next one is put");
}

static void sweep_vault(struct supervisor *s)
{
	struct vault_logon about;

	while (vault_expire(s->vault, supervisor_now(), &about)) {
		struct log_logon who = {
			.logon = about.logon, .user = about.user, .rhost = about.rhost, .service = about.service
		};

		s->counters.expired++;
		log_logon_line(LOG_WARNING, &who, "ticket expired unused");
		grant_end(s, about.logon);
	}
}

static int on_vault_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct supervisor *s = userdata;

	(void)source;
	(void)usec;
	sweep_vault(s);
	arm_vault_timer(s);
	return 0;
}

/* Accounts with a valid password cannot keep others out: their own tickets go. */
static void make_room(struct supervisor *s)
{
	struct vault_logon about;

	while (vault_evict(s->vault, &about)) {
		struct log_logon who = { .logon = about.logon,
					 .user = about.user,
					 .rhost = about.rhost,
					 .service = about.service,
					 .reason = refusal_word(REFUSAL_LIMIT) };

		s->counters.evicted++;
		log_logon_line(LOG_WARNING, &who,
			       "ticket evicted: %u tickets are outstanding, most of them of this account", TICKETS_MAX);
		grant_end(s, about.logon);
	}
}

int supervisor_put_ticket(struct supervisor *s, const struct vault_logon *about, int pipe_fd,
			  char ret_ticket[TICKET_LEN + 1])
{
	uint64_t expires = supervisor_now() + s->config.ticket_lifetime_sec * USEC_PER_SEC_;
	int r;

	sweep_vault(s);
	make_room(s);
	r = vault_put(s->vault, about, pipe_fd, expires, ret_ticket);
	arm_vault_timer(s);
	return r;
}

void supervisor_revoke(struct supervisor *s, uint64_t logon)
{
	struct vault_logon about;
	struct log_logon who;

	if (!vault_revoke(s->vault, logon, &about))
		return;
	who = (struct log_logon){ .logon = logon, .user = about.user, .rhost = about.rhost, .service = about.service };
	s->counters.revoked++;
	log_logon_line(LOG_INFO, &who, "ticket revoked: the connection that it was for has ended");
	arm_vault_timer(s);
}

enum vault_result supervisor_redeem(struct supervisor *s, const char *ticket, const char *service, const char *user,
				    struct vault_logon *ret_about, int *ret_fd)
{
	struct vault_logon about = { .logon = 0 };
	enum vault_result result = vault_redeem(s->vault, ticket, service, user, supervisor_now(), &about, ret_fd);
	struct log_logon who = { .logon = about.logon, .user = user, .rhost = about.rhost, .service = service };

	if (result == VAULT_GRANTED) {
		s->counters.redeemed++;
		who.kind = credential_kind_name(about.kind);
		log_logon_line(LOG_INFO, &who, "ticket redeemed");
		*ret_about = about;
	} else {
		s->counters.redeem_refused++;
		who.reason = result == VAULT_MISMATCH ? "ticket-mismatch" : "no-such-ticket";
		if (result == VAULT_MISMATCH)
			log_logon_line(LOG_WARNING, &who, "ticket of %s for service %s refused and destroyed",
				       about.user, about.service);
		else
			log_logon_line(LOG_WARNING, &who, "ticket refused: unknown, used or expired");
	}
	if (result != VAULT_NO_TICKET)
		grant_end(s, about.logon);
	arm_vault_timer(s);
	return result;
}

/* ---- life ---- */

int supervisor_new(sd_event *event, const char *config_path, void (*ready)(void *userdata),
		   void (*failed)(void *userdata), void *userdata, struct supervisor **ret_supervisor, char **ret_error)
{
	struct supervisor *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	s->event = event;
	s->config_path = config_path;
	s->ready_fn = ready;
	s->failed_fn = failed;
	s->userdata = userdata;
	/* ids do not repeat over restarts, so that a log can be searched for one */
	s->last_logon = (uint64_t)time(NULL) << 20;
	r = config_load(config_path, &s->config, ret_error);
	if (r < 0) {
		free(s);
		return r;
	}
	log_set_debug(s->config.debug);
	s->vault = vault_new();
	s->backoff = backoff_new(s->config.backoff_failures, s->config.backoff_max_sec);
	r = s->vault && s->backoff ? 0 : -ENOMEM;
	if (r == 0)
		r = resolver_pool_new(event, config_path, &s->config, on_resolvers_changed, s, &s->resolvers);
	if (r == 0)
		r = supervisor_settle(s);
	if (r < 0) {
		supervisor_free(s);
		return r;
	}
	*ret_supervisor = s;
	return 0;
}

static void end_service(struct service **service)
{
	service_free(*service);
	*service = NULL;
}

void supervisor_stop(struct supervisor *s)
{
	if (!s)
		return;
	handshake_free_all(s);
	grant_free_all(s);
	reload_free_all(s);
	store_verifier_gone(s, NULL);
	keys_done(s);
	service_hang_up(s->keeper);
	service_hang_up(s->verifier);
	resolver_pool_hang_up(s->resolvers);
	end_service(&s->keeper); /* its end looks at the template */
	end_service(&s->krb5);
	end_service(&s->ntlm);
	end_service(&s->verifier);
	resolver_pool_free(s->resolvers);
	s->resolvers = NULL;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	supervisor_stop(s);
	(void)sd_event_source_disable_unref(s->vault_timer);
	vault_free(s->vault);
	backoff_free(s->backoff);
	config_done(&s->config);
	free(s);
}

const struct config *supervisor_config(const struct supervisor *s)
{
	return &s->config;
}

const struct keeper_state *supervisor_keeper(const struct supervisor *s)
{
	static const struct keeper_state none;
	const struct child *keeper = service_current(s->keeper);

	if (!s->keeper)
		return NULL;
	return keeper && keeper->serial == s->keeper_serial ? &s->keeper_state : &none;
}

const struct supervisor_counters *supervisor_counters(const struct supervisor *s)
{
	return &s->counters;
}

unsigned supervisor_handshakes(const struct supervisor *s)
{
	return s->n_handshakes;
}

unsigned supervisor_tickets(const struct supervisor *s)
{
	return (unsigned)vault_count(s->vault);
}
