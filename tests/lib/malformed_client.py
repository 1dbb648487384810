# SPDX-License-Identifier: MIT
"""For tests/hostile: DER with each element breakable, and a CredSSP conversation with each message changeable."""
import hmac
import os
import struct

from load import address
from rdpclient import CLIENT_MAGIC, HYBRID, HYBRID_EX, SERVER_MAGIC, SSL, Client, Ntlm, Refused, integer, password_creds, tlv, ts_request
from usertouser import NTLM, mech_list, neg_token_init, neg_token_resp, parse_resp

# ---- DER ----


class Node:
    """A DER element: a tag, and bytes or elements inside. An OCTET STRING may contain elements, too."""

    def __init__(self, tag, *inside, name=""):
        self.tag, self.name = tag, name
        self.payload = inside[0] if inside and isinstance(inside[0], bytes) else None
        self.kids = [] if self.payload is not None else list(inside)

    def encode(self, at=None, how=None):
        """Returns the encoding. The element @at is broken by the function how(tag, contents)."""
        inside = self.payload if self.payload is not None else b"".join(k.encode(at, how) for k in self.kids)
        return how(self.tag, inside) if self is at else tlv(self.tag, inside)

    def walk(self, path=""):
        """Yields (path, element) of this element and all below it."""
        path = path + "/" + (self.name or "%02x" % self.tag)
        yield path, self
        for k in self.kids:
            yield from k.walk(path)


def nodes_of(data, depth=99):
    """Returns the elements of DER as Nodes. Constructed elements are parsed down to @depth."""
    out, at = [], 0
    while at < len(data):
        tag, n, head = data[at], data[at + 1], 2
        if n & 0x80:
            head += n & 0x7F
            n = int.from_bytes(data[at + 2:at + head], "big")
        inside = data[at + head:at + head + n]
        out.append(Node(tag, *nodes_of(inside, depth - 1)) if tag & 0x20 and depth and inside else Node(tag, inside))
        at += head + n
    return out


def long_form(tag, inside, length_bytes):
    return bytes([tag, 0x80 | length_bytes]) + len(inside).to_bytes(length_bytes, "big") + inside


WRONG_TYPE = {0x02: 0x04, 0x04: 0x02, 0x30: 0x31, 0x06: 0x04, 0x0A: 0x02}

# the ways to break one element, as functions of its tag and contents
BREAKS = {
    "missing": lambda t, v: b"",
    "doubled": lambda t, v: tlv(t, v) * 2,
    "truncated": lambda t, v: tlv(t, v[:-1]),
    "too long": lambda t, v: tlv(t, v + b"\0"),
    "declares more": lambda t, v: tlv(t, v + b"\0")[:-1],
    "declares less": lambda t, v: (tlv(t, v[:-1]) + v[-1:]),
    "empty": lambda t, v: tlv(t, b""),
    "wrong type": lambda t, v: tlv(WRONG_TYPE.get(t, t ^ 0x20), v),
    "unknown tag": lambda t, v: tlv(0xBE, v),
    "indefinite": lambda t, v: bytes([t, 0x80]) + v + b"\0\0",
    "length of 5 bytes": lambda t, v: long_form(t, v, 5),
    "declares 4 GiB": lambda t, v: bytes([t, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]) + v,
    "trailing element": lambda t, v: tlv(t, v) + b"\x05\0",
}

# ---- TSRequest ----

FIELDS = {"version": 0xA0, "token": 0xA1, "auth_info": 0xA2, "pub_key_auth": 0xA3, "error": 0xA4, "nonce": 0xA5}


def field(name, value):
    if name == "version":
        inside = value if isinstance(value, bytes) else integer(value)
    elif name == "token":
        inside = tlv(0x30, tlv(0x30, tlv(0xA0, tlv(0x04, value))))
    elif name == "error":
        inside = tlv(0x02, struct.pack(">I", value))
    else:
        inside = tlv(0x04, value)
    return tlv(FIELDS[name], inside)


class Request:
    """A TSRequest as {name: value}, in the order of writing."""

    def __init__(self, **values):
        self.values = {k: v for k, v in values.items() if v is not None}

    def parts(self):
        return {k: field(k, v) for k, v in self.values.items()}

    def payload(self):
        return tlv(0x30, b"".join(self.parts().values()))

    def node(self):
        return Node(0x30, *(Node(FIELDS[k], *nodes_of(nodes_of(p, 0)[0].payload), name=k) for k, p in self.parts().items()), name="TSRequest")

    def copy(self, **changes):
        return Request(**{**self.values, **changes})


# ---- the conversation ----

