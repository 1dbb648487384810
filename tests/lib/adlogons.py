# SPDX-License-Identifier: MIT
"""Logons of accounts of a bed's domain (tests/bed --ad). refused() expects the code (an NTSTATUS; None: no code) and the early result
at the client, and the reason word in the log."""
import contextlib
import re

from check_cases import kept
from inbed import ENV, Mark, bedctl, expect, settings, sh
from rdpclient import HYBRID, SSL, Client, Krb5, Refused, log_on, password_creds

USER, PASSWORD, REALM, DOMAIN = ENV["BED_USER"], ENV["BED_PASSWORD"], ENV["BED_REALM"], ENV["BED_DOMAIN"]
DNS = REALM.lower()
LOGON_FAILURE = 0xC000006D
addresses = iter("127.0.%d.%d" % (i // 200 + 1, i % 200 + 1) for i in range(100000))
# the name service's form of an account's name
pattern = "%s\\%%s" % DOMAIN


def name(user=USER):
    return pattern % user


def logged(user):
    return user.replace("\\", "\\x5c")


def granted(user=USER, password=PASSWORD, expected=None, ticket=False, **kw):
    mark = Mark()
    c = log_on(user, password, source=next(addresses), **kw)
    line = mark.login()
    if ticket:
        with_ticket(line)
    c.close()
    expect('user="%s"' % logged(expected or name()) in line and "password=ticket" in line, line)
    expect("mechanism=ntlm " in mark.find("credsspd", "logon granted"), "the log has another mechanism than ntlm")
    return line


def refused(reason, user=USER, password=PASSWORD, code=LOGON_FAILURE, early=None, detail="", **kw):
    mark = Mark()
    try:
        log_on(user, password, source=next(addresses), **kw).close()
    except Refused as e:
        expect((e.code, e.early) == (code, early), "%s: the client received %s" % (user, e))
    else:
        expect(False, "the logon was granted")
    line = mark.refused(reason)
    mark.no_login()
    expect(detail in line and (user.split("\n")[0] in line or not user), line)
    expect(PASSWORD not in mark.text("credsspd") + mark.text("credsspd-rdp"), "a log contains the password")
    return line


def kinit(user=USER, password=PASSWORD):
    ENV["KRB5CCNAME"] = "FILE:/run/bed/cc/test-" + user
    status, out = sh("printf '%%s\\n' '%s' | kinit %s@%s" % (password, user, REALM))
    expect(status == 0, out)


def by_kerberos(delegate, expected=None, requested=HYBRID | SSL, spnego=True, ticket=False):
    mark = Mark()
    with Client(source=next(addresses)) as c:
        c.log_on(Krb5(ENV["BED_SERVER_NAME"], spnego), password_creds(*delegate), requested)
        line = mark.login()
        if ticket:
            with_ticket(line)
    expect('user="%s"' % logged(expected or name()) in line, line)
    expect("mechanism=krb5 " in mark.find("credsspd", "logon granted"), "the log has another mechanism than krb5")
    return line


def with_ticket(line):
    """Expects a session whose ccache has tickets, which the delegated password got."""
    found = re.search(r'ccache="FILE:([^"]+)"', line)
    expect(found, line)
    _, out = sh("klist -c %s" % found.group(1))
    expect("Default principal: %s@%s" % (USER, REALM) in out and "krbtgt/%s@%s" % (REALM, REALM) in out, out)


COMMON_ACCOUNT, ACCESS = "/etc/pam.d/common-account", "/etc/security/access.conf"
# Debian's file without packages for domains or Kerberos
PLAIN = """account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so
account requisite pam_deny.so
account required pam_permit.so
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def pam_says(user, password):
    """Returns the login line of a user whom CredSSP grants."""
    mark = Mark()
    with contextlib.suppress(Refused):
        log_on(user, password, source=next(addresses)).close()
    return mark.find("logins", " login ")


def account_phase(stack):
    """Tests the account phase of the shipped stack, for accounts of the domain and of this host: with common-account as
    pam-auth-update makes it with and without the domain's packages, and with modules that a site adds."""
    local, password = "lorenz", "Local-1234"
    bedctl("local-user", local, stdin=password + "\n")
    sh("cmp /etc/pam.d/xrdp-sesman /etc/pam.d/xrdp-sesman." + stack, check=True)
    with open(COMMON_ACCOUNT, encoding="utf-8") as f:
        full = f.read()
    denied = re.compile("stage=acct_mgmt result=PAM_PERM_DENIED")
    with kept(COMMON_ACCOUNT, ACCESS, "/etc/shadow"), settings(account_check="false"):
        write(ACCESS, "-:ALL:ALL\n")
        for common in (full, PLAIN):
            write(COMMON_ACCOUNT, common)
            granted(ticket=True)
            write(COMMON_ACCOUNT, "account required pam_access.so\n" + common)
            line = pam_says(USER, PASSWORD)
            expect(denied.search(line), "pam_access did not refuse: " + line)
        with settings(ntlm="local"):
            sh("printf '%%s\\n' '%s' | credsspctl ntlm set %s" % (password, local), check=True)
            for common in (full, PLAIN):
                write(COMMON_ACCOUNT, common)
                for state, result in (("-E -1", "PAM_SUCCESS"), ("-E 2020-01-01", "PAM_(AUTH_ERR|ACCT_EXPIRED)"), ("-d 0", "PAM_NEW_AUTHTOK_REQD")):
                    with kept("/etc/shadow"):
                        sh("chage %s %s" % (state, local), check=True)
                        line = pam_says(local, password)
                    expect(re.search("user=\"%s\" .* result=%s " % (local, result), line), "chage %s: %s" % (state, line))
            write(COMMON_ACCOUNT, "account required pam_access.so\n" + full)
            line = pam_says(local, password)
            expect(denied.search(line), "pam_access did not refuse: " + line)
    sh("credsspctl ntlm delete %s; userdel -r %s 2>&1" % (local, local))
    granted()
