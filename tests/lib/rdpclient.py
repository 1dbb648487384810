# SPDX-License-Identifier: MIT
"""An RDP client for tests: X.224, TLS, CredSSP with each field selectable, and the RDP connection sequence ([MS-RDPBCGR] 1.3.1.1)
up to Demand Active. impacket does NTLM, MIT Kerberos with python3-gssapi does Kerberos; no code is shared with the server under
test. Well-behaved by default."""
import hashlib
import hmac
import os
import socket
import ssl
import struct
import warnings

SSL, HYBRID, HYBRID_EX = 1, 2, 8
RESTRICTED_ADMIN, REMOTE_GUARD = 1, 2  # RDP_NEG_REQ flags
CLIENT_MAGIC = b"CredSSP Client-To-Server Binding Hash\0"
SERVER_MAGIC = b"CredSSP Server-To-Client Binding Hash\0"


class Refused(Exception):
    """The server's refusal: an NTSTATUS (code), a 4-byte early result (early), or only the end of the connection."""

    def __init__(self, stage, code=None, early=None, why=""):
        super().__init__("%s: code %s, early %s %s" % (stage, "%08X" % code if code is not None else None, early, why))
        self.stage, self.code, self.early = stage, code, early


# ---- DER ----

def tlv(tag, value):
    n = len(value)
    if n < 128:
        return bytes([tag, n]) + value
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def read_tlv(data, at=0):
    """Returns (tag, value, offset after the element)."""
    tag, n, at = data[at], data[at + 1], at + 2
    if n & 0x80:
        width = n & 0x7F
        n, at = int.from_bytes(data[at:at + width], "big"), at + width
    if at + n > len(data):
        raise ValueError("truncated DER")
    return tag, data[at:at + n], at + n


def elements(data):
    at = 0
    while at < len(data):
        tag, value, at = read_tlv(data, at)
        yield tag, value


