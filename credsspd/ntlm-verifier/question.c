/* SPDX-License-Identifier: MIT */
/*
 * One worker's socket: one challenge, one question about it. The worker may be hostile: a malformed message closes its
 * socket and has no other effect. The supervisor gets the decision at once, so that a client that leaves before the
 * answer is counted. The worker gets the answer after the delay of the account.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/refusal.h"
#include "common/base/secret.h"
#include "common/ipc/packet.h"
#include "common/wire/name.h"
#include "credsspd/ntlm-verifier/ntlm-verifier-private.h"
#include "credsspd/ntlm-verifier/response.h"

#define QUESTIONS_MAX (2 * HANDSHAKES_MAX)
#define QUERY_MIN offsetof(struct verifier_query, nt_response)
#define FILETIME_EPOCH_SEC 11644473600U /* from 1601 to 1970 */

struct question {
	struct verifier *v;
	LIST_ENTRY(question) entry;
	uint64_t logon;
	int fd;
	sd_event_source *io, *timer;
	bool asked;
	struct verifier_challenge challenge;
	uint64_t since, due; /* when it was asked, and the earliest time of the answer */
	/* a record's name, or the SID of the domain's account; a logon clears its failures */
	char user[ACCOUNT_NAME_MAX + 1];
	struct asking *asking;           /* the question to the domain */
	char typed[2 * RECORD_NAME_MAX]; /* the name, for the domain: see count_as() */
	struct verifier_result result;
	struct verifier_answer answer; /* may hold a session key while it waits; wiped with the question */
};

/* Stands in for the record of an unknown name, so that the check takes the same time; no password matches it. */
static const struct store_record no_record = { .uid = (uid_t)-1 };

void question_free(struct question *q)
{
	LIST_REMOVE(q, entry);
	q->v->n_questions--;
	(void)sd_event_source_disable_unref(q->io);
	(void)sd_event_source_disable_unref(q->timer);
	asking_cancel(q->asking);
	(void)close_fd(q->fd);
	secret_wipe(q, sizeof *q);
	free(q);
}

static void forget_failures(const struct question *q)
{
	throttle_clear(q->v->throttle, true, q->user);
	if (q->typed[0])
		throttle_clear(q->v->throttle, false, q->typed);
}

/*
 * Sends the answer. Clears the failures of the account only after a granted answer was delivered: a client that leaves
 * before that has no success.
 */
static void deliver(struct question *q)
{
	if (packet_send(q->fd, &q->answer, sizeof q->answer, NULL, 0) == 0 && q->answer.granted)
		forget_failures(q);
	question_free(q);
}

static int on_delay_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	deliver(userdata);
	return 0;
}

/* Reports the decision to the supervisor, and to the worker now or when the delay is over. */
static void deliver_when_due(struct question *q)
{
	/* a worker gets no granted answer before the supervisor has it */
	if (packet_send(q->v->control, &q->result, sizeof q->result, NULL, 0) < 0)
		question_free(q);
	else if (q->due <= clock_usec())
		deliver(q);
	else if (sd_event_add_time(q->v->event, &q->timer, CLOCK_BOOTTIME, q->due, 1000, on_delay_over, q) < 0)
		question_free(q); /* no answer is a refusal; an answer without the delay would help guessing */
}

/*
 * The delay counts from the question and includes the domain's time. Added to that time it could exceed the worker's
 * deadline, and the owner of an attacked account would be refused.
 */
static void charge(struct question *q, bool known, const char *name)
{
	uint64_t due = q->since + throttle_charge(q->v->throttle, known, name, clock_usec());

	if (q->due < due)
		q->due = due;
}

static void grant(struct question *q, uid_t uid, const char *name)
{
	q->result.refusal = REFUSAL_NONE;
	q->result.granted = q->answer.granted = 1;
	q->result.uid = uid;
	(void)snprintf(q->result.name, sizeof q->result.name, "%s", name);
}

static void refuse(struct question *q, enum refusal refusal)
{
	q->result.refusal = (uint16_t)refusal;
	q->answer.ntstatus = refusal_ntstatus(refusal);
}

static void refuse_detail(struct question *q, enum refusal refusal, const char *detail)
{
	refuse(q, refusal);
	(void)snprintf(q->result.detail, sizeof q->result.detail, "%s", detail);
}

/* ---- the decision: the store ---- */

/* Always verifies the response, for constant time, also when @refusal is set. Sets the key only with REFUSAL_NONE. */
static enum refusal check(const struct question *q, const struct verifier_query *query,
			  const struct store_record *record, enum refusal refusal,
			  uint8_t session_key[NTLMV2_SESSION_KEY_LEN])
{
	const struct ntlmv2_claim claim = {
		.user = query->user,
		.domain = query->domain,
		.server_challenge = q->challenge.server_challenge,
		.response = { query->nt_response, query->nt_response_len },
	};
	int right = ntlmv2_verify(&claim, record ? record->hash : no_record.hash, session_key);

	if (refusal == REFUSAL_NONE && !record)
		refusal = REFUSAL_UNKNOWN_USER;
	if (refusal == REFUSAL_NONE && right != 1)
		refusal = right == 0 ? REFUSAL_BAD_PASSWORD : REFUSAL_BAD_CREDENTIALS;
	if (refusal != REFUSAL_NONE)
		secret_wipe(session_key, NTLMV2_SESSION_KEY_LEN);
	return refusal;
}

