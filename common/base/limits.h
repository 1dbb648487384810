/* SPDX-License-Identifier: MIT */
/*
 * Every limit of pam-credssp, in one place. Sizes are bytes unless the name
 * says otherwise, times are as the suffix says. A limit that is reached is a
 * refusal with a log line, never a truncation.
 */
#pragma once

#include "include/credssp/limits.h"

/* ---- the wire (MS-CSSP, MS-RDPBCGR) ---- */
#define TSREQUEST_ROUNDS_MAX 16U /* TSRequests of one peer in one exchange */
#define CLIENT_NONCE_LEN 32U
#define NTLM_NEGOTIATE_MAX 1024U    /* one NTLM NEGOTIATE message, which is kept for the MIC */
#define NTLM_CHALLENGE_MAX 4096U    /* our NTLM CHALLENGE message: four names and a timestamp */
#define NTLM_RESPONSE_MAX 4096U     /* NtChallengeResponse: NTLMv2 with its AV pairs */
#define X224_REQUEST_MAX 1024U      /* RDP connection request: cookie, negotiation, correlation info */
#define RDP_PDU_MAX 65535U          /* TPKT length field */
#define CLIENT_INFO_STRING_MAX 512U /* what xrdp takes for one Client Info string */
#define PROXY_V2_MAX 536U           /* address block and TLVs we are willing to read */

/* ---- names ---- */
#define MINIMUM_UID_DEFAULT 1000U /* default of minimum_uid, the daemon's option and the PAM module's */

/* ---- supervisor ---- */
#define HANDSHAKES_MAX 512U            /* live handshakes, one worker each */
#define HANDSHAKES_PER_CALLER_MAX 448U /* of one front-end uid */
#define TICKETS_MAX 512U               /* outstanding tickets (one pipe each): a uid gets 1024 full-size pipes */
#define TICKETS_PER_ACCOUNT_MAX 64U    /* part of TICKETS_MAX: a shared account may log on fifty times at once */
#define TICKET_BYTES 32U
#define TICKET_PREFIX "credssp1:"
#define HANDOVER_MAX 65536U           /* what fits into the pipe of one logon */
#define CALLS_PER_CONNECTION_MAX 100U /* the bus cuts a connection at 128 pending replies */
/*
 * Handshakes of one front end's uid before anything was sent on their channels. The front end may not have read the
 * replies to Begin yet, and dbus-daemon stops reading a connection with 64 descriptors in flight.
 */
#define HANDSHAKES_BEGUN_MAX 24U
#define HANDSHAKE_FIRST_TIMEOUT_SEC 10U /* for the first TSRequest, which the front end has before it calls Begin */
#define HANDSHAKE_TIMEOUT_SEC 600U      /* from Begin to the ticket */
#define HANDSHAKE_TURN_TIMEOUT_SEC 120U /* for the client's next TSRequest: it may ask a KDC, or a person */
#define HANDSHAKE_PATIENCE_SEC 15U      /* a client that is silent for longer is evicted when its slot is needed */
#define WORKER_STEP_TIMEOUT_SEC 10U     /* for the next message of a worker, which is killed after it */
#define RESOLVER_POOL 8U
#define RESOLVER_RESERVED 2U /* resolvers that only look up names without a domain */
#define RESOLVER_TIMEOUT_SEC 10U
#define RESOLVER_QUEUE_MAX 512U
#define RESOLVER_WAIT_SEC 30U        /* how long a question waits for a resolver before it is given up */
#define ACCOUNT_CHECKERS_MAX 4U      /* questions to PAM's account phase at a time */
#define ACCOUNT_CHECK_TIMEOUT_SEC 5U /* for an answer, a wait for a free process included; then the logon continues */
#define ACCOUNT_CHECK_MISSES 3U      /* deadlines missed in a row, after which the check pauses */
#define ACCOUNT_CHECK_PAUSE_SEC 30U
#define ACCOUNT_CHECKER_QUESTIONS_MAX 1000U /* a process that has answered these exits: PAM modules may leak memory */
#define TEMPLATE_READY_TIMEOUT_SEC 15U
#define CHILD_SIGN_TIMEOUT_SEC 10U   /* for the answer to a ping after a logon has waited in vain; then a kill */
#define KEEPER_SIGN_TIMEOUT_SEC 120U /* longer for the keeper: a kill loses the tickets that it is fetching */
/* processes of a warden: a full pool, and a successor of each that is being killed */
#define WARDS_MAX 32U
#define WARDEN_END_SEC 1 /* to exit, after the supervisor has closed a connection; then the process is killed */
#define KEYTAB_FILE_MAX (1U << 20)
#define CHILD_RESPAWN_MIN_SEC 1U
#define CHILD_RESPAWN_MAX_SEC 30U
#define CHILD_RETRY_SEC 300U                  /* of a process that has never been ready */
#define DAEMON_ADDRESS_SPACE_MAX 1073741824UL /* of any process of the daemons */
#define DAEMON_FILE_SIZE_MAX 67108864UL       /* the largest NTLM store fits */
#define HELPER_PROCESS_FILES_MAX 256U         /* descriptors of a resolver or the keeper */