class Conversation:
    """A client up to authInfo. @bend: {stage: f(request, conversation) -> Request, bytes, or None to send nothing}. Stages: first (a
    token), token (further tokens), binding (with pubKeyAuth), info (authInfo)."""

    def __init__(self, mech, credentials, bend=None, requested=HYBRID | SSL, flags=0, version=6, source=None):
        self.mech, self.credentials, self.bend = mech, credentials, bend or {}
        self.requested, self.flags, self.version = requested, flags, version
        self.source = source or address()
        self.nonce = os.urandom(32)
        self.sent, self.answers = [], []

    def send(self, stage, request):
        if stage in self.bend:
            request = self.bend[stage](request, self)
        payload = request.payload() if isinstance(request, Request) else request
        self.sent.append(payload)
        if payload:
            self.client.write(payload)

    def receive(self, stage):
        answer = self.client.receive_request(stage)
        self.answers.append(answer)
        return answer

    def bound(self, magic=CLIENT_MAGIC, **kw):
        return self.client.binding(magic, self.version, kw.pop("nonce", self.nonce), **kw)

    def run(self):
        """Runs until the login stack answers. Raises Refused when the server closes."""
        with Client(source=self.source) as self.client:
            self.client.negotiate(self.requested, self.flags)
            self.client.start_tls()
            self.talk()
            self.client.mcs_connect()

    def talk(self):
        token, stage = self.mech.step(None), "first"
        while not self.mech.done:
            self.send(stage, Request(version=self.version, token=token, nonce=self.nonce))
            token, stage = self.mech.step(self.receive("GSS").get("token")), "token"
        self.send("binding", Request(version=self.version, token=token, pub_key_auth=self.mech.wrap(self.bound()), nonce=self.nonce))
        answer = self.receive("binding")
        if self.mech.unwrap(answer["pub_key_auth"]) != self.bound(SERVER_MAGIC):
            raise Refused("binding", why="the server's pubKeyAuth is wrong")
        self.send("info", Request(version=self.version, auth_info=self.mech.wrap(self.credentials)))
        if self.client.selected == 8:
            early = struct.unpack("<I", self.client.read(4))[0]
            if early:
                raise Refused("early authorization", early=early)


# ---- as far as a step ----

STEPS = ("connect", "half X.224", "X.224", "half TLS", "TLS", "half first", "first", "challenge", "half binding", "binding", "confirmed", "half info",
         "info", "early", "half MCS", "MCS", "client info", "half licence", "licence", "session")


class Gone(Exception):
    pass


def walk(step, c):
    """A logon up to the step, where it raises Gone."""
    def here(name):
        if step == name:
            raise Gone
    mech = Ntlm(os.environ["BED_USER"], os.environ["BED_PASSWORD"])
    here("connect")
    if step == "half X.224":
        c.sock.sendall(b"\3\0\0\x13\x0e")
    here("half X.224")
    c.negotiate(HYBRID_EX | HYBRID | SSL)
    here("X.224")
    if step == "half TLS":
        c.sock.sendall(bytes.fromhex("16030100f8010000f40303"))
    here("half TLS")
    c.start_tls()
    here("TLS")
    nonce = os.urandom(32)
    for name, build in (("first", lambda: ts_request(6, mech.step(None), nonce=nonce)),
                        ("binding", lambda: ts_request(6, mech.step(c.answer["token"]), pub_key_auth=mech.wrap(c.binding(CLIENT_MAGIC, 6, nonce)), nonce=nonce)),
                        ("info", lambda: ts_request(6, auth_info=mech.wrap(password_creds("", os.environ["BED_USER"], os.environ["BED_PASSWORD"]))))):
        data = build()
        if step == "half " + name:
            c.write(data[:len(data) // 2])
        here("half " + name)
        c.write(data)
        here(name)
        if name != "info":
            c.answer = c.receive_request(name)
            here({"first": "challenge", "binding": "confirmed"}[name])
            if name == "binding":
                mech.unwrap(c.answer["pub_key_auth"])
    c.read(4)
    here("early")
    if step == "half MCS":
        c.write(b"\3\0\1")
    here("half MCS")
    c.mcs_connect()
    here("MCS")
    c.send_client_info()
    here("client info")
    c.read_tpkt()
    if step == "half licence":
        c.write(b"\3\0\0\x30\2\xf0")
    here("half licence")
    c.send_data(0x0080, struct.pack("<BBHIHH", 0xFF, 3, 16, 2, 4, 0) + b"\0\0\0\0")
    here("licence")
    c.read_tpkt()
    c.read_tpkt()
    here("session")
    raise ValueError("no step " + step)


class SpnegoNtlm(Ntlm):
    """NTLM in SPNEGO; @bend: {1: f(NegTokenInit) -> token, 2: f(NegTokenResp with AUTHENTICATE) -> token}. When NTLM is not the
    first of @mechs there is no optimistic token, and mechListMICs are exchanged."""

    def __init__(self, *args, bend=None, mechs=(NTLM,)):
        super().__init__(*args)
        self.bend, self.mechs, self.at = bend or {}, list(mechs), 0
        self.mic = self.mechs[:1] != [NTLM]

    def step(self, token):
        self.at += 1
        answer = parse_resp(token) if token else {}
        if token is None:
            return self.bend.get(1, bytes)(neg_token_init(self.mechs, None if self.mic else self.hello()))
        if "token" not in answer and not self.sent_key():
            return neg_token_resp(token=self.hello())
        message = super().step(answer["token"])
        return self.bend.get(2, bytes)(neg_token_resp(token=message, mic=self.sign_list() if self.mic else None))

    def hello(self):
        """Adds Version to NEGOTIATE, as Windows does."""
        return super().step(None) + bytes(8)

    def sent_key(self):
        return hasattr(self, "key")

    def sign_list(self):
        """The MIC is message 0; the cipher starts again with message 1 ([MS-SPNG] 3.3.5.1)."""
        number = struct.pack("<I", 0)
        mac = hmac.new(self.sign[0], number + mech_list(self.mechs), "md5").digest()[:8]
        out = b"\1\0\0\0" + self.seal[0].encrypt(mac) + number
        self.seal = [self.arc4.new(self.ntlm.SEALKEY(self.flags, self.key)), self.arc4.new(self.ntlm.SEALKEY(self.flags, self.key, "Server"))]
        self.sent = self.received = 1
        return out
