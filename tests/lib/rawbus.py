# SPDX-License-Identifier: MIT
"""D-Bus at byte level: a connection as any user, and messages that may be malformed. Marshals what org.credssp1 needs."""
import array
import contextlib
import os
import pwd
import socket
import struct
import threading

PATH = "/run/dbus/system_bus_socket"
NAME, OBJECT = "org.credssp1", "/org/credssp1"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
_as_user = threading.Lock()


class BusError(Exception):
    """The name of the D-Bus error, without this project's prefix."""

    def __init__(self, name, text=""):
        super().__init__("%s: %s" % (name, text))
        self.name = name.replace("org.credssp1.Error.", "")


@contextlib.contextmanager
def user(uid):
    """Runs the block with the effective ids of another user, which the kernel records when a socket connects."""
    with _as_user:
        os.setegid(uid)
        os.seteuid(uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)


def uid_of(name):
    return pwd.getpwnam(name).pw_uid


# ---- marshalling, little-endian ----

class Out:
    def __init__(self):
        self.data = bytearray()

    def pad(self, n):
        self.data += bytes(-len(self.data) % n)

    def put(self, fmt, value, size):
        self.pad(size)
        self.data += struct.pack("<" + fmt, value)

    def string(self, s, fmt="I"):
        s = s if isinstance(s, bytes) else s.encode()
        self.put(fmt, len(s), {"I": 4, "B": 1}[fmt])
        self.data += s + b"\0"

    def value(self, kind, v):
        if kind in "so":
            self.string(v)
        elif kind == "g":
            self.string(v, "B")
        elif kind in "uhib":
            self.put({"i": "i"}.get(kind, "I"), int(v), 4)
        elif kind == "q":
            self.put("H", v, 2)
        elif kind == "t":
            self.put("Q", v, 8)
        elif kind == "y":
            self.put("B", v, 1)
        elif kind == "ay":
            self.put("I", len(v), 4)
            self.data += v
        elif kind == "v":
            self.string(v[0], "B")
            self.value(*v)
        elif kind == "a{sv}":
            self.put("I", 0, 4)
            at = len(self.data)
            self.pad(8)
            begin = len(self.data)
            for k, x in v:
                self.pad(8)
                self.string(k)
                self.value("v", x)
            struct.pack_into("<I", self.data, at - 4, len(self.data) - begin)
        else:
            raise ValueError(kind)


def body(*pairs):
    """Returns (signature, bytes) of (type, value) pairs."""
    out = Out()
    for kind, v in pairs:
        out.value(kind, v)
    return "".join(k for k, _ in pairs), bytes(out.data)


class In:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, fmt, size):
        self.at += -self.at % size
        v = struct.unpack_from("<" + fmt, self.data, self.at)[0]
        self.at += size
        return v

    def string(self, fmt="I"):
        n = self.get(fmt, {"I": 4, "B": 1}[fmt])
        s = self.data[self.at:self.at + n].decode(errors="replace")
        self.at += n + 1
        return s

    def value(self, kind):
        if kind in ("s", "o"):
            return self.string()
        if kind == "g":
            return self.string("B")
        if kind in ("u", "h", "b"):
            return self.get("I", 4)
        if kind == "t":
            return self.get("Q", 8)
        if kind == "v":
            return self.value(self.string("B"))
        if kind == "a{sv}":
            n = self.get("I", 4)
            self.at += -self.at % 8
            end, out = self.at + n, {}
            while self.at < end:
                self.at += -self.at % 8
                k = self.string()
                out[k] = self.value("v")
            return out
        raise ValueError(kind)


# ---- the connection ----

