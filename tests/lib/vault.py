# SPDX-License-Identifier: MIT
"""For PAM tests in a bed: vaultd in credsspd's place, PAM stacks, and pamrun as the application."""
import os
import subprocess

from inbed import ENV, Failure, TOP, expect

BUILD = ENV.get("BED_BUILD") or os.path.join(TOP, "build")
TICKET = "credssp1:" + "A" * 43
PIN, CARD_NAME, READER_NAME, CONTAINER_NAME, CSP_NAME, SERVICE_TICKET, KRB_CRED = range(2, 9)


def stack(*lines, service="test"):
    """Writes /etc/pam.d/SERVICE from these lines."""
    with open("/etc/pam.d/" + service, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")


class Served:
    """Runs vaultd with a hand-over of these fields (by tag, bytes). Each logon has another number, because log lines may come late."""
    number = 0

    def __init__(self, kind, fields, user=None, rhost="192.0.2.7", **about):
        Served.number += 1
        about.setdefault("logon", Served.number)
        self.argv = ["setpriv", "--reuid=credsspd", "--regid=credsspd", "--clear-groups", os.path.join(BUILD, "vaultd"), "serve",
                     user or ENV["BED_USER"], "-", rhost, kind] + ["%s=%s" % kv for kv in about.items()]
        # not in argv, where tests look for secrets
        self.input = "".join("%d %s\n" % (tag, payload.hex()) for tag, payload in sorted(fields.items())).encode()

    def __enter__(self):
        self.p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.p.stdin.write(self.input)
        self.p.stdin.close()
        expect(self.p.stdout.readline() == b"ready\n", "vaultd did not start")
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait()


def pam(*phases, answer=TICKET, user=None, rhost="-", service="test", timeout=40, prefix=()):
    """Runs pamrun. Returns (success, output); the ticket in the output is replaced."""
    argv = [*prefix, os.path.join(BUILD, "pamrun"), service, user or ENV["BED_USER"], answer, rhost, *(phases or ("authenticate",))]
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False)
    out = p.stdout.decode(errors="replace").replace(TICKET, "TICKET")
    if p.returncode == 2:
        raise Failure(out)
    return p.returncode == 0, out
