# SPDX-License-Identifier: MIT
"""The client's side of SPNEGO (RFC 4178, MS-SPNG) over any mechanism with step, done, wrap, unwrap, get_mic and verify_mic, for Client of
tests/lib/rdpclient.py. An answer that RFC 4178 does not allow raises Failure."""
from inbed import expect
from rdpclient import tlv
from usertouser import NTLM, SPNEGO, mech_list, neg_token_resp, parse_resp

ACCEPT_COMPLETED, ACCEPT_INCOMPLETE, REJECT, REQUEST_MIC = b"\0", b"\1", b"\2", b"\3"
FRAMED, UNFRAMED = "framed", "unframed"
NEG_HINTS = tlv(0x30, tlv(0xA0, tlv(0x1B, b"not_defined_in_RFC4178@please_ignore")))  # MS-SPNG 2.2.1


def neg_token_init(mechs, token=None, form=FRAMED, req_flags=None, hints=None, mic=None):
    """Encodes NegTokenInit; with @hints (an encoded NegHints) NegTokenInit2, in which the MIC has another tag. @req_flags: contents of a
    BIT STRING."""
    body = tlv(0xA0, mech_list(mechs))
    if req_flags is not None:
        body += tlv(0xA1, tlv(0x03, req_flags))
    if token is not None:
        body += tlv(0xA2, tlv(0x04, token))
    if hints is not None:
        body += tlv(0xA3, hints)
    if mic is not None:
        body += tlv(0xA3 if hints is None else 0xA4, tlv(0x04, mic))
    choice = tlv(0xA0, tlv(0x30, body))
    return choice if form == UNFRAMED else tlv(0x60, tlv(0x06, SPNEGO) + choice)


class Spnego:
    """
    @mech is the mechanism of @oid, which the server must choose from @mechs.
    @optimistic: True sends the first token of the mechanism if it is the first of @mechs, False sends no token; bytes are sent as the
    token of another mechanism.
    @mic: "due" (RFC 4178 section 5: when the mechanism is not the first of the list, or the server has sent a MIC), "always",
    "never". @mic_with: "token" (with the last token of the mechanism, if the client sends it) or "answer" (after the server's
    MIC). @bend_mic: f(mic) -> mic. @signed: the list to sign, if it differs from the sent list.
    @wait: send pubKeyAuth after the answer to the last token of the mechanism, not with that token.
    @init: further arguments of neg_token_init(). @bend: {number of the token: f(token) -> token}.
    """

    def __init__(self, mech, mechs=(NTLM,), oid=NTLM, optimistic=True, mic="due", mic_with="token", bend_mic=bytes, signed=None,
                 wait=False, init=None, bend=None):
        self.mech, self.mechs, self.oid, self.optimistic = mech, list(mechs), oid, optimistic
        self.mic, self.mic_with, self.bend_mic, self.signed = mic, mic_with, bend_mic, mech_list(signed or mechs)
        self.wait, self.init, self.bend = wait, init or {}, bend or {}
        self.demanded = self.mechs[0] != oid
        self.started = self.done = False
        self.mic_sent = self.mic_received = self.answer_due = False
        self.number = 0
        self.answers = []

    # -- out --

    def give(self, token):
        self.number += 1
        return self.bend[self.number](token) if self.number in self.bend else token

    def start(self):
        self.started = True
        return self.mech.step(None)

    def step(self, token):
        if token is None:
            first = self.optimistic or None
            if first is True:
                first = None if self.demanded else self.start()
            return self.give(neg_token_init(self.mechs, first, **self.init))
        answer = self.take(token)
        inner = None
        if not self.mech.done:
            expect("token" in answer or not self.started, "the mechanism's token is missing: %r" % answer)
            inner = self.mech.step(answer["token"]) if self.started else self.start()
        self.take_mic(answer)
        if answer.get("state") == ACCEPT_COMPLETED:
            expect(self.mech.done and inner is None, "accept-completed too early: %r" % answer)
            self.done = True
            return None
        return self.reply(inner)

    def reply(self, inner):
        """Returns the next token. It is the last one when pubKeyAuth need not wait for an answer of the server."""
        due = self.mic == "always" or (self.mic == "due" and (self.demanded or self.mic_received))
        mic = None
        if self.mech.done and due and (self.mic_with == "token" or self.mic_received):
            mic = self.bend_mic(self.mech.get_mic(self.signed))
            self.mic_sent = True
        self.answer_due = inner is not None
        self.done = self.mech.done and not (self.answer_due and (self.wait or due and not self.mic_sent))
        if inner is None and mic is None:
            expect(self.mic == "never", "the server waits for a MIC that it did not request")
            return None
        return self.give(neg_token_resp(ACCEPT_COMPLETED[0] if inner is None else ACCEPT_INCOMPLETE[0], inner, mic))

    # -- in --

    def take(self, token):
        answer = parse_resp(token)
        if not self.answers:
            expect(answer.get("mech") == self.oid, "supportedMech is not the client's OID of the mechanism: %r" % answer)
            allowed = [REQUEST_MIC] if self.demanded else [ACCEPT_INCOMPLETE, ACCEPT_COMPLETED]
        else:
            expect("mech" not in answer, "supportedMech in a later answer: %r" % answer)
            allowed = [ACCEPT_INCOMPLETE, ACCEPT_COMPLETED, None]
        expect(answer.get("state") in allowed, "unexpected negState: %r" % answer)
        self.answers.append(answer)
        self.answer_due = False
        return answer

    def take_mic(self, answer):
        completed = answer.get("state") == ACCEPT_COMPLETED
        if "mic" in answer:
            expect(not self.mic_received, "a second mechListMIC: %r" % answer)
            expect(self.mic_sent or not completed, "an unrequested mechListMIC: %r" % answer)
            self.mech.verify_mic(mech_list(self.mechs), answer["mic"])
            self.mic_received = True
        expect(not completed or self.mic_received == self.mic_sent, "accept-completed without the server's mechListMIC: %r" % answer)
        expect(not completed or self.mic_received or not self.demanded, "accept-completed without mechListMICs: %r" % answer)

    def finish(self, token):
        """Handles the token next to the server's pubKeyAuth."""
        if token is None:
            expect(not self.answer_due, "the server has not answered the last token")
            return
        expect(self.answer_due, "an unexpected token: %r" % token)
        answer = self.take(token)
        expect(answer.get("state") == ACCEPT_COMPLETED and "token" not in answer, "not the last answer: %r" % answer)
        self.take_mic(answer)

    def wrap(self, clear):
        return self.mech.wrap(clear)

    def unwrap(self, token):
        return self.mech.unwrap(token)
