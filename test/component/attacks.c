/* attacks - a worker that a message has taken over, for a test's engine
 *
 * Linked into an engine that is the product's but for this: its definition of
 * cl_scanmap_callback() comes before libclamav's.  A message with the line
 *
 *   VSCAN-ATTACK NAME [ARGUMENT]
 *
 * runs the attempt of that name in place of the scan, as code of an attacker
 * would: with all rights that the worker has.  The worker's exit status says
 * how it went; if it is killed, the attempt has failed, too.  Any other
 * message is scanned.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <clamav.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* Exit statuses; below the ones of wire.h. */
#define LOST 40
#define WON 41
#define UNHEARD_OF 42

/* What a worker has: /dev/null three times, its socket, the message. */
#define SOCKET 3
#define DESCRIPTORS 1024

typedef cl_error_t scan_function(cl_fmap_t *, const char *, const char **,
    unsigned long *, const struct cl_engine *, struct cl_scan_options *,
    void *);
typedef cl_fmap_t *open_function(const void *, size_t);

static const char *message;
static size_t message_size;

/* --- files ------------------------------------------------------------- */

/* Each attempt returns whether it came to what it wanted. */

static int
attack_read(const char *path)
{
	return open(path, O_RDONLY) >= 0;
}

static int
attack_write(const char *path)
{
	return open(path, O_WRONLY | O_CREAT, 0600) >= 0;
}

static int
attack_list(const char *path)
{
	DIR *directory = opendir(path);

	return directory != NULL && readdir(directory) != NULL;
}

/* Out of a root directory by way of another one. */
static int
attack_escape(const char *path)
{
	int tries, out = open(".", O_RDONLY | O_DIRECTORY);

	if (out < 0 || mkdir("hole", 0700) < 0 || chroot("hole") < 0 ||
	    fchdir(out) < 0)
		return 0;
	for (tries = 0; tries < 64; tries++)
		if (chdir("..") < 0)
			return 0;
	return chroot(".") == 0 && attack_read(path);
}

/* One that was left open would be a way out. */
static int
attack_descriptors(const char *unused)
{
	struct stat st;
	int fd;

	(void)unused;
	for (fd = 0; fd < DESCRIPTORS; fd++)
		if (fstat(fd, &st) == 0 &&
		    (S_ISDIR(st.st_mode) ||
			(S_ISSOCK(st.st_mode) && fd != SOCKET)))
			return 1;
	return 0;
}

/* --- sockets ----------------------------------------------------------- */

static int
attack_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static int
attack_abstract(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    1 + strlen(name));

	snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0;
}

static int
attack_inet(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_port = htons((unsigned short)atoi(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static int
attack_listen(const char *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	return fd >= 0 && listen(fd, 1) == 0;
}

static int
attack_datagram(const char *unused)
{
	(void)unused;
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static int
attack_netlink(const char *unused)
{
	(void)unused;
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static int
attack_socketpair(const char *unused)
{
	int pair[2];

	(void)unused;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

/* By the number that it has in the x32 interface. */
static int
attack_x32(const char *unused)
{
	(void)unused;
	return syscall(0x40000000 + 41, AF_UNIX, SOCK_STREAM, 0) >= 0;
}

/* --- other processes --------------------------------------------------- */

static int
attack_memory(const char *pid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%s/mem", pid);
	return open(path, O_RDONLY) >= 0;
}

static int
attack_readv(const char *pid)
{
	char byte;
	struct iovec ours = { .iov_base = &byte, .iov_len = 1 };
	/* A fork has its things where its siblings have theirs. */
	struct iovec theirs = { .iov_base = &message, .iov_len = 1 };

	return process_vm_readv(atoi(pid), &ours, 1, &theirs, 1, 0) == 1;
}

static int
attack_ptrace(const char *pid)
{
	return ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) == 0;
}

/* No signal is sent, but the permission is asked for. */
static int
attack_signal(const char *pid)
{
	return kill(atoi(pid), 0) == 0;
}

static int
attack_thread_signal(const char *pid)
{
	return syscall(SYS_tgkill, atoi(pid), atoi(pid), 0) == 0;
}

/* The kernel would send it when something comes by the socket. */
static int
attack_socket_signal(const char *pid)
{
	return fcntl(SOCKET, F_SETSIG, SIGKILL) == 0 &&
	    fcntl(SOCKET, F_SETOWN, atoi(pid)) == 0;
}

static int
attack_pidfd(const char *pid)
{
	return syscall(SYS_pidfd_open, atoi(pid), 0) >= 0;
}

static int
attack_limits(const char *pid)
{
	return syscall(SYS_prlimit64, atoi(pid), 0, NULL, NULL) == 0;
}

static int
attack_shared_memory(const char *unused)
{
	(void)unused;
	return shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) >= 0;
}

/* --- becoming something else ------------------------------------------- */

/* Won by the status of the program. */
static int
attack_exec(const char *unused)
{
	char name[] = "sh", option[] = "-c", command[32];
	char *arguments[] = { name, option, command, NULL };

	(void)unused;
	snprintf(command, sizeof command, "exit %d", WON);
	execv("/bin/sh", arguments);
	return 0;
}

static int
attack_fork(const char *unused)
{
	(void)unused;
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
}

static int
attack_mount(const char *unused)
{
	(void)unused;
	return mount("none", ".", "tmpfs", 0, NULL) == 0;
}

static int
attack_unshare(const char *unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER) == 0;
}

/* Memory that runs what was written to it, in each of the known ways. */
static int
attack_code(const char *unused)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 ||
	    mmap(NULL, 4096, PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ||
	    syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1) ==
	    0;
}

/* The message's own file, as it came from the sender. */
static int
attack_code_of_message(const char *unused)
{
	struct stat st;
	int fd;

	(void)unused;
	for (fd = SOCKET + 1; fd < DESCRIPTORS; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
			0) != MAP_FAILED)
			return 1;
	return 0;
}

/* --- more of the kernel ------------------------------------------------ */

static int
attack_bpf(const char *unused)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1 };

	(void)unused;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr) >= 0;
}