class Bus:
    def __init__(self, uid=0, timeout=20, sock=None):
        """sock: a bus connection that another process of that user has made."""
        self.sock = sock or socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        with user(uid):
            if not sock:
                self.sock.connect(PATH)
        self.rest, self.fds, self.serial, self.early = b"", [], 0, []
        self.sock.sendall(b"\0AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\n")
        self.line(b"OK ")
        self.sock.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self.line(b"AGREE_UNIX_FD")
        self.sock.sendall(b"BEGIN\r\n")
        self.name = In(self.ask("Hello", dest="org.freedesktop.DBus", path="/org/freedesktop/DBus", iface="org.freedesktop.DBus")["body"]).string()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def line(self, begins):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.sock.recv(1)
        if not data.startswith(begins):
            raise BusError("authentication", data.decode())

    def send(self, member, signature="", payload=b"", dest=NAME, path=OBJECT, iface=None, fds=(), kind=CALL, n_fds=None, flags=0, serial=None):
        """Sends a message. Returns its serial."""
        self.serial += 1
        serial = self.serial if serial is None else serial
        head = Out()
        for code, t, v in ((1, "o", path), (2, "s", iface), (3, "s", member), (6, "s", dest), (8, "g", signature),
                           (9, "u", len(fds) if n_fds is None else n_fds)):
            if v:
                head.pad(8)
                head.put("B", code, 1)
                head.string(t, "B")
                head.value(t, v)
        data = struct.pack("<BBBBIII", ord("l"), kind, flags, 1, len(payload), serial, len(head.data)) + head.data
        data += bytes(-len(data) % 8) + payload
        self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
        return serial

    def fill(self, n):
        while len(self.rest) < n:
            data, anc, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
            for _, kind, payload in anc:
                if kind == socket.SCM_RIGHTS:
                    self.fds += array.array("i", payload[:len(payload) // 4 * 4])
            if not data:
                raise BusError("disconnected")
            self.rest += data

    def receive(self):
        """Returns {"kind", "serial", "reply", "error", "signature", "body", "fds"} of the next message."""
        self.fill(16)
        _, kind, _, _, n, serial, h = struct.unpack("<BBBBIII", self.rest[:16])
        total = 16 + h + (-h % 8) + n
        self.fill(total)
        out = {"kind": kind, "serial": serial, "body": self.rest[total - n:total], "reply": 0, "error": "", "signature": "", "fds": []}
        head = In(self.rest[:16 + h])
        head.at = 16
        while head.at < 16 + h:
            head.at += -head.at % 8
            code = head.get("B", 1)
            v = head.value(head.string("B"))
            if code in (4, 5, 8):
                out[{4: "error", 5: "reply", 8: "signature"}[code]] = v
            if code == 9:
                out["fds"], self.fds = self.fds[:v], self.fds[v:]
        self.rest = self.rest[total:]
        return out

    def answer(self, serial):
        """Returns the reply to the call with this serial. Raises BusError for an error."""
        for i, m in enumerate(self.early):
            if m["reply"] == serial:
                return self.check(self.early.pop(i))
        while True:
            m = self.receive()
            if m["kind"] in (RETURN, ERROR) and m["reply"] == serial:
                return self.check(m)
            if m["kind"] in (RETURN, ERROR):
                self.early.append(m)

    @staticmethod
    def check(m):
        if m["kind"] == ERROR:
            raise BusError(m["error"], In(m["body"]).string() if m["signature"] == "s" else "")
        return m

    def ask(self, member, *args, **kw):
        return self.answer(self.send(member, *args, **kw))

    # -- org.credssp1 --

    def begin(self, service="xrdp-sesman", key=b"k" * 270, rhost="192.0.2.9", peer=None, wait=True, **kw):
        """Calls Begin. Returns (logon, channel socket), or the serial when wait=False."""
        peer = [("rhost", ("s", rhost))] if peer is None else peer
        serial = self.send("Begin", *body(("s", service), ("ay", key), ("a{sv}", peer)), iface="org.credssp1.Acceptor", **kw)
        return self.begun(serial) if wait else serial

    def begun(self, serial):
        m = self.answer(serial)
        s = socket.socket(fileno=m["fds"][0])
        s.settimeout(25)
        return In(m["body"]).value("t"), s

    def redeem(self, ticket, service="xrdp-sesman", to="", **kw):
        """Calls Redeem. Returns (about, descriptor of the pipe)."""
        m = self.ask("Redeem", *body(("s", ticket), ("s", service), ("s", to)), iface="org.credssp1.Vault", **kw)
        return In(m["body"]).value("a{sv}"), m["fds"][0]

    def manager(self, member, *pairs, **kw):
        return self.ask(member, *body(*pairs), iface="org.credssp1.Manager", **kw)
