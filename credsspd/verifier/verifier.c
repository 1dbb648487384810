/* SPDX-License-Identifier: MIT */
/*
 * The process that holds the NT verifiers. It answers ntlm workers (who may be hostile) over one socket each, one question a
 * socket, and tells the supervisor over another who was proved, before the worker hears of it.
 *
 * Failures of an account delay the next answers for it, by timers, so that others do not wait; they never refuse it, or anybody
 * could lock anybody out. An account that does not exist is delayed and computed for like any other.
 */
#include "credsspd/verifier/verifier.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "credsspd/util/log.h"
#include "credsspd/util/ntstatus.h"
#include "credsspd/util/packet.h"
#include "credsspd/util/refusal.h"
#include "credsspd/verifier/record.h"
#include "credsspd/verifier/store.h"
#include "credsspd/wire/name.h"
#include "credsspd/wire/utf16.h"
#include "include/credssp/cleanup.h"
#include "include/credssp/secret.h"

#define USEC_PER_SEC_ 1000000ULL
#define ACCOUNTS_MAX 1024U /* whose failures are remembered */
#define FORGET_SEC 900U
#define PASSWORD_TIMEOUT_SEC 30U

struct account_failures {
	char name[RECORD_NAME_MAX]; /* lower case; empty: free */
	unsigned count;
	uint64_t last; /* CLOCK_MONOTONIC seconds */
};

struct question;

struct verifier {
	const struct config *config;
	int control;
	sd_event *event;
	struct store *store;
	struct question *questions;
	unsigned n_questions;
	struct account_failures failures[ACCOUNTS_MAX];
};

/* One attached worker, or one SET that waits for its password. */
struct question {
	struct verifier *v;
	struct question *next;
	uint64_t id;
	int fd;
	sd_event_source *io, *timer;
	struct verifier_result result;
	struct verifier_answer answer; /* wiped with it */
	struct verifier_control set;
	struct secret password;
};

static struct verifier self;

static uint64_t now_sec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* ---- failures of accounts ---- */

static struct account_failures *failures_of(struct verifier *v, const char *user)
{
	struct account_failures *oldest = &v->failures[0];
	char name[RECORD_NAME_MAX] = "";

	for (size_t i = 0; user[i] && i < sizeof name - 1; i++)
		name[i] = (char)tolower((unsigned char)user[i]);
	for (size_t i = 0; i < ACCOUNTS_MAX; i++) {
		struct account_failures *f = &v->failures[i];

		if (strcmp(f->name, name) == 0 && *name) {
			if (now_sec() - f->last >= FORGET_SEC)
				f->count = 0;
			return f;
		}
		if (f->last < oldest->last)
			oldest = f;
	}
	*oldest = (struct account_failures){ .count = 0 };
	memcpy(oldest->name, name, sizeof oldest->name);
	return oldest;
}

/* Counts the attempt as failed before it is checked; a right password takes that back. The delay is for those before it. */
static uint64_t charge(struct account_failures *f)
{
	unsigned over = f->count < ACCOUNT_DELAY_FREE_FAILURES ? 0 : f->count - ACCOUNT_DELAY_FREE_FAILURES + 1;
	uint64_t msec = over == 0 ? 0 : over > 6 ? ACCOUNT_DELAY_MAX_MSEC : 125ULL << over;

	f->count++;
	f->last = now_sec();
	return (msec < ACCOUNT_DELAY_MAX_MSEC ? msec : ACCOUNT_DELAY_MAX_MSEC) * 1000;
}

/* ---- one question ---- */

static void question_free(struct question *q)
{
	struct question **p = &q->v->questions;

	while (*p && *p != q)
		p = &(*p)->next;
	if (*p)
		*p = q->next;
	q->v->n_questions--;
	(void)sd_event_source_disable_unref(q->io);
	(void)sd_event_source_disable_unref(q->timer);
	(void)close_fd(q->fd);
	secret_done(&q->password);
	secret_wipe(q, sizeof *q);
	free(q);
}

static struct question *question_new(struct verifier *v, uint64_t id, int fd)
{
	struct question *q = v->n_questions < 2 * HANDSHAKES_MAX ? calloc(1, sizeof *q) : NULL;

	if (!q)
		return NULL;
	q->v = v;
	q->id = id;
	q->fd = fd;
	q->password = SECRET_NULL;
	q->next = v->questions;
	v->questions = q;
	v->n_questions++;
	return q;
}

/* First the supervisor, then the worker. */
static void deliver(struct question *q)
{
	if (packet_send(q->v->control, &q->result, sizeof q->result, NULL, 0) == 0)
		(void)packet_send(q->fd, &q->answer, sizeof q->answer, NULL, 0);
	question_free(q);
}

