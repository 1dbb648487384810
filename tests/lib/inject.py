# SPDX-License-Identifier: MIT
"""Makes system calls in the name of another process, as an attacker in it would: ptrace(2) stops the process, writes the call into its
registers, steps over a `syscall` instruction of its own code, and restores all. gdb's `print (int)socket(1, 1, 0)` does the same, but
needs symbols and is a thousand times slower. x86-64 only."""
import ctypes
import os
import signal
import struct

ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
             "ds es fs gs").split()
NR = {"open": 2, "mprotect": 10, "socket": 41, "connect": 42, "bind": 49, "listen": 50, "execve": 59, "kill": 62, "ptrace": 101,
      "setuid": 105, "openat": 257, "unshare": 272, "process_vm_readv": 310, "pidfd_open": 434,
      "pidfd_getfd": 438, "close": 3, "mount": 165, "read": 0,
      "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "utimensat": 280, "ioctl": 16, "fchmodat2": 452,
      "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "setxattrat": 463,
      "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199, "removexattrat": 466, "file_setattr": 469}
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Killed(Exception):
    """The process has died of `signal`."""

    def __init__(self, number):
        super().__init__("killed by signal %d" % number)
        self.signal = number


class Victim:
    """with Victim(pid) as v: v.call("socket", 1, 1, 0) -> result, negative errno as the kernel returns it"""

    def __init__(self, pid):
        self.pid, self.alive = pid, False

    def ptrace(self, request, data=None):
        if libc.ptrace(request, self.pid, None, data) < 0:
            raise OSError(ctypes.get_errno(), "ptrace %d of %d" % (request, self.pid))

    def wait(self):
        _, status = os.waitpid(self.pid, 0x40000000)  # __WALL
        if os.WIFSIGNALED(status):
            self.alive = False
            raise Killed(os.WTERMSIG(status))
        if os.WIFEXITED(status):
            self.alive = False
            raise Killed(0)
        return os.WSTOPSIG(status)

    def registers(self):
        self.ptrace(GETREGS, ctypes.byref(self.buffer))
        return dict(zip(REGISTERS, struct.unpack("27Q", self.buffer.raw)))

    def set_registers(self, r):
        self.buffer.raw = struct.pack("27Q", *(r[n] & (1 << 64) - 1 for n in REGISTERS))
        self.ptrace(SETREGS, ctypes.byref(self.buffer))

    def __enter__(self):
        self.buffer = ctypes.create_string_buffer(27 * 8)
        self.ptrace(ATTACH)
        self.alive = True
        self.wait()
        self.before = self.registers()
        self.mem = open("/proc/%d/mem" % self.pid, "r+b", 0)
        self.at = self.find_instruction()
        return self

    def __exit__(self, *_):
        self.mem.close()
        if self.alive:
            self.set_registers(self.before)
            self.ptrace(DETACH)

    def find_instruction(self):
        with open("/proc/%d/maps" % self.pid, encoding="ascii", errors="replace") as f:
            for line in f:
                if "r-xp" in line and ("libc.so" in line or "ld-linux" in line):
                    begin, end = (int(x, 16) for x in line.split()[0].split("-"))
                    self.mem.seek(begin)
                    found = self.mem.read(end - begin).find(b"\x0f\x05")
                    if found >= 0:
                        return begin + found
        raise OSError("no system call instruction in process %d" % self.pid)

    def call(self, name, *args):
        """bytes are written into the process's memory and passed by address. Raises Killed when the call ends the process."""
        r = dict(self.before)
        where, values = r["rsp"] - 16384 & ~63, []
        for a in args:
            if isinstance(a, bytes):
                self.mem.seek(where)
                self.mem.write(a + b"\0")
                values.append(where)
                where += len(a) + 64 & ~15
            else:
                values.append(a)
        r.update(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values + [0] * (6 - len(values))))
        r.update(rax=NR[name], orig_rax=-1, rip=self.at)
        self.set_registers(r)
        self.ptrace(SINGLESTEP)
        if self.wait() != signal.SIGTRAP:  # another pending signal: it is not delivered
            self.ptrace(SINGLESTEP)
            self.wait()
        result = self.registers()["rax"]
        return result - (1 << 64) if result >> 63 else result

    def scratch(self):
        """Returns a writable address in the process's stack."""
        return self.before["rsp"] - 32768 & ~4095