/* ---- user-to-user ---- */
#define TGT_MAX 16384U          /* one ticket-granting ticket of the server, with its PAC */
#define SESSION_KEY_MAX 32U     /* AES-256 */
#define TGTS_MAX 16U            /* principals of the server with a ticket-granting ticket */
#define SERVER_NAMES_MAX 32U    /* TERMSRV/ names of the keytab, each with its account in the directory */
#define TGT_OVERLAP_SEC 600U    /* how long clients' tickets under the previous ticket-granting ticket stay valid */
#define KEEPER_RETRY_MIN_SEC 2U /* to the next attempt after a failure, doubled each time */
#define KEEPER_RETRY_MAX_SEC 60U
#define KEEPER_FETCH_TIMEOUT_SEC 30U /* for one ticket: libkrb5 asks every KDC several times */
#define KEEPER_ANSWER_TIMEOUT_SEC 5U /* how long a new template waits for the tickets that the agent has */
#define MECH_TYPES_MAX 512U          /* the client's MechTypeList */

/* ---- winbind ---- */
#define WINBIND_ASKERS_MAX 16U /* processes that ask winbind at a time */
#define WINBIND_TIMEOUT_SEC 8U /* below WORKER_STEP_TIMEOUT_SEC, so that the log gives winbind as the reason */

/* ---- failure counting ---- */
#define BACKOFF_FREE_FAILURES 5U  /* failures of one address before it has to wait */
#define BACKOFF_IN_FLIGHT_MAX 64U /* handshakes of one address under way; 1 for an address without free failures */
#define BACKOFF_MAX_SEC 60U
#define BACKOFF_DECAY_SEC 60U /* seconds after which one failure is forgotten */
#define BACKOFF_OVER_MAX 10U  /* failures counted beyond the free ones: all are forgotten after a quarter of an hour */
#define BACKOFF_CRASH_WEIGHT 5U /* what a handshake that crashed a worker counts as */
#define BACKOFF_TABLE_MAX 4096U
#define ACCOUNT_DELAY_FREE_FAILURES 5U
#define ACCOUNT_DELAY_MAX_MSEC 8000U

/* ---- module ---- */
#define PAM_TIMEOUT_DEFAULT_MSEC 3000U
#define PAM_TIMEOUT_MAX_MSEC 60000U
#define PAM_VERIFY_TIMEOUT_DEFAULT_MSEC 15000U /* a card that signs slowly, a KDC that is asked twice */
#define PASSWORD_MAX 1536U                     /* UTF-8 bytes: 512 UTF-16 units */
#define PIN_MAX 256U                           /* UTF-8 bytes */
#define CARD_STRING_MAX 1024U                  /* UTF-8 bytes of cardName, readerName, containerName, cspName */
#define LOG_WORD_MAX \
	256U /* longest user name of an unknown application in the log of pam_credssp; more is cut off \
	      */
#define HELPER_DETAIL_MAX 192U   /* one line for the log, without NUL */
#define HELPER_ARGUMENTS_MAX 12U /* arguments of the helper program, without mode and NULL */
#define HELPER_CPU_SEC 10U
#define HELPER_CLOCK_SKEW_SEC 300U  /* how far the KDC's clock may be ahead of this host's */
#define HELPER_END_MSEC 2000        /* from SIGKILL to its end */
#define HELPER_LOCK_LOOK_MSEC 20    /* between two tries to lock the cards */
#define HELPER_LOCK_MARGIN_MSEC 200 /* time that a logon keeps in reserve when it gives up waiting for the cards */
#define HELPER_FILES_MAX 256U
#define HELPER_ADDRESS_SPACE_MAX 1073741824U
#define HELPER_FILE_SIZE_MAX 4194304U /* the size of a credentials cache */
#define CARD_SLOTS_MAX 64U
#define CARD_CERTIFICATES_MAX 64U  /* on all cards */
#define CARD_ID_MAX 64U            /* bytes of a CKA_ID */
#define CARD_LABEL_MAX 128U        /* bytes of a certificate's CKA_LABEL */
#define CERTIFICATE_MAX 16384U     /* DER */
#define CCACHE_NAME_MAX 255U       /* bytes, without NUL */
#define TICKET_FILE_REST_MAX 8192U /* of a temporary cache, besides the ticket */
#define CCACHE_TEMPORARY_MAX 63U   /* path below /run/pam-credssp */
#define CCACHE_STALE_SEC 300       /* age at which a temporary cache is removed; its writer may have ended */
#define HELPER_TICKET_MAX 64U      /* hexadecimal digits of a hash */
#define MODULE_PATH_MAX 255U       /* of a PKCS#11 module */

