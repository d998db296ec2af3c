/* seqpacket - messages, each with at most one descriptor, between processes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/seqpacket.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/monotime.h"

/* Room for the one descriptor that a message may bring. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

enum error_code
seqpacket_pair(int pair_r[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair_r) < 0)
		return error_sys(err, errno, "socketpair");
	return ERROR_NONE;
}

bool
seqpacket_is_end(int fd)
{
	socklen_t domain_size = sizeof(int), type_size = sizeof(int);
	int domain, type;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) ==
	    0 &&
	    domain == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 &&
	    type == SOCK_SEQPACKET;
}

static void
attach_descriptor(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof *control);
	msg->msg_control = control->room;
	msg->msg_controllen = sizeof control->room;
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
}

enum error_code
seqpacket_send(int sock, const void *data, size_t len, int fd,
    struct error *err)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	if (fd >= 0)
		attach_descriptor(&msg, &control, fd);
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return ERROR_NONE;
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return error_set(err, ERROR_GONE, "the other end is closed");
	if (errno == EAGAIN)
		return error_set(err, ERROR_LIMIT,
		    "the other end does not read");
	return error_sys(err, errno, "sendmsg");
}

/* Takes the descriptor out of a received message, or -1.  CMSG_SPACE may
 * leave room for two, so a second one is looked for, and closed. */
static int
detach_descriptor(struct msghdr *msg, bool *surplus_r)
{
	struct cmsghdr *cmsg;
	int first = -1;

	*surplus_r = false;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t at, end = cmsg->cmsg_len - CMSG_LEN(0);

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (at = 0; at + sizeof(int) <= end; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + at, sizeof fd);
			if (first < 0) {
				first = fd;
			} else {
				fd_close(&fd);
				*surplus_r = true;
			}
		}
	}
	return first;
}

static enum error_code
wait_readable(int sock, int64_t until, struct error *err)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	int n;

	do
		n = poll(&pfd, 1, monotime_poll_ms(until));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(err, errno, "poll");
	if (n == 0)
		return error_set(err, ERROR_TIMEOUT, "no message in time");
	return ERROR_NONE;
}

/* If the other end was closed while something in it was unread, recvmsg(2) says
 * ECONNRESET once; what that end had sent before comes afterwards.  An empty
 * message without a descriptor is the end of file; with a descriptor it is a
 * message that is too short. */
static enum error_code
receive(int sock, struct msghdr *msg, size_t *n_r, struct error *err)
{
	bool reset = false;
	ssize_t n;

	for (;;) {
		n = recvmsg(sock, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n >= 0 || reset || (errno != EINTR && errno != ECONNRESET))
			break;
		reset = errno == ECONNRESET;
	}
	if ((n == 0 && msg->msg_controllen == 0) ||
	    (n < 0 && (reset || errno == ECONNRESET)))
		return error_set(err, ERROR_GONE, "the other end is closed");
	if (n < 0 && errno == EAGAIN)
		return error_set(err, ERROR_TIMEOUT, "no message yet");
	if (n < 0)
		return error_sys(err, errno, "recvmsg");
	*n_r = (size_t)n;
	return ERROR_NONE;
}

enum error_code
seqpacket_recv(int sock, void *data, size_t len, int *fd_r, int64_t until,
    struct error *err)
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room };
	enum error_code code;
	size_t n = 0;
	bool surplus;
	int fd;

	if (fd_r != NULL)
		*fd_r = -1;
	code = wait_readable(sock, until, err);
	if (code == ERROR_NONE)
		code = receive(sock, &msg, &n, err);
	if (code != ERROR_NONE)
		return code;
	fd = detach_descriptor(&msg, &surplus);
	/* If too many descriptors had been sent, those that fit would be here:
	 * so the kernel found no free number for the one that was sent. */
	if (fd < 0 && (msg.msg_flags & MSG_CTRUNC) != 0)
		return error_sys(err, EMFILE, "taking over a descriptor");
	if (n != len || surplus || (fd >= 0 && fd_r == NULL) ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		fd_close(&fd);
		return error_set(err, ERROR_PEER,
		    "a message of %zu bytes where %zu were due", n, len);
	}
	if (fd_r != NULL)
		*fd_r = fd;
	return ERROR_NONE;
}
