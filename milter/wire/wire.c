/* wire - the messages between supervisor, filter, engine and workers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/fd.h"
#include "base/seqpacket.h"
#include "base/text.h"

struct wire_message
wire_make(enum wire_type type)
{
	struct wire_message message;

	memset(&message, 0, sizeof message);
	message.type = type;
	return message;
}

void
wire_set_text(struct wire_message *message, const char *s)
{
	text_ascii(message->text, sizeof message->text, s);
}

/* The types that a descriptor belongs to. */
static bool
has_descriptor(uint32_t type)
{
	return type == WIRE_ADOPT || type == WIRE_SLOT ||
	    type == WIRE_SPAWNED || type == WIRE_JOB || type == WIRE_ENGINE ||
	    type == WIRE_CONFIG || type == WIRE_SOCKET || type == WIRE_FORMER ||
	    type == WIRE_HANDOVER;
}

/* The text was written by the other end: it must end, and be printable. */
static bool
text_is_sound(const struct wire_message *message)
{
	char copy[sizeof message->text];

	if (memchr(message->text, '\0', sizeof message->text) == NULL)
		return false;
	return strcmp(text_ascii(copy, sizeof copy, message->text),
		   message->text) == 0;
}

enum error_code
wire_send(int sock, const struct wire_message *message, int fd,
    struct error *err)
{
	return seqpacket_send(sock, message, sizeof *message, fd, err);
}

static enum error_code
check(const struct wire_message *message, unsigned accepted, int fd,
    struct error *err)
{
	if (message->type >= WIRE_TYPES ||
	    (WIRE_ACCEPT(message->type) & accepted) == 0)
		return error_set(err, ERROR_PEER,
		    "a message of type %u, which is not due here",
		    message->type);
	if (has_descriptor(message->type) != (fd >= 0))
		return error_set(err, ERROR_PEER,
		    "a message of type %u with the wrong descriptors",
		    message->type);
	if (message->reserved != 0 || !text_is_sound(message))
		return error_set(err, ERROR_PEER,
		    "a message of type %u that makes no sense", message->type);
	return ERROR_NONE;
}

enum error_code
wire_recv(int sock, unsigned accepted, struct wire_message *message, int *fd_r,
    int64_t until, struct error *err)
{
	enum error_code code;
	int fd = -1;

	if (fd_r != NULL)
		*fd_r = -1;
	code = seqpacket_recv(sock, message, sizeof *message, &fd, until, err);
	if (code != ERROR_NONE)
		return code;
	code = check(message, accepted, fd, err);
	if (code == ERROR_NONE && fd_r != NULL)
		*fd_r = fd;
	else
		fd_close(&fd);
	return code;
}
