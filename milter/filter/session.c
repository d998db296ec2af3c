/* session - one connection of the MTA
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/session.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "filter/connection.h"
#include "filter/filter_state.h"

/* What the C library and the list of recipients take for each of them. */
#define RECIPIENT_OVERHEAD (4 * sizeof(void *))

struct session *
session_create(struct filter_state *filter, struct connection *connection,
    unsigned long steps)
{
	enum filter_state_room room = filter_state_session_begin(filter);
	struct session *session;

	if (room == FILTER_STATE_FULL)
		return NULL;
	session = calloc(1, sizeof *session);
	if (session == NULL)
		abort();
	session->filter = filter;
	session->connection = connection;
	session->steps = steps;
	session->over_limit = room == FILTER_STATE_OVER;
	snprintf(session->client, sizeof session->client, "unknown");
	return session;
}

static const char *
address_text(const struct sockaddr *address, char *out, socklen_t size)
{
	const void *bytes = NULL;

	if (address != NULL && address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)address)
			     ->sin_addr;
	else if (address != NULL && address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)address)
			     ->sin6_addr;
	if (bytes == NULL ||
	    inet_ntop(address->sa_family, bytes, out, size) == NULL)
		return "local";
	return out;
}

/* An IPv4 client that came in over IPv6 is its IPv4 address. */
static uint64_t
network_of_ipv6(const struct in6_addr *address)
{
	bool mapped = IN6_IS_ADDR_V4MAPPED(address);
	uint64_t network = 0;

	memcpy(&network, address->s6_addr + (mapped ? 12 : 0), mapped ? 3 : 6);
	return network;
}

/* Clients of one network share what is to be had (scan/queue.h). */
static uint64_t
network_of(const struct sockaddr *address)
{
	uint64_t network = 0;

	if (address != NULL && address->sa_family == AF_INET)
		memcpy(&network,
		    &((const struct sockaddr_in *)(const void *)address)
			 ->sin_addr,
		    3);
	else if (address != NULL && address->sa_family == AF_INET6)
		network = network_of_ipv6(
		    &((const struct sockaddr_in6 *)(const void *)address)
			 ->sin6_addr);
	return network;
}

static bool
is_loopback(const struct sockaddr *address)
{
	const struct in6_addr *ipv6;
	in_addr_t ipv4;

	if (address->sa_family == AF_INET6) {
		ipv6 = &((const struct sockaddr_in6 *)(const void *)address)
			    ->sin6_addr;
		return IN6_IS_ADDR_LOOPBACK(ipv6);
	}
	if (address->sa_family != AF_INET)
		return false;
	ipv4 = ((const struct sockaddr_in *)(const void *)address)
		   ->sin_addr.s_addr;
	return ntohl(ipv4) >> 24 == IN_LOOPBACKNET;
}

/* Of AF_INET or AF_INET6. */
static in_port_t
port_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)(const void *)address)
		    ->sin6_port;
	return ((const struct sockaddr_in *)(const void *)address)->sin_port;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* A client without a name has its address for one in Postfix, "[192.0.2.1]";
 * in its log it is "unknown". */
void
session_connected(struct session *session, const char *name,
    const struct sockaddr *address, const char *source)
{
	char text[INET6_ADDRSTRLEN], safe[256];
	bool named = name != NULL && name[0] != '\0' && name[0] != '[';

	session->from_command = address == NULL && source != NULL &&
	    ends_with(source, "@localhost");
	session->no_connection = address != NULL && is_loopback(address) &&
	    port_of(address) == 0;
	session->network = network_of(address);
	session->keep_own = filter_state_keeps_headers_of(session->filter,
	    address);
	snprintf(session->client, sizeof session->client, "%s[%s]",
	    text_field(safe, sizeof safe, named ? name : "unknown"),
	    address_text(address, text, sizeof text));
}

void
session_begin_message(struct session *session, const char *sender,
    const char *queue_id)
{
	session_end_message(session);
	filter_state_message_begin(session->filter);
	session->config = filter_state_config(session->filter);
	session->local = session->from_command ||
	    (session->no_connection && queue_id != NULL);
	session->message = message_create(session->filter->pool, sender,
	    &session->config->headers_ignore);
}

void
session_add_recipient(struct session *session, const char *recipient)
{
	struct connection *connection = session->connection;
	size_t size = strnlen(recipient, MESSAGE_ADDRESS) + RECIPIENT_OVERHEAD;

	if (connection->overfull || !connection_keep(connection, size)) {
		connection->overfull = true;
		return;
	}
	session->recipients += size;
	message_add_recipient(session->message, recipient);
}

void
session_end_message(struct session *session)
{
	if (session->message == NULL)
		return;
	message_end(&session->message);
	config_unref(&session->config);
	connection_drop(session->connection, session->recipients);
	session->recipients = 0;
	session->connection->overfull = false;
	filter_state_message_end(session->filter);
}

void
session_destroy(struct session **session)
{
	if (*session == NULL)
		return;
	session_end_message(*session);
	filter_state_session_end((*session)->filter);
	free(*session);
	*session = NULL;
}

enum session_kind
session_kind(const struct session *session, bool authenticated)
{
	if (session->local)
		return SESSION_LOCAL;
	return authenticated ? SESSION_SUBMISSION : SESSION_MTA;
}
