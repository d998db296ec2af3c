/* test_netlist - which clients a list of networks has in it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "config/config.h"
#include "filter/netlist.h"
#include "support.h"

static struct netlist *
list_of(const char *network)
{
	char text[128], *items[] = { text };
	const struct config_strings networks = { 1, items };
	struct netlist *list;
	struct error err;

	strcpy(text, network);
	if (netlist_create(&networks, &list, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	return list;
}

static bool
contains(const struct netlist *list, const char *client)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, client, &in.sin_addr) == 1)
		return netlist_contains(list,
		    (const struct sockaddr *)(const void *)&in);
	assert_int_equal(inet_pton(AF_INET6, client, &in6.sin6_addr), 1);
	return netlist_contains(list,
	    (const struct sockaddr *)(const void *)&in6);
}

static void
test_netlist_knows_the_edges_of_each_network(void **state)
{
	static const struct {
		const char *network, *client;
		bool inside;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0", true },
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.4/31", "192.0.2.5", true },
		{ "192.0.2.4/31", "192.0.2.6", false },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "192.0.2.4/32", "192.0.2.4", true },
		{ "192.0.2.4/32", "192.0.2.5", false },
		{ "192.0.2.4", "192.0.2.4", true },
		{ "192.0.2.4", "192.0.2.5", false },
		{ "128.0.0.0/1", "255.255.255.255", true },
		{ "128.0.0.0/1", "127.255.255.255", false },
		/* bits beyond the network's make no difference */
		{ "10.1.2.3/8", "10.9.9.9", true },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "0.0.0.0", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "0.0.0.0/0", "::", false },
		{ "2001:db8::/32", "2001:db8:ffff:ffff::", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1/127", "2001:db8::", true },
		{ "2001:db8::1/127", "2001:db8::2", false },
		{ "::1/128", "::1", true },
		{ "::1", "::2", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "::/0", "::ffff:192.0.2.1", false },
		{ "10.0.0.0/8", "2001:db8::1", false },
		{ "2001:db8::/32", "32.1.13.184", false },
		/* an IPv4 client that came in over IPv6, and the other way */
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "::ffff:11.1.2.3", false },
		{ "0.0.0.0/0", "::ffff:11.1.2.3", true },
		{ "::ffff:10.0.0.0/104", "10.1.2.3", true },
		{ "10.0.0.0/8", "::10.1.2.3", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct netlist *list = list_of(cases[i].network);

		if (contains(list, cases[i].client) != cases[i].inside)
			fail_msg("%s and %s", cases[i].network,
			    cases[i].client);
		netlist_destroy(&list);
		assert_null(list);
	}
}

static void
test_netlist_finds_a_client_in_any_of_its_networks(void **state)
{
	struct config *config = support_config(
	    "headers { keep_from = "
	    "{ 10.0.0.0/8, \"::1\", 192.0.2.1 } }");
	struct netlist *list;
	struct error err;

	(void)state;
	assert_int_equal(netlist_create(&config->headers_keep_from, &list,
			     &err),
	    ERROR_NONE);
	assert_true(contains(list, "10.1.1.1"));
	assert_true(contains(list, "::1"));
	assert_true(contains(list, "192.0.2.1"));
	assert_false(contains(list, "192.0.2.2"));
	netlist_destroy(&list);
	config_destroy(&config);
}

static void
test_netlist_has_nobody_without_an_internet_address(void **state)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct netlist *list = list_of("::/0");
	const struct config_strings none = { 0, NULL };

	(void)state;
	assert_false(netlist_contains(list, NULL));
	assert_false(netlist_contains(list,
	    (const struct sockaddr *)(const void *)&local));
	netlist_destroy(&list);
	assert_int_equal(netlist_create(&none, &list, NULL), ERROR_NONE);
	assert_false(contains(list, "127.0.0.1"));
	assert_false(contains(list, "::1"));
	netlist_destroy(&list);
}

static void
test_netlist_refuses_what_is_no_network(void **state)
{
	static const char *const wrong[] = {
		"",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8x",
		"10.0.0/8",
		"10.0.0.256",
		"::1/129",
		"example",
		"10.0.0.0/99999999999999999999",
		":::/3",
		"1.2.3.4/8/8",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaa/8",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		char text[128], good[] = "10.0.0.0/8";
		char *items[] = { good, text };
		const struct config_strings networks = { 2, items };
		struct netlist *list;
		struct error err;

		strcpy(text, wrong[i]);
		if (netlist_create(&networks, &list, &err) == ERROR_NONE)
			fail_msg("accepted: \"%s\"", wrong[i]);
		assert_int_equal(err.code, ERROR_INPUT);
		assert_null(list);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_netlist_knows_the_edges_of_each_network),
		cmocka_unit_test(
		    test_netlist_finds_a_client_in_any_of_its_networks),
		cmocka_unit_test(
		    test_netlist_has_nobody_without_an_internet_address),
		cmocka_unit_test(test_netlist_refuses_what_is_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
