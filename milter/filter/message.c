/* message - one message between MAIL and the reply to its end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static char *
copy_address(const char *s)
{
	char *copy = strndup(s, MESSAGE_ADDRESS);

	if (copy == NULL)
		abort();
	return copy;
}

struct message *
message_create(struct msgpool *pool, const char *sender,
    const struct config_strings *ignore)
{
	struct message *message = calloc(1, sizeof *message);

	if (message == NULL)
		abort();
	message->sender = copy_address(sender);
	message->left_out.ignore = ignore;
	message->buf = msgbuf_create(pool);
	return message;
}

void
message_add_recipient(struct message *message, const char *recipient)
{
	message->too_many |= message->recipient_count == MESSAGE_RECIPIENTS;
	if (message->too_many)
		return;
	if (message->recipient_count == message->recipient_room) {
		message->recipient_room = message->recipient_room * 2 + 4;
		message->recipients = reallocarray(message->recipients,
		    message->recipient_room, sizeof *message->recipients);
		if (message->recipients == NULL)
			abort();
	}
	message->recipients[message->recipient_count++] = copy_address(
	    recipient);
}

/* What it costs to scan depends on it most. */
static enum cost_structure
structure_of(const char *type)
{
	static const char alternative[] = "multipart/alternative";

	type += strspn(type, " \t\r\n");
	if (strncasecmp(type, alternative, strlen(alternative)) == 0)
		return COST_ALTERNATIVE;
	if (strncasecmp(type, "multipart/", 10) == 0)
		return COST_MIXED;
	return strncasecmp(type, "text/", 5) == 0 ? COST_TEXT : COST_OTHER;
}

static void
begin_headers(struct message *message)
{
	if (message->headers_begun)
		return;
	message->headers_begun = true;
	header_begin(message->buf);
}

void
message_add_header(struct message *message, const char *name, const char *value,
    bool has_space)
{
	enum header_own own = header_own_find(name);

	message->size += strlen(name) + strlen(value) + strlen(":\r\n");
	begin_headers(message);
	if (own != HEADER_OWN_COUNT)
		message->own_headers[own]++;
	if (strcasecmp(name, "Message-ID") == 0)
		text_field(message->message_id, sizeof message->message_id,
		    value);
	if (strcasecmp(name, "Content-Type") == 0)
		message->structure = structure_of(value);
	header_add(&message->left_out, message->buf, name, value, has_space);
}

static void
end_headers(struct message *message)
{
	if (message->headers_ended)
		return;
	message->headers_ended = true;
	begin_headers(message);
	header_end(message->buf);
}

void
message_add_body(struct message *message, const void *data, size_t len)
{
	end_headers(message);
	message->size += len;
	msgbuf_append(message->buf, data, len);
}

void
message_complete(struct message *message)
{
	end_headers(message);
}

void
message_end(struct message **message_p)
{
	struct message *message = *message_p;

	*message_p = NULL;
	if (message == NULL)
		return;
	msgbuf_unref(&message->buf);
	for (size_t i = 0; i < message->recipient_count; i++)
		free(message->recipients[i]);
	free(message->recipients);
	free(message->sender);
	free(message);
}
