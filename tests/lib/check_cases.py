# SPDX-License-Identifier: MIT
"""For tests of credsspctl check in a bed: runs it, and breaks one thing at a time in the bed's private files."""
import contextlib
import glob
import json
import os
import re
import subprocess

from inbed import TOP, bedctl, expect, sh

CERTIFICATES = "/etc/bed-certificates"
CERTIFICATE, KEY = CERTIFICATES + "/cert.pem", CERTIFICATES + "/key.pem"
SEEN = set()  # ids of findings that a case has caused


def check(*names, status=None, **env):
    """Runs credsspctl check. Returns {id: finding}."""
    p = subprocess.run(["credsspctl", "check", "--json", *names], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60, env={**os.environ, **env}, check=False)
    expect(not p.stderr, "stderr: %r" % p.stderr)
    findings = json.loads(p.stdout)
    out = {f["id"]: f for f in findings}
    expect(len(out) == len(findings), "an id occurs more than once")
    for f in findings:
        expect(f["looked_at"], "a finding does not say what it has examined: %s" % f)
        expect((f["result"] == "ok") == (f["wrong"] is None) == (f["remedy"] is None), "result, wrong and remedy disagree: %s" % f)
    errors = [i for i in out if out[i]["result"] == "error"]
    expect(p.returncode == (1 if errors else 0), "exit %d with the errors %s" % (p.returncode, errors))
    if status is not None:
        expect(p.returncode == status, "exit %d: %s" % (p.returncode, errors))
    return out


def bad(findings):
    return {i: f for i, f in findings.items() if f["result"] != "ok"}


def expect_well(*names):
    found = bad(check(*names))
    expect(not found, "findings on a healthy server: %s" % list(found.values()))


def rows(wanted=lambda path: True):
    """Returns {id: severity} from the tables in the sources, of the files that `wanted` accepts."""
    out = {}
    for path in glob.glob(os.path.join(TOP, "credsspctl/check/*.c")):
        if not wanted(os.path.basename(path)):
            continue
        with open(path, encoding="utf-8") as f:
            out.update(re.findall(r'\{ "([a-z0-9-]+)", CHECK_(ERROR|WARNING), ', f.read()))
    return {i: s.lower() for i, s in out.items()}


def expect_finding(ident, pattern="", names=(), **env):
    """Expects exactly this finding, with the severity of its row, and the pattern in its text. Returns it."""
    found = bad(check(*names, **env))
    expect(list(found) == [ident], "expected the finding %s only: %s" % (ident, list(found.values())))
    expect(found[ident]["result"] == rows()[ident], "severity: %s" % found)
    text = "%(looked_at)s: %(wrong)s -> %(remedy)s" % found[ident]
    expect(re.search(pattern, text), "no %r in %s" % (pattern, text))
    SEEN.add(ident)
    return found[ident]


def expect_all(wanted):
    """Expects that a case has caused each finding of these files."""
    expected = set(rows(wanted))
    missing = sorted(expected - SEEN)
    expect(expected, "no such source files")
    expect(not missing, "no case causes %s" % missing)


def issue(*names, key="rsa:2048", days=90, self_signed=False):
    """Makes CERTIFICATE and KEY for the names. Negative days make an expired certificate."""
    make = "-newkey ec -pkeyopt ec_paramgen_curve:P-256" if key == "ec" else "-newkey " + key
    san = ",".join("DNS:" + n for n in names)
    sign = "-signkey key.pem" if self_signed else "-CA ca.pem -CAkey ca.key -CAcreateserial"
    times = "-days %d" % days
    if days < 0 and "-not_after" in sh("openssl x509 -help 2>&1")[1]:  # OpenSSL 3.4 and later rejects negative -days
        times = "-not_before 20200101000000Z -not_after 20200201000000Z"
    sh("""set -e; cd %s
        openssl req -new %s -nodes -keyout key.pem -subj '/CN=%s' -addext 'subjectAltName=%s' -out csr.pem
        openssl x509 -req -in csr.pem %s %s -copy_extensions copyall -out cert.pem
        chown credsspd-rdp key.pem; chmod 0400 key.pem""" % (CERTIFICATES, make, names[0], san, sign, times), check=True)


def settled():
    """Waits, after a start or a reload of the daemon, for its TGTs, which arrive when the KDC answers."""
    sh("until credsspctl status | grep -qE '^tgts +[1-9]'; do sleep 0.05; done", timeout=60, check=True)


def add_certificate():
    """Gives the front end a certificate of a CA, for the bed's server name."""
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
    """Restores these files after the block: contents, owner, mode, or absence."""
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
    """Substitutes one match of the pattern, which must exist. Keeps the file's mtime, so that the daemon's copy counts as current."""
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
