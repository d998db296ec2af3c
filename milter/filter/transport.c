/* transport - reads the MTA's commands and writes the replies
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/monotime.h"
#include "filter/command.h"
#include "filter/connection.h"
#include "filter/wakeup.h"

/* The length of what follows, and the letter. */
#define HEAD_SIZE 5

/* So much of a command that is not complete is let out of the count: the
 * pieces of honest mail come in parts, and must not be refused because others
 * have used up what there is. */
#define FREE_PART 65536

/* What libmilter takes for an end of file. */
#define SESSION_ENDS 5

static const struct wakeup *the_wakeup;
static __thread struct connection *current;

/* Bytes that are being read. */
struct reading {
	struct connection *connection;
	int64_t until;
	bool begun; /* some of the command has come */
	bool woken; /* a wake-up connection was made */
};

void
transport_init(const struct wakeup *wakeup)
{
	the_wakeup = wakeup;
}

struct connection *
transport_current(void)
{
	return current;
}

static bool
wait_for(int fd, short events, int64_t until)
{
	struct pollfd link = { .fd = fd, .events = events };
	int ready;

	do
		ready = poll(&link, 1, monotime_poll_ms(until));
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Waits for more bytes, of which kept have come. */
static bool
wait_for_more(struct reading *reading, size_t kept)
{
	struct connection *connection = reading->connection;
	bool came;

	kept = kept > FREE_PART ? kept - FREE_PART : 0;
	if (!connection_keep(connection, kept))
		return false;
	if (reading->begun && !reading->woken && the_wakeup != NULL)
		wakeup_connect(the_wakeup);
	reading->woken = reading->begun;
	came = wait_for(connection->fd, POLLIN, reading->until);
	connection_drop(connection, kept);
	if (!came && reading->begun)
		connection_blame(connection, "it doesn't finish a command");
	return came;
}

/* False at an end of file, too. */
static bool
read_bytes(struct reading *reading, char *out, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = recv(reading->connection->fd, out + got, len - got,
		    MSG_DONTWAIT);

		if (n > 0 && !reading->begun) {
			reading->begun = true;
			reading->until = monotime_after(TRANSPORT_TIME);
		}
		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR) ||
		    (errno == EAGAIN && !wait_for_more(reading, got)))
			return false;
	}
	return true;
}

/* NULL if the session is to end.  A command is never without a byte here, so
 * that libmilter, which knows no other sign, sees that it is there. */
static char *
read_command(struct reading *reading, char *letter_r, size_t *len_r)
{
	char head[HEAD_SIZE], *data;
	uint32_t size;

	if (!read_bytes(reading, head, sizeof head))
		return NULL;
	memcpy(&size, head, sizeof size);
	size = ntohl(size);
	if (size < 1 || size > COMMAND_MAX) {
		connection_blame(reading->connection,
		    size < 1 ? "a command has no letter"
			     : "a command is too long");
		return NULL;
	}
	*letter_r = head[HEAD_SIZE - 1];
	*len_r = size - 1;
	data = malloc(size);
	if (data == NULL)
		abort();
	if (read_bytes(reading, data, size - 1))
		return data;
	free(data);
	return NULL;
}

/* libmilter's stages of macros, by the command that they come with. */
static int
stage_of(char letter)
{
	static const char letters[CONNECTION_STAGES + 1] = "CHMRTNE";
	const char *at = letter != '\0' ? strchr(letters, letter) : NULL;

	return at != NULL ? (int)(at - letters) : -1;
}

/* libmilter keeps macros with a pointer to each string of them, until others
 * come for the stage, or the session ends. */
static size_t
size_of_macros(const char *data, size_t len)
{
	size_t size = len + sizeof(char *);

	for (size_t i = 1; i < len; i++)
		if (data[i] == '\0')
			size += sizeof(char *);
	return size;
}

/* Returns the length that libmilter is told: it ignores macros of which only
 * the stage is there. */
static size_t
keep_macros(struct connection *connection, const char *data, size_t len)
{
	size_t size = size_of_macros(data, len);
	int stage = stage_of(data[0]);

	if (stage < 0)
		return 1;
	if (!connection_keep(connection, size)) {
		connection->overfull = true;
		return 1;
	}
	connection_drop(connection, connection->macros[stage]);
	connection->macros[stage] = size;
	return len;
}

