# SPDX-License-Identifier: MIT
"""Base of all parts of bed-init: paths, files and commands, and the Service, a process of a bed."""
import fcntl
import os
import pwd
import signal
import socket
import struct
import subprocess
import time

DIR = os.environ["BED_DIR"]
BUILD = os.environ["BED_BUILD_DIR"]
SOURCE = os.environ["BED_SOURCE_DIR"]
USER = os.environ.get("BED_USER", "alice")
PASSWORD = os.environ.get("BED_PASSWORD") or "Bed-" + os.urandom(9).hex()
START_DEADLINE = 20.0  # seconds
STOP_DEADLINE = 5.0

# variables that COMMAND finds in its environment
COMMAND_ENV = {}


class BedError(Exception):
    """The bed could not start; the text says why."""


def write_file(path, text, mode=0o644, owner=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as f:
        f.write(text)
        os.fchmod(fd, mode)
        if owner:
            p = pwd.getpwnam(owner)
            os.fchown(fd, p.pw_uid, p.pw_gid)
    os.rename(path + ".new", path)


def run(*argv, stdin=b"", **kw):
    """Runs a set-up command to its end, and shows its output when it fails."""
    # bed-init reaps with waitpid(-1) only in the loop, never while a command runs here
    p = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **kw)
    if p.returncode:
        raise BedError("%s: exit %d\n%s" % (argv[0], p.returncode, p.stdout.decode(errors="replace")))
    return p.stdout.decode(errors="replace")


def stamp():
    t = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + ".%06dZ" % (t % 1 * 1000000)


# ---- readiness ----

def tcp_listening(port):
    """Returns True when a process in this network namespace listens on the port. Does not connect."""
    def check():
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table, encoding="ascii") as f:
                for line in f.readlines()[1:]:
                    field = line.split()
                    if field[3] == "0A" and int(field[1].rsplit(":", 1)[1], 16) == port:
                        return True
        return False
    return check


def unix_listening(path):
    def check():
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
            for line in f.readlines()[1:]:
                field = line.split()
                if len(field) > 7 and field[7] in (path, "." + path) and int(field[3], 16) & 0x10000:
                    return True
        return False
    return check


class Service:
    def __init__(self, name, argv, ready="notify", user=None, group=None, groups=(), env=None, private_tmp=False, stamped=False,
                 listen=None, log=None):
        self.name, self.argv, self.ready, self.user, self.groups = name, argv, ready, user, groups
        self.group = group  # not the user's own
        self.env, self.private_tmp, self.stamped = env or {}, private_tmp, stamped
        self.stop_signal = signal.SIGTERM
        self.pid = None
        self.status = None
        self.stopping = False
        self.notified = False
        self.listen = listen  # a listening socket, passed as systemd does
        self.log = os.path.join(DIR, (log or name) + ".log")

    def command(self):
        argv = list(self.argv)
        if self.user:
            p = pwd.getpwnam(self.user)
            switch = ["setpriv", "--reuid", str(p.pw_uid), "--regid", group_id(self.group) if self.group else str(p.pw_gid)]
            argv = switch + (["--groups", ",".join(self.groups)] if self.groups else ["--clear-groups"]) + ["--"] + argv
        if self.private_tmp:
            argv = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                    # the logs may lie below the /tmp that is hidden
                    'd=$1; shift; exec 9<"$d" && mount -t tmpfs -o mode=1777 tmpfs /tmp && mkdir -p "$d" && '
                    'mount -c --bind /proc/self/fd/9 "$d" && exec "$@" 9<&-', "sh", DIR] + argv
        return argv


def how(status):
    if status is None:
        return "unknown"
    return "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "exit %d" % os.WEXITSTATUS(status)


def exit_code(status):
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def tail(path, lines=25):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join("  | " + x for x in f.readlines()[-lines:])
    except OSError:
        return ""


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS


def group_id(name):
    with open("/etc/group", encoding="utf-8") as f:
        for line in f:
            if line.startswith(name + ":"):
                return line.split(":")[2]
    raise BedError("no group " + name)
