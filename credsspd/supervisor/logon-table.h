/* SPDX-License-Identifier: MIT */
/*
 * The state machine of one logon in the supervisor: a table of state x event -> action, next state. A state is named
 * after what it waits for. The reason of an end is a separate field of the logon. Pure: no clock, no I/O.
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
	LOGON_REFUSING,   /* the worker's last message after a negative verdict, perhaps with errorCode */
	LOGON_CONFIRMING, /* the worker's pubKeyAuth reply after a positive verdict */
	LOGON_AUTHINFO,   /* the client's authInfo */
	LOGON_DECRYPTING, /* the credentials, from the worker */
	LOGON_COMPARING,  /* the account of the delegated name, from a resolver */
	LOGON_DONE,       /* ended: a ticket was issued */
	LOGON_FAILED,     /* ended: refused */
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
	LOGON_GOT_ACCOUNT,    /* resolver: granted */
	LOGON_GOT_NO_ACCOUNT, /* resolver: refused */
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
	LOGON_GRANT,    /* send the positive verdict, with the pipe */
	LOGON_DENY,     /* send the negative verdict */
	LOGON_COMPARE,  /* ask for the account of the delegated name */
	LOGON_FINISH,   /* issue the ticket */
	LOGON_REFUSE,   /* report the refusal to the front end */
	LOGON_NOTE,     /* remember the name that the client asked for */
	LOGON_IGNORE,
};

struct logon_step {
	enum logon_action action;
	enum logon_state next;
};

/* Returns the row for @event in @state; {LOGON_FAIL, LOGON_FAILED} for an absent row. */
struct logon_step logon_step(enum logon_state state, enum logon_event event);

const char *logon_state_name(enum logon_state state);

/* Returns whether the front end's next TSRequest may be read in this state. */
bool logon_awaits_client(enum logon_state state);
/* Returns whether the worker's next message is awaited. */
bool logon_awaits_worker(enum logon_state state);
/* Returns whether the logon has ended. */
bool logon_is_over(enum logon_state state);

/*
 * How a refusal reaches the client when no errorCode was sent; docs/refusals.md ("What a refused client is told") has
 * the same table.
 */
struct refusal_signal {
	uint8_t alert;        /* TLS alert description; 0: no alert */
	uint8_t early_result; /* enum channel_early_result */
};

/*
 * Returns what the front end has to do. @confirmed: the pubKeyAuth reply was sent, after which clients read no
 * TSRequest. @told: a reply with errorCode was sent. @early: HYBRID_EX was chosen. @credssp_ended: authInfo was
 * received and decrypted; before that MS-RDPBCGR allows no early result.
 */
struct refusal_signal logon_refusal_signal(unsigned refusal, bool confirmed, bool told, bool early, bool credssp_ended);
