/* sandbox_seccomp - the system calls that a scan makes
 *
 * Listed by what libclamav, the C library and the worker's own loop call, and
 * their near relations, so that another version of either goes on working.
 * 64-bit systems: those of 32 bits have other calls.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>

#include "sandbox_internal.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* An int fills the lower half of an argument; the rest is anything. */
#define INT UINT32_MAX

static const char *const allowed[] = {
	/* The scratch, and the message. */
	"access",
	"faccessat",
	"faccessat2",
	"chdir",
	"fchdir",
	"getcwd",
	"close",
	"close_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"fadvise64",
	"fallocate",
	"fdatasync",
	"fsync",
	"fstat",
	"fstatfs",
	"ftruncate",
	"getdents",
	"getdents64",
	"lseek",
	"lstat",
	"mkdir",
	"mkdirat",
	"newfstatat",
	"open",
	"openat",
	"pread64",
	"preadv",
	"pwrite64",
	"pwritev",
	"read",
	"readlink",
	"readlinkat",
	"readv",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"statfs",
	"statx",
	"umask",
	"unlink",
	"unlinkat",
	"write",
	"writev",
	/* Memory. */
	"brk",
	"madvise",
	"mincore",
	"mremap",
	"msync",
	"munmap",
	/* Time, chance, oneself. */
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getrlimit",
	"getrusage",
	"gettid",
	"gettimeofday",
	"getuid",
	"nanosleep",
	"sched_getaffinity",
	"sched_yield",
	"setrlimit",
	"sysinfo",
	"time",
	"times",
	"uname",
	/* Locks and signals; tgkill(2) see callfilter_keep_signals(). */
	"futex",
	"restart_syscall",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"set_robust_list",
	"sigaltstack",
	"tgkill",
	/* The socket that is there. */
	"poll",
	"ppoll",
	"recvmsg",
	"sendmsg",
	"exit",
	"exit_group",
	NULL,
};

static const char *const killed[] = {
	/* Sockets that aren't there, and what could be had through them. */
	"socket",
	"socketpair",
	"connect",
	"bind",
	"listen",
	"accept",
	"accept4",
	"sendto",
	"recvfrom",
	"sendmmsg",
	"recvmmsg",
	/* Signals to others. */
	"kill",
	"tkill",
	"rt_sigqueueinfo",
	"rt_tgsigqueueinfo",
	"pidfd_open",
	"pidfd_send_signal",
	NULL,
};

/* What depends on an argument. */
static const struct callfilter_rule rules[] = {
	/* Nothing that can be executed comes to what is mapped at the fork:
	 * bytecode is interpreted (library.c), libraries are there. */
	{ "mmap", CALLFILTER_ALLOW, 2, PROT_EXEC, 0 },
	{ "mmap", CALLFILTER_REFUSE, 2, PROT_EXEC, PROT_EXEC },
	{ "mprotect", CALLFILTER_ALLOW, 2, PROT_EXEC, 0 },
	{ "mprotect", CALLFILTER_REFUSE, 2, PROT_EXEC, PROT_EXEC },
	/* Without this flag clone(2) makes a process, which ends the worker.
	 * A thread is refused with an error, since a library may ask for
	 * one. */
	{ "clone", CALLFILTER_KILL, 0, CLONE_THREAD, 0 },
	/* Others, such as F_SETOWN with F_SETSIG, send signals. */
	{ "fcntl", CALLFILTER_ALLOW, 1, INT, F_DUPFD },
	{ "fcntl", CALLFILTER_ALLOW, 1, INT, F_DUPFD_CLOEXEC },
	{ "fcntl", CALLFILTER_ALLOW, 1, INT, F_GETFD },
	{ "fcntl", CALLFILTER_ALLOW, 1, INT, F_SETFD },
	{ "fcntl", CALLFILTER_ALLOW, 1, INT, F_GETFL },
	/* One's own limits only: see limits_allow_cpu(). */
	{ "prlimit64", CALLFILTER_ALLOW, 0, INT, 0 },
	/* Landlock lets each of them have any file of the account, and the
	 * message's own may be on disk.  libclamav does without. */
	{ "chmod", CALLFILTER_REFUSE, 0, 0, 0 },
	{ "fchmod", CALLFILTER_REFUSE, 0, 0, 0 },
	{ "fchmodat", CALLFILTER_REFUSE, 0, 0, 0 },
	{ "fchmodat2", CALLFILTER_REFUSE, 0, 0, 0 },
	{ "truncate", CALLFILTER_REFUSE, 0, 0, 0 },
	{ "utimensat", CALLFILTER_REFUSE, 0, 0, 0 },
	/* libc asks whether a file is a terminal, and none of ours is. */
	{ "ioctl", CALLFILTER_REFUSE, 0, 0, 0 },
};

const struct callfilter_profile sandbox_calls = {
	.others = CALLFILTER_UNKNOWN,
	.allowed = allowed,
	.killed = { callfilter_hostile, callfilter_becoming, killed },
	.rules = rules,
	.rules_count = LENGTH(rules),
};
