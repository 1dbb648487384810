/* SPDX-License-Identifier: MIT */
/*
 * System calls that no process of the project makes, nor a library in one. They are denied in processes that load
 * modules of the host (NSS, PAM, PKCS#11). Which system calls a module makes is not known, so a list of permitted ones
 * cannot be made. The calls reach other processes' memory, other namespaces and the kernel, or change attributes of
 * files. Landlock does not restrict attributes (landlock(7)): the owner of a file can open it to other users by its
 * mode, or by an ACL, which is an extended attribute.
 *
 * Calls that are newer than the C library and libseccomp of Debian 12 are listed by number. From 424 on a number is the
 * same on every architecture of Debian.
 */
#pragma once

#include <linux/fs.h>
#include <seccomp.h>

#define DENIED_MASK32 \
	0xffffffffU /* the kernel uses 32 bits of an ioctl's number, a filter compares the whole register */

/* clang-format off */
#define DENIED_TO_ALL \
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), \
	SCMP_SYS(perf_event_open), \
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount), \
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(open_by_handle_at), \
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(personality), \
	SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(init_module), \
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), \
	SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), 442 /* mount_setattr */, 467 /* open_tree_attr */, \
	440 /* process_madvise */, \
	SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), 463 /* setxattrat */, \
	SCMP_SYS(removexattr), SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr), 466 /* removexattrat */, \
	452 /* fchmodat2 */, 469 /* file_setattr */

/* For processes that do not change files: modes, owners, times and truncate(), which old Landlock does not restrict. */
#define DENIED_CHANGES \
	SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), \
	SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown), SCMP_SYS(fchownat), \
	SCMP_SYS(utime), SCMP_SYS(utimes), SCMP_SYS(futimesat), SCMP_SYS(utimensat), SCMP_SYS(truncate)

/* Requests of ioctl() that do what file_setattr does. */
#define DENIED_IOCTLS FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION, FS_IOC32_SETVERSION
/* clang-format on */
