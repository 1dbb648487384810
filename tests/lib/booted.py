# SPDX-License-Identifier: MIT
"""For tests in a booted system (tests/lib/boot): units, packages, snapshots of the system's files and states, and a desktop seen from
a client."""
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import traceback

from inbed import Failure, comment, expect, forgotten, sh

LIB = os.path.dirname(os.path.abspath(__file__))
DEBS = os.path.join(os.environ["BED_BUILD"], "deb")
MACHINE = os.environ.get("BOOT_MACHINE")
PATIENCE = 6 if MACHINE else 1  # the machine is emulated
PACKAGES = ("credsspd", "libpam-credssp", "credsspd-rdp", "credsspd-dev")
XRDP_INI, XRDP_PAM = "/etc/xrdp/xrdp.ini", "/etc/pam.d/xrdp-sesman"


def run(command, timeout=60, **kw):
    """Runs a command that must succeed, and returns its output."""
    return sh(command, timeout * PATIENCE, check=True, **kw)[1]


def fails(command):
    status, out = sh(command, 60 * PATIENCE)
    expect(status != 0, "%s: did not fail: %s" % (command, out))
    return out


def wait(what, condition, seconds=20.0, pause=0.1):
    """Waits until the condition is true, and returns its value. Pauses, because most conditions start a process."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure("%s: not within %d s" % (what, seconds))
        time.sleep(pause)


def apt(arguments):
    return run("DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 " + arguments, 240)


def debs():
    return " ".join("%s/%s_*.deb" % (DEBS, p) for p in PACKAGES)


def main(cases):
    """Runs the cases in order, each on the state that the previous one left; a failed case is the last one. TEST_CASE names one case: it
    runs after all cases before it."""
    if forgotten():
        sys.exit("neither cases nor used: " + ", ".join(forgotten()))
    wanted = os.environ.get("TEST_CASE", "").replace("_", " ")
    names = [c.__name__.replace("_", " ") for c in cases]
    if wanted:
        cases = cases[:names.index(wanted) + 1 if wanted in names else 0]
    print("1..%d%s" % (len(cases), "" if cases else " # SKIP no such case"), flush=True)
    for n, case in enumerate(cases, 1):
        begin = time.time()
        try:
            case()
        except Exception:  # pylint: disable=broad-except
            print("not ok %d - %s" % (n, names[n - 1]))
            comment(traceback.format_exc())
            comment(sh("journalctl --no-pager -o short-precise --since @%d | tail -n 60" % begin)[1])
            sys.exit(1)
        print("ok %d - %s" % (n, names[n - 1]), flush=True)
        comment("%.1f s" % (time.time() - begin))


# ---- units ----

def show(unit, key):
    return run("systemctl show --value --property=%s %s" % (key, unit)).strip()


def is_active(unit):
    return sh("systemctl --quiet is-active " + unit)[0] == 0


def is_enabled(unit):
    return sh("systemctl --quiet is-enabled " + unit)[0] == 0


def main_pid(unit):
    return int(show(unit, "MainPID"))


def listeners():
    """Returns {port: names of the programs that listen on it}."""
    found = {}
    for line in run("ss -H -ltnp").splitlines():
        field = line.split()
        found.setdefault(int(field[3].rsplit(":", 1)[1]), set()).update(x.split('"')[1] for x in field[5:] if '"' in x)
    return found


def journal(unit, since):
    return run("journalctl --sync; journalctl -o cat --no-pager -u %s --since @%f" % (unit, since))


# ---- what a system consists of ----

PASSING = {"/etc/" + x for x in ("passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-", ".pwd.lock", "ld.so.cache")}
# files that other programs write while the test runs
CACHES = ("/usr/share/mime", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/PackageKit", "/var/lib/systemd/timers",
          "/var/lib/systemd/random-seed", "/var/lib/systemd/linger")


def tree(top):
    for directory, names, files in os.walk(top):
        names[:] = [n for n in names if os.path.join(directory, n) not in CACHES and n != "__pycache__"]
        yield directory
        for f in files:
            path = os.path.join(directory, f)
            if path not in CACHES and path not in PASSING:
                yield path


def about(path, contents):
    st = os.lstat(path)
    what = [oct(st.st_mode), st.st_uid, st.st_gid]
    if os.path.islink(path):
        what.append(os.readlink(path))
    elif contents and os.path.isfile(path):
        with open(path, "rb") as f:
            what.append(hashlib.sha256(f.read()).hexdigest())
    return tuple(what)


class System:
    """A snapshot: contents of /etc, files in /usr and /var/lib, accounts, units and their states, listening programs."""

    def __init__(self):
        self.parts = {
            "files": {p: about(p, top == "/etc") for top in ("/etc", "/usr", "/var/lib") for p in tree(top)},
            "accounts": set(run("getent passwd; getent group; cut -d: -f1,2 /etc/shadow").splitlines()),
            "units": set(run("systemctl list-unit-files --no-legend --no-pager").splitlines()),
            "running": set(run("systemctl list-units --no-legend --no-pager --plain --type=service,socket,path --state=active "
                               "| awk '{print $1}'").splitlines()),
            "listening": {(p, n) for p, names in listeners().items() for n in names},
        }

    @staticmethod
    def pairs(part):
        return set(part.items()) if isinstance(part, dict) else part

    def compare(self, before, ignore=()):
        for name, part in self.parts.items():
            was, now = self.pairs(before.parts[name]), self.pairs(part)
            more = sorted(str(x) for x in now - was if not any(i in str(x) for i in ignore))
            less = sorted(str(x) for x in was - now if not any(i in str(x) for i in ignore))
            expect(not more and not less, "%s: new %s; missing %s" % (name, more[:20], less[:20]))


# ---- a desktop ----

XSESSION = """#!/bin/bash
# the desktop takes the colour in ~/colour whenever that changes
{
	echo "DISPLAY=$DISPLAY"
	echo "XAUTHORITY=${XAUTHORITY:-$HOME/.Xauthority}"
	echo "XDG_SESSION_ID=${XDG_SESSION_ID:-}"
} >"$HOME/session.new" && mv "$HOME/session.new" "$HOME/session"
mkfifo "$HOME/never"
exec 3<>"$HOME/never"
was=
# A loop that makes few processes, because the desktop lives for minutes. The first drawing may stay black.
for ((n = 0; ; n++)); do
	read -r colour <"$HOME/colour"
	[ "$colour" = "$was" ] && ((n % 10)) || xsetroot -solid "$colour"
	was=$colour
	read -r -t 0.2 _ <&3
