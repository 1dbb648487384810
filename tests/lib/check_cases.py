# SPDX-License-Identifier: MIT
"""credsspctl check in a bed: run it, and break one thing after the other in the bed's private files."""
import contextlib
import glob
import json
import os
import re
import subprocess

from inbed import TOP, bedctl, expect, sh

CERTIFICATES = "/etc/bed-certificates"
CERTIFICATE, KEY = CERTIFICATES + "/cert.pem", CERTIFICATES + "/key.pem"
SEEN = set()  # ids that a case has seen go wrong


def check(*names, status=None, **env):
    """{id: finding}"""
    p = subprocess.run(["credsspctl", "check", "--json", *names], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60, env={**os.environ, **env}, check=False)
    expect(not p.stderr, "stderr: %r" % p.stderr)
    findings = json.loads(p.stdout)
    out = {f["id"]: f for f in findings}
    expect(len(out) == len(findings), "an id more than once")
    for f in findings:
        expect(f["looked_at"], "nothing was looked at: %s" % f)
        expect((f["result"] == "ok") == (f["wrong"] is None) == (f["remedy"] is None), "half a finding: %s" % f)
    errors = [i for i in out if out[i]["result"] == "error"]
    expect(p.returncode == (1 if errors else 0), "exit %d with the errors %s" % (p.returncode, errors))
    if status is not None:
        expect(p.returncode == status, "exit %d: %s" % (p.returncode, errors))
    return out


def bad(findings):
    return {i: f for i, f in findings.items() if f["result"] != "ok"}


def expect_well(*names):
    found = bad(check(*names))
    expect(not found, "findings where nothing is wrong: %s" % list(found.values()))


def rows(wanted=lambda path: True):
    """{id: severity}, of the tables in the source, in the files that are wanted."""
    out = {}
    for path in glob.glob(os.path.join(TOP, "credsspctl/check/*.c")):
        if not wanted(os.path.basename(path)):
            continue
        with open(path, encoding="utf-8") as f:
            out.update(re.findall(r'\{ "([a-z0-9-]+)", CHECK_(ERROR|WARNING), ', f.read()))
    return {i: s.lower() for i, s in out.items()}


def expect_finding(ident, pattern="", names=(), **env):
    """Exactly this one is bad, as bad as its row says, and its text has the pattern. Returns it."""
    found = bad(check(*names, **env))
    expect(list(found) == [ident], "%s is broken, and found is: %s" % (ident, list(found.values())))
    expect(found[ident]["result"] == rows()[ident], "severity: %s" % found)
    text = "%(looked_at)s: %(wrong)s -> %(remedy)s" % found[ident]
    expect(re.search(pattern, text), "no %r in %s" % (pattern, text))
    SEEN.add(ident)
    return found[ident]


def expect_all(wanted):
    """Every finding of these files has been seen go wrong."""
    expected = set(rows(wanted))
    missing = sorted(expected - SEEN)
    expect(expected, "there are no such files")
    expect(not missing, "nothing here breaks %s" % missing)


def issue(*names, key="rsa:2048", days=90, self_signed=False):
    """CERTIFICATE and KEY for the names; with negative days one that has expired."""
    make = "-newkey ec -pkeyopt ec_paramgen_curve:P-256" if key == "ec" else "-newkey " + key
    san = ",".join("DNS:" + n for n in names)
    sign = "-signkey key.pem" if self_signed else "-CA ca.pem -CAkey ca.key -CAcreateserial"
    times = "-days %d" % days
    if days < 0 and "-not_after" in sh("openssl x509 -help 2>&1")[1]:  # since OpenSSL 3.4, which takes no negative -days any more
        times = "-not_before 20200101000000Z -not_after 20200201000000Z"
    sh("""set -e; cd %s
        openssl req -new %s -nodes -keyout key.pem -subj '/CN=%s' -addext 'subjectAltName=%s' -out csr.pem
        openssl x509 -req -in csr.pem %s %s -copy_extensions copyall -out cert.pem
        chown credsspd-rdp key.pem; chmod 0400 key.pem""" % (CERTIFICATES, make, names[0], san, sign, times), check=True)


def settled():
    """The daemon has started or reloaded: waits for its ticket-granting tickets, which come when the KDC sends them."""
    sh("until credsspctl status | grep -qE '^tgts +[1-9]'; do sleep 0.05; done", timeout=60, check=True)


def add_certificate():
    """One of a CA, for the bed's server; the front end uses it."""
    name = os.environ["BED_SERVER_NAME"]
    os.makedirs(CERTIFICATES)
    sh("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj '/CN=Test CA' -days 90 -out ca.pem" % CERTIFICATES,
       check=True)
    issue(name, name.split(".", maxsplit=1)[0])
    bedctl("set", "credsspd-rdp.certificate=" + CERTIFICATE, "credsspd-rdp.private_key=" + KEY)
    bedctl("restart")
    settled()


@contextlib.contextmanager
def kept(*paths):
    """These files as they are now, afterwards: contents, owner, mode, or absence."""
    old = []
    for path in paths:
        try:
            st = os.stat(path)
            with open(path, "rb") as f:
                old.append((path, f.read(), st))
        except FileNotFoundError:
            old.append((path, None, None))
    try:
        yield
    finally:
        for path, data, st in old:
            if data is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                continue
            with open(path + ".put-back", "wb") as f:
                f.write(data)
            os.chown(path + ".put-back", st.st_uid, st.st_gid)
            os.chmod(path + ".put-back", st.st_mode & 0o7777)
            os.utime(path + ".put-back", ns=(st.st_atime_ns, st.st_mtime_ns))
            os.rename(path + ".put-back", path)


def edit(path, pattern, replacement):
    """One substitution of a line or more in a file, which has to fit. Its time stays, as if the daemon had read it so."""
    st = os.stat(path)
    with open(path, encoding="utf-8") as f:
        text, n = re.subn("(?m)" + pattern, replacement, f.read())
    expect(n, "%s has no %s" % (path, pattern))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def broken_by_edit(ident, path, pattern, replacement, text="", names=()):
    with kept(path):
        edit(path, pattern, replacement)
        expect_finding(ident, text, names)


@contextlib.contextmanager
def moved(path):
    os.rename(path, path + ".away")
    try:
        yield
    finally:
        os.rename(path + ".away", path)


@contextlib.contextmanager
def owned(path, owner=None, mode=None):
    st = os.stat(path)
    if owner:
        sh("chown %s %s" % (owner, path), check=True)
    if mode is not None:
        os.chmod(path, mode)
    try:
        yield
    finally:
        os.chown(path, st.st_uid, st.st_gid)
        os.chmod(path, st.st_mode & 0o7777)
