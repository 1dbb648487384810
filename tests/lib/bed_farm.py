# SPDX-License-Identifier: MIT
"""Part of bed-init, for tests/bed --haproxy N: HAProxy at BED_HOST:BED_PORT, and N nodes behind it.

A node acts like a machine of its own: network, processes, host name, /run, /etc and the state of the daemons. Accounts, keytab and
certificate are copies, as a farm's administrator makes them. The node's first process is bed-init again, with BED_NODE set. Its only
interface is eth0; the other end in the bed has the node's name."""
import json
import os
import re
import shutil
import signal
import socket
import time

from bed_base import COMMAND_ENV, DIR, PASSWORD, SOURCE, START_DEADLINE, USER, BedError, Service, run, write_file

COUNT = int(os.environ.get("BED_WITH_HAPROXY") or 0)
NODE = int(os.environ.get("BED_NODE") or 0)
FARM_NAME = "farm.bed.test"
PROXY = "10.77.0.1"     # HAProxy's address as the nodes see it; the KDC is there, too
STRANGER = "10.77.0.2"  # another address of the same machine, which the nodes do not accept as a proxy
SAMPLE = "packaging/haproxy/credsspd.cfg"
CONFIG = "/etc/haproxy/haproxy.cfg"
CERTIFICATE, PRIVATE_KEY = "/etc/ssl/farm.pem", "/etc/ssl/private/farm.key"
# copied for each node when it is made
PRIVATE = ("/etc", "/var/lib/credsspd", "/var/lib/credsspd-rdp")


def address(i):
    return "10.77.0.%d" % (10 + i)


def node_settings():
    return {("credsspd-rdp", "proxy_peers"): PROXY, ("credsspd-rdp", "certificate"): CERTIFICATE,
            ("credsspd-rdp", "private_key"): PRIVATE_KEY}


# ---- in a node ----

def enter_node():
    """Mounts the node's own file systems, before any other process of the node starts."""
    name = "node%d" % NODE
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for path in PRIVATE:
        copy = "/run/node" + path
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        run("cp", "-a", path, copy)
        run("mount", "--bind", copy, path)
    os.makedirs("/run/credsspd-rdp", mode=0o700)
    shutil.chown("/run/credsspd-rdp", "credsspd-rdp", "credsspd-rdp")
    os.makedirs("/run/bed/cc")
    os.chmod("/run/bed/cc", 0o1777)
    socket.sethostname(name)
    write_file("/etc/hostname", name + "\n")
    write_file("/etc/hosts", "127.0.0.1 localhost\n%s %s.bed.test %s\n%s %s\n" % (
        address(NODE), name, name, PROXY, FARM_NAME))
    with open("/etc/krb5.conf", encoding="ascii") as f:
        write_file("/etc/krb5.conf", f.read().replace("127.0.0.1", PROXY))


def serve_node(bed):
    """Serves bedctl after the node's processes have started, until the node is killed."""
    with open(os.path.join(os.environ["BED_DIR"], "ready"), "w", encoding="ascii"):
        pass
    while True:
        bed.turn(None)


# ---- around the nodes ----

