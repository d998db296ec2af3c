/* netlist - networks, and whether a client is in one of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/netlist.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/config.h"

#define ADDRESS_BITS 128
#define MAPPED_BITS 96 /* before the IPv4 address in ::ffff:0:0/96 */

/* IPv4 is kept as its IPv6-mapped address (RFC 4291, 2.5.5.2), so that there
 * is one kind of comparison. */
struct network {
	unsigned char address[16];
	unsigned bits;
};

struct netlist {
	size_t count;
	struct network networks[];
};

static void
map_ipv4(unsigned char address[16], const void *ipv4)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, ipv4, 4);
}

static bool
is_mapped(const unsigned char address[16])
{
	unsigned char mapped[16];

	map_ipv4(mapped, address + 12);
	return memcmp(mapped, address, sizeof mapped) == 0;
}

static bool
parse_network(const char *text, struct network *network)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned char ipv4[4];
	unsigned base = 0;
	long bits;
	char *end;

	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, ipv4) == 1) {
		map_ipv4(network->address, ipv4);
		base = MAPPED_BITS;
	} else if (inet_pton(AF_INET6, address, network->address) != 1) {
		return false;
	}
	network->bits = ADDRESS_BITS;
	if (slash == NULL)
		return true;
	bits = strtol(slash + 1, &end, 10);
	if (end == slash + 1 || *end != '\0' || bits < 0 ||
	    bits > (long)(ADDRESS_BITS - base))
		return false;
	network->bits = base + (unsigned)bits;
	return true;
}

enum error_code
netlist_create(const struct config_strings *networks, struct netlist **list_r,
    struct error *err)
{
	struct netlist *list;

	list = calloc(1,
	    sizeof *list + networks->count * sizeof list->networks[0]);
	if (list == NULL)
		abort();
	list->count = networks->count;
	*list_r = list;
	for (size_t i = 0; i < list->count; i++) {
		if (parse_network(networks->items[i], &list->networks[i]))
			continue;
		netlist_destroy(list_r);
		return error_set(err, ERROR_INPUT, "\"%s\" is not a network",
		    networks->items[i]);
	}
	return ERROR_NONE;
}

void
netlist_destroy(struct netlist **list)
{
	free(*list);
	*list = NULL;
}

static bool
network_contains(const struct network *network, const unsigned char address[16])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	unsigned char mask = (unsigned char)(0xff00u >> rest);

	/* No IPv6 network is meant to have the IPv4 addresses in it. */
	if (network->bits < MAPPED_BITS && is_mapped(address))
		return false;
	if (memcmp(network->address, address, whole) != 0)
		return false;
	return rest == 0 ||
	    ((network->address[whole] ^ address[whole]) & mask) == 0;
}

bool
netlist_contains(const struct netlist *list, const struct sockaddr *address)
{
	unsigned char bytes[16];

	if (address == NULL)
		return false;
	if (address->sa_family == AF_INET)
		map_ipv4(bytes,
		    &((const struct sockaddr_in *)(const void *)address)
			 ->sin_addr);
	else if (address->sa_family == AF_INET6)
		memcpy(bytes,
		    &((const struct sockaddr_in6 *)(const void *)address)
			 ->sin6_addr,
		    sizeof bytes);
	else
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (network_contains(&list->networks[i], bytes))
			return true;
	return false;
}