static int on_delay_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	deliver(userdata);
	return 0;
}

static bool is_own_name(const char *domain)
{
	char host[256] = "";
	size_t label;

	if (gethostname(host, sizeof host - 1) < 0)
		return false;
	label = strcspn(host, ".");
	if (strcasecmp(domain, host) == 0 || (strlen(domain) == label && strncasecmp(domain, host, label) == 0))
		return true;
	return label > 15 && strlen(domain) == 15 && strncasecmp(domain, host, 15) == 0;
}

/*
 * NTLM does not authenticate the client's domain, and a workgroup client sends its own computer name there: any domain is taken to
 * mean this host, but for one that another authority is known to own. Without winbind there is none here.
 */
static bool domain_is_ours(const struct config *c, const char *domain, const char *raw_user)
{
	if (!strchr(raw_user, '\\') && !strchr(raw_user, '@'))
		return true;
	if (!*domain || strcmp(domain, ".") == 0 || is_own_name(domain))
		return true;
	for (config_list d = c->local_domains; *d; d++)
		if (strcasecmp(*d, domain) == 0)
			return true;
	return false;
}

/* What is wrong with the claimed name; REFUSAL_NONE and the name to look for. */
static enum refusal check_name(const struct config *c, const struct verifier_query *q, char ret_user[ACCOUNT_NAME_MAX + 1])
{
	char domain[ACCOUNT_NAME_MAX + 1];

	if (name_check(q->user, strlen(q->user)) < 0 || name_check(q->domain, strlen(q->domain)) < 0 ||
	    name_split(strchr(q->user, '\\') || strchr(q->user, '@') ? "" : q->domain, q->user, domain, ret_user) < 0)
		return REFUSAL_NAME;
	return domain_is_ours(c, domain, q->user) ? REFUSAL_NONE : REFUSAL_UNKNOWN_USER;
}

/* The same work for a name that is refused, an account that is not there and a wrong password. */
static enum refusal verify(struct verifier *v, const struct verifier_query *q, const char *user, enum refusal refusal,
			   struct question *ret_q)
{
	static const struct store_record nobody = { .uid = (uid_t)-1 };
	const struct store_record *record = refusal == REFUSAL_NONE ? store_find(v->store, user) : NULL;
	struct ntlmv2_claim claim = {
		.user = q->user,
		.domain = q->domain,
		.server_challenge = q->server_challenge,
		.response = { q->nt_response, q->nt_response_len },
	};
	int right = ntlmv2_verify(&claim, record ? record->hash : nobody.hash, ret_q->answer.session_key);

	if (refusal == REFUSAL_NONE && !record)
		refusal = REFUSAL_UNKNOWN_USER;
	if (refusal == REFUSAL_NONE && right != 1)
		refusal = right == 0 ? REFUSAL_BAD_PASSWORD : REFUSAL_BAD_CREDENTIALS;
	if (refusal != REFUSAL_NONE) {
		secret_wipe(ret_q->answer.session_key, sizeof ret_q->answer.session_key);
		return refusal;
	}
	ret_q->result.uid = record->uid;
	strcpy(ret_q->result.name, record->name);
	return REFUSAL_NONE;
}

static void answer(struct question *q, const struct verifier_query *query)
{
	AUTO_FREE char *error = NULL;
	char user[ACCOUNT_NAME_MAX + 1] = "";
	enum refusal refusal = check_name(q->v->config, query, user);
	struct account_failures *f = failures_of(q->v, refusal == REFUSAL_NONE ? user : "?");
	uint64_t delay = charge(f);

	if (store_refresh(q->v->store, &error) < 0)
		log_line(LOG_ERR, "NTLM store: the old records stay: %s", error ? error : "no memory");
	q->result = (struct verifier_result){ .type = VERIFIER_RESULT, .logon = q->id, .uid = (uint32_t)-1 };
	q->answer = (struct verifier_answer){ .type = VERIFIER_ANSWER };
	refusal = verify(q->v, query, user, refusal, q);
	q->result.granted = q->answer.granted = refusal == REFUSAL_NONE;
	q->result.refusal = (uint16_t)refusal;
	if (refusal == REFUSAL_NONE) {
		f->count = 0;
	} else {
		q->answer.ntstatus = refusal_ntstatus(refusal);
		(void)log_escape(q->result.name, sizeof q->result.name, query->user);
	}
	if (delay == 0 || sd_event_add_time_relative(q->v->event, &q->timer, CLOCK_MONOTONIC, delay, 1000, on_delay_over, q) < 0)
		deliver(q);
}

