/* SPDX-License-Identifier: MIT */
#include "credsspd/supervisor/services.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/ipc/packet.h"

#define ALL(s) \
	{ \
		(s)->krb5, (s)->ntlm, (s)->verifier, (s)->keeper \
	}
#define N_SERVICES 4U

/* ---- the templates ---- */

/* Normal ends: a worker exits with 0 after its last message, and the template sends SIGKILL for TEMPLATE_KILL. */
static bool is_abnormal(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0;
}

static int on_template_record(struct process *p, const void *record, size_t len, void *userdata)
{
	struct services *s = userdata;
	struct template_record r;

	if (len != sizeof r)
		return -EPROTO;
	memcpy(&r, record, sizeof r);
	if (r.type != TEMPLATE_EXITED || p->live == 0)
		return -EPROTO;
	if (is_abnormal(r.status)) {
		struct log_logon who = { .logon = r.logon };

		log_logon_line(LOG_ERR, &who, "a worker died (%s %d); its template is replaced",
			       WIFSIGNALED(r.status) ? "signal" : "exit status",
			       WIFSIGNALED(r.status) ? WTERMSIG(r.status) : WEXITSTATUS(r.status));
		s->crashes++;
		(void)service_start(p->service); /* the new template has another address space layout */
	}
	process_unref(p);
	return 0;
}

static void on_gone(struct process *p, void *userdata)
{
	struct services *s = userdata;

	s->ops->gone(p, s->userdata);
}

/* ---- the verifier ---- */

static int on_verifier_record(struct process *p, const void *record, size_t len, void *userdata)
{
	struct services *s = userdata;
	struct verifier_result result;

	if (*(const uint8_t *)record != VERIFIER_RESULT)
		return s->ops->store_answer(record, len, s->userdata);
	if (len != sizeof result)
		return -EPROTO;
	memcpy(&result, record, sizeof result);
	return s->ops->verifier_result(&result, s->userdata);
}

/* ---- the keeper and the krb5 template ---- */

/* Connects the current keeper to the current template, so that session keys do not pass through this process. */
static void connect_keeper(struct services *s)
{
	struct template_record to_template = { .type = TEMPLATE_KEEPER };
	const uint8_t to_keeper = KEEPER_ATTACH;
	struct process *keeper = service_current(s->keeper), *template = service_current(s->krb5);
	int pair[2], r;

	if (!keeper || !template || template->keeper == keeper->serial)
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
		log_line(LOG_ERR, "keeper: cannot be connected to the krb5 template: %s", strerror(-r));
	else
		template->keeper = keeper->serial;
}

/* Returns a sealed copy in memory, or -1. With sendfile() the keys do not pass through the memory of this process. */
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

/* Sends a copy of the keytab, because the keeper's user may not open the file. Without a copy the keeper logs an
 * error. */
static int send_keytab(const struct services *s, const struct process *keeper)
{
	const uint8_t reread = KEEPER_REREAD;
	AUTO_CLOSE int fd = copy_keytab(s->config->keytab);

	return packet_send(keeper->control, &reread, sizeof reread, &fd, fd < 0 ? 0 : 1);
}

static void greet_keeper(struct process *p, void *userdata)
{
	(void)send_keytab(userdata, p);
}

static int on_keeper_record(struct process *p, const void *record, size_t len, void *userdata)
{
	struct services *s = userdata;

	if (len != sizeof s->keeper_state || *(const uint8_t *)record != KEEPER_STATE)
		return -EPROTO;
	if (p == service_current(s->keeper)) {
		memcpy(&s->keeper_state, record, sizeof s->keeper_state);
		s->keeper_serial = p->serial;
	}
	return 0;
}

/* Makes the keeper read configuration and keytab again; it keeps its tickets. Returns 0 or -errno. */
static int reread_keeper(struct services *s)
{
	struct process *keeper = service_current(s->keeper);
	uint64_t serial;

	if (!keeper)
		return service_renew(s->keeper, &serial);
	if (send_keytab(s, keeper) < 0) { /* the socket is full only when the keeper hangs */
		log_line(LOG_ERR, "keeper: does not read its messages; killed");
		process_kill(keeper);
	}
	return 0;
}

const struct keeper_state *services_keeper_state(const struct services *s)
{
	static const struct keeper_state unknown;
	const struct process *keeper = service_current(s->keeper);

	if (!s->keeper)
		return NULL;
	return keeper && keeper->serial == s->keeper_serial ? &s->keeper_state : &unknown;
}

/* ---- all of them ---- */

