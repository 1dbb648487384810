/* SPDX-License-Identifier: MIT */
/*
 * A service is one role of the supervisor's processes: a template, the verifier, a resolver, the keeper. Each process
 * is this program exec'ed again with another first argument and a socket on descriptor 3, so each has an address space
 * layout of its own. The supervisor forks the templates itself. A warden (credsspd/warden/warden.h) makes the processes
 * that run as users of their own, at the other end of a socket.
 *
 * A service has one current process, which takes new work. It may also have a next process that is still starting
 * (after a reload, or because a worker crashed) and older processes that finish their work. A process that dies is
 * replaced after a delay that grows with each failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* The directory of the wardens' sockets. systemd makes them; the supervisor's user may only connect. */
#define WARDEN_SOCKETS "/run/credsspd"

struct service;
struct resolve;

/* One process. service.c alone writes the fields, except the last two. */
struct process {
	struct service *service;
	TAILQ_ENTRY(process) entry;
	pid_t pid;       /* 0: made by a warden */
	uint64_t serial; /* counts the processes of the service, from 1 */
	int control;     /* SOCK_SEQPACKET, non-blocking */
	int pidfd;
	sd_event_source *io, *exit, *timer;
	bool ready;
	bool retired;           /* takes no new work, ends when @live is 0 */
	bool dying;             /* killed, its end not yet seen */
	bool pinged;            /* its ready message is expected as the answer to a ping */
	unsigned live;          /* see process_ref() */
	struct resolve *lookup; /* of a resolver: the question that it has to answer */
	uint64_t keeper;        /* of the krb5 template: the serial of the keeper that it is connected to, or 0 */
};

/* Takes a message of @p other than the ready message. A negative result kills the process. */
typedef int (*service_record_fn)(struct process *p, const void *record, size_t len, void *userdata);
/* Called when a warden has accepted the connection for @p, before anything else is sent. */
typedef void (*service_greet_fn)(struct process *p, void *userdata);
/* Called when @p has ended, just before it is freed. */
typedef void (*service_gone_fn)(struct process *p, void *userdata);
/* Called whenever the readiness of the service may have changed. */
typedef void (*service_ready_fn)(struct service *s, void *userdata);

struct service_ops {
	const char *name;        /* for the log */
	const char *arg1, *arg2; /* of the exec'ed program; arg2 may be NULL */
	const char *socket;      /* of the warden that makes the process; NULL: the supervisor forks it */
	service_greet_fn greet;  /* sends what the process needs first; only with @socket; may be NULL */
	uint8_t ready_type;      /* first byte of the ready message */
	uint8_t ping_type;       /* first byte of the ping, which a ready message answers; 0: no ping */
	size_t ping_len;         /* length of the ping; its other bytes are zero */
	unsigned sign_sec;       /* deadline for the answer to a ping */
	size_t record_max;       /* largest message of the process */
	service_record_fn record;
	service_gone_fn gone;   /* may be NULL */
	service_ready_fn ready; /* may be NULL */
	int64_t priority;       /* of the process's socket in the event loop */
};

/* @ops and @config_path outlive the service. Returns 0 or -errno. */
int service_new(sd_event *event, const struct service_ops *ops, const char *config_path, void *userdata,
		struct service **ret_service);

/*
 * Asks the wardens to end all processes, without waiting. Call it for every service before service_free(), which waits,
 * so that the processes end at the same time. Does nothing for NULL and for a service without a warden.
 */
void service_hang_up(struct service *s);

/* Ends all processes, waits for their end (at most 2 * WARDEN_END_SEC for a warden's) and frees. NULL is allowed. */
void service_free(struct service *s);

/* Starts a process that replaces the current one when it is ready. Returns 0 or -errno. */
int service_start(struct service *s);

/*
 * As service_start(), but the process is guaranteed to read its files after this call: when a process is starting
 * already, another one is started after it. The current process stays when neither becomes ready. Returns 0 or -errno;
 * *@ret_serial is the serial of the new process.
 */
int service_renew(struct service *s, uint64_t *ret_serial);

/* Returns whether a process is starting, or about to. */
bool service_starting(const struct service *s);

/* Returns the process that takes new work, or NULL. @s may be NULL. */
struct process *service_current(struct service *s);

const char *service_name(const struct service *s);

/* Returns whether the last process did not become ready, also while another attempt is under way. */
bool service_stale(const struct service *s);

/* Returns whether the first process has ended and no process has ever been ready. */
bool service_failed_to_start(const struct service *s);

/* Returns the name for the log, with the pid where it is known. The string is valid until the next call. */
const char *process_name(const struct process *p);

/*
 * Pings a process that may be the cause of a delay, and kills it when neither the answer nor another message comes
 * within service_ops.sign_sec. NULL is allowed.
 */
void process_suspect(struct process *p);

/* Kills @p; service_ops.gone() follows. The caller has logged the reason. */
void process_kill(struct process *p);

/* Count a use of the process, and its end. A retired process ends with its last use. */
void process_ref(struct process *p);
void process_unref(struct process *p);
