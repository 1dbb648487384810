# SPDX-License-Identifier: MIT
"""Load for tests: Undisturbed() logs honest clients on while hostile clients run, and compares processes, descriptors and memory of
this project before and after. many() runs hostile conversations in parallel. address() gives each of them its own address."""
import contextlib
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from inbed import ENV, Mark, expect, path_of, sh
from rdpclient import HYBRID, SSL, Client, Krb5, Ntlm, Refused, password_creds
from sanitizer import SANITIZED

PROGRAMS = ("/usr/sbin/credsspd", "/usr/sbin/credsspd-rdp")
# processes whose number follows the load, and the processes that have descriptors of each of them
POOL = re.compile("--(resolver|account-checker) ")
GROWING = ["/usr/sbin/credsspd %s--config /etc/credsspd.conf" % x for x in ("", "--warden resolver ", "--warden account-checker ")]
GROWTH_KIB = 512  # growth of memory that one process may have
_next, _lock = [0], threading.Lock()


def address():
    """Returns an unused address, so that failures of one case do not delay the next."""
    with _lock:
        _next[0] += 1
        n = _next[0]
    return "127.%d.%d.%d" % (16 + n // 40000, n // 200 % 200, n % 200 + 1)


def processes():
    """Returns {pid: (program and role, anonymous memory in KiB, descriptors)} of all processes of this project."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid) not in PROGRAMS:
                continue
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                role = f.read().replace(b"\0", b" ").decode().strip()
            with open("/proc/%s/smaps_rollup" % pid, encoding="ascii") as f:
                memory = sum(int(x.split()[1]) for x in f if x.startswith("Anonymous:"))
            out[int(pid)] = (role, memory, len(os.listdir("/proc/%s/fd" % pid)))
        except OSError:
            pass
    return out


def roles(them):
    return sorted(x[0] for x in them.values() if not POOL.search(x[0]))


def status():
    """Returns the numbers of credsspctl status as {key: number}."""
    return {k: int(v) for k, v in re.findall(r"(?m)^([\w-]+) +(\d+)$", sh("credsspctl status", check=True)[1])}


def honest(mech=None, source=None, **info):
    """Logs on, which must succeed. Returns the open connection."""
    c = Client(source=source or address())
    try:
        c.log_on(mech or Ntlm(ENV["BED_USER"], ENV["BED_PASSWORD"]), password_creds("", ENV["BED_USER"], ENV["BED_PASSWORD"]),
                 HYBRID | SSL, **info)
    except BaseException:
        c.close()
        raise
    return c


def until(condition, text, seconds=20.0):
    """Waits until the condition is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < deadline, text() if callable(text) else text)
        time.sleep(0.05)


class Undisturbed:
    """with Undisturbed(): hostile clients. All logons of honest clients must succeed meanwhile, and afterwards the processes, their
    descriptors and their memory must be as before."""

    def __init__(self, kerberos=False, growth=GROWTH_KIB, same_processes=True):
        self.growth, self.same, self.kerberos = growth, same_processes, kerberos
        self.stop, self.errors, self.count = threading.Event(), [], 0

    def keep_logging_on(self):
        while not self.stop.is_set():
            try:
                honest(Krb5(ENV["BED_SERVER_NAME"]) if self.kerberos and self.count % 2 else None).close()
                self.count += 1
            except Exception as e:  # pylint: disable=broad-except
                self.errors.append(repr(e))
                return
            self.stop.wait(0.1)

    def __enter__(self):
        for _ in range(3):
            honest().close()
        self.before = self.settled(None)
        self.mark = Mark()
        self.thread = threading.Thread(target=self.keep_logging_on)
        self.thread.start()
        return self

    def stop_logging_on(self):
        """Ends the honest logons: the following load refuses honest clients too."""
        self.stop.set()
        self.thread.join()

    def __exit__(self, kind, *_):
        self.stop_logging_on()
        if kind:
            return
        expect(not self.errors, "an honest logon failed: %s" % self.errors)
        expect(self.count > 0, "no honest client logged on meanwhile")
        if self.same:
            expect(not re.search(r"died (by|\()|ended unexpectedly|reason=crashed",
                                 self.mark.text("credsspd") + self.mark.text("credsspd-rdp")), "a process died: see the logs")
        self.compare(self.settled(self.before))

    def compare(self, after):
        new = set(after) - set(self.before)
        if self.same:
            expect(not set(self.before) - set(after) and all(POOL.search(after[p][0]) for p in new),
                   "processes ended or were added:\n%s\n%s" % (self.before, after))
        expect(roles(self.before) == roles(after), "other processes than before:\n%s\n%s" % (self.before, after))
        for pid in set(after) & set(self.before):
            role, memory, descriptors = after[pid]
            old = self.before[pid]
            # a process of a pool starts when it has work
            more = 2 * len([p for p in new if POOL.search(after[p][0])]) if role in GROWING else 0
            expect(descriptors <= old[2] + more, "%s has more descriptors: %d -> %d" % (role, old[2], descriptors))
            expect(memory - old[1] < self.growth or SANITIZED, "%s grows: %d -> %d KiB" % (role, old[1], memory))
        now = status()
        expect(now["handshakes"] == 0 and now["tickets"] == 0, "handshakes or tickets are left: %s" % now)

    def settled(self, like):
        """Returns the processes when no logon is in progress: with as many as in @like (or as a moment ago), and no more descriptors."""
        deadline, last = time.monotonic() + 20, {}
        while True:
            idle, now = status(), processes()
            than = like or last
            quiet = roles(now) == roles(than) and all(x[2] <= than[p][2] for p, x in now.items() if p in than and x[0] not in GROWING)
            if (quiet and idle["handshakes"] == 0 and idle["tickets"] == 0) or time.monotonic() > deadline:
                return now
            last = now
            time.sleep(0.2)


def line_of(log, source, pattern, seconds=10.0):
    """Waits for the first line about the client with this address, and returns it."""
    name = path_of(log)

    def look():
        with open(name, encoding="utf-8", errors="backslashreplace") as f:
            for line in f:
                if "rhost=%s " % source in line + " " and re.search(pattern, line):
                    return line.rstrip("\n")
        return None
    return until(look, lambda: "no line like %r about %s in %s.log" % (pattern, source, log), seconds)


def many(cases, run, workers=8):
    """Calls run(case) for each case, several in parallel. Fails with the texts of the failed cases."""
    def one(case):
        try:
            run(case)
        except (Exception, SystemExit) as e:  # pylint: disable=broad-except
            return "%s: %s: %s" % (case[0], type(e).__name__, e)
        return None
    with ThreadPoolExecutor(workers) as pool:
        bad = [x for x in pool.map(one, cases) if x]
    expect(not bad, "%d of %d:\n      %s" % (len(bad), len(cases), "\n      ".join(bad)))
    print("  %d cases" % len(cases), flush=True)


GAVE_UP = "gave up"


def refusal_of(talk):
    """Returns (code, early) that the client receives when it is refused, None when it is granted, and GAVE_UP when the client's GSSAPI
    rejects the server's answer."""
    try:
        talk()
    except Refused as e:
        return e.code, e.early
    except Exception as e:  # pylint: disable=broad-except
        if type(e).__module__.startswith("gssapi."):
            return GAVE_UP
        raise
    return None


def quietly(client):
    """Closes the connection, whatever its state."""
    with contextlib.suppress(OSError):
        client.close()
