# SPDX-License-Identifier: MIT
"""For tests/hostile/faults: causes faults while logons are in progress at each step, and checks what must hold afterwards."""
import contextlib
import os
import re
import signal
import struct
import threading
import time

import frontend
import memsearch
from load import address, processes, roles, status, until
from inbed import DAEMONS, ENV, Mark, bedctl, expect, pid_of, sh
from memsearch import all_processes, children, children_named, connections_of
from rawbus import Bus, BusError, uid_of
from rdpclient import CLIENT_MAGIC, HYBRID, HYBRID_EX, SERVER_MAGIC, SSL, Client, Krb5, Ntlm, Refused, password_creds, ts_request

USER, PASSWORD = ENV["BED_USER"], ENV["BED_PASSWORD"]
OTHER, OTHERS_PASSWORD = "bob", "Bob-1234"
FORMS = memsearch.forms_of(PASSWORD)


# ---- clients ----

def steps(c, mech, credentials):
    """Runs a logon step by step. Yields the name of each step when it is done."""
    c.negotiate(HYBRID_EX | HYBRID | SSL)
    yield "X.224"
    c.start_tls()
    yield "TLS"
    nonce, token = os.urandom(32), mech.step(None)
    while not mech.done:
        c.write(ts_request(6, token, nonce=nonce))
        token = mech.step(c.receive_request("GSS").get("token"))
        yield "challenge"
    c.write(ts_request(6, token, pub_key_auth=mech.wrap(c.binding(CLIENT_MAGIC, 6, nonce)), nonce=nonce))
    expect(mech.unwrap(c.receive_request("binding")["pub_key_auth"]) == c.binding(SERVER_MAGIC, 6, nonce), "the server's pubKeyAuth is wrong")
    yield "confirmed"
    c.write(ts_request(6, auth_info=mech.wrap(credentials)))
    early = struct.unpack("<I", c.read(4))[0]
    if early:
        raise Refused("early authorization", early=early)
    yield "ticket"
    c.mcs_connect()
    yield "MCS"
    c.send_client_info()
    c.licence()
    c.read_tpkt()
    yield "session"


class Held:
    """A client that waits at a step. run() continues; `through` then says whether it got its session."""

    def __init__(self, mech, step):
        self.step, self.source = step, address()
        self.client = Client(source=self.source, timeout=80)
        self.way = steps(self.client, mech, password_creds("", USER, PASSWORD))
        while next(self.way) != step:
            pass
        self.through, self.problem = None, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            for _ in self.way:
                pass
            self.through = True
        except (Refused, OSError):
            self.through = False
        except Exception as e:  # pylint: disable=broad-except
            self.problem = repr(e)

    def close(self):
        with contextlib.suppress(OSError):
            self.client.close()


def logs_on(mech=None, seconds=40):
    """Retries another user's logon until it succeeds. Returns the seconds until then."""
    began = time.monotonic()
    while True:
        c = Client(source=address(), timeout=30)
        try:
            c.log_on(mech() if mech else Ntlm(OTHER, OTHERS_PASSWORD), password_creds("", *((USER, PASSWORD) if mech else (OTHER, OTHERS_PASSWORD))))
            c.close()
            return time.monotonic() - began
        except (Refused, OSError) as e:
            c.close()
            expect(time.monotonic() - began < seconds, "no logon after %.0f s: %s" % (time.monotonic() - began, e))
            time.sleep(0.1)


def kerberos():
    return Krb5(ENV["BED_SERVER_NAME"])


# ---- processes ----

def of_role(option):
    """Returns the processes of credsspd with this option."""
    return [p for p, name in all_processes().items() if name.startswith("credsspd " + option)]


def direct(*options):
    """Returns those of them that the supervisor, or a warden for it, has started; no workers."""
    mine = [p for d in DAEMONS for p in children(pid_of(d))]
    return [p for o in options for p in of_role(o) if p in mine]


def workers():
    return [w for t in direct("--template") for w in children(t)]


def connections():
    return connections_of(pid_of("credsspd-rdp"))


def connection_template():
    return children_named(pid_of("credsspd-rdp"), "credsspd-rdp:t")


def service(name):
    return lambda: [pid_of(name)]


def send(pids, sig):
    for p in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(p, sig)


def as_systemd(*names):
    """Starts the processes that have ended, as systemd does."""
    running = dict(x.split() for x in bedctl("status").splitlines())
    gone = [n for n in names if running[n] == "-"]
    if gone:
        bedctl("start", *gone)


LIMITS = {"nofile": ("open files", 7), "as": ("address space", 9), "nproc": ("processes", 6)}


def limits_of(pid, which):
    """Returns (soft, hard) as numbers."""
    with open("/proc/%d/limits" % pid, encoding="ascii") as f:
        found = re.search(r"(?m)^Max %s +(\S+) +(\S+)" % LIMITS[which][0], f.read())
    return [2**64 - 1 if x == "unlimited" else int(x) for x in found.groups()]