/* Gives a header a name of one byte, for which there is no other than this
 * byte's room. */
static char *
name_header(char *data, size_t *len)
{
	data = realloc(data, *len + 1);
	if (data == NULL)
		abort();
	memmove(data + 1, data, (*len)++);
	data[0] = '?';
	return data;
}

/* What libmilter is to be given for a command that is as it has to be. */
static char *
adapt(struct connection *connection, char *data, size_t *len)
{
	connection->nameless = connection->letter == COMMAND_HEADER &&
	    data[0] == '\0';
	if (connection->letter == COMMAND_MACROS)
		*len = keep_macros(connection, data, *len);
	if (connection->nameless)
		return name_header(data, len);
	if (*len > 0)
		return data;
	free(data);
	return NULL;
}

/* False if the session is to end. */
static bool
check(struct connection *connection, char letter, const char *data, size_t len)
{
	bool first = connection->letter == '\0';
	const char *fault = command_fault(letter, data, len, first);

	if (fault != NULL)
		connection_blame(connection, fault);
	connection->letter = letter;
	return fault == NULL && (!first || connection_speaks(connection));
}

char *
mi_rd_cmd(int fd, struct timeval *timeout, char *letter_r, size_t *len_r,
    char *name)
{
	struct reading reading = {
		.connection = connection_of(fd),
		.until = monotime_after(timeout->tv_sec * MONOTIME_S),
	};
	char letter, *data;
	size_t len;

	(void)name;
	*letter_r = SESSION_ENDS;
	*len_r = 0;
	current = reading.connection;
	if (current == NULL)
		return NULL;
	data = read_command(&reading, &letter, &len);
	if (data == NULL)
		return NULL;
	if (!check(current, letter, data, len)) {
		free(data);
		return NULL;
	}
	data = adapt(current, data, &len);
	*letter_r = letter;
	*len_r = len;
	return data;
}

/* Takes n bytes off the front. */
static void
advance(struct iovec *parts, size_t count, size_t n)
{
	for (size_t i = 0; i < count && n > 0; i++) {
		size_t part = n < parts[i].iov_len ? n : parts[i].iov_len;

		parts[i].iov_base = (char *)parts[i].iov_base + part;
		parts[i].iov_len -= part;
		n -= part;
	}
}

static bool
wait_for_room(int fd, int64_t until)
{
	struct connection *connection = connection_of(fd);

	if (the_wakeup != NULL)
		wakeup_connect(the_wakeup);
	if (wait_for(fd, POLLOUT, until))
		return true;
	if (connection != NULL)
		connection_blame(connection, "it doesn't read its replies");
	return false;
}

static int
write_parts(int fd, struct iovec *parts, size_t count, size_t left)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
	int64_t until = monotime_after(TRANSPORT_TIME);

	while (left > 0) {
		ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			advance(parts, count, (size_t)n);
			left -= (size_t)n;
		} else if (errno != EINTR &&
		    (errno != EAGAIN || !wait_for_room(fd, until))) {
			return MI_FAILURE;
		}
	}
	return MI_SUCCESS;
}

int
mi_wr_cmd(int fd, struct timeval *timeout, int letter, char *data, size_t len)
{
	uint32_t size = htonl((uint32_t)len + 1);
	char head[HEAD_SIZE];
	struct iovec parts[] = {
		{ .iov_base = head, .iov_len = sizeof head },
		{ .iov_base = data, .iov_len = len },
	};

	(void)timeout;
	if (len >= COMMAND_MAX || (len > 0 && data == NULL))
		return MI_FAILURE;
	memcpy(head, &size, sizeof size);
	head[HEAD_SIZE - 1] = (char)letter;
	return write_parts(fd, parts, 2, sizeof head + len);
}

/* libmilter's third function of this kind: st_optionneg() may call it, and
 * with it the linker finds no reason to take the file that has the other
 * two. */
size_t
smfi_setmaxdatasize(size_t size)
{
	(void)size;
	return COMMAND_MAX;
}
