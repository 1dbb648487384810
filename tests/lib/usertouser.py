# SPDX-License-Identifier: MIT
"""Kerberos user-to-user in SPNEGO as clients of CredSSP use it, for tests/lib/rdpclient.py. SPNEGO and TGT-REQ are encoded here,
`kvno --u2u` gets the ticket from the KDC, and MIT Kerberos makes the AP-REQ. A test can change each token."""
import os
import struct
import subprocess
import tempfile

from rdpclient import Refused, elements, integer, read_tlv, tlv

KRB5 = bytes.fromhex("2a864886f712010202")
MS_KRB5 = bytes.fromhex("2a864882f712010202")
U2U = KRB5 + b"\3"
NTLM = bytes.fromhex("2b06010401823702020a")
NEGOEX = bytes.fromhex("2b06010401823702021e")
# type and length of a substitute for the server's session key, which kvno does not use; krb5.conf must permit the type
session_key = (18, 32)
SPNEGO = bytes.fromhex("2b0601050502")
TGT_REQ, TGT_REP, AP_REQ, AP_REP = b"\4\0", b"\4\1", b"\1\0", b"\2\0"

MSTSC = (MS_KRB5, KRB5, NEGOEX, NTLM)
FREERDP = (U2U, KRB5, NTLM)


def frame(oid, tok_id, message):
    return tlv(0x60, tlv(0x06, oid) + tok_id + message)


def unframe(token):
    """Returns (mechanism, TOK_ID, message) of a framed token."""
    body = read_tlv(token)[1]
    _, oid, at = read_tlv(body)
    return oid, body[at:at + 2], body[at + 2:]


def mech_list(mechs):
    return tlv(0x30, b"".join(tlv(0x06, m) for m in mechs))


def neg_token_init(mechs, token):
    return tlv(0x60, tlv(0x06, SPNEGO) + tlv(0xA0, tlv(0x30, tlv(0xA0, mech_list(mechs)) + (
        tlv(0xA2, tlv(0x04, token)) if token is not None else b""))))


def neg_token_resp(state=None, token=None, mic=None):
    body = tlv(0xA0, tlv(0x0A, bytes([state]))) if state is not None else b""
    body += tlv(0xA2, tlv(0x04, token)) if token is not None else b""
    body += tlv(0xA3, tlv(0x04, mic)) if mic is not None else b""
    return tlv(0xA1, tlv(0x30, body))


def parse_resp(token):
    """Returns {"state", "mech", "token", "mic"} of a NegTokenResp."""
    out = {}
    for tag, value in elements(read_tlv(read_tlv(token)[1])[1]):
        out[{0xA0: "state", 0xA1: "mech", 0xA2: "token", 0xA3: "mic"}[tag]] = read_tlv(value)[1]
    return out


def tgt_req(host, service="TERMSRV"):
    name = tlv(0x30, tlv(0xA0, integer(2)) + tlv(0xA1, tlv(0x30, tlv(0x1B, service.encode()) + tlv(0x1B, host.encode()))))
    return tlv(0x30, tlv(0xA0, integer(5)) + tlv(0xA1, integer(16)) + tlv(0xA2, name))


def ticket_of(tgt_rep):
    return {t: v for t, v in elements(read_tlv(tgt_rep)[1])}[0xA2]


def set_options(ap_req, add=0, remove=0):
    """Returns the AP-REQ with these bits in the first byte of ap-options, which is not encrypted."""
    at = ap_req.index(bytes.fromhex("a20703050020"), 0, 64) + 5
    return ap_req[:at] + bytes([(ap_req[at] | add) & ~remove]) + ap_req[at + 1:]


def _counted(data):
    return struct.pack(">I", len(data)) + data


def _principal(kind, realm, *components):
    return struct.pack(">II", kind, len(components)) + b"".join(_counted(x.encode()) for x in (realm, *components))


def write_tgt_ccache(path, ticket, realm, *name):
    """Writes a FILE ccache (format 4) whose ticket is the krbtgt of @name. Its session key is unknown and not needed."""
    cred = _principal(1, realm, *name) + _principal(2, realm, "krbtgt", realm) + struct.pack(">H", session_key[0]) + _counted(bytes(session_key[1]))
    cred += struct.pack(">IIII", 0, 0, 0xF0000000 >> 1, 0) + b"\0" + struct.pack(">III", 0, 0, 0) + _counted(ticket) + _counted(b"")
    with open(path, "wb") as f:
        f.write(b"\5\4\0\0" + _principal(1, realm, *name) + cred)


