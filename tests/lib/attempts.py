# SPDX-License-Identifier: MIT
"""Many logons in parallel, each from its own address: compares what the client receives, and the reason and text of the daemon's log
line, with the expected Outcome."""
import re

from load import address, line_of, many, refusal_of
from inbed import ENV, expect
from rdpclient import Client, password_creds

CLOSED, LOGON_FAILURE, NOT_SUPPORTED = (None, None), (0xC000006D, None), (0xC00000BB, None)


class Outcome:
    """@received: see refusal_of() in tests/lib/load.py; @reason: the reason word of the log, None for a granted logon; @text: a pattern
    for the same line."""

    def __init__(self, received, reason, text=""):
        self.received, self.reason, self.text = received, reason, text

    def with_text(self, text):
        return Outcome(self.received, self.reason, text)


IN = Outcome(None, None)
BAD = Outcome(LOGON_FAILURE, "bad-credentials")
BAD_PASSWORD = Outcome(LOGON_FAILURE, "bad-password")
REPLAY = Outcome(LOGON_FAILURE, "replay")         # NTLM: the verifier detects it, not the worker
KERBEROS_REPLAY = Outcome(CLOSED, "replay")
WEAK = Outcome(NOT_SUPPORTED, "weak-ntlm")
PROTOCOL = Outcome(CLOSED, "protocol")
NO_MECHANISM = Outcome(LOGON_FAILURE, "mechanism")


def outcome(talk, source, expected, user=None):
    """Runs talk(), which connects from @source as @user, and compares its outcome."""
    user = user or ENV["BED_USER"]
    got, line = refusal_of(talk), line_of("credsspd", source, "reason=|logon granted")
    word = re.search(r"reason=(\S+)", line)
    seen = (got, word and word.group(1))
    expect(seen == (expected.received, expected.reason), "%s instead of %s: %s" % (seen, (expected.received, expected.reason), line))
    expect(re.search(expected.text, line), "the text is not %r: %s" % (expected.text, line))
    expect(word or "user=%s " % user in line, "logged on as another user: " + line)


def log_on_with(mech, late=False):
    """Returns a function for attempt() that logs on until the login stack answers."""
    def talk(c):
        c.authenticate(mech, late=late)
        c.delegate(mech, password_creds("", ENV["BED_USER"], ENV["BED_PASSWORD"]))
        c.mcs_connect()
    return talk


def attempt(talk, expected=IN):
    """Connects, and calls talk(client) after the TLS handshake."""
    source = address()

    def connect():
        with Client(source=source) as c:
            c.negotiate()
            c.start_tls()
            talk(c)
    outcome(connect, source, expected)


def check(case):
    """Runs one case: (name, function that makes a mechanism or an object with talk(client), Outcome[, `late` of
    Client.authenticate()])."""
    made, expected, late = case[1](), case[2], len(case) > 3 and case[3]
    attempt(made.talk if hasattr(made, "talk") else log_on_with(made, late), expected)


def check_all(cases):
    many(cases, check)
