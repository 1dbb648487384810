# SPDX-License-Identifier: MIT
"""For tests that run inside a bed. enter() starts tests/bed, which runs the test program again inside the bed; there enter() returns.
main() runs the functions with the decorator @case in the order of their definition, and prints TAP. A case fails by an exception.
Arguments, or TEST_CASE, select cases by name."""
import ast
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import traceback

from sanitizer import NOT_SANITIZED, SANITIZED

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENV = os.environ

# the supervisor, and the wardens, which start processes of other users for it
DAEMONS = ("credsspd", "credsspd-names", "credsspd-ntlm", "credsspd-tgt", "credsspd-account")


class Failure(Exception):
    """An expectation of the case is not met; the text says which."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Skip(Exception):
    """This release cannot run the case; the text says why."""


def need(program):
    """Skips the case when this release does not have the program. Skipped cases are counted."""
    if not shutil.which(program):
        raise Skip("%s is not in this release" % program)


def enter(*options):
    if "BED_INSIDE" not in ENV:
        bed = os.path.join(TOP, "tests/bed")
        os.execv(bed, [bed, *options, "run", "--", "env", "BED_INSIDE=1", os.path.abspath(sys.argv[0])] + sys.argv[1:])


CASES = []


def case(function):
    """Decorator: main() runs the function as a case."""
    CASES.append(function)
    return function


def text_of(function):
    return function.__name__.replace("_", " ")


def forgotten():
    """Returns names of functions that are neither cases nor used: cases without their decorator."""
    with open(os.path.abspath(sys.argv[0]), encoding="utf-8") as f:
        tree = ast.parse(f.read())
    used = {n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(tree) if isinstance(n, (ast.Name, ast.Attribute))}
    return [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and not n.decorator_list and n.name not in used]


def chosen():
    """Returns the cases to run: all, unless cases are named. An argument that names no case is an error."""
    names = sys.argv[1:] or [n for n in [ENV.get("TEST_CASE")] if n]
    wanted = {n.replace("_", " ") for n in names}
    unknown = wanted - {text_of(c) for c in CASES}
    if unknown and sys.argv[1:]:
        sys.exit("no such case: %s" % ", ".join(sorted(unknown)))
    return [c for c in CASES if not wanted or text_of(c) in wanted]


def comment(text):
    print("".join("# %s\n" % line for line in text.splitlines()), end="", flush=True)


def show_failure(e):
    comment("%s: %s" % (type(e).__name__, e))
    if not isinstance(e, Failure):
        comment(traceback.format_exc())
    for log in (os.path.join(n, p) for n in nodes() for p in ("credsspd", "credsspd-rdp")):
        comment("%s.log:\n" % log + "".join("    " + x for x in read_log(log).splitlines(True)[-4:]))


def main():
    program = os.path.relpath(os.path.abspath(sys.argv[0]), TOP)
    failed = 0
    if forgotten():
        sys.exit("%s: neither cases nor used: %s" % (program, ", ".join(forgotten())))
    cases = chosen()
    print("1..%d%s" % (len(cases), "" if cases else " # SKIP no such case"), flush=True)
    for n, function in enumerate(cases, 1):
        name = text_of(function)
        why = SANITIZED and NOT_SANITIZED.get((program, name))
        try:
            if why:
                raise Skip(why)
            function()
            print("ok %d - %s" % (n, name), flush=True)
        except Skip as e:
            print("ok %d - %s # SKIP %s" % (n, name, e), flush=True)
        except (Exception, SystemExit) as e:  # pylint: disable=broad-except
            failed += 1
            print("not ok %d - %s" % (n, name), flush=True)
            show_failure(e)
    sys.exit(1 if failed else 0)


# ---- logs ----

def nodes():
    """Returns the directories below BED_DIR with the logs of a farm's nodes; without a farm [""]."""
    return ["node%d" % (i + 1) for i in range(len(ENV.get("BED_NODES", "").split()))] or [""]


def path_of(name):
    return os.path.join(ENV["BED_DIR"], name if os.path.basename(name) == "logins" else name + ".log")


