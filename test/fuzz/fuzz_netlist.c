/* fuzz_netlist - networks as somebody writes them, and addresses in them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "filter/netlist.h"
#include "fuzz.h"

#define NETWORKS 4

/* A network, read in another way than netlist.c does. */
struct network {
	int family;
	unsigned char address[16];
	long bits;
};

void
fuzz_begin(void)
{
}

static bool
read_network(const char *text, struct network *network)
{
	const char *slash = strchrnul(text, '/');
	char address[64];

	if ((size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	network->family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(network->family, address, network->address) != 1)
		return false;
	network->bits = *slash == '/'     ? strtol(slash + 1, NULL, 10)
	    : network->family == AF_INET6 ? 128
					  : 32;
	return true;
}

static bool
same_bits(const unsigned char *a, const unsigned char *b, long bits)
{
	for (long i = 0; i < bits; i++)
		if (((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8)) != 0)
			return false;
	return true;
}

/* Of one family, for which the answer is plain. */
static bool
is_in(const struct network *network, int family, const unsigned char *address)
{
	return network->family == family &&
	    same_bits(network->address, address, network->bits);
}

static bool
contains(const struct netlist *list, int family, const unsigned char *bytes)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	memcpy(&v4.sin_addr, bytes, 4);
	memcpy(&v6.sin6_addr, bytes, 16);
	return netlist_contains(list,
	    family == AF_INET ? (const struct sockaddr *)&v4
			      : (const struct sockaddr *)&v6);
}

/* An address beside each network, which differs from it in one bit. */
static void
check_addresses(const struct netlist *list, const struct network *networks,
    size_t count, const unsigned char flip[NETWORKS])
{
	for (size_t i = 0; i < count; i++) {
		int family = networks[i].family;
		unsigned size = family == AF_INET ? 32 : 128;
		unsigned char address[16] = { 0 };
		bool expected = false;

		assert(networks[i].bits >= 0 && networks[i].bits <= size);
		memcpy(address, networks[i].address, size / 8);
		address[flip[i] % size / 8] ^= (unsigned char)(0x80 >>
		    flip[i] % 8);
		/* netlist.h: an IPv4 client is its IPv4 address. */
		if (family == AF_INET6 &&
		    IN6_IS_ADDR_V4MAPPED(
			(const struct in6_addr *)(const void *)address))
			continue;
		for (size_t k = 0; k < count; k++)
			expected |= is_in(&networks[k], family, address);
		/* So is a network of mapped addresses. */
		if (family == AF_INET && !expected)
			contains(list, family, address);
		else
			assert(contains(list, family, address) == expected);
	}
}

static void
try_list(char **items, size_t count, const unsigned char *flip)
{
	struct config_strings strings = { .count = count, .items = items };
	struct network networks[NETWORKS];
	struct netlist *list;
	struct error err;
	bool known = true;

	if (netlist_create(&strings, &list, &err) != ERROR_NONE) {
		assert(list == NULL);
		return;
	}
	for (size_t i = 0; i < count; i++)
		known &= read_network(items[i], &networks[i]);
	assert(known);
	check_addresses(list, networks, count, flip);
	assert(!netlist_contains(list, NULL));
	netlist_destroy(&list);
	assert(list == NULL);
}

void
fuzz_one(struct fuzz_input *in)
{
	size_t count = fuzz_choice(in, NETWORKS + 1);
	char *items[NETWORKS];
	unsigned char flip[NETWORKS];

	for (size_t i = 0; i < count; i++)
		items[i] = fuzz_string(in);
	fuzz_bytes(in, flip, sizeof flip);
	try_list(items, count, flip);
	for (size_t i = 0; i < count; i++)
		free(items[i]);
}
