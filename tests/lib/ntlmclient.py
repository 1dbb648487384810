# SPDX-License-Identifier: MIT
"""An NTLM client by MS-NLMP with an option for each of its choices, for tests/lib/rdpclient.py (step, done, wrap, unwrap) and
tests/lib/spnegoclient.py (get_mic, verify_mic). By default it behaves like Windows: NTLMv2 with the server's AV pairs, a MIC when the
CHALLENGE has a timestamp, and a session key of its own. The session is as weak as the flags of its AUTHENTICATE message permit, which
exposes a server that grants weak sessions. Section numbers are those of MS-NLMP."""
import dataclasses
import hashlib
import hmac
import os
import struct
import time
import zlib

from rdpclient import Refused, utf16

# ---- 2.2.2.5 NEGOTIATE flags ----

UNICODE, OEM, REQUEST_TARGET = 0x1, 0x2, 0x4
SIGN, SEAL, DATAGRAM, LM_KEY, NTLM, ANONYMOUS = 0x10, 0x20, 0x40, 0x80, 0x200, 0x800
DOMAIN_SUPPLIED, WORKSTATION_SUPPLIED, ALWAYS_SIGN = 0x1000, 0x2000, 0x8000
TARGET_TYPE_DOMAIN, TARGET_TYPE_SERVER = 0x10000, 0x20000
ESS, IDENTIFY, REQUEST_NON_NT_KEY, TARGET_INFO = 0x80000, 0x100000, 0x400000, 0x800000
VERSION, SEAL_128, KEY_EXCH, SEAL_56 = 0x2000000, 0x20000000, 0x40000000, 0x80000000

WINDOWS = UNICODE | OEM | REQUEST_TARGET | SIGN | SEAL | LM_KEY | NTLM | ALWAYS_SIGN | ESS | VERSION | SEAL_128 | KEY_EXCH | SEAL_56

# the flags that the server demands, by their names in its log
REQUIRED = {"UNICODE": UNICODE, "SIGN": SIGN, "SEAL": SEAL, "NTLM": NTLM, "EXTENDED_SESSIONSECURITY": ESS, "128": SEAL_128,
            "KEY_EXCH": KEY_EXCH}

WINDOWS_VERSION = bytes.fromhex("0a0063450000000f")  # 2.2.2.10
SIGNATURE = b"NTLMSSP\0"
MIC_LENGTH = 16

# ---- 2.2.2.1 AV_PAIR ----

EOL, NB_COMPUTER, NB_DOMAIN, DNS_COMPUTER, DNS_DOMAIN, DNS_TREE, AV_FLAGS, TIMESTAMP, SINGLE_HOST, TARGET_NAME, CHANNEL_BINDINGS = range(11)
MIC_PRESENT = struct.pack("<I", 2)


def read_pairs(data):
    """Returns [(id, value)] without MsvAvEOL, which must be there unless the bytes are empty."""
    out, at = [], 0
    while data:
        kind, n = struct.unpack_from("<HH", data, at)
        if kind == EOL:
            return out
        out.append((kind, data[at + 4:at + 4 + n]))
        at += 4 + n
    return out


def write_pair(kind, value=b""):
    return struct.pack("<HH", kind, len(value)) + value


def write_pairs(pairs):
    return b"".join(write_pair(*p) for p in pairs) + write_pair(EOL)


def find_pair(pairs, kind):
    """Returns the first value of this id, or None."""
    return next((v for k, v in pairs if k == kind), None)


# ---- 3.3, 3.4.5 and 6: keys and responses ----

def hmac_md5(key, *parts):
    return hmac.new(key, b"".join(parts), "md5").digest()


def md4(data):
    from Cryptodome.Hash import MD4  # only in the bed
    return MD4.new(data).digest()


def rc4(key):
    from Cryptodome.Cipher import ARC4
    return ARC4.new(key)


def des(key, block):
    """Encrypts with DES under a key of 7 bytes."""
    from Cryptodome.Cipher import DES
    bits = int.from_bytes(key, "big")
    return DES.new(bytes((bits >> (49 - 7 * i) & 0x7F) << 1 for i in range(8)), DES.MODE_ECB).encrypt(block)