def read_log(name, start=0):
    try:
        with open(path_of(name), encoding="utf-8", errors="backslashreplace") as f:
            f.seek(start)
            return f.read()
    except OSError:
        return ""


class Mark:
    """The end of each log at this moment: text() returns what was written later. @node: a farm's node."""

    def __init__(self, node=""):
        self.node = node
        self.at = {n: self.size(os.path.join(node, n))
                   for n in ("credsspd", "credsspd-rdp", "logins", "syslog", "xrdp", "sesman", "haproxy")}

    @staticmethod
    def size(name):
        try:
            return os.stat(path_of(name)).st_size
        except OSError:
            return 0

    def text(self, name):
        return read_log(os.path.join(self.node, name), self.at[name])

    def find(self, name, pattern, seconds=8.0):
        """Waits for the first line that matches the pattern, and returns it."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.text(name).splitlines():
                if re.search(pattern, line):
                    return line
            if time.monotonic() > deadline:
                raise Failure("no line like %r in %s.log; there is:\n%s" % (pattern, name, self.text(name)[-2000:]))
            time.sleep(0.02)

    def login(self, pattern="result=PAM_SUCCESS"):
        return self.find("logins", "login .*" + pattern)

    def refused(self, reason):
        line = self.find("credsspd", r"\breason=")
        expect(re.search(r"\breason=%s\b" % re.escape(reason), line), "refused for another reason than %s: %s" % (reason, line))
        return line

    def no_login(self):
        expect(" login " not in self.text("logins"), "a user was logged on: " + self.text("logins"))


# ---- doing things ----

def sh(command, timeout=60.0, check=False, **env):
    """Runs a shell command. Returns (exit status, output)."""
    try:
        p = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=timeout, env={**ENV, **env}, check=False)
    except subprocess.TimeoutExpired as e:
        ps = subprocess.run(["ps", "-eo", "pid,ppid,pgid,stat,wchan:20,etimes,args"], stdout=subprocess.PIPE, check=False).stdout
        raise Failure("%s: not done after %d s; it said %r; there is:\n%s" % (command, timeout, e.output, ps.decode(errors="replace"))) from e
    out = p.stdout.decode(errors="replace")
    if check and p.returncode:
        raise Failure("%s: exit %d\n%s" % (command, p.returncode, out[-3000:]))
    return p.returncode, out


def bedctl(*args, stdin=""):
    """Does what the program bedctl does, without starting it: tests call it hundreds of times."""
    request = list(args) + ([stdin.partition("\n")[0]] if args[0] in ("user", "local-user", "computer") else [])
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/bed/control")
        s.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(s.makefile().read())
    if answer["status"]:
        raise Failure("bedctl %s: %s" % (" ".join(args), answer["text"]))
    return answer["text"] + ("\n" if answer["text"] else "")


@contextlib.contextmanager
def settings(**values):
    """Runs the block with these keys in credsspd.conf and both daemons restarted, and restores them. rdp_KEY is KEY of [credsspd-rdp]."""
    keys = {("credsspd-rdp." + k[4:] if k.startswith("rdp_") else k): v for k, v in values.items()}
    old = {}
    with open("/etc/credsspd.conf", encoding="utf-8") as f:
        text = f.read()
    for k in keys:
        section, _, key = k.rpartition(".")
        part = re.search(r"(?ms)^\[%s\]$(.*?)(?=^\[|\Z)" % re.escape(section or "credsspd"), text)
        m = part and re.search(r"(?m)^\t%s = (.*)$" % re.escape(key), part.group(1))
        old[k] = m.group(1) if m else None
    bedctl("set", *("%s=%s" % kv for kv in keys.items()))
    bedctl("restart")
    try:
        yield
    finally:
        put_back = ["%s=%s" % kv for kv in old.items() if kv[1] is not None]
        gone = [k for k, v in old.items() if v is None]
        if put_back:
            bedctl("set", *put_back)
        if gone:
            bedctl("unset", *gone)
        bedctl("restart")


def pid_of(name):
    with open(os.path.join(ENV["BED_DIR"], name + ".pid"), encoding="ascii") as f:
        return int(f.read())