/* Writes the name as the client sent it. */
static void typed_name(const struct verifier_query *query, char out[2 * RECORD_NAME_MAX])
{
	(void)snprintf(out, 2 * RECORD_NAME_MAX, "%s%s%s", query->domain, *query->domain ? "\\" : "", query->user);
}

static bool is_ascii(const char *s)
{
	while (*s && !(*s & 0x80))
		s++;
	return !*s;
}

/*
 * Failures at a name without an account count for the name exactly as the client sent it. If failures at OTHER\bob
 * counted for bob, the delay of the next answer about bob would show whether the store has a bob.
 */
static void decide(struct question *q, const struct verifier_query *query)
{
	char user[ACCOUNT_NAME_MAX + 1] = "", typed[2 * RECORD_NAME_MAX], detail[VERIFIER_DETAIL_MAX];
	enum name_trouble trouble;
	enum refusal refusal = domains_select(&q->v->domains, query->domain, query->user, user, &trouble);
	const struct store_record *record;

	store_refresh_and_log(q->v->store);
	record = refusal == REFUSAL_NONE ? store_find(q->v->store, user) : NULL;
	(void)name_trouble_text(trouble, query->domain, query->user, detail, sizeof detail);
	if (refusal == REFUSAL_NONE && !record)
		(void)snprintf(detail, sizeof detail, "%s",
			       is_ascii(user) ? "the NTLM store has no record of that name"
					      : "the NTLM store has no record of that name, in which only a to z may "
						"differ in case: type other letters as the account has them");
	typed_name(query, typed);
	charge(q, record != NULL, record ? record->name : *user ? user : typed);
	refusal = check(q, query, record, refusal, q->answer.session_key);
	if (refusal == REFUSAL_NONE) {
		grant(q, record->uid, record->name);
		(void)snprintf(q->user, sizeof q->user, "%s", record->name);
	} else {
		refuse_detail(q, refusal, detail);
	}
	deliver_when_due(q);
}

/* ---- the decision: the domain ---- */

/*
 * Failures count for the account in the domain's answer, not for the name that the client sent: EVIL\alice neither
 * delays CORP\alice nor clears its failures. The sent name is counted too, among the unknown names, because that is all
 * there is when the domain does not know the account. An outage is not a failure. A client that leaves before the
 * domain's answer is counted by its address only.
 */
static void charge_domain(struct question *q, const struct winbind_reply *reply)
{
	if (reply->refusal != REFUSAL_NONE && !refusal_weight(reply->refusal))
		return;
	charge(q, false, q->typed);
	if (reply->account[0])
		charge(q, true, reply->account);
	(void)snprintf(q->user, sizeof q->user, "%s", reply->account);
}

static void on_domain_answer(const struct winbind_reply *reply, void *userdata)
{
	struct question *q = userdata;

	q->asking = NULL;
	charge_domain(q, reply);
	if (reply->refusal == REFUSAL_NONE) {
		grant(q, reply->uid, reply->name);
		q->result.by_domain = 1;
		memcpy(q->answer.session_key, reply->session_key, sizeof q->answer.session_key);
	} else {
		refuse(q, reply->refusal);
		(void)log_escape(q->result.detail, sizeof q->result.detail, reply->detail);
	}
	deliver_when_due(q);
}

/*
 * Maps the spellings of a name to one key for counting. CORP\bob, bob@ad.example and bob may be one account, and it is
 * not known here which entries of `domains` are one domain. Separate counters would treat existing accounts (counted by
 * SID) and unknown names (counted by spelling) differently, and so show which accounts exist.
 */
static void count_as(const struct name_meaning *m, const struct verifier_query *query, char out[2 * RECORD_NAME_MAX])
{
	if (m && (m->kind == NAME_LISTED || (m->kind == NAME_BARE && !m->domain[0])))
		(void)snprintf(out, 2 * RECORD_NAME_MAX, "%s", m->user);
	else
		typed_name(query, out);
}