def clear_is_skey(path):
    """Marks a user-to-user ticket in the FILE ccache as an ordinary one: GSSAPI looks for ordinary tickets only."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    at = 4 + struct.unpack_from(">H", data, 2)[0]

    def counted(at):
        return at + 4 + struct.unpack_from(">I", data, at)[0]

    def principal(at):
        n = struct.unpack_from(">I", data, at + 4)[0]
        at = counted(at + 8)
        for _ in range(n):
            at = counted(at)
        return at

    def pairs(at):
        n, at = struct.unpack_from(">I", data, at)[0], at + 4
        for _ in range(n):
            at = counted(at + 2)
        return at
    at = principal(at)
    while at < len(data):
        at = counted(principal(principal(at)) + 2) + 16
        data[at] = 0
        at = counted(counted(pairs(pairs(at + 5))))
    with open(path, "wb") as f:
        f.write(data)


class UserToUser:
    """mech of Client: step(), wrap(), unwrap(), done. @bend: {"tgt-req" | "ap-req" | "mic": f(token) -> token}; @options are
    bits to take out of ap-options."""

    def __init__(self, host, realm, mechs=MSTSC, bend=None, without=0, flags=None, asked=None):
        import gssapi
        self.gssapi, self.host, self.realm, self.mechs = gssapi, host, realm, mechs
        self.bend, self.without, self.asked = bend or {}, without, asked
        self.at, self.done, self.answers = 0, False, []
        want = gssapi.RequirementFlag
        self.flags = want.mutual_authentication | want.confidentiality | want.integrity if flags is None else flags

    def give(self, name, token):
        return self.bend[name](token) if name in self.bend else token

    def step(self, token):
        self.at += 1
        if self.at == 1:
            return self.give("tgt-req", neg_token_init(self.mechs, frame(U2U, TGT_REQ, tgt_req(self.asked or self.host))))
        answer = parse_resp(token)
        self.answers.append(answer)
        return self.send_ap_req(answer) if self.at == 2 else self.send_mic(answer)

    def get_ticket(self, ticket):
        """Empties the user's ccache, and gets the user-to-user ticket."""
        with tempfile.TemporaryDirectory(dir="/run/bed") as d:
            write_tgt_ccache(d + "/tgt", ticket, self.realm, "TERMSRV", self.host)
            p = subprocess.run(["kvno", "-q", "--u2u", "FILE:" + d + "/tgt", "TERMSRV/%s@%s" % (self.host, self.realm)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if p.returncode:
            raise Refused("KDC", why=p.stdout.decode())
        clear_is_skey(os.environ["KRB5CCNAME"].removeprefix("FILE:"))

    def send_ap_req(self, answer):
        oid, tok_id, message = unframe(answer["token"])
        if (oid, tok_id) != (U2U, TGT_REP) or answer["mech"] != self.mechs[0] or answer["state"] != b"\1" or "mic" in answer:
            raise Refused("SPNEGO", why="no TGT-REP in Windows' form: %r" % answer)
        self.get_ticket(ticket_of(message))
        name = self.gssapi.Name("TERMSRV@" + self.host, self.gssapi.NameType.hostbased_service)
        self.ctx = self.gssapi.SecurityContext(name=name, mech=self.gssapi.MechType.kerberos, usage="initiate", flags=self.flags)
        self.ap_req = unframe(self.ctx.step())[2]
        message = set_options(self.ap_req, add=0x40 & ~self.without, remove=self.without)
        return self.give("ap-req", neg_token_resp(1, frame(U2U, AP_REQ, message)))

    def send_mic(self, answer):
        oid, tok_id, message = unframe(answer["token"])
        if (oid, tok_id) != (U2U, AP_REP) or answer["state"] != b"\1":
            raise Refused("SPNEGO", why="no AP-REP: %r" % answer)
        self.ctx.step(frame(KRB5, AP_REP, message))
        self.ctx.verify_signature(mech_list(self.mechs), answer["mic"])
        self.done = True
        return self.give("mic", neg_token_resp(0, mic=self.ctx.get_signature(mech_list(self.mechs))))

    def wrap(self, clear):
        return self.ctx.wrap(clear, True).message

    def unwrap(self, token):
        return self.ctx.unwrap(token).message