def put_limit(pid, which, soft):
    """Sets the limit with gdb: root in a container may not change it from outside."""
    hard = limits_of(pid, which)[1]
    sh("timeout 60 gdb -nx -batch -p %d -ex 'set $p = (unsigned long *)($sp - 4096)' -ex 'set $p[0] = %dUL' -ex 'set $p[1] = %dUL' "
       "-ex 'print (int)setrlimit(%d, $p)'" % (pid, soft, hard, LIMITS[which][1]), 70)
    expect(limits_of(pid, which)[0] == soft, "the limit is not in force")


def limit(pids, which, value):
    """Sets soft limits of running processes. Returns a function that restores them."""
    old = {p: limits_of(p, which)[0] for p in pids}
    for p in pids:
        put_limit(p, which, value(p))

    def undo():
        for p, soft in old.items():
            if os.path.exists("/proc/%d" % p) and running(p):
                put_limit(p, which, soft)
    return undo


# ---- a fault ----

class Scene:
    """Clients at each step, a live session of another user, and an outstanding ticket; check() tests what must hold after the fault."""
    loose = ("challenge", "confirmed", "ticket")
    last = None
    kerberos = extra = 0  # logons of the user, besides those of the waiting clients

    def __init__(self):
        bedctl("user", OTHER, stdin=OTHERS_PASSWORD + "\n")
        if Scene.last:
            Scene.last.close()
        Scene.last = self
        self.held, self.bus, self.channel, self.live = [], None, None, None
        until(lambda: not connections(), "connections of others are left", 40)
        self.roles = roles(processes())
        self.live = self.session()
        self.spared = set(connections())
        self.held = [Held(m(), s) for s in self.loose for m in (lambda: Ntlm(USER, PASSWORD), kerberos)] + [Held(Ntlm(USER, PASSWORD), "MCS")]
        self.bus = Bus(uid_of("credsspd-rdp"))
        self.channel = self.bus.begin()[1]
        self.ticket, _ = frontend.converse(self.channel, USER, PASSWORD)
        self.before = Mark()

    @staticmethod
    def session():
        c = Client(source=address(), timeout=80)
        c.log_on(Ntlm(OTHER, OTHERS_PASSWORD), password_creds("", OTHER, OTHERS_PASSWORD))
        c.poke()
        return c

    def connections(self):
        """Returns the front end's processes of the waiting clients."""
        return [p for p in connections() if p not in self.spared]

    def go_on(self):
        for h in self.held:
            h.thread.start()
        for h in self.held:
            h.thread.join(100)
            expect(not h.thread.is_alive(), "%s: neither granted nor refused" % h.step)
            expect(not h.problem, "%s: %s" % (h.step, h.problem))
        return {(h.step, i): h.through for i, h in enumerate(self.held)}

    def redeemed(self):
        """Redeems the outstanding ticket several times. Returns how often it was valid."""
        n = 0
        for _ in range(3):
            with contextlib.suppress(BusError, OSError), Bus(0, timeout=5) as root:
                _, pipe = root.redeem(self.ticket, to=USER)
                n += 1
                kind, fields = frontend.hand_over(pipe)
                expect((kind, fields) == (1, {1: PASSWORD.encode()}), "the hand-over is incomplete: kind %d, fields %s" % (kind, list(fields)))
        return n

    def no_half_logons(self, through):
        """Expects that only the authenticated users are logged on, by ticket, and at most once for each client that got through."""
        lines = re.findall(r"(?m)^.* login .*stage=open.*$", self.before.text("logins"))
        mine = [x for x in lines if 'user="%s"' % USER in x]
        expect(all('user="%s"' % OTHER in x or 'user="%s"' % USER in x for x in lines), "another user is logged on: %s" % lines)
        expect(all("password=ticket" in x for x in lines), "without a ticket: %s" % lines)
        most = through + self.kerberos + self.extra
        expect(len(mine) <= most, "%d logged on, %d clients got through: %s" % (len(mine), most, mine))

    def no_secret(self):
        for pid, name in all_processes().items():
            program = name.split(" ")[0].rsplit("/", 1)[-1] if name else ""
            if program in ("credsspd", "credsspd-rdp", "dbus-daemon"):
                found = memsearch.search(pid, FORMS)
                expect(not found, "%s (%d) contains the password" % (name, pid))
        for path, form in memsearch.files_with(FORMS, ENV["BED_DIR"], "/var/lib/credsspd", "/var/lib/credsspd-rdp"):
            expect(False, "the password is in %s as %s" % (path, form))

    def close(self):
        for x in (*self.held, self.channel, self.bus, self.live):
            if x:
                with contextlib.suppress(OSError):
                    x.close()
        Scene.last = None

    def check(self, seconds=40, live=True, pam=True):
        """Tests what must hold after the fault, and after systemd's restarts."""
        outcome = self.go_on()
        through = sum(outcome.values())
        took = logs_on(seconds=seconds)
        if pam:
            logs_on(kerberos, seconds)
            self.kerberos = 1
        n = self.redeemed()
        expect(n <= 1, "a ticket was valid %d times" % n)
        if live:
            self.live.poke()
        self.no_half_logons(through)
        self.close()
        until(lambda: roles(processes()) == self.roles and not workers(), lambda: "other processes than before:\n%s\n%s" % (self.roles, roles(processes())), 45)
        until(lambda: status()["handshakes"] == status()["tickets"] == 0, lambda: "left over: %s" % status())
        self.no_secret()
        print("  %d of %d continued; a logon after %.1f s; the ticket was valid %d times" % (through, len(outcome), took, n), flush=True)
        return outcome


