# SPDX-License-Identifier: MIT
"""Stands in for the login stack, to read the only message that a login stack evaluates: the Client Info PDU."""
import contextlib
import os
import shutil
import socket
import struct
import threading

from inbed import bedctl
from rdpclient import Client, Ntlm, password_creds, utf16

PATH = "/run/xrdp/front.sock"


def tpkt(payload):
    return struct.pack(">BBH", 3, 0, len(payload) + 4) + payload


class LoginPeer:
    """with LoginPeer() as peer: ... peer.wait() -> (user, password, domain), as the front end wrote them, of one connection."""

    def __enter__(self):
        bedctl("stop", "loginstack")
        if os.path.exists(PATH):
            os.unlink(PATH)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(PATH)
        os.chmod(PATH, 0o666)
        self.listener.listen(16)
        self.listener.settimeout(10)
        self.taken, self.held, self.thread = None, None, threading.Thread(target=self.take, daemon=True)
        self.thread.start()
        return self

    def wait(self):
        self.thread.join(12)
        return self.taken

    def __exit__(self, *_):
        self.listener.close()
        if self.held:
            self.held.close()
        os.unlink(PATH)
        bedctl("start", "loginstack")
        shutil.chown(PATH, "credsspd-rdp")

    @staticmethod
    def read_tpkt(s):
        head = b""
        while len(head) < 4:
            more = s.recv(4 - len(head))
            if not more:
                raise EOFError
            head += more
        n, body = struct.unpack(">H", head[2:])[0] - 4, b""
        while len(body) < n:
            body += s.recv(n - len(body))
        return body

    @staticmethod
    def connect_response():
        blocks = struct.pack("<HHII", 0x0C01, 12, 0x00080004, 3) + struct.pack("<HHII", 0x0C02, 12, 0, 0)
        blocks += struct.pack("<HHHH", 0x0C03, 8, 1003, 0)
        gcc = bytes.fromhex("14760a01010001c000") + b"McDn" + bytes([len(blocks)]) + blocks
        data = bytes.fromhex("000500147c0001") + bytes([len(gcc)]) + gcc
        body = bytes.fromhex("0a0100020100301a020122020103020100020101020100020101020300fff802010204") + bytes([len(data)]) + data
        return b"\x02\xf0\x80\x7f\x66" + bytes([len(body)]) + body

    def take(self):
        """Reads the next connection's Client Info, and keeps the connection open: closing it would revoke the ticket."""
        s, _ = self.listener.accept()
        s.settimeout(10)
        self.held = s
        with contextlib.suppress(OSError, EOFError):
            self.read_tpkt(s)
            s.sendall(tpkt(bytes.fromhex("0ed00000123400021f080000000000")[:7] + b"\x02\x01\x08\0\0\0\0\0"))
            self.read_tpkt(s)
            s.sendall(tpkt(self.connect_response()))
            while True:
                body = self.read_tpkt(s)
                kind = body[3] >> 2
                if kind == 10:
                    s.sendall(tpkt(b"\x02\xf0\x80\x2e\0\0\x06"))
                elif kind == 14:
                    s.sendall(tpkt(b"\x02\xf0\x80\x3e\0" + body[4:8] + body[6:8]))
                elif kind == 25:
                    self.taken = self.parse(body)
                    return

    @staticmethod
    def parse(body):
        at = 9 + (2 if body[9] & 0x80 else 1) + 4
        lengths = struct.unpack("<5H", body[at + 8:at + 18])
        at, out = at + 18, []
        for n in lengths[:3]:
            out.append(body[at:at + n].decode("utf-16-le"))
            at += n + len(utf16("\0"))
        return out[1], out[2], out[0]


@contextlib.contextmanager
def ticket_of(user, password, source=None, info=None):
    """Yields (user, ticket, domain) as the login stack gets them. The ticket is valid while the context is open."""
    with LoginPeer() as peer, Client(source=source) as c:
        c.negotiate()
        c.start_tls()
        c.nla(Ntlm(user, password), password_creds("", user, password))
        c.mcs_connect()
        c.send_client_info(**(info or {}))
        yield peer.wait()
