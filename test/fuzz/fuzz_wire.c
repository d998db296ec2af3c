/* fuzz_wire - messages as a process that was taken over would send them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seqpacket.h"
#include "fuzz.h"
#include "wire/wire.h"

#define MESSAGES 6
#define DESCRIPTORS 3

/* What is sent. */
struct parcel {
	struct wire_message message;
	char behind[64]; /* of one that is too long */
	size_t len;
	unsigned descriptors;
};

static int sent_fd;
static struct stat sent;

void
fuzz_begin(void)
{
	int failed;

	sent_fd = fuzz_memory("x", 1);
	failed = fstat(sent_fd, &sent);
	assert(!failed);
}

/* Text that doesn't end, or that is followed by rubbish. */
static void
fill_text(struct fuzz_input *in, char *text, size_t size)
{
	char *s = fuzz_string(in);
	size_t len = strlen(s) < size ? strlen(s) : size;
	unsigned rest = fuzz_choice(in, 3);

	memset(text, rest == 0 ? '\0' : 'x', size);
	memcpy(text, s, len);
	if (rest == 1 && len < size)
		text[len] = '\0';
	free(s);
}

static void
make_parcel(struct fuzz_input *in, struct parcel *parcel)
{
	struct wire_message *message = &parcel->message;

	memset(parcel, 0, sizeof *parcel);
	message->type = (uint32_t)fuzz_number(in);
	message->flags = (uint32_t)fuzz_number(in);
	message->status = (int32_t)fuzz_number(in);
	message->reserved = (uint32_t)fuzz_number(in);
	message->id = fuzz_number(in);
	message->value = fuzz_number(in);
	fill_text(in, message->text, sizeof message->text);
	parcel->descriptors = fuzz_choice(in, DESCRIPTORS + 1);
	parcel->len = sizeof *message;
	if (fuzz_yes(in))
		parcel->len = (size_t)fuzz_number(in) %
		    (sizeof *message + sizeof parcel->behind + 1);
}

static void
send_parcel(int sock, const struct parcel *parcel)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)parcel,
		.iov_len = parcel->len };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} control = { .room = "" };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t size = parcel->descriptors * sizeof(int);
	struct cmsghdr *cmsg;
	ssize_t n;

	if (size > 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(size);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(size);
		for (unsigned i = 0; i < parcel->descriptors; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &sent_fd,
			    sizeof sent_fd);
	}
	n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert(n == (ssize_t)parcel->len);
}

/* wire.h: the types that have a descriptor. */
static unsigned
descriptors_of(uint32_t type)
{
	return type == WIRE_ADOPT || type == WIRE_SLOT ||
	    type == WIRE_SPAWNED || type == WIRE_JOB || type == WIRE_ENGINE ||
	    type == WIRE_CONFIG || type == WIRE_SOCKET || type == WIRE_FORMER ||
	    type == WIRE_HANDOVER;
}

static bool
text_is_sound(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL && fuzz_is_line(text, size);
}

static enum error_code
expected(const struct parcel *parcel, unsigned accepted)
{
	const struct wire_message *message = &parcel->message;

	if (parcel->len == 0 && parcel->descriptors == 0)
		return ERROR_GONE; /* looks like the end of file */
	if (parcel->len == sizeof *message && message->type < WIRE_TYPES &&
	    (accepted >> message->type & 1) != 0 && message->reserved == 0 &&
	    parcel->descriptors == descriptors_of(message->type) &&
	    text_is_sound(message->text, sizeof message->text))
		return ERROR_NONE;
	return ERROR_PEER;
}

static void
check_descriptor(int fd)
{
	struct stat st;
	int failed = fstat(fd, &st);

	assert(!failed && st.st_ino == sent.st_ino && st.st_dev == sent.st_dev);
	assert((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void
receive(int sock, const struct parcel *parcel, unsigned accepted, bool wants)
{
	struct wire_message message;
	enum error_code code;
	struct error err;
	int fd = 99;

	memset(&message, 0xff, sizeof message);
	code = wire_recv(sock, accepted, &message, wants ? &fd : NULL, 0, &err);
	assert(code == expected(parcel, accepted));
	if (code != ERROR_NONE) {
		fuzz_check_error(&err, (int)code);
		assert(!wants || fd == -1);
		return;
	}
	assert(memcmp(&message, &parcel->message, sizeof message) == 0);
	if (!wants)
		return;
	assert((fd >= 0) == (descriptors_of(message.type) == 1));
	if (fd >= 0)
		check_descriptor(fd);
	fd_close(&fd);
}

/* What we make is sound, whatever it is made of. */
static void
check_own(int from, int to, const char *text)
{
	struct wire_message message = wire_make(WIRE_FAILED), back;
	enum error_code code;
	struct error err;

	wire_set_text(&message, text);
	code = wire_send(from, &message, -1, &err);
	assert(code == ERROR_NONE);
	code = wire_recv(to, WIRE_ACCEPT(WIRE_FAILED), &back, NULL, 0, &err);
	assert(code == ERROR_NONE);
	assert(memcmp(&message, &back, sizeof back) == 0);
}

void
fuzz_one(struct fuzz_input *in)
{
	unsigned accepted = (unsigned)fuzz_number(in);
	struct wire_message message;
	struct parcel parcel;
	enum error_code code;
	struct error err;
	int pair[2];
	char *text;

	code = seqpacket_pair(pair, &err);
	assert(code == ERROR_NONE);
	for (int i = 0; i < MESSAGES && in->left > 0; i++) {
		bool wants = fuzz_yes(in);

		make_parcel(in, &parcel);
		send_parcel(pair[0], &parcel);
		receive(pair[1], &parcel, accepted, wants);
	}
	text = fuzz_rest(in);
	check_own(pair[0], pair[1], text);
	free(text);
	code = wire_recv(pair[1], accepted, &message, NULL, 0, &err);
	assert(code == ERROR_TIMEOUT);
	fd_close(&pair[0]);
	code = wire_recv(pair[1], accepted, &message, NULL, 0, &err);
	assert(code == ERROR_GONE);
	fd_close(&pair[1]);
}
