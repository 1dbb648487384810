# SPDX-License-Identifier: MIT
"""The front end's side of the channel (include/credssp/channel.h), with the tests' NTLM client."""
import os
import struct

from rdpclient import CLIENT_MAGIC, Ntlm, password_creds, parse_ts_request, ts_request

TSREQUEST, REPLY, DONE, FAILED = b"\1", b"\2", 3, 4
KEY = b"k" * 270


class Refused(Exception):
    """The refusal's reason word."""

    def __init__(self, reason, failed=b""):
        super().__init__(reason)
        self.reason, self.failed = reason, failed


def text(data):
    return data.split(b"\0")[0].decode()


def receive(channel):
    """Returns the fields of the next TSRequest, or (ticket, user) at the end. Raises Refused."""
    packet = channel.recv(70000)
    if not packet:
        raise Refused("end of file")
    if packet[0] == DONE:
        return text(packet[16:72]), text(packet[72:336])
    if packet[0] == FAILED:
        raise Refused(text(packet[8:40]), packet)
    return parse_ts_request(packet[1:])


def converse(channel, user, password, credentials=None, until=None):
    """Runs CredSSP over a channel. Returns (ticket, user). @until: "first", "binding" or "info": stops before that message."""
    import hashlib
    mech, nonce = Ntlm(user, password), os.urandom(32)
    if until == "first":
        return None
    channel.send(TSREQUEST + ts_request(6, mech.step(None), nonce=nonce))
    token = mech.step(receive(channel)["token"])
    if until == "binding":
        return None
    bound = mech.wrap(hashlib.sha256(CLIENT_MAGIC + nonce + KEY).digest())
    channel.send(TSREQUEST + ts_request(6, token, pub_key_auth=bound, nonce=nonce))
    mech.unwrap(receive(channel)["pub_key_auth"])
    if until == "info":
        return None
    channel.send(TSREQUEST + ts_request(6, auth_info=mech.wrap(credentials or password_creds("", user, password))))
    return receive(channel)


def hand_over(pipe):
    """Reads the hand-over in the pipe. Returns (kind, {tag: field})."""
    with os.fdopen(pipe, "rb") as f:
        data = f.read()
    magic, _, kind, _, total = struct.unpack(">4sBBHI", data[:12])
    if magic != b"CSHO" or total != len(data) - 12:
        raise ValueError("no hand-over: %r" % data[:12])
    at, fields = 12, {}
    while at < len(data):
        tag, _, n = struct.unpack_from(">HHI", data, at)
        fields[tag] = data[at + 8:at + 8 + n]
        at += 8 + n
    return kind, fields