done
"""


def add_user(name, password):
    run("useradd -m -s /bin/bash -p '%s' %s" % (run("openssl passwd -6 '%s'" % password).strip(), name))
    home = pwd.getpwnam(name).pw_dir
    for file, text, mode in ((".xsession", XSESSION, 0o755), ("colour", "#000000", 0o644)):
        path = os.path.join(home, file)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        os.chown(path, pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid)


class Desktop:
    """FreeRDP on its own X display, logged on as the user, whose ~/.xsession is from add_user()."""

    def __init__(self, user, password):
        self.user, self.home, self.n = user, pwd.getpwnam(user).pw_dir, int.from_bytes(os.urandom(2), "big")
        self.log = "/tmp/client-%s.log" % user
        ready_r, ready_w = os.pipe()
        self.x = subprocess.Popen(["Xvfb", "-displayfd", str(ready_w), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"],
                                  pass_fds=[ready_w], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ready_w)
        # reads a whole line: Xvfb ends when it cannot write the line's end
        with os.fdopen(ready_r, encoding="ascii") as f:
            number = f.readline().strip()
        expect(number, "Xvfb did not start")
        self.display = ":" + number
        with open(self.log, "w", encoding="utf-8") as log:
            self.client = subprocess.Popen(
                [shutil.which("xfreerdp3") or "xfreerdp", "/v:127.0.0.1", "/u:" + user, "/from-stdin:force", "/cert:ignore", "/sec:nla", "/size:1024x768", "/bpp:24"],
                env={**os.environ, "DISPLAY": self.display}, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.client.stdin.write((password + "\n").encode())
        self.client.stdin.close()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def pixel(self):
        return sh("DISPLAY=%s import -window root -crop 1x1+500+400 -depth 8 txt:- | tail -n 1" % self.display)[1]

    def is_alive(self, seconds=40.0):
        """Sets a new colour on the desktop, and expects it on the client's screen."""
        self.n = (self.n + 7919) % 65536
        colour = "#%02X%02XC8" % (self.n >> 8, self.n & 255)
        path = os.path.join(self.home, "colour")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(colour)
        os.rename(path + ".new", path)

        def seen():
            expect(self.client.poll() is None, "the client has ended: " + self.text()[-2000:])
            return colour in self.pixel()
        wait("the desktop in colour " + colour, seen, seconds, 0.3)

    def session(self):
        with open(os.path.join(self.home, "session"), encoding="utf-8") as f:
            return dict(line.rstrip("\n").split("=", 1) for line in f)

    def close(self):
        for p in (self.client, self.x):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
            p.wait(20)
