/* SPDX-License-Identifier: MIT */
/*
 * System calls that no process of ours makes, nor a library in one: for the lists (seccomp(2)) of those that call
 * modules of the host, of which nobody knows what they do make. Other processes' memory, other namespaces, the kernel.
 */
#pragma once

#include <seccomp.h>

/* clang-format off */
#define DENIED_TO_ALL \
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), \
	SCMP_SYS(perf_event_open), \
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount), \
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(open_by_handle_at), \
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(personality), \
	SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(init_module), \
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load)
/* clang-format on */