def desl(key, block):
    key = key + bytes(5)
    return b"".join(des(key[i:i + 7], block) for i in (0, 7, 14))


def ntowf_v1(password):
    return md4(utf16(password))


def lmowf_v1(password):
    key = password.upper().encode("latin-1")[:14].ljust(14, b"\0")
    return b"".join(des(key[i:i + 7], b"KGS!@#$%") for i in (0, 7))


def ntowf_v2(user, password, domain):
    return hmac_md5(ntowf_v1(password), utf16(user.upper()), utf16(domain))


class V2:
    """3.3.2. @now is the time in the response, 8 bytes."""

    def __init__(self, key, server_challenge, client_challenge, now, pairs):
        temp = b"\1\1" + bytes(6) + now + client_challenge + bytes(4) + pairs + bytes(4)
        self.proof = hmac_md5(key, server_challenge, temp)
        self.nt = self.proof + temp
        self.lm = hmac_md5(key, server_challenge, client_challenge) + client_challenge
        self.exchange_key = hmac_md5(key, self.proof)


class V1:
    """3.3.1 and 3.4.5.1, with the NTLM2 session response when there is extended session security."""

    def __init__(self, password, server_challenge, client_challenge, flags):
        key = ntowf_v1(password)
        base = md4(key)
        if flags & ESS:
            self.lm = client_challenge + bytes(16)
            self.nt = desl(key, hashlib.md5(server_challenge + client_challenge).digest()[:8])
            self.exchange_key = hmac_md5(base, server_challenge, self.lm[:8])
        else:
            self.nt, self.lm = desl(key, server_challenge), desl(lmowf_v1(password), server_challenge)
            self.exchange_key = base


def sign_key(key, way):
    return hashlib.md5(key + b"session key to %s signing key magic constant\0" % way).digest()


def seal_key(key, way, flags):
    """3.4.5.3. The last form is that of sessions without extended session security and without LM_KEY."""
    if not flags & ESS:
        return key
    if not flags & SEAL_128:
        key = key[:7] if flags & SEAL_56 else key[:5]
    return hashlib.md5(key + b"session key to %s sealing key magic constant\0" % way).digest()


# ---- 3.4: session security ----

class Session:
    """Seals in direction @ways[0] and unseals in direction @ways[1]."""

    CLIENT = (b"client-to-server", b"server-to-client")

    def __init__(self, key, flags, ways=CLIENT):
        self.flags = flags
        self.sign_keys = [sign_key(key, w) for w in ways]
        self.seal_keys = [seal_key(key, w, flags) for w in ways]
        self.number = [0, 0]
        self.streams = [rc4(self.seal_keys[0])]
        # 3.4.4.1: one stream and one number for both directions
        self.streams.append(rc4(self.seal_keys[1]) if flags & ESS else self.streams[0])

    def next_number(self, side):
        side = side if self.flags & ESS else 0
        self.number[side] += 1
        return struct.pack("<I", self.number[side] - 1)

    def signature(self, side, clear):
        number, stream = self.next_number(side), self.streams[side]
        if not self.flags & ESS:
            sealed = stream.encrypt(bytes(4) + struct.pack("<I", zlib.crc32(clear)) + number)
            return b"\1\0\0\0" + bytes(4) + sealed[4:]
        mac = hmac_md5(self.sign_keys[side], number, clear)[:8]
        return b"\1\0\0\0" + (stream.encrypt(mac) if self.flags & KEY_EXCH else mac) + number

    def wrap(self, clear):
        sealed = self.streams[0].encrypt(clear)
        return self.signature(0, clear) + sealed

    def unwrap(self, token):
        clear = self.streams[1].decrypt(token[16:])
        if token[:16] != self.signature(1, clear):
            raise Refused("unwrap", why="wrong signature")
        return clear

    def restart(self, side):
        """After a mechListMIC, which was message 0, the keystream starts again (MS-SPNG 3.3.5.1)."""
        if self.flags & ESS:
            self.streams[side] = rc4(self.seal_keys[side])

    def get_mic(self, message):
        out = self.signature(0, message)
        self.restart(0)
        return out

    def verify_mic(self, message, mic):
        if mic != self.signature(1, message):
            raise Refused("mechListMIC", why="the server's is wrong")
        self.restart(1)


