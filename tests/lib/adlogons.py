# SPDX-License-Identifier: MIT
"""Logons of accounts of a bed's domain (tests/bed --ad), for the tests that are about them. A refused one is told with code (an
NTSTATUS, None: nothing) and early, and logged with its reason word."""
import re

from inbed import ENV, Mark, expect, sh
from rdpclient import HYBRID, SSL, Client, Krb5, Refused, log_on, password_creds

USER, PASSWORD, REALM, DOMAIN = ENV["BED_USER"], ENV["BED_PASSWORD"], ENV["BED_REALM"], ENV["BED_DOMAIN"]
DNS = REALM.lower()
LOGON_FAILURE = 0xC000006D
addresses = iter("127.0.%d.%d" % (i // 200 + 1, i % 200 + 1) for i in range(100000))
# what the name service calls an account
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
    expect("mechanism=ntlm " in mark.find("credsspd", "logon granted"), "not by NTLM")
    return line


def refused(reason, user=USER, password=PASSWORD, code=LOGON_FAILURE, early=None, detail="", **kw):
    mark = Mark()
    try:
        log_on(user, password, source=next(addresses), **kw).close()
    except Refused as e:
        expect((e.code, e.early) == (code, early), "%s: the client is told %s" % (user, e))
    else:
        expect(False, "let in")
    line = mark.refused(reason)
    mark.no_login()
    expect(detail in line and (user.split("\n")[0] in line or not user), line)
    expect(PASSWORD not in mark.text("credsspd") + mark.text("credsspd-rdp"), "a password in the log")
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
    expect("mechanism=krb5 " in mark.find("credsspd", "logon granted"), "not by Kerberos")
    return line


def with_ticket(line):
    """The password that was delegated got the session credentials of its own."""
    found = re.search(r'ccache="FILE:([^"]+)"', line)
    expect(found, line)
    _, out = sh("klist -c %s" % found.group(1))
    expect("Default principal: %s@%s" % (USER, REALM) in out and "krbtgt/%s@%s" % (REALM, REALM) in out, out)
