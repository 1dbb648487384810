# SPDX-License-Identifier: MIT
"""What the sanitizers reported in the processes of a bed (see sanitizer.c).

What such programs are not looked at for, besides what common/base/sanitized.h leaves out of their confinement:
  - growth (load.py): the runtime keeps what is freed for a while;
  - terabytes of shadow memory, when memory is searched for secrets (memsearch.py): it has nothing of what is in memory;
  - leaks in processes that are not dumpable, which are all of the daemons and the helper, that are traced, or that end with
    _exit(): the search for leaks is by ptrace(2), at exit. `make check-sanitize` looks for those of the same functions.
Not run with them: tests/peers, of which sandbox, memory, secrets and load are about what is different here, those with a desktop
or su load pam_credssp into Debian's programs, which have no sanitizer, and those with winbind load its library with RTLD_DEEPBIND,
which the runtime refuses; tests/hostile/*.slow, for their time; and the cases of NOT_SANITIZED."""
import os
import struct
import sys

BOARD = "/run/bed/sanitizer"
REPORTS, TEXT = 16, 8000  # as in sanitizer.h
HEAD = struct.Struct("=III")  # started, reports, armed

NOT_SANITIZED = {
    ("tests/hostile/patience", "all handshakes taken"): "with sanitizers 448 handshakes may take longer than the 15 s of the first ones",
}

# of the programs that this test runs
SANITIZED = os.path.exists(os.path.join(os.environ.get("BED_BUILD") or "build", "sanitizer.o"))


def sanitized(build):
    return os.path.exists(os.path.join(build, "sanitizer.o"))


def open_board(build):
    if sanitized(build):
        with open(BOARD, "wb") as f:
            f.truncate(HEAD.size + REPORTS * TEXT)
            os.fchmod(f.fileno(), 0o666)


def reports():
    """Texts, each with program and pid in front."""
    with open(BOARD, "rb") as f:
        n = HEAD.unpack(f.read(HEAD.size))[1]
        return [f.read(TEXT).split(b"\0")[0].decode(errors="replace") for _ in range(min(n, REPORTS))]


def arm(row):
    """An error of tests/sanitized/bug.c, to be made once."""
    with open(BOARD, "r+b", 0) as f:
        f.seek(8)
        f.write(struct.pack("=I", row))


def look_at_board(build):
    """1 when a process reported something, or none could have."""
    if not sanitized(build):
        return 0
    with open(BOARD, "rb") as f:
        started, n, _ = HEAD.unpack(f.read(HEAD.size))
    for text in reports():
        print("# sanitizer: %s" % text.replace("\n", "\n#     "))
    if not started:
        print("# sanitizer: no program of %s has it" % build)
    sys.stdout.flush()
    return 1 if n or not started else 0