/* ---- front end ---- */
#define RDP_CONNECTIONS_MAX 2048U /* open connections, before and after TLS */
#define RDP_PRE_TLS_MAX 2000U     /* part of RDP_CONNECTIONS_MAX: before the first byte of TLS */
#define RDP_PROCESSES_PER_ADDRESS_MAX 256U
/*
 * These deadlines leave users time for prompts (certificate, password). A client prompts before ClientHello, inside the
 * TLS handshake, or between it and the first TSRequest. Waiting connections are evicted when others need their slots.
 */
#define RDP_PRE_TLS_TIMEOUT_SEC 600U /* for ClientHello */
#define RDP_TLS_TIMEOUT_SEC 600U     /* for the TLS handshake */
#define RDP_PROMPT_TIMEOUT_SEC 600U  /* from TLS to the first TSRequest */
#define RDP_X224_TIMEOUT_SEC 30U     /* for the connection request itself */
#define RDP_FORK_TIMEOUT_SEC 10      /* for the template of connections to fork */
#define RDP_BEGIN_CALLS_MAX 64U      /* calls of Begin under way; the others wait in the listener */
#define RDP_BEGIN_TIMEOUT_SEC 60U    /* for credsspd's answer to Begin */
/* from Begin to the verdict: later than credsspd's own deadline, for a handshake that credsspd does not end */
#define RDP_NLA_TIMEOUT_SEC (HANDSHAKE_TIMEOUT_SEC + RDP_CHILD_SLACK_SEC)
#define RDP_FIRST_MCS_TIMEOUT_SEC 60U /* from the ticket to the first MCS PDU, X.224 of the direct approach included */
#define RDP_SEQUENCE_TIMEOUT_SEC 60U  /* from a slot with xrdp to the licence */
#define RDP_UNREDEEMED_MAX 8U /* slots of one xrdp: connections that sent it a ticket which PAM has not redeemed */
#define RDP_SLOTS_PER_ACCOUNT_MAX 2U
#define RDP_SLOT_TIMEOUT_SEC 20U /* then the next connection gets the slot, also when the ticket is not redeemed */
#define PROXY_PEERS_MAX 64U
#define RDP_CHILD_MEMORY_MAX (64UL << 20) /* of a connection's process, beyond what the listener has mapped */
#define RDP_CHILD_SLACK_SEC 10U /* until the listener kills a connection's process that misses its own deadlines */
/* log lines about connections of one address that end before CredSSP; fail2ban's jail needs ten */
#define RDP_LOG_LINES_MAX 20U
#define RDP_LOG_WINDOW_SEC 60U
#define RDP_LOG_ADDRESSES_MAX 4096U

/* ---- configuration and files ---- */
#define CONFIG_FILE_MAX 1048576U
#define CONFIG_LIST_MAX 256U
#define NTLM_STORE_MAX_RECORDS 100000U
#define FILES_LOOK_SEC 5U           /* between two checks of keytab and certificate */
#define FILES_SETTLE_MSEC 200U      /* a changed file is read when it has been unchanged for this time */
#define FILES_SETTLE_MAX_MSEC 5000U /* a file that changes all the time is read after this time */
#define FILES_RETRY_MAX_SEC 300U    /* between two attempts with files that cannot be used */
#define KEYS_WAIT_SEC 5U /* a logon waits for new keys that are being loaded, then continues with the old keys */
#define SYSTEM_FILE_MAX 1048576U /* xrdp.ini, a PAM stack */
#define XRDP_START_MSEC 15000U   /* credsspctl waits for xrdp's socket */
#define TRY_STEP_TIMEOUT_SEC 30U /* credsspctl try: without a byte from the server */
#define TRY_DEADLINE_SEC 300U    /* credsspctl try: from the password to the last line */
#define XRDP_LISTEN_MSEC 3000U   /* credsspctl check: waits for the socket of an xrdp that runs */