# ---- 2.2.1: messages ----

def put_fields(values, payload):
    """Returns (descriptions: length, length, offset; contents) of the fields, whose payload starts at @payload."""
    head, body = b"", b""
    for v in values:
        head += struct.pack("<HHI", len(v) & 0xFFFF, len(v) & 0xFFFF, payload + len(body))
        body += v
    return head, body


class Challenge:
    """2.2.1.2"""

    def __init__(self, message):
        self.message = message
        if message[:12] != SIGNATURE + b"\2\0\0\0":
            raise ValueError("not a CHALLENGE: %r" % message[:12])
        self.flags, self.nonce = struct.unpack_from("<I8s", message, 20)
        self.target = self.field(12)
        self.pairs = read_pairs(self.field(40))

    def field(self, at):
        n, _, offset = struct.unpack_from("<HHI", self.message, at)
        return self.message[offset:offset + n]

    def rewritten(self, pairs):
        """Returns the message with other AV pairs, which are its last field."""
        n, _, offset = struct.unpack_from("<HHI", self.message, 40)
        if offset + n != len(self.message):
            raise ValueError("the AV pairs are not the last field")
        info = write_pairs(pairs)
        return self.message[:40] + struct.pack("<HHI", len(info), len(info), offset) + self.message[48:offset] + info


# The bytes that a client's MIC covers: the CHALLENGE as received, or as the client changed it for its response.
MIC_OVER = {
    "as sent": lambda c: c.message,
    "pair 6 set in place": lambda c: c.rewritten([(k, MIC_PRESENT if k == AV_FLAGS else v) for k, v in c.pairs]),
    "pair 6 left out": lambda c: c.rewritten([(k, v) for k, v in c.pairs if k != AV_FLAGS]),
}