static int
attack_keyring(const char *unused)
{
	(void)unused;
	return syscall(SYS_add_key, "user", "vscan", "x", 1, -2) >= 0;
}

static int
attack_userfaultfd(const char *unused)
{
	(void)unused;
	return syscall(SYS_userfaultfd, 1 /* user mode only */) >= 0;
}

static int
attack_io_uring(const char *unused)
{
	char parameters[120] = "";

	(void)unused;
	return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static int
attack_perf(const char *unused)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.exclude_kernel = 1 };

	(void)unused;
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0;
}

/* As they are, so that nothing is broken by it. */
static int
attack_mode(const char *path)
{
	return chmod(path, 0600) == 0;
}

static int
attack_times(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

/* The message's own, which may be held mail on disk. */
static int
attack_message_mode(const char *unused)
{
	struct stat st;
	int fd;

	(void)unused;
	for (fd = SOCKET + 1; fd < 256; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    fchmod(fd, 0) == 0)
			return 1;
	return 0;
}

static int
attack_file_handle(const char *path)
{
	struct {
		struct file_handle head;
		char room[128];
	} handle = { .head = { .handle_bytes = 128 } };
	int mount_id;

	return name_to_handle_at(AT_FDCWD, path, &handle.head, &mount_id, 0) ==
	    0;
}

static const struct {
	const char *name;
	int (*attempt)(const char *argument);
} attacks[] = {
	{ "read", attack_read },
	{ "write", attack_write },
	{ "list", attack_list },
	{ "escape", attack_escape },
	{ "descriptors", attack_descriptors },
	{ "connect", attack_connect },
	{ "abstract", attack_abstract },
	{ "inet", attack_inet },
	{ "listen", attack_listen },
	{ "datagram", attack_datagram },
	{ "netlink", attack_netlink },
	{ "socketpair", attack_socketpair },
	{ "x32", attack_x32 },
	{ "memory", attack_memory },
	{ "readv", attack_readv },
	{ "ptrace", attack_ptrace },
	{ "signal", attack_signal },
	{ "thread-signal", attack_thread_signal },
	{ "socket-signal", attack_socket_signal },
	{ "pidfd", attack_pidfd },
	{ "limits", attack_limits },
	{ "shared-memory", attack_shared_memory },
	{ "exec", attack_exec },
	{ "fork", attack_fork },
	{ "mount", attack_mount },
	{ "unshare", attack_unshare },
	{ "code", attack_code },
	{ "code-of-message", attack_code_of_message },
	{ "bpf", attack_bpf },
	{ "keyring", attack_keyring },
	{ "userfaultfd", attack_userfaultfd },
	{ "io-uring", attack_io_uring },
	{ "perf", attack_perf },
	{ "file-handle", attack_file_handle },
	{ "mode", attack_mode },
	{ "times", attack_times },
	{ "message-mode", attack_message_mode },
};

/* Never returns if the message asks for an attack. */
static void
attack_if_asked(void)
{
	static const char marker[] = "VSCAN-ATTACK ";
	char line[512], name[64] = "", argument[400] = "";
	const char *at;
	size_t i;

	at = memmem(message, message_size, marker, sizeof marker - 1);
	if (at == NULL)
		return;
	at += sizeof marker - 1;
	i = message_size - (size_t)(at - message);
	snprintf(line, sizeof line, "%.*s", (int)(i < 500 ? i : 500), at);
	line[strcspn(line, "\r\n")] = '\0';
	sscanf(line, "%63s %399s", name, argument);
	for (i = 0; i < sizeof attacks / sizeof *attacks; i++)
		if (strcmp(attacks[i].name, name) == 0)
			_exit(attacks[i].attempt(argument) ? WON : LOST);
	_exit(UNHEARD_OF);
}

cl_fmap_t *
cl_fmap_open_memory(const void *start, size_t len)
{
	open_function *real = (open_function *)dlsym(RTLD_NEXT,
	    "cl_fmap_open_memory");

	message = start;
	message_size = len;
	return real(start, len);
}

cl_error_t
cl_scanmap_callback(cl_fmap_t *map, const char *filename, const char **name,
    unsigned long *scanned, const struct cl_engine *engine,
    struct cl_scan_options *options, void *context)
{
	scan_function *real = (scan_function *)dlsym(RTLD_NEXT,
	    "cl_scanmap_callback");

	attack_if_asked();
	return real(map, filename, name, scanned, engine, options, context);
}