def prepare():
    sh("printf '%%s\\n' '%s' | kinit %s && kvno -q TERMSRV/%s" % (PASSWORD, USER, ENV["BED_SERVER_NAME"]), check=True)


def killed(find, *restart, sig=signal.SIGKILL, **check):
    """A case: the processes that find() returns are killed."""
    scene = Scene()
    pids = [p for p in find() if p not in scene.spared]
    expect(pids, "no such process")
    send(pids, sig)
    until(lambda: not any(os.path.exists("/proc/%d" % p) and running(p) for p in pids), "a killed process is still there")
    if restart:
        as_systemd(*restart)
    return scene.check(**check)


def running(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def paused(find, seconds=1.0, **check):
    """A case: the processes are stopped for some seconds, and continue."""
    scene = Scene()
    pids = [p for p in find() if p not in scene.spared]
    send(pids, signal.SIGSTOP)
    time.sleep(seconds)
    send(pids, signal.SIGCONT)
    outcome = scene.check(**check)
    expect(all(outcome.values()), "a client did not continue: %s" % outcome)


def stuck(find, seconds=60, spare=(), **check):
    """A case: the processes are stopped and do not continue: another process must notice, and replace them."""
    scene = Scene()
    pids = [p for p in find() if p not in scene.spared and p not in spare]
    expect(pids, "no such process")
    send(pids, signal.SIGSTOP)
    try:
        outcome = scene.check(seconds=seconds, **check)
        until(lambda: not any(running(p) for p in pids), "they are still there", 60)
    finally:
        send(pids, signal.SIGCONT)
    return outcome


# ---- shortages ----

def attempts(n=6):
    """Logons during a shortage: each ends in time, and is refused or granted correctly. Returns the number of refused logons."""
    failed = 0
    for i in range(n):
        c = Client(source=address(), timeout=40)
        try:
            c.log_on(kerberos() if i % 2 else Ntlm(USER, PASSWORD), password_creds("", USER, PASSWORD))
        except (Refused, OSError):
            failed += 1
        c.close()
    return failed


def short_of(what, find, value, also_kill=None, sign=None):
    """A case: running processes have less of a resource during some logons, and may die of it. @sign: the log line that must follow."""
    scene, mark = Scene(), Mark()
    undo = limit(find(), what, value)
    try:
        if also_kill:
            send(also_kill(), signal.SIGKILL)
        if sign:  # before other processes use the resources of the dead ones
            mark.find("credsspd", sign)
        failed = attempts()
        expect(failed or not sign, "no logon was refused")
    finally:
        undo()
    as_systemd("credsspd", "credsspd-rdp")
    scene.extra = 6
    scene.check(live=True)


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def no_descriptors():
    """A case: the supervisor has no descriptor left. A template that ends meanwhile is restarted later."""
    short_of("nofile", service("credsspd"), lambda _: 3, lambda: direct("--template"), "template: cannot be started: Too many open files")


def first_free(pid):
    """Returns the number of the next descriptor that the process opens."""
    taken = {int(x) for x in os.listdir("/proc/%d/fd" % pid)}
    return min(set(range(len(taken) + 1)) - taken)


def no_descriptor_for_the_last_step():
    """A case: the supervisor has two descriptors for a new process, but not the third. Handshakes would leave more of them."""
    until(lambda: status()["handshakes"] == 0, "handshakes that do not end")
    mark = Mark()
    undo = limit(service("credsspd")(), "nofile", first_free)
    try:
        send(direct("--template ntlm"), signal.SIGKILL)
        mark.find("credsspd", "ntlm template: cannot be started: Too many open files")
    finally:
        undo()
    until(lambda: direct("--template ntlm"), "the template was not restarted")
    Scene().check(live=True)


def no_descriptors_elsewhere():
    short_of("nofile", lambda: direct("--template"), descriptors)
    short_of("nofile", service("credsspd-rdp"), lambda p: descriptors(p) + 1)


def size(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as f:
        return int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def no_memory():
    short_of("as", service("credsspd"), size)
    short_of("as", lambda: direct("--template"), size)
    short_of("as", service("credsspd-rdp"), size)


def no_processes():
    short_of("nproc", lambda: direct("--template"), lambda _: 1)
    short_of("nproc", connection_template, lambda _: 1)