def integer(n):
    return tlv(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def subject_public_key(certificate):
    """Returns the contents of the BIT STRING, without the byte that counts unused bits."""
    fields = [v for t, v in elements(read_tlv(read_tlv(certificate)[1])[1]) if t != 0xA0]
    return [v for t, v in elements(fields[5]) if t == 0x03][0][1:]


def utf16(text):
    return text if isinstance(text, bytes) else text.encode("utf-16-le")


# ---- TSRequest, TSCredentials ----

def ts_request(version, token=None, auth_info=None, pub_key_auth=None, nonce=None, error=None):
    body = tlv(0xA0, integer(version))
    if token is not None:
        body += tlv(0xA1, tlv(0x30, tlv(0x30, tlv(0xA0, tlv(0x04, token)))))
    if auth_info is not None:
        body += tlv(0xA2, tlv(0x04, auth_info))
    if pub_key_auth is not None:
        body += tlv(0xA3, tlv(0x04, pub_key_auth))
    if error is not None:
        body += tlv(0xA4, tlv(0x02, struct.pack(">I", error)))
    if nonce is not None:
        body += tlv(0xA5, tlv(0x04, nonce))
    return tlv(0x30, body)


def parse_ts_request(data):
    out = {}
    for tag, value in elements(read_tlv(data)[1]):
        inner = read_tlv(value)[1]
        if tag == 0xA0:
            out["version"] = int.from_bytes(inner, "big")
        elif tag == 0xA1:
            out["token"] = read_tlv(read_tlv(read_tlv(inner)[1])[1])[1]
        elif tag == 0xA2:
            out["auth_info"] = inner
        elif tag == 0xA3:
            out["pub_key_auth"] = inner
        elif tag == 0xA4:
            out["error"] = int.from_bytes(inner, "big") & 0xFFFFFFFF
        elif tag == 0xA5:
            out["nonce"] = inner
    return out


def ts_credentials(cred_type, body):
    return tlv(0x30, tlv(0xA0, integer(cred_type)) + tlv(0xA1, tlv(0x04, tlv(0x30, body))))


def strings(first, *values):
    """Encodes [first], [first + 1] ... OCTET STRING. None leaves the element out."""
    return b"".join(tlv(0xA0 + i, tlv(0x04, utf16(s))) for i, s in enumerate(values, first) if s is not None)


def password_creds(domain, user, password):
    return ts_credentials(1, strings(0, domain, user, password))


def smartcard_creds(pin, card=None, reader=None, container=None, csp=None, user_hint=None, domain_hint=None, key_spec=1):
    data = tlv(0x30, tlv(0xA0, integer(key_spec)) + strings(1, card, reader, container, csp))
    return ts_credentials(2, strings(0, pin) + tlv(0xA1, data) + strings(2, user_hint, domain_hint))


def ticket_logon(service, granting, kind=10, flags=2, lengths=None, offsets=None, tail=b""):
    """Encodes KERB_TICKET_LOGON. Lengths and offsets are those of the tickets by default."""
    lengths = lengths or (len(service), len(granting))
    offsets = offsets or (32, 32 + len(service))
    return struct.pack("<4I2Q", kind, flags, *lengths, *offsets) + service + granting + tail


def remote_guard_creds(buffer, package="Kerberos", supplemental=()):
    """supplemental: (package name, buffer) pairs."""
    def package_cred(name, data):
        return tlv(0x30, strings(0, name, data))
    more = tlv(0xA1, tlv(0x30, b"".join(package_cred(*p) for p in supplemental))) if supplemental else b""
    return ts_credentials(6, tlv(0xA0, package_cred(package, buffer)) + more)


# ---- mechanisms: step(token) -> token or None, done, wrap, unwrap; perhaps get_mic, verify_mic, finish(token beside pubKeyAuth) ----

class Ntlm:
    """Raw NTLMSSP."""

    def __init__(self, user, password, domain=""):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from impacket import ntlm  # only in the bed
            from Cryptodome.Cipher import ARC4
        self.ntlm, self.arc4 = ntlm, ARC4
        self.user, self.password, self.domain = user, password, domain
        self.negotiate, self.done = None, False
        self.sent = self.received = 0

    def step(self, token):
        if token is None:
            self.negotiate = self.ntlm.getNTLMSSPType1("", "", True, use_ntlmv2=True)
            return self.negotiate.getData()
        answer, key = self.ntlm.getNTLMSSPType3(self.negotiate, token, self.user, self.password, self.domain, use_ntlmv2=True)
        flags = answer["flags"]
        self.flags, self.key = flags, key
        self.sign = [self.ntlm.SIGNKEY(flags, key), self.ntlm.SIGNKEY(flags, key, "Server")]
        self.seal = [self.arc4.new(self.ntlm.SEALKEY(flags, key)), self.arc4.new(self.ntlm.SEALKEY(flags, key, "Server"))]
        self.done = True
        return answer.getData()

    def wrap(self, clear):
        number = struct.pack("<I", self.sent)
        self.sent += 1
        sealed = self.seal[0].encrypt(clear)
        mac = self.seal[0].encrypt(hmac.new(self.sign[0], number + clear, "md5").digest()[:8])
        return b"\1\0\0\0" + mac + number + sealed

    def unwrap(self, token):
        number = struct.pack("<I", self.received)
        self.received += 1
        clear = self.seal[1].decrypt(token[16:])
        mac = self.seal[1].encrypt(hmac.new(self.sign[1], number + clear, "md5").digest()[:8])
        if token[:16] != b"\1\0\0\0" + mac + number:
            raise Refused("unwrap", why="wrong signature")
        return clear


class Krb5:
    """Kerberos, raw or in SPNEGO, with the tickets of the ccache, or of the current ccache (KRB5CCNAME)."""

    def __init__(self, server, spnego=True, ccache=None):
        import gssapi
        self.gssapi = gssapi
        krb5 = gssapi.MechType.kerberos
        name = gssapi.Name("TERMSRV@" + server, gssapi.NameType.hostbased_service)
        flags = gssapi.RequirementFlag
        mech = gssapi.OID.from_int_seq("1.3.6.1.5.5.2") if spnego else krb5
        self.ctx = gssapi.SecurityContext(
            name=name, mech=mech, usage="initiate",
            creds=gssapi.Credentials(usage="initiate", mechs=[mech], store={"ccache": ccache}) if ccache else None,
            flags=flags.mutual_authentication | flags.confidentiality | flags.integrity)

    @property
    def done(self):
        return self.ctx.complete

    def step(self, token):
        return self.ctx.step(token)

    def wrap(self, clear):
        return self.ctx.wrap(clear, True).message

    def unwrap(self, token):
        return self.ctx.unwrap(token).message

    def get_mic(self, message):
        return self.ctx.get_signature(message)

    def verify_mic(self, message, mic):
        self.ctx.verify_signature(message, mic)


# ---- the client ----

class Client:
    def __init__(self, host=None, port=None, timeout=20.0, source=None, first=b"", cookie="test"):
        """first: bytes to send before everything else; cookie: the user name of the connection request"""
        host, port = host or os.environ["BED_HOST"], int(port or os.environ["BED_PORT"])
        self.sock = socket.create_connection((host, port), timeout, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(first)
        self.cookie = b"Cookie: mstshash=%s\r\n" % cookie.encode() if cookie else b""
        self.tls = None
        self.selected = None
        self.requested = 0
        self.response_flags = None  # of RDP_NEG_RSP
        self.trace = None  # a list to record every TSRequest that is sent

    def close(self):
        (self.tls or self.sock).close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, n):
        data = b""
        while len(data) < n:
            try:
                more = (self.tls or self.sock).recv(n - len(data))
            except (ConnectionError, ssl.SSLError) as e:
                raise Refused("read", why=str(e)) from None
            if not more:
                raise Refused("read", why="end of the connection")
            data += more
        return data

    def write(self, data):
        try:
            (self.tls or self.sock).sendall(data)
        except (ConnectionError, ssl.SSLError) as e:
            raise Refused("write", why=str(e)) from None

    # -- X.224 --

    def negotiate(self, requested=HYBRID | SSL, flags=0, cookie=None, correlation=False):
        """Sets self.selected; raises Refused with the failure code of RDP_NEG_FAILURE."""
        self.requested = requested
        cookie = self.cookie if cookie is None else cookie
        body = cookie + struct.pack("<BBHI", 1, flags, 8, requested) if requested is not None else cookie
        if correlation:
            body += struct.pack("<BBH", 6, 0, 36) + bytes(range(1, 17)) + bytes(16)
        self.write(struct.pack(">BBHBBHHB", 3, 0, 11 + len(body), 6 + len(body), 0xE0, 0, 0, 0) + body)
        answer = self.read_tpkt()
        if requested is None and len(answer) == 11:  # a confirm without negotiation
            return None
        kind, self.response_flags, _, value = struct.unpack("<BBHI", answer[11:19])
        if kind != 2:
            raise Refused("X.224", code=value)
        self.selected = value
        return value

    def read_tpkt(self):
        head = self.read(4)
        return head + self.read(struct.unpack(">H", head[2:])[0] - 4)

    def start_tls(self):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
        self.tls = ctx.wrap_socket(self.sock)
        self.public_key = subject_public_key(self.tls.getpeercert(True))

    # -- CredSSP --

    def send_request(self, data):
        if self.trace is not None:
            self.trace.append(data)
        self.write(data)

    def receive_request(self, stage):
        head = self.read(2)
        if head[1] & 0x80:
            head += self.read(head[1] & 0x7F)
            n = int.from_bytes(head[2:], "big")
        else:
            n = head[1]
        answer = parse_ts_request(head + self.read(n))
        if "error" in answer:
            raise Refused(stage, code=answer["error"])
        return answer

    def binding(self, magic, version, nonce, key=None):
        key = key or self.public_key
        if version >= 5:
            return hashlib.sha256(magic + nonce + key).digest()
        return key if magic is CLIENT_MAGIC else bytes([(key[0] + 1) & 0xFF]) + key[1:]

    def authenticate(self, mech, version=6, nonce=None, key=None, late=False):
        """Runs CredSSP up to the credentials. @late: pubKeyAuth comes in a message of its own."""
        nonce = nonce or (os.urandom(32) if version >= 5 else None)
        token = mech.step(None)
        while not mech.done:
            self.send_request(ts_request(version, token=token, nonce=nonce))
            answer = self.receive_request("GSS")
            token = mech.step(answer.get("token"))
        if late and token is not None:
            self.send_request(ts_request(version, token=token, nonce=nonce))
            token = None
        bound = mech.wrap(self.binding(CLIENT_MAGIC, version, nonce, key))
        self.send_request(ts_request(version, token=token, pub_key_auth=bound, nonce=nonce))
        answer = self.receive_request("binding")
        if hasattr(mech, "finish"):
            mech.finish(answer.get("token"))
        if mech.unwrap(answer["pub_key_auth"]) != self.binding(SERVER_MAGIC, min(version, 6), nonce):
            raise Refused("binding", why="the server's pubKeyAuth is wrong")
        return answer["version"]

    def delegate(self, mech, credentials, version=6):
        self.send_request(ts_request(version, auth_info=mech.wrap(credentials)))
        if self.selected == HYBRID_EX:
            early = struct.unpack("<I", self.read(4))[0]
            if early:
                raise Refused("early authorization", early=early)

    def nla(self, mech, credentials, version=6):
        self.authenticate(mech, version)
        self.delegate(mech, credentials, version)

    # -- MCS and on --

    def send_mcs(self, pdu):
        self.write(struct.pack(">BBHBBB", 3, 0, len(pdu) + 7, 2, 0xF0, 0x80) + pdu)

    def send_data(self, flags, body, channel=1003):
        data = struct.pack("<HH", flags, 0) + body
        self.send_mcs(struct.pack(">BHHBH", 0x64, self.user_channel - 1001, channel, 0x70, 0x8000 | len(data)) + data)

    def mcs_connect(self):
        core = struct.pack("<HHIHHHHII32s", 0xC001, 140, 0x00080004, 1024, 768, 0xCA01, 0xAA03, 0x409, 2600, utf16("test"))
        core += struct.pack("<III64sHHI", 4, 0, 12, b"", 0xCA01, 1, 0)
        blocks = core + struct.pack("<HHII", 0xC002, 12, 0, 0)
        gcc = b"\0\x08\0\x10\0\x01\xc0\0Duca" + struct.pack(">H", 0x8000 | len(blocks)) + blocks
        user_data = b"\0\x05\0\x14\x7c\0\x01" + struct.pack(">H", 0x8000 | len(gcc)) + gcc

        def domain(*values):
            return tlv(0x30, b"".join(integer(v) for v in values))
        body = b"\x04\x01\x01\x04\x01\x01\x01\x01\xff"
        body += domain(34, 2, 0, 1, 0, 1, 65535, 2) + domain(1, 1, 1, 1, 0, 1, 1056, 2)
        body += domain(65535, 64535, 65535, 1, 0, 1, 65535, 2) + tlv(0x04, user_data)
        self.send_mcs(b"\x7f" + tlv(0x65, body))
        response = self.read_tpkt()
        self.send_mcs(b"\x04\x01\0\x01\0")
        self.send_mcs(b"\x28")
        confirm = self.read_tpkt()
        self.user_channel = 1001 + struct.unpack(">H", confirm[9:11])[0]
        for channel in (self.user_channel, 1003):
            self.send_mcs(struct.pack(">BHH", 0x38, self.user_channel - 1001, channel))
            self.read_tpkt()
        return response

    @staticmethod
    def client_info(user="", password="", domain="", flags=0x0000011B):
        strings = [utf16(s) for s in (domain, user, password, "", "")]
        body = struct.pack("<II5H", 0, flags, *(len(s) for s in strings)) + b"".join(s + b"\0\0" for s in strings)
        return body + struct.pack("<HH", 2, 2) + b"\0\0" + struct.pack("<H", 2) + b"\0\0" + bytes(172) + struct.pack("<II", 0, 0)

    def send_client_info(self, **fields):
        self.send_data(0x0040, self.client_info(**fields))

    def licence(self):
        """Answers the licence request like a client without licences. xrdp 0.10 sends no request: it confirms the client at once, and reads
        the next PDU as one of the session."""
        packet = self.read_tpkt()
        licensing = packet[15 if packet[13] & 0x80 else 14:]
        if licensing[4] == 0xFF and licensing[8:12] == struct.pack("<I", 7):
            return
        self.send_data(0x0080, struct.pack("<BBHIHH", 0xFF, 3, 16, 2, 4, 0) + b"\0\0\0\0")
        self.read_tpkt()

    def send_poke(self):
        """Sends Confirm Active, which Synchronize and Control answer."""
        body = struct.pack("<HHH", 6, 0x13, self.user_channel)
        self.send_mcs(struct.pack(">BHHBH", 0x64, self.user_channel - 1001, 1003, 0x70, 0x8000 | len(body)) + body)

    def poke(self):
        """Makes a round trip through an active session of the bed's login stack."""
        self.send_poke()
        return [self.read_tpkt() for _ in range(2)]

    def log_on(self, mech, credentials, requested=HYBRID | SSL, version=6, flags=0, **info):
        """Runs the whole connection until the server demands capabilities. Raises Refused when the server closes."""
        self.negotiate(requested, flags)
        self.start_tls()
        self.nla(mech, credentials, version)
        self.mcs_connect()
        self.send_client_info(**info)
        self.licence()
        return self.read_tpkt()


def log_on(user, password, domain="", requested=HYBRID | SSL, version=6, delegate=None, **connection):
    """Logs on with NTLM on a new connection (arguments of Client). Returns the open connection."""
    c = Client(**connection)
    try:
        c.log_on(Ntlm(user, password, domain), password_creds(*(delegate or (domain, user, password))), requested, version)
    except BaseException:
        c.close()
        raise
    return c
