# SPDX-License-Identifier: MIT
"""For tests/bed --smartcard and its tests: a CA, certificates as Active Directory issues them, and SoftHSM tokens as cards."""
import contextlib
import os
import re
import shutil
import subprocess

PKI = "/etc/bed-pki"
CA = PKI + "/ca.pem"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
SC_LOGON, PK_CLIENT, CLIENT_AUTH = "1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.2.3.4", "1.3.6.1.5.5.7.3.2"
KDC_EKU = "1.3.6.1.5.2.3.5"


def sh(*argv, stdin=b""):
    p = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if p.returncode:
        raise OSError("%s: exit %d\n%s" % (" ".join(argv), p.returncode, p.stdout.decode(errors="replace")))
    return p.stdout.decode(errors="replace")


def pkinit_san(realm, *components):
    """Returns a subjectAltName of id-pkinit-san in openssl's configuration syntax."""
    names = "".join("component%d = GeneralString:%s\n" % (i, c) for i, c in enumerate(components))
    return "otherName:1.3.6.1.5.2.2;SEQUENCE:principal", (
        "[principal]\nrealm = EXPLICIT:0,GeneralString:%s\nname = EXPLICIT:1,SEQUENCE:name\n"
        "[name]\ntype = EXPLICIT:0,INTEGER:1\nstrings = EXPLICIT:1,SEQUENCE:strings\n[strings]\n%s" % (realm, names))


def issue(stem, san=None, upn=None, eku=(SC_LOGON, CLIENT_AUTH), days=30, not_after=None, key="card"):
    """Makes PKI/STEM.pem, .der and .key, signed by the CA. Returns the path without extension. Cards share a key: making one is slow."""
    path = os.path.join(PKI, stem)
    if not os.path.exists(PKI + "/%s.shared" % key):
        sh("openssl", "genrsa", "-out", PKI + "/%s.shared" % key, "2048")
    shutil.copy(PKI + "/%s.shared" % key, path + ".key")
    extra = ""
    if san:
        san, extra = san
    if upn:
        san = "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:%s" % upn
    with open(path + ".cnf", "w", encoding="utf-8") as f:
        f.write("[ext]\nbasicConstraints = CA:FALSE\nkeyUsage = digitalSignature\n")
        f.write("extendedKeyUsage = %s\n" % ",".join(eku) if eku else "")
        f.write("subjectAltName = %s\n%s" % (san, extra) if san else "")
        f.write("\n[ca]\ndefault_ca = here\n[here]\ndatabase = %s/index\nserial = %s/serial\nnew_certs_dir = %s\ndefault_md = sha256\n"
                "policy = any\nunique_subject = no\n[any]\ncommonName = supplied\n" % (PKI, PKI, PKI))
    sh("openssl", "req", "-new", "-key", path + ".key", "-subj", "/CN=" + stem, "-out", path + ".csr")
    times = ["-startdate", "20200101000000Z", "-enddate", not_after] if not_after else ["-days", str(days)]
    sh("openssl", "ca", "-batch", "-notext", "-config", path + ".cnf", "-extensions", "ext", "-cert", CA, "-keyfile", PKI + "/ca.key",
       "-in", path + ".csr", "-out", path + ".pem", *times)
    sh("openssl", "x509", "-in", path + ".pem", "-outform", "DER", "-out", path + ".der")
    return path


def make_token(label, pin, *objects):
    """Makes a SoftHSM token. objects: (path of issue(), CKA_ID in hexadecimal, CKA_LABEL)."""
    sh("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", pin)
    for path, ident, name in objects:
        sh("softhsm2-util", "--import", path + ".key", "--token", label, "--label", name, "--id", ident, "--pin", pin)
        sh("pkcs11-tool", "--module", SOFTHSM, "--token-label", label, "--login", "--pin", pin, "--write-object", path + ".der", "--type",
           "cert", "--id", ident, "--label", name)


@contextlib.contextmanager
def token(label, pin, *objects):
    make_token(label, pin, *objects)
    try:
        yield
    finally:
        sh("softhsm2-util", "--delete-token", "--token", label)


def slot_description(label):
    """Returns the name of the token's reader."""
    out = sh("pkcs11-tool", "--module", SOFTHSM, "--list-slots")
    return re.search(r"Slot \d+ \(\S+\): (.*)\n  token label\s*: %s *\n" % re.escape(label), out).group(1).strip()


def make_ca():
    os.makedirs(PKI, mode=0o755)
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", PKI + "/ca.key", "-subj", "/CN=Bed CA", "-days", "30",
       "-out", CA, "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, text in (("index", ""), ("index.attr", "unique_subject = no\n"), ("serial", "1000\n")):
        with open(os.path.join(PKI, name), "w", encoding="ascii") as f:
            f.write(text)


def into_section(path, pattern, lines):
    """Inserts lines after the line that matches the pattern."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    text, n = re.subn("(?m)(%s.*\n)" % pattern, lambda m: m.group(1) + "".join("\t\t%s\n" % x for x in lines), text, count=1)
    if n != 1:
        raise OSError("%s has no %s" % (path, pattern))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def set_up(realm, user):
    """Makes CA, KDC certificate and card, before the KDC starts. Returns the variables for COMMAND."""
    pin = os.environ.get("BED_PIN") or "%06d" % (int.from_bytes(os.urandom(4), "big") % 1000000)
    make_ca()
    kdc = issue("kdc", san=pkinit_san(realm, "krbtgt", realm), eku=(KDC_EKU,), key="kdc")
    into_section("/etc/krb5.conf", r"\t%s = \{" % re.escape(realm), ["pkinit_anchors = FILE:" + CA])
    into_section("/etc/krb5kdc/kdc.conf", r"\t%s = \{" % re.escape(realm),
                 ["pkinit_identity = FILE:%s.pem,%s.key" % (kdc, kdc), "pkinit_anchors = FILE:" + CA, "pkinit_allow_upn = true",
                  "pkinit_eku_checking = scLogin"])
    card = issue(user, upn="%s@%s" % (user, realm))
    make_token(user, pin, (card, "01", user))
    # the certificate and key for FreeRDP's emulated card, and for kinit without a card
    return {"BED_PIN": pin, "BED_CA": CA, "BED_CARD_CERT": card + ".pem", "BED_CARD_KEY": card + ".key"}
