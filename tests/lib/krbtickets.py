# SPDX-License-Identifier: MIT
"""The two tickets that a remote guard client delegates, taken from a credential cache, and malformed as a test asks. Reads the cache
and writes KRB-CRED (RFC 4120 5.8.1) itself; impacket encrypts."""
import os
import struct
import time

from rdpclient import integer, tlv



class Credential:
    """One entry of a FILE cache."""

    def __init__(self, client, server, key, times, flags, ticket):
        self.client, self.server, self.key, self.times, self.flags, self.ticket = client, server, key, times, flags, ticket


class Cache:
    """A FILE cache of version 4: [(realm, components)] as principals."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        if self.data[:2] != b"\x05\x04":
            raise ValueError("not a cache of version 4")
        self.at = 4 + struct.unpack(">H", self.data[2:4])[0]
        self.client = self.principal()
        self.credentials = []
        while self.at < len(self.data):
            self.credentials.append(self.credential())

    def take(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value if len(value) > 1 else value[0]

    def counted_bytes(self):
        n = self.take("I")
        self.at += n
        return self.data[self.at - n:self.at]

    def principal(self):
        _, count = self.take("II")
        realm = self.counted_bytes().decode()
        return realm, [self.counted_bytes().decode() for _ in range(count)]

    def credential(self):
        client, server = self.principal(), self.principal()
        key = (self.take("H"), self.counted_bytes())
        times = self.take("4I")
        self.take("B")
        flags = self.take("I")
        for _ in range(2):  # addresses, authorization data
            for _ in range(self.take("I")):
                self.take("H")
                self.counted_bytes()
        ticket = self.counted_bytes()
        self.counted_bytes()
        return Credential(client, server, key, times, flags, ticket)

    def find(self, service):
        """Returns the ticket for a service, "HOST/name"."""
        for c in self.credentials:
            if "/".join(c.server[1]) == service:
                return c
        raise ValueError("no ticket for %s" % service)


def general(text):
    return tlv(0x1B, text.encode())


def principal_name(components):
    return tlv(0x30, tlv(0xA0, integer(1)) + tlv(0xA1, tlv(0x30, b"".join(general(c) for c in components))))


def generalized(t):
    return tlv(0x18, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(t)).encode())


def cred_info(c, client=None, server=None, key=None, end=None, flags=None, nameless=False):
    """Returns the KrbCredInfo of a Credential, with some of its fields replaced."""
    enctype, value = key or c.key
    client, server = client or c.client, server or c.server
    body = tlv(0xA0, tlv(0x30, tlv(0xA0, integer(enctype)) + tlv(0xA1, tlv(0x04, value))))
    if not nameless:
        body += tlv(0xA1, general(client[0])) + tlv(0xA2, principal_name(client[1]))
    body += tlv(0xA3, tlv(0x03, struct.pack(">BI", 0, c.flags if flags is None else flags)))
    body += tlv(0xA4, generalized(c.times[0])) + tlv(0xA5, generalized(c.times[1]))
    body += tlv(0xA6, generalized(c.times[2] if end is None else end))
    if not nameless:
        body += tlv(0xA8, general(server[0])) + tlv(0xA9, principal_name(server[1]))
    return tlv(0x30, body)


def krb_cred(*credentials, seal=None, tickets=None, made=None, **said):
    """Returns a KRB-CRED of the credentials: sealed with a session key as Windows does it, or in clear as FreeRDP does it. @made: its
    timestamp."""
    infos = b"".join(cred_info(c, **said) for c in credentials)
    part = tlv(0x7D, tlv(0x30, tlv(0xA0, tlv(0x30, infos)) + (tlv(0xA2, generalized(made)) + tlv(0xA3, integer(5)) if made else b"")))
    enctype = 0
    if seal:
        from impacket.krb5 import crypto  # only in the bed
        enctype = seal[0]
        part = crypto.encrypt(crypto.Key(enctype, seal[1]), 14, part, os.urandom(16))
    encrypted = tlv(0x30, tlv(0xA0, integer(enctype)) + tlv(0xA2, tlv(0x04, part)))
    tickets = tickets if tickets is not None else b"".join(c.ticket for c in credentials)
    return tlv(0x76, tlv(0x30, tlv(0xA0, integer(5)) + tlv(0xA1, integer(22)) + tlv(0xA2, tlv(0x30, tickets)) + tlv(0xA3, encrypted)))