@dataclasses.dataclass
class NtlmClient:
    user: str
    password: str
    domain: str = ""
    workstation: str = "WORKSTATION"
    _: dataclasses.KW_ONLY
    # NEGOTIATE: flags, names (domain, workstation), and its length: 40, 32 (without Version) or 16 (without the fields, too)
    flags: int = WINDOWS
    negotiate_names: tuple = ()
    negotiate_length: int = 40
    # the response: "v2", "v1", "LM" (v1 without its NT half), "LMv2" (v2 without its NT half) or "anonymous"
    response: str = "v2"
    answer_to: Challenge = None         # a challenge to answer in place of the received one
    now: bytes = None                   # the time in the fixed part; None: the server's
    # the server's AV pairs (False: only its timestamp) plus the client's, then changed: f([(id, value)]) -> list or bytes
    keep_pairs: bool = True
    channel_bindings: bool = True       # a pair of 16 zeros
    target_name: str = "TERMSRV/test"   # None: without this pair
    pairs: object = list
    # the MIC: one of MIC_OVER, or None; whether MsvAvFlags claims it (None: if there is one); whether the message has its field
    mic: str = "as sent"
    mic_bit: bool = None
    mic_room: bool = True
    bend_mic: object = bytes            # f(mic) -> mic
    # AUTHENTICATE: flags to remove and to add; without Version the MIC is at 64
    clear: int = 0
    add: int = 0
    version_field: bool = True
    own_key: bool = True                # False: the session key is the response's, whatever the flags say
    encrypted_key: object = bytes       # f(EncryptedRandomSessionKey) -> the field
    bend: object = bytes                # f(message) -> message, after the MIC was computed

    def __post_init__(self):
        self.done = False
        self.negotiate = self.challenge = self.authenticate = self.session = None

    def step(self, token):
        if token is None:
            self.negotiate = self.make_negotiate()
            return self.negotiate
        self.challenge = Challenge(token)
        self.authenticate = self.make_authenticate(self.answer_to or self.challenge)
        self.done = True
        return self.authenticate

    def wrap(self, clear):
        return self.session.wrap(clear)

    def unwrap(self, token):
        return self.session.unwrap(token)

    def get_mic(self, message):
        return self.session.get_mic(message)

    def verify_mic(self, message, mic):
        self.session.verify_mic(message, mic)

    # -- 2.2.1.1 --

    def make_negotiate(self):
        flags = self.flags
        if self.negotiate_length < 40:
            flags &= ~VERSION
        if self.negotiate_names:
            flags |= DOMAIN_SUPPLIED | WORKSTATION_SUPPLIED
        head, body = put_fields([n.encode("latin-1") for n in self.negotiate_names or ("", "")], self.negotiate_length)
        message = SIGNATURE + struct.pack("<II", 1, flags) + head + (WINDOWS_VERSION if flags & VERSION else bytes(8))
        return message[:self.negotiate_length] + body

    # -- 3.1.5.1.2 and 2.2.1.3 --

    def make_pairs(self, challenge):
        when = find_pair(challenge.pairs, TIMESTAMP)
        out = list(challenge.pairs) if self.keep_pairs else [(TIMESTAMP, when)] if when else []
        if self.mic_bit if self.mic_bit is not None else self.mic is not None and when is not None:
            out = [(k, v) for k, v in out if k != AV_FLAGS] + [(AV_FLAGS, MIC_PRESENT)]
        if self.channel_bindings:
            out.append((CHANNEL_BINDINGS, bytes(16)))
        if self.target_name is not None:
            out.append((TARGET_NAME, utf16(self.target_name)))
        out = self.pairs(out)
        return out if isinstance(out, bytes) else write_pairs(out)

    def make_responses(self, challenge, flags):
        """Returns (LmChallengeResponse, NtChallengeResponse, KeyExchangeKey)."""
        mine, when = os.urandom(8), find_pair(challenge.pairs, TIMESTAMP)
        if self.response == "anonymous":
            return bytes(1), b"", bytes(16)
        if self.response in ("v1", "LM"):
            r = V1(self.password, challenge.nonce, mine, flags)
            return r.lm, b"" if self.response == "LM" else r.nt, r.exchange_key
        now = self.now or when or struct.pack("<Q", int((time.time() + 11644473600) * 1e7))
        r = V2(ntowf_v2(self.user, self.password, self.domain), challenge.nonce, mine, now, self.make_pairs(challenge))
        if self.response == "LMv2":
            return r.lm, b"", hmac_md5(ntowf_v2(self.user, self.password, self.domain), r.lm[:16])
        return bytes(24) if when else r.lm, r.nt, r.exchange_key

    def make_key(self, exchange_key, flags):
        """Returns (session key, field EncryptedRandomSessionKey) by 3.4.6."""
        if not flags & KEY_EXCH:
            return exchange_key, b""
        key = os.urandom(16) if self.own_key else exchange_key
        return key, self.encrypted_key(rc4(exchange_key).encrypt(key))

    def make_authenticate(self, challenge):
        anonymous = self.response == "anonymous"
        # 3.1.5.1.2: the flags that both sides have offered
        flags = (challenge.flags & (self.flags | TARGET_INFO) & ~self.clear) | self.add | (ANONYMOUS if anonymous else 0)
        lm, nt, exchange_key = self.make_responses(challenge, flags)
        key, encrypted = self.make_key(exchange_key, flags)
        self.session = Session(key, flags)
        version = (WINDOWS_VERSION if flags & VERSION else bytes(8)) if self.version_field else b""
        # 3.1.5.1.2: the MIC is there when the CHALLENGE has a timestamp
        with_mic = self.mic is not None and find_pair(challenge.pairs, TIMESTAMP) is not None
        room = MIC_LENGTH if with_mic and self.mic_room else 0
        names = ["", "", ""] if anonymous else [self.domain, self.user, self.workstation]
        domain, user, workstation = (utf16(n) if flags & UNICODE else n.encode("latin-1") for n in names)
        # in the order of Windows: domain, user, workstation, LM, NT, key
        fields, body = put_fields([domain, user, workstation, lm, nt, encrypted], 64 + len(version) + room)
        domain, user, workstation, lm, nt, encrypted = (fields[i:i + 8] for i in range(0, 48, 8))
        head = SIGNATURE + struct.pack("<I", 3) + lm + nt + domain + user + workstation + encrypted + struct.pack("<I", flags) + version
        if not room:
            return self.bend(head + body)
        mic = hmac_md5(key, self.negotiate, MIC_OVER[self.mic](challenge), head, bytes(room), body)
        return self.bend(head + self.bend_mic(mic) + body)