static bool well_formed(const struct verifier_query *q, size_t len)
{
	return len >= offsetof(struct verifier_query, nt_response) && q->type == VERIFIER_QUERY &&
	       q->nt_response_len <= NTLM_RESPONSE_MAX &&
	       len == offsetof(struct verifier_query, nt_response) + q->nt_response_len &&
	       memchr(q->user, '\0', sizeof q->user) && memchr(q->domain, '\0', sizeof q->domain);
}

static int on_query(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static struct verifier_query query;
	struct question *q = userdata;
	ssize_t n;

	(void)revents;
	n = packet_recv(fd, &query, sizeof query, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (n > 0 && well_formed(&query, (size_t)n) && q->answer.type == 0) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* one question */
		answer(q, &query);
		return 0;
	}
	if (n != 0 && n != -ECONNRESET)
		log_line(LOG_WARNING, "verifier: the worker of logon %llu sent a malformed record", (unsigned long long)q->id);
	question_free(q);
	return 0;
}

/* ---- the store ---- */

static void send_changed(struct verifier *v, uint64_t id, int result)
{
	struct verifier_changed r = { .type = VERIFIER_CHANGED, .result = result, .id = id };

	(void)packet_send(v->control, &r, sizeof r, NULL, 0);
}

static int set_record(struct question *q)
{
	AUTO_FREE char *error = NULL;
	struct store_record r = { .uid = q->set.uid, .changed = (int64_t)time(NULL) };
	const char *p = secret_expose(&q->password);
	size_t len = secret_len(&q->password);
	int e;

	if (len > 0 && p[len - 1] == '\n')
		len--;
	if (len == 0 || memchr(p, '\0', len) || memchr(p, '\n', len))
		return -EINVAL;
	strcpy(r.name, q->set.name);
	e = ntlmv2_hash_password((struct view){ (const uint8_t *)p, len }, r.hash);
	if (e == 0)
		e = store_refresh(q->v->store, &error);
	if (e == 0)
		e = store_set(q->v->store, &r);
	if (e < 0)
		log_line(LOG_ERR, "NTLM store: no record for %s: %s", r.name, error ? error : strerror(-e));
	secret_wipe(&r, sizeof r);
	return e == -EILSEQ ? -EINVAL : e;
}

static int on_password(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct question *q = userdata;
	size_t len = secret_len(&q->password);
	ssize_t n;
	int r = 0;

	(void)source;
	(void)revents;
	n = read(fd, (char *)secret_expose(&q->password) + len, secret_room(&q->password));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0) {
		r = secret_set_len(&q->password, len + (size_t)n);
		if (r == 0 && secret_room(&q->password) > 0)
			return 0;
		r = -EINVAL; /* longer than a password may be */
	}
	send_changed(q->v, q->set.id, n < 0 ? -errno : r < 0 ? r : set_record(q));
	question_free(q);
	return 0;
}

static int on_password_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct question *q = userdata;

	(void)source;
	(void)usec;
	send_changed(q->v, q->set.id, -ETIMEDOUT);
	question_free(q);
	return 0;
}

