# SPDX-License-Identifier: MIT
"""tests/bed --ad: a Samba domain controller, and the bed's own host as a member of its domain. Part of bed-init.

The controller is in the bed's network namespace on an address of its own, and in a mount namespace of its own with its
directories in the places that Samba expects. There is no DNS: the member's configuration files name the servers."""
import json
import os
import re
import shutil
import socket
import subprocess

from bed_base import SOURCE, BedError, Service, run, tcp_listening, unix_listening, write_file

with open(os.path.join(SOURCE, "tests/lib/ad-names"), encoding="utf-8") as names:
    NAMES = dict(re.findall(r"(?m)^AD_(\w+)=(.*)$", names.read()))
DC_FILES = "/srv/dc"
ADMIN_SOCKET = "/run/bed/ad"
MOUNTS = "for d in lib cache log; do mount --bind %s/$d /var/$d/samba; done; mkdir -p /run/samba; " \
         "mount --bind %s/run /run/samba; mount --bind %s/etc /etc/samba; hostname \"$1\"; shift; exec \"$@\"" % ((DC_FILES,) * 3)


def hosts(name):
    return "127.0.0.1 %s %s localhost\n::1 localhost ip6-localhost\n%s %s.%s %s\n" % (
        name, name.split(".", maxsplit=1)[0], NAMES["ADDRESS"], NAMES["DC"], NAMES["DNS"], NAMES["DC"])


def kdc():
    return "kdc = %(ADDRESS)s:88\n\t\tadmin_server = %(ADDRESS)s\n\t\tkpasswd_server = %(ADDRESS)s:464" % NAMES


# Samba 4.21 and later, whose `net ads keytab` can add nothing any more
SYNCED = """	sync machine password to keytab = "/etc/credsspd.keytab:account_name:spn_prefixes=TERMSRV:sync_kvno:machine_password" \
		"/etc/krb5.keytab:account_name:spn_prefixes=host:sync_kvno:machine_password"
"""