class Farm:
    """Serves bedctl for the whole bed, and passes requests for a node, or for all nodes, on to the nodes."""

    def __init__(self, bed):
        self.bed = bed
        self.names = ["node%d" % (i + 1) for i in range(COUNT)]

    # -- set-up --

    def set_up(self):
        for a in (PROXY, STRANGER):
            run("ip", "address", "add", a + "/32", "dev", "lo")
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=" + FARM_NAME,
            "-addext", "subjectAltName=DNS:" + FARM_NAME, "-out", CERTIFICATE, "-keyout", PRIVATE_KEY)
        os.chmod("/etc/ssl/private", 0o711)
        shutil.chown(PRIVATE_KEY, "credsspd-rdp", "credsspd-rdp")
        # as the unit of Debian's haproxy does
        os.makedirs("/var/lib/haproxy/dev", exist_ok=True)
        write_file("/var/lib/haproxy/dev/log", "")
        run("mount", "--bind", "/run/bed/log", "/var/lib/haproxy/dev/log")
        os.makedirs("/run/haproxy", exist_ok=True)
        write_file(CONFIG, configuration(os.path.join(SOURCE, SAMPLE)))
        COMMAND_ENV.update(BED_NODES=" ".join(address(i + 1) for i in range(COUNT)), BED_PROXY=PROXY,
                                      BED_STRANGER=STRANGER, BED_CERTIFICATE=CERTIFICATE)

    def start(self):
        for name in self.names:
            self.start_node(name)
        self.bed.start(Service("haproxy", ["haproxy", "-Ws", "-f", CONFIG]))
        # returns when the first health checks have passed
        deadline = time.monotonic() + START_DEADLINE
        while not self.all_up():
            if time.monotonic() > deadline:
                raise BedError("HAProxy does not find its nodes:\n" + self.runtime("show stat"))
            self.bed.turn(0.05, control=False)

    def all_up(self):
        rows = [r.split(",") for r in self.runtime("show stat").splitlines() if r.startswith("rdp_farm,node")]
        return len(rows) == COUNT and all(r[17] == "UP" and "L7OK" in r for r in rows)

    @staticmethod
    def runtime(command):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("/run/haproxy/admin.sock")
            s.sendall(command.encode() + b"\n")
            return s.makefile().read()

    def wire(self, name):
        """Makes the node's network. Removes all of an earlier one."""
        if os.path.exists("/run/netns/" + name):
            # now, because the namespace may end some time later
            run("ip", "link", "delete", name)
            run("ip", "netns", "delete", name)
        host = address(self.names.index(name) + 1)
        run("ip", "netns", "add", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "-n", name, "address", "add", host + "/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "link", "set", name, "up")
        run("ip", "route", "add", host + "/32", "dev", name, "src", PROXY)

    def start_node(self, name):
        logs = os.path.join(DIR, name)
        os.makedirs(logs, exist_ok=True)
        ready = os.path.join(logs, "ready")
        if os.path.exists(ready):
            os.unlink(ready)
        self.wire(name)
        env = {k: v for k, v in os.environ.items() if k.startswith("BED_")}
        env.update(BED_DIR=logs, BED_NODE=name[4:], BED_USER=USER, BED_PASSWORD=PASSWORD)
        argv = ["nsenter", "--net=/run/netns/" + name, "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork",
                "--kill-child", "--mount-proc", "/usr/bin/python3", "-I", os.path.join(SOURCE, "tests/lib/bed-init")]
        node = Service(name, argv, lambda: os.path.exists(ready), env=env)
        node.stop_signal = signal.SIGKILL
        self.bed.start(node)

    # -- bedctl --

    def carry_out(self, request):
        verb, args = request[0], request[1:]
        if verb in ("set", "unset", "user"):
            if verb == "user":
                self.bed.carry_out(request)
            return self.ask(self.running(), request)
        if verb == "status":
            return "\n".join([self.bed.carry_out(request)] + [
                re.sub(r"(?m)^", name + "/", self.ask([name], request)) for name in self.running()])
        if not args:
            return self.ask(self.running(), request)
        return "".join(self.for_name(verb, name) for name in args)

    def for_name(self, verb, name):
        node, slash, process = name.partition("/")
        if node not in self.names:
            return self.bed.carry_out([verb, name])
        if slash:
            return self.ask([node], [verb, process])
        if verb not in ("stop", "start", "restart", "kill"):
            raise BedError("unknown request %s" % verb)
        if verb in ("stop", "restart"):
            self.ask([node], ["stop", "credsspd-rdp", "loginstack", "credsspd", "dbus"])
            self.bed.stop(self.bed.services[node])
        if verb == "kill":
            self.unplug(node)
        if verb in ("start", "restart") and node not in self.running():
            self.start_node(node)
        return ""

    def unplug(self, node):
        """Kills the node without a last packet, as at a switch: the peers' links stay up, and what they send is lost."""
        run("ip", "-n", node, "address", "flush", "dev", "eth0")
        self.bed.stop(self.bed.services[node])

    def running(self):
        return [n for n in self.names if n in self.bed.services and self.bed.services[n].pid is not None]

    def ask(self, nodes, request):
        """Returns the answer of the last node, whose bed-init has the same text as this one."""
        text = ""
        for node in nodes:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(START_DEADLINE * 2)
                s.connect("/proc/%d/root/run/bed/control" % self.bed.services[node].pid)
                s.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(s.makefile().read())
            text = answer["text"]
            if answer["status"]:
                raise BedError("%s: %s" % (node, text))
        return text


def configuration(sample):
    """Writes the sample configuration with the bed's nodes in it."""
    with open(sample, encoding="utf-8") as f:
        text = f.read()
    servers = re.findall(r"(?m)^\tserver node\d+ [0-9.]+:3389.*\n", text)
    if not servers:
        raise ValueError("%s names no servers" % sample)
    for line in servers[1:]:
        text = text.replace(line, "")
    return text.replace(servers[0], "".join(
        re.sub(r"node\d+ [0-9.]+:", "node%d %s:" % (i + 1, address(i + 1)), servers[0]) for i in range(COUNT)))
