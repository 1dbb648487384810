/* SPDX-License-Identifier: MIT */
/*
 * The order of one logon, as the supervisor sees it: a table of state x event -> action, next state. A state says what
 * is awaited. Why a logon ended is a separate field of the logon. Pure: no clock, no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum logon_state {
	LOGON_FIRST,      /* the first TSRequest from the front end */
	LOGON_OPENING,    /* the first answer of a worker, which may be "not my mechanism" */
	LOGON_WORKING,    /* an answer of the worker */
	LOGON_CLIENT,     /* the client's next TSRequest */
	LOGON_RESOLVING,  /* the account of the authenticated name, from a resolver */
	LOGON_CHECKING,   /* the state of that account, from PAM by an account checker */
	LOGON_REFUSING,   /* the worker's last message after the verdict no, perhaps with errorCode */
	LOGON_CONFIRMING, /* the worker's pubKeyAuth reply after the verdict yes */
	LOGON_AUTHINFO,   /* the client's authInfo */
	LOGON_DECRYPTING, /* the credentials, from the worker */
	LOGON_COMPARING,  /* the account of the delegated name, from a resolver */
	LOGON_DONE,       /* over: a ticket was issued */
	LOGON_FAILED,     /* over: refused */
	LOGON_STATES_
};

enum logon_event {
	LOGON_GOT_TSREQUEST, /* front end */
	LOGON_GOT_NOT_MINE,  /* worker, as its first answer */
	LOGON_GOT_ASKED,     /* worker, before its first answer */
	LOGON_GOT_REPLY,
	LOGON_GOT_AUTHENTICATED,
	LOGON_GOT_DELEGATED,
	LOGON_GOT_REFUSED,    /* worker: WORKER_FAILED */
	LOGON_GOT_ACCOUNT,    /* resolver: yes */
	LOGON_GOT_NO_ACCOUNT, /* resolver: no */
	LOGON_GOT_STATE,      /* account checker: no reason to refuse, or no answer */
	LOGON_GOT_BAD_STATE,  /* account checker: PAM refuses */
	LOGON_GOT_END,        /* worker: end of file; expected after its last message */
	LOGON_EVENTS_
};

enum logon_action {
	LOGON_FAIL = 0, /* no row: this event is not allowed in this state */
	LOGON_SPAWN,    /* choose a template, start a worker, pass the TSRequest on */
	LOGON_RESPAWN,  /* pass the same bytes to a worker of the other template */
	LOGON_FORWARD,  /* pass the TSRequest to the worker */
	LOGON_REPLY,    /* pass the TSRequest to the front end */
	LOGON_RESOLVE,  /* ask for the account of the authenticated name */
	LOGON_CHECK,    /* ask PAM for the state of the account */
	LOGON_GRANT,    /* send the verdict yes, with the pipe */
	LOGON_DENY,     /* send the verdict no */
	LOGON_COMPARE,  /* ask for the account of the delegated name */
	LOGON_FINISH,   /* issue the ticket */
	LOGON_REFUSE,   /* tell the front end; the reason is known */
	LOGON_NOTE,     /* remember the name that the client asked for */
	LOGON_IGNORE,
};

struct logon_step {
	enum logon_action action;
	enum logon_state next;
};

/* Returns the row for @event in @state; {LOGON_FAIL, LOGON_FAILED} when there is none. */
struct logon_step logon_step(enum logon_state state, enum logon_event event);

const char *logon_state_name(enum logon_state state);

/* Returns whether the front end's next TSRequest may be read in this state. */
bool logon_awaits_client(enum logon_state state);
/* Returns whether the worker's next message is awaited. */
bool logon_awaits_worker(enum logon_state state);
/* Returns whether the logon is over. */
bool logon_is_over(enum logon_state state);

/*
 * How a refusal reaches the client when it is not told by errorCode; the same table is in docs/refusals.md ("What a
 * refused client is told").
 */
struct refusal_signal {
	uint8_t alert;        /* TLS alert description, 0 for none */
	uint8_t early_result; /* enum channel_early_result */
};

/*
 * Returns what the front end has to do. @confirmed: the pubKeyAuth reply has gone out; no client reads a TSRequest
 * after it. @told: an errorCode reply has already gone out. @early: HYBRID_EX was chosen. @credssp_ended: authInfo was
 * received and decrypted, without which MS-RDPBCGR allows no early result.
 */
struct refusal_signal logon_refusal_signal(unsigned refusal, bool confirmed, bool told, bool early, bool credssp_ended);
