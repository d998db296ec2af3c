/* callfilter_lists - the calls that mean harm
 *
 * What is not here and does not exist yet is no worry of a filter that lists
 * what is allowed; one that lists what is not can't know it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/callfilter.h"

const char *const callfilter_hostile[] = {
	/* Other processes' memory and descriptors. */
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
	"pidfd_getfd", "process_madvise", "process_mrelease",
	/* Large parts of the kernel that few have ever needed. */
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
	"io_uring_enter", "io_uring_register", "add_key", "request_key",
	"keyctl", "modify_ldt", "iopl", "ioperm", "vm86", "uselib",
	"lookup_dcookie", "nfsservctl", "memfd_secret", "fanotify_init",
	/* Files by number instead of by name, past every root directory. */
	"open_by_handle_at", "name_to_handle_at",
	/* The machine as a whole. */
	"init_module", "finit_module", "delete_module", "create_module",
	"kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
	"acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime",
	"clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex",
	"stime", "sethostname", "setdomainname", "syslog", "vhangup",
	"move_pages", "migrate_pages",
	NULL
};

const char *const callfilter_becoming[] = {
	"execve", "execveat", "fork", "vfork", "personality",
	"unshare", "setns", "chroot", "pivot_root", "mount", "umount",
	"umount2", "move_mount", "open_tree", "fsopen", "fsconfig",
	"fsmount", "fspick", "mount_setattr",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
	"setfsuid", "setfsgid", "setgroups", "capset",
	NULL
};
