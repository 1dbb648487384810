# SPDX-License-Identifier: MIT
"""Searches the readable memory of processes (/proc/PID/mem, which has more than a core file) for a secret."""
import contextlib
import os
import stat

from sanitizer import SANITIZED

SHADOW_MIN = 1 << 27  # bytes


def forms_of(secret):
    return {"UTF-8": secret.encode(), "UTF-16": secret.encode("utf-16-le")}


def search(pid, forms):
    """Returns the names of the forms that the process's memory contains."""
    found = set()
    try:
        maps, mem = open("/proc/%d/maps" % pid, encoding="ascii", errors="replace"), open("/proc/%d/mem" % pid, "rb", 0)
    except (FileNotFoundError, ProcessLookupError):
        return found  # the process has ended
    with maps, mem:
        for line in maps:
            where, mode = line.split()[:2]
            if "r" not in mode or "[v" in line:
                continue
            begin, end = (int(x, 16) for x in where.split("-"))
            if SANITIZED and end - begin > SHADOW_MIN:
                continue
            try:
                mem.seek(begin)
                data = mem.read(end - begin)
            except (OSError, OverflowError, ValueError):
                continue
            found |= {name for name, value in forms.items() if value in data}
    return found


def all_processes():
    """Returns {pid: command line} of all processes."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                out[int(pid)] = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            pass
    return out


def children(pid):
    out = []
    for p in all_processes():
        try:
            with open("/proc/%d/stat" % p, encoding="ascii", errors="replace") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == pid:
                    out.append(p)
        except OSError:
            pass
    return out


def children_named(pid, name, but=False):
    """Returns (children with this name in ps, children with another name). A child that ends meanwhile is in neither list."""
    out = []
    for p in children(pid):
        with contextlib.suppress(OSError), open("/proc/%d/comm" % p, encoding="ascii", errors="replace") as f:
            if (f.read().rstrip("\n") == name) != but:
                out.append(p)
    return out


def connections_of(listener):
    """Returns the pids of the front end's connections, without their template."""
    return children_named(listener, "credsspd-rdp:t", but=True)


def files_since(began, *roots):
    """Yields the regular files below the roots that were written, renamed or made after @began: older files belong to the machine. Leaves
    out the sources and the build directory, where parallel tests write whole systems, and which may lie below a root."""
    skipped = (os.environ["BED_SOURCE_DIR"], os.environ["BED_BUILD_DIR"])

    def tree(root):
        for where, directories, files in os.walk(root):
            directories[:] = [d for d in directories if os.path.join(where, d) not in skipped]
            yield from (os.path.join(where, name) for name in files)

    for root in roots:
        paths = tree(root)
        for path in paths if os.path.isdir(root) else [root]:
            with contextlib.suppress(OSError):
                st = os.lstat(path)
                if stat.S_ISREG(st.st_mode) and st.st_ctime >= began:
                    yield path


def files_with(forms, *roots, began=0.0):
    """Yields (path, form) of each file of files_since() that contains a form."""
    out = []
    for path in files_since(began, *roots):
        with contextlib.suppress(OSError):
            with open(path, "rb") as f:
                data = f.read()
            out += [(path, form) for form, value in forms.items() if value in data]
    return out
