/* SPDX-License-Identifier: MIT */
/*
 * What may follow what in one logon, as the supervisor sees it: a table of state
 * x event -> state, action. The states say what is awaited; why a logon ended is
 * a separate field of its owner. Pure: no clock, no I/O.
 */
#pragma once

enum logon_state {
	LOGON_FIRST,      /* the first TSRequest from the front end */
	LOGON_OPENING,    /* a worker owes its first answer: it may not be its mechanism */
	LOGON_WORKING,    /* the worker owes an answer */
	LOGON_CLIENT,     /* the client owes a TSRequest */
	LOGON_RESOLVING,  /* the resolver owes the account of the authenticated name */
	LOGON_REFUSING,   /* the worker was told no and owes its last record, perhaps with errorCode */
	LOGON_CONFIRMING, /* the worker was told yes and owes the pubKeyAuth reply */
	LOGON_AUTHINFO,   /* the client owes authInfo */
	LOGON_DECRYPTING, /* the worker owes the credentials */
	LOGON_COMPARING,  /* the resolver owes the account of the delegated name */
	LOGON_DONE,
	LOGON_FAILED,
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
	LOGON_GOT_END,        /* worker: end of file; after its last record this is as it should be */
	LOGON_EVENTS_
};

enum logon_action {
	LOGON_FAIL = 0, /* an absent row: this event may not happen here */
	LOGON_SPAWN,    /* choose a template, start a worker, pass the TSRequest on */
	LOGON_RESPAWN,  /* the same octets to the other template */
	LOGON_FORWARD,  /* TSRequest to the worker */
	LOGON_REPLY,    /* TSRequest to the front end */
	LOGON_RESOLVE,  /* ask for the account of the authenticated name */
	LOGON_GRANT,    /* verdict: yes, with the pipe */
	LOGON_DENY,     /* verdict: no */
	LOGON_COMPARE,  /* ask for the account of the delegated name */
	LOGON_FINISH,   /* ticket */
	LOGON_REFUSE,   /* tell the front end; the reason is known */
	LOGON_NOTE,     /* what the client asked for */
	LOGON_IGNORE,
};

struct logon_step {
	enum logon_action action;
	enum logon_state next;
};

/* The row for @event in @state. An absent row is {LOGON_FAIL, LOGON_FAILED}. */
struct logon_step logon_step(enum logon_state state, enum logon_event event);

const char *logon_state_name(enum logon_state state);

/* Whether the front end's next TSRequest may be read in this state. */
int logon_awaits_client(enum logon_state state);
