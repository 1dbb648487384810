# SPDX-License-Identifier: MIT
"""The table in SECURITY.md of what a compromised process can still do, and the way to try each entry: a system call in the process's
name (inject.py). Each call is first made in an unconfined process of the same user, where it must work."""
import contextlib
import os
import socket
import struct
import subprocess
import time

from inbed import DAEMONS, TOP, Failure, expect, pid_of, sh
from inject import Killed, Victim
from memsearch import all_processes, children

# the rows of the table, which tests/peers/sandbox and sandbox-ad try
PROCESSES = {"listener", "connection-template", "connection", "supervisor", "template-krb5", "template-ntlm", "worker-krb5", "worker-ntlm", "verifier", "verifier-winbind",
             "resolver", "keeper", "account-checker", "helper"}
KEYTAB, STORE = "/etc/credsspd.keytab", "/var/lib/credsspd/ntlm"
ENOENT, KILLED, ENOSYS = 2, 31, 38


# ---- the processes ----

def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
        return dict(x.split(":\t", 1) for x in f.read().splitlines() if ":\t" in x)


def role(name):
    """Returns the youngest process of credsspd with this option: the one that gets new work."""
    found = [p for d in DAEMONS for p in children(pid_of(d)) if name in all_processes().get(p, "")]
    if not found:
        raise AssertionError("no process " + name)
    return max(found)


def filters_of(pid):
    return int(status_of(pid).get("Seccomp_filters", "0"))


def ready_role(name):
    """Returns such a process when it has finished starting: when it has a filter besides the supervisor's."""
    deadline = time.monotonic() + 45  # a process that dies before it is ready is restarted after up to 30 s
    while time.monotonic() < deadline:
        with contextlib.suppress(AssertionError, OSError):
            pid = role(name)
            if filters_of(pid) > filters_of(pid_of("credsspd")):
                return pid
        time.sleep(0.01)
    raise Failure("no process %s has become ready" % name)


@contextlib.contextmanager
def lasting(pid):
    yield pid


def uid_of(pid):
    return os.stat("/proc/%d" % pid).st_uid


@contextlib.contextmanager
def free_process(uid):
    """Yields the pid of an unconfined, dumpable process: target for other processes of its user, and control for each call."""
    with subprocess.Popen(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "sleep", "1000"]) as p:
        try:
            while b"sleep" not in open("/proc/%d/cmdline" % p.pid, "rb").read().split(b"\0")[0] or uid_of(p.pid) != uid:
                expect(p.poll() is None, "sleep has ended")
            yield p.pid
        finally:
            p.kill()


# ---- the calls: each returns 0 or negative errno ----

def opens(path, flags=0):
    def attempt(v, _):
        fd = v.call("openat", -100, path.encode(), flags, 0o600)
        if fd >= 0:
            v.call("close", fd)
        return min(fd, 0)
    return attempt


def own_place(v, name):
    """Returns a directory that the process's user owns, or that is writable by all."""
    for directory in ("/var/lib/credsspd", "/var/lib/credsspd-rdp"):
        if os.stat(directory).st_uid == uid_of(v.pid):
            return directory + "/" + name
    return "/tmp/" + name


def writes(v, _):
    path = own_place(v, "sandbox")
    r = opens(path, os.O_WRONLY | os.O_CREAT)(v, _)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        expect(r == 0, "the file exists, but the call returned %d" % r)
    return r


def connects(v, _):
    fd = v.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
    if fd < 0:
        return fd
    r = v.call("connect", fd, struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", 88, bytes([127, 0, 0, 1])), 16)
    v.call("close", fd)
    return r


def listens(v, _):
    fd = v.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
    if fd < 0:
        return fd
    r = v.call("bind", fd, struct.pack("=H", socket.AF_UNIX), 2)  # an address of the kernel's choice
    r = v.call("listen", fd, 1) if r == 0 else r
    v.call("close", fd)
    return r


def traces(v, other):
    return v.call("ptrace", 0x4206, other, 0, 0)  # PTRACE_SEIZE


def reads_memory(v, other):
    with open("/proc/%d/maps" % other, encoding="ascii") as f:
        there = int(f.readline().split("-")[0], 16)
    here = v.scratch()
    iov = struct.pack("QQ", here, 8), struct.pack("QQ", there, 8)
    return min(0, v.call("process_vm_readv", other, iov[0], 1, iov[1], 1, 0))


def takes_descriptor(v, other):
    fd = v.call("pidfd_open", other, 0)
    r = v.call("pidfd_getfd", fd if fd >= 0 else 0, 0, 0)
    for x in (fd, r):
        if x >= 0:
            v.call("close", x)
    return min(fd, r, 0)


def signals(v, other):
    return v.call("kill", other, 0)


def runs(v, _):
    r = v.call("execve", b"/nowhere", 0, 0)
    return 0 if r == -ENOENT else r  # the program would have been executed


def makes_code(v, _):
    return v.call("mprotect", v.scratch(), 4096, 7)


# ---- attributes of a file that the process owns ----

ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *x) for x in (
    (1, 6, 0xffffffff), (2, 4, 65534), (4, 0, 0xffffffff), (0x10, 4, 0xffffffff), (0x20, 0, 0xffffffff)))
ACCESS = b"system.posix_acl_access"


