/* command - what a command of the milter protocol must look like
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/command.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

/* Version, actions and steps; the first that libmilter can speak with. */
#define NEGOTIATE_SIZE 12
#define VERSION_MIN 2

static bool
is_ended(const char *data, size_t len)
{
	return len > 0 && data[len - 1] == '\0';
}

static size_t
count_strings(const char *data, size_t len)
{
	const char *end = data + len;
	size_t count = 0;

	for (; data < end; data++)
		count += *data == '\0';
	return count;
}

static const char *
fault_of_negotiation(const char *data, size_t len)
{
	uint32_t version;

	if (len < NEGOTIATE_SIZE)
		return "its negotiation is too short";
	memcpy(&version, data, sizeof version);
	return ntohl(version) >= VERSION_MIN && ntohl(version) <= INT32_MAX
	    ? NULL
	    : "it speaks a version of the protocol that is too old";
}

/* Between the letter of the command that they belong to, and the end: name,
 * value, name, value.  There may be none. */
static const char *
fault_of_macros(const char *data, size_t len)
{
	if (len == 0)
		return "its macros belong to no command";
	data++;
	len--;
	if (len > COMMAND_STRINGS_MAX)
		return "its macros are too long";
	if (len > 0 && !is_ended(data, len))
		return "its macros have no end";
	return count_strings(data, len) % 2 == 0 ? NULL
						 : "a macro has no value";
}

static bool
is_ipv6(const char *text)
{
	struct in6_addr address;

	if (strncasecmp(text, "IPv6:", 5) == 0)
		text += 5;
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* The same as libmilter demands, which would log what it doesn't like. */
static bool
is_address(char family, const char *text)
{
	struct in_addr address;

	switch (family) {
	case '4':
		return inet_aton(text, &address) == 1;
	case '6':
		return is_ipv6(text);
	case 'L': /* a path */
		return strlen(text) <
		    sizeof((struct sockaddr_un *)NULL)->sun_path;
	default:
		return false;
	}
}

/* The client's name and the family of its address; then, unless that is
 * unknown, a port and the address. */
static const char *
fault_of_connect(const char *data, size_t len)
{
	size_t family = strnlen(data, len) + 1;
	size_t address = family + 1 + sizeof(uint16_t);

	if (family >= len)
		return "its client's name has no end";
	if (data[family] == 'U')
		return NULL;
	if (address >= len || !is_ended(data, len))
		return "its client's address has no end";
	return is_address(data[family], data + address)
	    ? NULL
	    : "its client's address is none";
}

static const char *
fault_of_strings(const char *data, size_t len, size_t at_least)
{
	if (!is_ended(data, len))
		return "a string has no end";
	return count_strings(data, len) >= at_least ? NULL
						    : "a string is missing";
}

static const char *
fault_of_address(const char *data, size_t len)
{
	if (len > COMMAND_STRINGS_MAX)
		return "its address is too long";
	return fault_of_strings(data, len, 1);
}

const char *
command_fault(char letter, const char *data, size_t len, bool first)
{
	if (data == NULL)
		data = "";
	if ((letter == COMMAND_NEGOTIATE) != first)
		return first ? "it doesn't negotiate" : "it negotiates again";
	switch (letter) {
	case COMMAND_NEGOTIATE:
		return fault_of_negotiation(data, len);
	case COMMAND_MACROS:
		return fault_of_macros(data, len);
	case COMMAND_CONNECT:
		return fault_of_connect(data, len);
	case COMMAND_HEADER:
		return fault_of_strings(data, len, 2);
	case 'M': /* sender */
	case 'R': /* recipient */
		return fault_of_address(data, len);
	case 'H': /* HELO */
	case 'U': /* an unknown SMTP command */
		return fault_of_strings(data, len, 1);
	case COMMAND_BODY:
		return len > 0 ? NULL : "a piece of the body is empty";
	case COMMAND_END:
	case 'A': /* abort */
	case 'K': /* quit, and a new connection follows */
	case 'N': /* end of headers */
	case 'Q': /* quit */
	case 'T': /* DATA */
		return NULL;
	default:
		return "its command is unknown";
	}
}