def syncs_keytabs():
    text = subprocess.run(["net", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(x) for x in re.search(r"(\d+)\.(\d+)", text).groups()) >= (4, 21)


class ActiveDirectory:
    def __init__(self, name_service):
        self.sssd = name_service == "sssd"

    # -- files --

    def in_dc(self, *argv):
        return ["unshare", "--mount", "--uts", "--propagation", "private", "sh", "-c", MOUNTS, "sh", NAMES["DC"], *argv]

    def dc_files(self):
        run("ip", "address", "add", NAMES["ADDRESS"] + "/32", "dev", "lo")
        write_file(DC_FILES + "/etc/smb.conf", """[global]
	netbios name = %(DC)s
	realm = %(REALM)s
	workgroup = %(DOMAIN)s
	server role = active directory domain controller
	server services = s3fs, rpc, ldap, cldap, kdc, winbindd
	interfaces = %(ADDRESS)s/32
	bind interfaces only = yes
	tls enabled = no
	prefork children = 1
	idmap_ldb:use rfc2307 = yes
[sysvol]
	path = /var/lib/samba/sysvol
	read only = no
[netlogon]
	path = /var/lib/samba/sysvol/%(DNS)s/scripts
	read only = no
""" % NAMES)

    def member_files(self):
        """Returns idmap lines: ids from attributes when two name services must agree about them, otherwise ids made from SIDs."""
        idmap = "ad\n\tidmap config %(DOMAIN)s : schema_mode = rfc2307\n\tidmap config %(DOMAIN)s : unix_nss_info = no" \
            if self.sssd else "rid"
        write_file("/etc/samba/smb.conf", """[global]
	netbios name = RDP1
	realm = %(REALM)s
	workgroup = %(DOMAIN)s
	security = ads
	server role = member server
	password server = %(DC)s.%(DNS)s
	name resolve order = host
	interfaces = lo
	bind interfaces only = yes
	kerberos method = secrets only
	machine password timeout = 0
	idmap config * : backend = tdb
	idmap config * : range = 3000-3999
	idmap config %(DOMAIN)s : range = 100000-199999
	winbind cache time = 1
	winbind use default domain = no
	template shell = /bin/bash
	template homedir = /home/%%U
""" % NAMES + "\tidmap config %s : backend = %s\n" % (NAMES["DOMAIN"], idmap % NAMES if self.sssd else idmap) +
                   (SYNCED if syncs_keytabs() else ""))
        with open("/etc/nsswitch.conf", encoding="utf-8") as f:
            nss = re.sub(r"(?m)^(passwd|group):.*$", r"\1: files %s" % ("sss" if self.sssd else "winbind"), f.read())
        write_file("/etc/nsswitch.conf", nss)
        # ccaches of pam_winbind: winbindd makes the file, outside of the /tmp of login programs
        write_file("/etc/security/pam_winbind.conf", "[global]\n\tkrb5_auth = yes\n\tkrb5_ccache_type = "
                              "FILE:/run/bed/cc/krb5cc_%u\n")

    def sssd_files(self):
        write_file("/etc/sssd/sssd.conf", """[sssd]
services = nss, pam
domains = %(DNS)s
[nss]
entry_negative_timeout = 0
memcache_timeout = 0
[domain/%(DNS)s]
id_provider = ad
access_provider = permit
ad_domain = %(DNS)s
ad_server = %(DC)s.%(DNS)s
ad_hostname = rdp1.%(DNS)s
krb5_realm = %(REALM)s
krb5_keytab = /etc/krb5.keytab
krb5_ccachedir = /run/bed/cc
ldap_id_mapping = false
use_fully_qualified_names = true
override_homedir = /home/%%u
override_shell = /bin/bash
ad_enable_gc = false
ad_gpo_access_control = disabled
dyndns_update = false
dns_resolver_timeout = 2
entry_cache_timeout = 1
""" % NAMES, mode=0o600)

    # -- processes --

    def start(self, bed):
        """Starts the controller, joins the domain and starts winbindd. Returns when the name services work."""
        self.dc_files()
        self.member_files()
        bed.start(Service("dc", self.in_dc("samba", "--foreground", "--no-process-group", "--debug-stdout"),
                          self.dc_listens))
        bed.start(Service("ad-admin", self.in_dc(os.path.join(SOURCE, "tests/lib/ad-admin"), ADMIN_SOCKET),
                          unix_listening(ADMIN_SOCKET)))
        self.join()
        bed.start(Service("winbindd", ["winbindd", "--foreground", "--no-process-group", "--debug-stdout"], self.answers))
        if self.sssd:
            self.sssd_files()
            self.ask("user", "probe", "Probe-" + os.urandom(9).hex())
            bed.start(Service("sssd", ["sssd", "-i", "--logger=stderr"], self.answers_nss))

    def dc_listens(self):
        """Returns True when Kerberos, the RPC mapper, LDAP and SMB, each a process of its own, listen."""
        return all(tcp_listening(port)() for port in (88, 135, 389, 445))

    def join(self):
        """Puts TERMSRV/ keys and the machine account's keys into credsspd's keytab, and HOST/ keys into the host's."""
        user = "Administrator%" + NAMES["ADMIN_PASSWORD"]
        run("net", "ads", "join", "-U", user, "-S", "%s.%s" % (NAMES["DC"], NAMES["DNS"]), "--no-dns-updates")
        if syncs_keytabs():
            run("net", "ads", "setspn", "add", "RDP1", "TERMSRV/rdp1." + NAMES["DNS"], "-P")
            run("net", "ads", "setspn", "add", "RDP1", "TERMSRV/RDP1", "-P")
            run("net", "ads", "keytab", "create", "-P")
            return
        for keytab, verb in (("/etc/credsspd.keytab", ("add_update_ads", "TERMSRV")),
                             ("/etc/credsspd.keytab", ("add", "RDP1$")), ("/etc/krb5.keytab", ("create",))):
            run("net", "ads", "keytab", "--option=kerberos method=dedicated keytab", "--option=dedicated keytab file=" + keytab,
                *verb, "-P")

    @staticmethod
    def answers():
        return subprocess.run(["wbinfo", "--ping-dc"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    @staticmethod
    def answers_nss():
        return subprocess.run(["getent", "passwd", "probe@" + NAMES["DNS"]], stdout=subprocess.DEVNULL,
                              check=False).returncode == 0

    # -- accounts --

    def ask(self, *request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(ADMIN_SOCKET)
            s.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(s.makefile().readline())
        if answer["status"]:
            raise BedError("domain: %s" % answer["text"])

    def add_user(self, name, password):
        self.ask("user", name, password)
        line = run("getent", "passwd", name + "@" + NAMES["DNS"])
        _, _, uid, gid, _, home, _ = line.strip().split(":")
        if not os.path.isdir(home):
            shutil.copytree("/etc/skel", home)
            os.chown(home, int(uid), int(gid))
            os.chmod(home, 0o700)