def changes(name, *args):
    """Returns a function that makes the call with PATH and FD filled in, on a file that the process's user owns."""
    def attempt(v, _):
        uid, path = uid_of(v.pid), own_place(v, "attributes")
        with open(path, "w", encoding="ascii"):
            os.chown(path, uid, uid)
        if "removexattr" in name:
            os.setxattr(path, ACCESS, ACL)
        where = path.encode()
        try:
            fd = v.call("openat", -100, where, 0, 0) if "FD" in args else -1
            r = v.call(name, *({"PATH": where, "FD": fd}.get(a, a) if isinstance(a, str) else a for a in args))
            if fd >= 0:
                v.call("close", fd)
        finally:
            os.unlink(path)
        expect(r != -ENOSYS or name in NEWER, "%s: unknown call" % name)
        return r
    attempt.__name__ = name
    return attempt


def sets_xattr_at(v, other):
    """setxattrat(2) takes its value in a structure, by address."""
    at = v.scratch()
    v.mem.seek(at)
    v.mem.write(ACL)
    return changes("setxattrat", -100, "PATH", 0, ACCESS, struct.pack("QII", at, len(ACL), 0), 16)(v, other)


NEWER = {"fchmodat2", "setxattrat", "removexattrat", "file_setattr"}  # 6.6, 6.13, 6.17
SETFLAGS = 0x40086602
MODES = [changes("chmod", "PATH", 0o644), changes("fchmodat", -100, "PATH", 0o644)]
ATTRIBUTES = [
    changes("fchmodat2", -100, "PATH", 0o644, 0), changes("setxattr", "PATH", ACCESS, ACL, len(ACL), 0),
    changes("file_setattr", -100, "PATH", bytes(24), 24, 0),
    changes("lsetxattr", "PATH", ACCESS, ACL, len(ACL), 0), changes("fsetxattr", "FD", ACCESS, ACL, len(ACL), 0), sets_xattr_at,
    changes("removexattr", "PATH", ACCESS), changes("lremovexattr", "PATH", ACCESS), changes("fremovexattr", "FD", ACCESS),
    changes("removexattrat", -100, "PATH", 0, ACCESS),
    changes("ioctl", "FD", SETFLAGS, bytes(8)), changes("ioctl", "FD", SETFLAGS | 1 << 32, bytes(8))]


COLUMNS = {
    "read a file": [opens("/etc/passwd")],
    "read the keytab": [opens(KEYTAB)],
    "read the NTLM store": [opens(STORE)],
    "write a file": [writes],
    "change modes": MODES,
    "set attributes": ATTRIBUTES,
    "connect over TCP": [connects],
    "accept connections": [listens],
    "look into a process": [traces, reads_memory, takes_descriptor],
    "signal one": [signals],
    "run a program": [runs],
    "make code": [makes_code],
}


# modes permit these to one user only
OWNERS = {"read the keytab": "credsspd", "read the NTLM store": "credsspd-ntlm"}


def table():
    """Returns {process: {column: word}} of the table in SECURITY.md."""
    with open(os.path.join(TOP, "SECURITY.md"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    head = next(i for i, x in enumerate(lines) if x.startswith("| process | read a file |"))
    columns = [x.strip() for x in lines[head].strip("|").split("|")][1:]
    expect(columns == list(COLUMNS), "columns: %s" % columns)
    out = {}
    for line in lines[head + 2:]:
        if not line.startswith("|"):
            break
        cells = [x.strip() for x in line.strip("|").split("|")]
        out[cells[0].strip("`")] = dict(zip(columns, cells[1:]))
    expect(set(out) == PROCESSES, "processes: %s" % sorted(out))
    return out


def outcome(victim, attempt, other):
    try:
        return "yes" if attempt(victim, other) >= 0 else "no"
    except Killed as e:
        expect(e.signal == KILLED, "killed by signal %d" % e.signal)
        return "dies"


def twin(attempts, uid, what):
    """Makes each call in an unconfined process of the same user."""
    # the traced process is reaped after its tracer
    with free_process(uid) as other, free_process(uid) as pid, Victim(pid) as v:
        for a in attempts:
            got = outcome(v, a, other)
            expect(got == "yes", "%s (%s): %s even without confinement" % (what, a.__name__, got))


def try_all(name, start):
    """start() gives a context with the pid of such a process."""
    expected = table()[name]
    wrong, pid, alive = [], None, None
    with contextlib.ExitStack() as stack:
        uid, other = None, None
        for column, attempts in COLUMNS.items():
            # a template that dies repeatedly is restarted with a delay
            for a in attempts[:3] if name.startswith("template") else attempts:
                if alive is None:
                    pid = stack.enter_context(start())
                    alive = stack.enter_context(Victim(pid))
                if uid is None:
                    uid = uid_of(pid)
                    other = stack.enter_context(free_process(uid))
                got = outcome(alive, a, other)
                if got == "dies":
                    alive = None
                    stack.close()
                    uid = None
                if got != expected[column]:
                    wrong.append("%s (%s): %s, and SECURITY.md says %s" % (column, a.__name__, got, expected[column]))
    expect(not wrong, "; ".join(wrong))


def works_without_confinement(*users):
    for user in users:
        uid = int(sh("id -u " + user, check=True)[1])
        for column, attempts in COLUMNS.items():
            if user not in ("root", OWNERS.get(column, user)) or (column == "write a file" and user == "root"):
                continue
            twin(attempts, uid, "%s as %s" % (column, user))
