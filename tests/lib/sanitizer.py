# SPDX-License-Identifier: MIT
"""Reads what the sanitizers have reported in the processes of a bed (see sanitizer.c).

In programs with sanitizers the tests do not check, besides what common/base/sanitized.h removes from their confinement:
  - growth (load.py): the runtime keeps freed memory for a while;
  - shadow memory of terabytes, when they search memory for secrets (memsearch.py): it contains no copy of the memory;
  - leaks in processes that are not dumpable (all daemons and the helper), that are traced, or that end with _exit(): the search for
    leaks uses ptrace(2) at exit. `make check-sanitize` finds leaks of the same functions.
These tests do not run with sanitizers: tests/peers (sandbox, memory, secrets and load test what is different here; those with a desktop
or su load pam_credssp into Debian's programs, which have no sanitizer; those with winbind load its library with RTLD_DEEPBIND, which
the runtime refuses), tests/hostile/*.slow, which take too long, and the cases of NOT_SANITIZED."""
import os
import struct
import sys

BOARD = "/run/bed/sanitizer"
REPORTS, TEXT = 16, 8000  # as in sanitizer.h
HEAD = struct.Struct("=III")  # started, reports, armed

NOT_SANITIZED = {
    ("tests/hostile/patience", "all handshakes taken"): "with sanitizers 448 handshakes may take longer than the 15 s of the first ones",
}

# for the programs that this test runs
SANITIZED = os.path.exists(os.path.join(os.environ.get("BED_BUILD") or "build", "sanitizer.o"))


def sanitized(build):
    return os.path.exists(os.path.join(build, "sanitizer.o"))


def open_board(build):
    if sanitized(build):
        with open(BOARD, "wb") as f:
            f.truncate(HEAD.size + REPORTS * TEXT)
            os.fchmod(f.fileno(), 0o666)


def reports():
    """Returns the reports' texts, each with program and pid in front."""
    with open(BOARD, "rb") as f:
        n = HEAD.unpack(f.read(HEAD.size))[1]
        return [f.read(TEXT).split(b"\0")[0].decode(errors="replace") for _ in range(min(n, REPORTS))]


def arm(row):
    """Arms an error of tests/sanitized/bug.c, which happens once."""
    with open(BOARD, "r+b", 0) as f:
        f.seek(8)
        f.write(struct.pack("=I", row))


def look_at_board(build):
    """Returns 1 when a process reported an error, or when no program has a sanitizer."""
    if not sanitized(build):
        return 0
    with open(BOARD, "rb") as f:
        started, n, _ = HEAD.unpack(f.read(HEAD.size))
    for text in reports():
        print("# sanitizer: %s" % text.replace("\n", "\n#     "))
    if not started:
        print("# sanitizer: no program of %s has a sanitizer" % build)
    sys.stdout.flush()
    return 1 if n or not started else 0