static void ask_domain(struct question *q, const struct verifier_query *query)
{
	static struct winbind_question question; /* too large for the stack */
	char typed[2 * RECORD_NAME_MAX], detail[VERIFIER_DETAIL_MAX];
	struct name_meaning m;
	enum name_trouble trouble = domains_understand(&q->v->domains, query->domain, query->user, &m);

	count_as(trouble == NAME_FINE ? &m : NULL, query, q->typed);
	if (trouble != NAME_FINE) {
		charge(q, false, q->typed);
		refuse_detail(q, domains_refusal(trouble),
			      name_trouble_text(trouble, query->domain, query->user, detail, sizeof detail));
		deliver_when_due(q);
		return;
	}
	question.query = *query;
	memcpy(question.server_challenge, q->challenge.server_challenge, sizeof question.server_challenge);
	typed_name(query, typed); /* for the log */
	(void)snprintf(q->result.name, sizeof q->result.name, "%.*s", (int)sizeof q->result.name - 1, typed);
	q->result.asked = 1;
	(void)packet_send(q->v->control, &q->result, sizeof q->result, NULL, 0);
	q->result.asked = 0;
	if (askers_ask(q->v->askers, &question, on_domain_answer, q, &q->asking) < 0) {
		refuse(q, REFUSAL_INTERNAL);
		deliver_when_due(q);
	}
	secret_wipe(&question, sizeof question);
}

/* ---- the socket ---- */

static bool well_formed(const struct verifier_query *q, ssize_t len)
{
	return len >= (ssize_t)QUERY_MIN && q->type == VERIFIER_QUERY && !q->pad_[0] && !q->pad_[1] && !q->pad_[2] &&
	       q->nt_response_len <= NTLM_RESPONSE_MAX && (size_t)len == QUERY_MIN + q->nt_response_len &&
	       packet_text_ends(q->user, sizeof q->user) && packet_text_ends(q->domain, sizeof q->domain);
}

/* Checks the AV pairs of the response first, then the password. */
static void answer(struct question *q, const struct verifier_query *query)
{
	const struct response_rules rules = { q->challenge.timestamp, q->v->names.nb_computer,
					      q->v->config->ntlm_mic_required };
	const char *detail;
	bool mic;
	enum refusal refusal =
	    response_check((struct view){ query->nt_response, query->nt_response_len }, &rules, &mic, &detail);

	q->answer.mic = mic;
	(void)snprintf(q->result.name, sizeof q->result.name, "%s", query->user);
	if (refusal != REFUSAL_NONE) {
		refuse_detail(q, refusal, detail);
		deliver_when_due(q);
	} else if (q->v->askers) {
		ask_domain(q, query);
	} else {
		decide(q, query);
	}
}

static int on_query(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static struct verifier_query query;
	struct question *q = userdata;
	ssize_t n;

	if (q->asked) { /* the worker has gone */
		question_free(q);
		return 0;
	}
	n = packet_recv(fd, &query, sizeof query, NULL, 0);
	if (n == -EAGAIN)
		return 0;
	if (!well_formed(&query, n)) {
		secret_wipe(&query, sizeof query);
		if (n != 0)
			log_line(LOG_WARNING,
				 "verifier: the worker of logon %llu sent a malformed record; its socket is closed",
				 (unsigned long long)q->logon);
		question_free(q);
		return 0;
	}
	/* no more messages are read from the worker, but its end of file is noticed */
	q->asked = true;
	q->since = clock_usec();
	(void)sd_event_source_set_io_events(source, 0);
	answer(q, &query);
	secret_wipe(&query, sizeof query); /* passwords can be guessed with the response */
	return 0;
}

/* The challenge, and MsvAvTimestamp as FILETIME: MS-NLMP 2.2.1.2, MS-DTYP 2.3.3. */
static int send_challenge(struct question *q)
{
	struct verifier_challenge *c = &q->challenge;
	struct timespec now;
	uint64_t filetime;

	c->type = VERIFIER_CHALLENGE;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    getrandom(c->server_challenge, sizeof c->server_challenge, 0) != (ssize_t)sizeof c->server_challenge)
		return -EIO;
	filetime = ((uint64_t)now.tv_sec + FILETIME_EPOCH_SEC) * 10000000U + (uint64_t)now.tv_nsec / 100U;
	for (size_t i = 0; i < sizeof c->timestamp; i++, filetime >>= 8)
		c->timestamp[i] = (uint8_t)filetime;
	return packet_send(q->fd, c, sizeof *c, NULL, 0);
}

void question_attach(struct verifier *v, uint64_t logon, int *fd)
{
	struct question *q = v->n_questions < QUESTIONS_MAX ? calloc(1, sizeof *q) : NULL;

	if (!q) {
		log_line(LOG_ERR, "verifier: logon %llu cannot be served: %s", (unsigned long long)logon,
			 v->n_questions < QUESTIONS_MAX ? "no memory" : "too many at once");
		return;
	}
	*q = (struct question){ .v = v, .logon = logon, .fd = TAKE_FD(*fd) };
	LIST_INSERT_HEAD(&v->questions, q, entry);
	v->n_questions++;
	q->result = (struct verifier_result){
		.type = VERIFIER_RESULT, .logon = logon, .uid = (uint32_t)-1, .refusal = REFUSAL_INTERNAL
	};
	q->answer = (struct verifier_answer){ .type = VERIFIER_ANSWER };
	if (fcntl(q->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    sd_event_add_io(v->event, &q->io, q->fd, EPOLLIN, on_query, q) < 0 || send_challenge(q) < 0)
		question_free(q);
}
