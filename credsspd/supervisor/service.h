/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's processes. Templates are its own; verifier, resolvers and keeper run as users of their own, and are
 * made by the warden at the other end of a socket (credsspd/warden/warden.h). Each is this program exec'ed again with
 * another first argument and a socket on descriptor 3, so each has an address space layout of its own.
 *
 * A service is one role. It has one child that takes new work, perhaps a next
 * one that is still starting (after a reload, or because a worker crashed), and older
 * ones that finish what they have. A child that dies is started again, with a growing
 * delay.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* Where wardens listen; systemd makes the sockets, root's but for the right to connect. */
#define WARDEN_SOCKETS "/run/credsspd"

struct service;

/* One process. Its fields are the service's; @live is what keeps a retired one alive. */
struct child {
	struct service *service;
	struct child *next; /* in the service's list */
	pid_t pid;          /* 0: a warden's */
	uint64_t serial;    /* of the service's children, from 1 */
	int control;        /* SOCK_SEQPACKET, non-blocking */
	int pidfd;
	sd_event_source *io, *exit, *timer;
	bool ready;
	bool retired;  /* takes no new work, ends when live is 0 */
	bool dying;    /* killed, its end not yet seen */
	bool pinged;   /* it owes a ready record for that */
	unsigned live; /* uses: see child_ref() */
	void *use;     /* the service's owner may note what the child is busy with */
};

/* A record from a child other than its ready record. A negative result kills the child. */
typedef int (*service_record_fn)(struct child *c, const void *p, size_t len, void *userdata);
/* A child has been made. */
typedef void (*service_greet_fn)(struct child *c, void *userdata);
/* A child has ended; what was under way with it is lost. */
typedef void (*service_gone_fn)(struct child *c, void *userdata);
/* Called whenever readiness of the service may have changed. */
typedef void (*service_ready_fn)(struct service *s, void *userdata);

struct service_ops {
	const char *name;        /* for the log */
	const char *arg1, *arg2; /* of the exec'ed program; arg2 may be NULL */
	const char *socket;      /* of the warden that makes the process; NULL: it is a child of this one */
	service_greet_fn greet;  /* sends what the process is to have first; may be NULL; for those of a warden */
	uint8_t ready_type;      /* first octet of the record that says ready */
	uint8_t ping_type;       /* first octet of the record that it answers by saying ready again; 0: none */
	size_t ping_len;         /* of that record, the rest of which is zero */
	unsigned sign_sec;       /* how long a sign of life may take */
	size_t record_max;       /* largest record it sends */
	service_record_fn record;
	service_gone_fn gone;
	service_ready_fn ready;
	int64_t priority; /* of its socket in the event loop */
};

/* @ops and @config_path outlive the service. Returns 0 or -errno. */
int service_new(sd_event *event, const struct service_ops *ops, const char *config_path, void *userdata,
		struct service **ret_service);

/*
 * Asks the wardens of all children to end them, and does not wait. service_free() waits: call this for every service
 * first, so that their processes end at the same time. For a service without a warden, or NULL, it does nothing.
 */
void service_hang_up(struct service *s);

/* Ends all children, waits for their end (at most 2 * WARDEN_END_SEC for a warden's) and frees. NULL is fine. */
void service_free(struct service *s);

/* Starts a child that replaces the current one when it is ready. Returns 0 or -errno. */
int service_start(struct service *s);

/*
 * The same for a child that reads its files from now on: when one is starting already, another follows it. Either may
 * fail to become ready, and then the current one stays. *@ret_serial is the child's.
 */
int service_renew(struct service *s, uint64_t *ret_serial);

/* Whether a child is starting, or about to. */
bool service_starting(const struct service *s);

/* The child that takes new work, or NULL. */
struct child *service_current(struct service *s);

/* For the log: "resolver", with the pid where it is known. */
const char *child_name(const struct child *c);

const char *service_name(const struct service *s);

/* The last child did not become ready: the one before goes on, or there is none, also while another try is under way.
 */
bool service_stale(const struct service *s);

/* The service has never been ready, and its first child has ended. */
bool service_failed_to_start(const struct service *s);

/*
 * Others have waited in vain for what may be this child's fault: it has to give a sign of life, any record, and is
 * killed otherwise. NULL is fine.
 */
void child_suspect(struct child *c);

/* Kills one child; gone() follows. */
void child_kill(struct child *c);

/* A use of the child begins or ends. */
void child_ref(struct child *c);
void child_unref(struct child *c);