static int take_set(struct verifier *v, const struct verifier_control *c, int *fd)
{
	struct question *q;
	int r;

	if (*fd < 0 || name_check(c->name, strlen(c->name)) < 0 || !c->name[0]) {
		send_changed(v, c->id, -EINVAL);
		return 0;
	}
	q = question_new(v, c->id, *fd);
	if (!q) {
		send_changed(v, c->id, -ENOMEM);
		return 0;
	}
	*fd = -1;
	q->set = *c;
	r = secret_init(&q->password, PASSWORD_MAX + 2); /* a newline, and one to see that it is too long */
	if (r == 0 && fcntl(q->fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r >= 0)
		r = sd_event_add_io(v->event, &q->io, q->fd, EPOLLIN, on_password, q);
	if (r >= 0)
		r = sd_event_add_time_relative(v->event, &q->timer, CLOCK_MONOTONIC, PASSWORD_TIMEOUT_SEC * USEC_PER_SEC_, 100000,
					       on_password_timeout, q);
	if (r < 0) {
		send_changed(v, c->id, r);
		question_free(q);
	}
	return 0;
}

static void list(struct verifier *v, uint64_t id)
{
	AUTO_FREE char *error = NULL;
	struct verifier_listed r = { .type = VERIFIER_LISTED, .more = 1, .id = id };

	if (store_refresh(v->store, &error) < 0)
		log_line(LOG_ERR, "NTLM store: the old records stay: %s", error ? error : "no memory");
	for (size_t i = 0; i < store_count(v->store); i++) {
		const struct store_record *s = store_at(v->store, i);

		r.uid = s->uid;
		memset(r.name, 0, sizeof r.name);
		strcpy(r.name, s->name);
		if (packet_send(v->control, &r, sizeof r, NULL, 0) < 0)
			return;
	}
	r = (struct verifier_listed){ .type = VERIFIER_LISTED, .more = 0, .id = id };
	(void)packet_send(v->control, &r, sizeof r, NULL, 0);
}

/* ---- the supervisor ---- */

static int take_attach(struct verifier *v, const struct verifier_control *c, int *fd)
{
	struct question *q = *fd >= 0 ? question_new(v, c->id, *fd) : NULL;

	if (!q)
		return *fd < 0 ? -EPROTO : 0; /* the worker sees its socket closed */
	*fd = -1;
	if (fcntl(q->fd, F_SETFL, O_NONBLOCK) < 0 || sd_event_add_io(v->event, &q->io, q->fd, EPOLLIN, on_query, q) < 0)
		question_free(q);
	return 0;
}

static int on_control(sd_event_source *source, int control, uint32_t revents, void *userdata)
{
	struct verifier *v = userdata;
	struct verifier_control c;
	AUTO_CLOSE int fd = -1;
	ssize_t n = packet_recv(control, &c, sizeof c, &fd, 1);

	(void)source;
	(void)revents;
	if (n == 0)
		return sd_event_exit(v->event, 0);
	if (n != (ssize_t)sizeof c || !memchr(c.name, '\0', sizeof c.name))
		return n == -EAGAIN ? 0 : sd_event_exit(v->event, EPROTO);
	switch (c.type) {
	case VERIFIER_ATTACH:
		return take_attach(v, &c, &fd);
	case VERIFIER_SET:
		return take_set(v, &c, &fd);
	case VERIFIER_DELETE:
		send_changed(v, c.id, store_remove(v->store, c.name));
		return 0;
	case VERIFIER_LIST:
		list(v, c.id);
		return 0;
	default:
		return sd_event_exit(v->event, EPROTO);
	}
}

/* No new sockets, no programs, nobody else's memory; files only of the store's directory by its mode. */
static int load_filter(void)
{
	static const int allowed[] = {
		SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(brk),
		SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(mlock),
		SCMP_SYS(munlock), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
		SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(geteuid), SCMP_SYS(exit), SCMP_SYS(exit_group),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
		SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(poll),
		SCMP_SYS(ppoll), SCMP_SYS(fcntl), SCMP_SYS(openat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek),
		SCMP_SYS(fsync), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
		SCMP_SYS(uname), SCMP_SYS(restart_syscall), SCMP_SYS(ioctl),
	};
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = c ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_load(c);
	if (c)
		seccomp_release(c);
	return r;
}

static int confine(int control_fd)
{
	const struct rlimit none = { 0, 0 };
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return -ESRCH;
	if (fcntl(control_fd, F_SETFD, FD_CLOEXEC) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	(void)prctl(PR_SET_NAME, "verifier");
	return 0;
}

static int start(struct verifier *v, char **ret_error)
{
	sd_event_source *io = NULL;
	int r = ntlmv2_init();

	if (r < 0) {
		*ret_error = strdup("OpenSSL gives no MD4 or MD5 (FIPS mode, or no legacy provider): NTLM cannot work on this host");
		return r;
	}
	r = store_open(v->config->ntlm_store, &v->store, ret_error);
	if (r >= 0)
		r = sd_event_new(&v->event);
	if (r >= 0)
		r = sd_event_add_io(v->event, &io, v->control, EPOLLIN, on_control, v);
	if (r >= 0) {
		(void)sd_event_source_set_floating(io, 1);
		(void)sd_event_source_unref(io);
		tzset();
		r = load_filter();
	}
	return r < 0 ? r : 0;
}

int verifier_main(const struct config *config, int control_fd)
{
	AUTO_FREE char *error = NULL;
	const uint8_t ready = VERIFIER_READY;
	struct verifier *v = &self;
	int r;

	v->config = config;
	v->control = control_fd;
	r = confine(control_fd);
	if (r == 0)
		r = start(v, &error);
	if (r == 0)
		r = packet_send(control_fd, &ready, 1, NULL, 0);
	if (r == 0)
		r = -sd_event_loop(v->event);
	if (r < 0)
		log_line(LOG_ERR, "verifier: %s", error ? error : strerror(-r));
	while (v->questions)
		question_free(v->questions);
	store_close(v->store);
	return r;
}