static void on_ready(struct service *service, void *userdata)
{
	struct services *s = userdata;

	connect_keeper(s); /* before a logon that waits for a template gets its worker */
	s->ops->changed(s->userdata);
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
	.record = on_template_record,
	.gone = on_gone,
	.ready = on_ready,
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
	.record = on_template_record,
	.gone = on_gone,
	.ready = on_ready,
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
	.gone = on_gone,
	.ready = on_ready,
	/* the verifier's result must be read before the worker's message about the same response */
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
	.ready = on_ready,
};

/* Starts, renews or ends one service so that it is as @wanted says. */
static int settle(struct services *s, struct service **service, const struct service_ops *ops, bool wanted,
		  uint64_t *ret_serial)
{
	int r = 0;

	if (wanted && ops == &keeper_ops && *service)
		return reread_keeper(s);
	if (wanted) {
		if (!*service)
			r = service_new(s->event, ops, s->config_path, s, service);
		return r < 0 ? r : service_renew(*service, ret_serial);
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

int services_settle(struct services *s, uint64_t *ret_krb5)
{
	enum config_kerberos kerberos = s->config->kerberos;
	bool ntlm = s->config->ntlm != CONFIG_NTLM_OFF;
	uint64_t ignored;
	int r;

	*ret_krb5 = 0;
	r = settle(s, &s->verifier, &verifier_ops, ntlm, &ignored);
	r = first_failure(r, settle(s, &s->ntlm, &ntlm_ops, ntlm, &ignored));
	r = first_failure(r, settle(s, &s->keeper, &keeper_ops,
				    kerberos != CONFIG_KERBEROS_OFF && kerberos != CONFIG_KERBEROS_SERVICE_TICKET,
				    &ignored));
	return first_failure(r, settle(s, &s->krb5, &krb5_ops, kerberos != CONFIG_KERBEROS_OFF, ret_krb5));
}

int services_renew_keys(struct services *s, uint64_t *ret_krb5)
{
	if (s->keeper)
		(void)reread_keeper(s); /* on failure its old tickets stay */
	return s->krb5 ? service_renew(s->krb5, ret_krb5) : -ENETDOWN;
}

/* ---- mechanisms that cannot work on this host: they are off, the others run ---- */

static bool has_failed(const struct service *service)
{
	return service && service_failed_to_start(service);
}

bool services_kerberos_off(const struct services *s)
{
	return has_failed(s->krb5);
}

bool services_ntlm_off(const struct services *s)
{
	return has_failed(s->ntlm) || has_failed(s->verifier);
}

bool services_usertouser_off(const struct services *s)
{
	return has_failed(s->keeper) && !services_kerberos_off(s);
}

bool services_ready(const struct services *s)
{
	struct service *all[] = ALL(s);

	for (size_t i = 0; i < N_SERVICES; i++)
		if (all[i] && !service_current(all[i]) && !has_failed(all[i]))
			return false;
	return true;
}

bool services_failed_to_start(const struct services *s)
{
	return (!s->krb5 || services_kerberos_off(s)) && (!s->ntlm || services_ntlm_off(s));
}

static void log_off(const char *what, const char *rest)
{
	log_line(LOG_ERR,
		 "%s is off, because its process did not start (see its lines above); %s. Another attempt follows in "
		 "%u s, and after credsspctl reload",
		 what, rest, CHILD_RETRY_SEC);
}

void services_log_off(const struct services *s)
{
	if (services_kerberos_off(s))
		log_off("Kerberos", "clients log on by NTLM");
	if (services_ntlm_off(s))
		log_off("NTLM", "clients log on by Kerberos");
	if (services_usertouser_off(s))
		log_off("user-to-user", "clients log on without it");
}

bool services_starting(const struct services *s)
{
	struct service *all[] = ALL(s);

	for (size_t i = 0; i < N_SERVICES; i++)
		if (all[i] && service_starting(all[i]))
			return true;
	return false;
}

size_t services_stale(const struct services *s, char *out, size_t size)
{
	struct service *all[] = ALL(s);
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_SERVICES && n < size; i++)
		if (all[i] && service_stale(all[i]))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", service_name(all[i]));
	return n;
}

void services_hang_up(struct services *s)
{
	service_hang_up(s->keeper);
	service_hang_up(s->verifier);
}

void services_free(struct services *s)
{
	struct service **all[] = { &s->keeper, &s->krb5, &s->ntlm, &s->verifier };

	for (size_t i = 0; i < N_SERVICES; i++) {
		service_free(*all[i]);
		*all[i] = NULL;
	}
}
