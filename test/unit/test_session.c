/* test_session - one connection of the MTA and its message
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

#include <cmocka.h>

#include "config/config.h"
#include "filter/connection.h"
#include "filter/filter_state.h"
#include "filter/msgpool.h"
#include "filter/netlist.h"
#include "filter/session.h"
#include "support.h"

static struct config *config;
static struct connection connection;
static struct filter_state filter;

static int
open_filter(void **state)
{
	(void)state;
	config = support_config("limits { sessions = 1 } "
				"headers { keep_from = { 10.0.0.0/8 } }");
	filter_state_init(&filter, config);
	if (netlist_create(&config->headers_keep_from, &filter.keep_from,
		NULL) != ERROR_NONE)
		return -1;
	return msgpool_create(config, &filter.pool, NULL) == ERROR_NONE ? 0
									: -1;
}

static int
close_filter(void **state)
{
	(void)state;
	assert_int_equal(filter.sessions, 0);
	assert_int_equal(filter.messages, 0);
	msgpool_destroy(&filter.pool);
	netlist_destroy(&filter.keep_from);
	filter_state_fini(&filter);
	config_destroy(&config);
	return 0;
}

/* A session that comes from this address and port, or from none. */
static struct session *
from_port(const char *name, const char *address, int port, const char *source)
{
	struct session *session = session_create(&filter, &connection, 0);
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
	};
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((in_port_t)port),
	};
	const void *given = NULL;

	if (address != NULL && inet_pton(AF_INET, address, &in.sin_addr) == 1)
		given = &in;
	else if (address != NULL &&
	    inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
		given = &in6;
	session_connected(session, name, given, source);
	return session;
}

static struct session *
from(const char *name, const char *address)
{
	return from_port(name, address, 12345, NULL);
}

static void
test_session_client_is_name_and_address_made_safe(void **state)
{
	static const struct {
		const char *name, *address, *client;
	} cases[] = {
		{ "mx.example.org", "192.0.2.1", "mx.example.org[192.0.2.1]" },
		{ "mx.example.org", "2001:db8::1",
		    "mx.example.org[2001:db8::1]" },
		{ "localhost", NULL, "localhost[local]" },
		{ "a, from=<x>\r\n", "192.0.2.1", "a??from=<x>[192.0.2.1]" },
		{ NULL, "192.0.2.1", "unknown[192.0.2.1]" },
		{ "[192.0.2.1]", "192.0.2.1", "unknown[192.0.2.1]" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct session *session = from(cases[i].name, cases[i].address);

		assert_string_equal(session->client, cases[i].client);
		session_destroy(&session);
		assert_null(session);
		session_destroy(&session);
	}
}

static void
test_session_keeps_own_headers_from_listed_networks_only(void **state)
{
	static const struct {
		const char *address;
		bool keep;
	} cases[] = {
		{ "10.1.2.3", true },
		{ "::ffff:10.1.2.3", true },
		{ "192.0.2.1", false },
		{ "::1", false },
		{ NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct session *session = from("x", cases[i].address);

		assert_int_equal(session->keep_own, cases[i].keep);
		session_destroy(&session);
	}
}

static uint64_t
network_of(const char *address)
{
	struct session *session = from("x", address);
	uint64_t network = session->network;

	session_destroy(&session);
	return network;
}

static void
test_session_network_is_shared_by_a_24_or_a_48(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.255", true },
		{ "192.0.2.1", "192.0.3.1", false },
		{ "192.0.2.1", "192.1.2.1", false },
		{ "192.0.2.1", "193.0.2.1", false },
		{ "2001:db8:1::1", "2001:db8:1:ffff::2", true },
		{ "2001:db8:1::1", "2001:db8:2::1", false },
		{ "2001:db8:1::1", "2001:db9:1::1", false },
		{ "192.0.2.1", "2001:db8:1::1", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		uint64_t one = network_of(cases[i].one);

		assert_true(one != 0);
		if ((one == network_of(cases[i].other)) != cases[i].same)
			fail_msg("%s, %s", cases[i].one, cases[i].other);
	}
}

static void
test_session_without_an_address_has_no_network(void **state)
{
	struct session *session = session_create(&filter, &connection, 0);

	(void)state;
	assert_int_equal(session->network, 0);
	session_destroy(&session);
	assert_int_equal(network_of(NULL), 0);
}

/* Else all clients of a socket for both would share one network. */
static void
test_session_network_of_a_mapped_address_is_that_of_ipv4(void **state)
{
	(void)state;
	assert_true(network_of("::ffff:192.0.2.1") == network_of("192.0.2.9"));
	assert_true(network_of("::ffff:192.0.2.1") !=
	    network_of("::ffff:198.51.100.1"));
}

/* What the MTAs tell of each way that a mail can come to them. */
static void
test_session_is_local_if_no_client_can_bring_its_mail(void **state)
{
	static const struct {
		const char *address;
		int port;
		const char *source, *sender, *queue_id;
		bool authenticated;
		enum session_kind kind;
	} cases[] = {
		/* Clients, with and without angle brackets, from anywhere. */
		{ "192.0.2.1", 25252, "x [192.0.2.1]", "<a@x>", NULL, false,
		    SESSION_MTA },
		{ "192.0.2.1", 25252, "x [192.0.2.1]", "a@x", NULL, false,
		    SESSION_MTA },
		{ "192.0.2.1", 25252, "x [192.0.2.1]", "", NULL, false,
		    SESSION_MTA },
		{ "192.0.2.1", 25252, "x [192.0.2.1]", "a@x", NULL, true,
		    SESSION_SUBMISSION },
		{ "127.0.0.1", 25252, "x [127.0.0.1]", "a@x", NULL, false,
		    SESSION_MTA },
		{ "::1", 25252, "x [::1]", "a@x", NULL, false, SESSION_MTA },
		/* The same with queue files that Postfix opens early. */
		{ "127.0.0.1", 25252, "x [127.0.0.1]", "a@x", "Q", false,
		    SESSION_MTA },
		/* What XCLIENT or a proxy can make of a client in Postfix. */
		{ "127.0.0.1", 0, "localhost [127.0.0.1]", "a@x", NULL, false,
		    SESSION_MTA },
		{ "192.0.2.1", 0, "localhost [192.0.2.1]", "a@x", "Q", false,
		    SESSION_MTA },
		{ "::ffff:127.0.0.1", 0, "localhost [::ffff:127.0.0.1]", "a@x",
		    "Q", false, SESSION_MTA },
		{ NULL, 0, "localhost [unknown]", "a@x", "Q", false,
		    SESSION_MTA },
		{ NULL, 0, "a@localhost [unknown]", "a@x", "Q", false,
		    SESSION_MTA },
		{ NULL, 0, "localhost", "<a@x>", NULL, false, SESSION_MTA },
		{ NULL, 0, NULL, "a@x", NULL, false, SESSION_MTA },
		{ NULL, 0, NULL, "a@x", NULL, true, SESSION_SUBMISSION },
		/* The machine itself: Postfix and Sendmail. */
		{ "127.0.0.1", 0, "localhost [127.0.0.1]", "a@x", "Q", false,
		    SESSION_LOCAL },
		{ "127.0.0.1", 0, "localhost [127.0.0.1]", "", "Q", false,
		    SESSION_LOCAL },
		{ "::1", 0, "localhost [::1]", "a@x", "Q", false,
		    SESSION_LOCAL },
		{ NULL, 0, "root@localhost", "<a@x>", NULL, false,
		    SESSION_LOCAL },
		{ NULL, 0, "root@localhost", "<a@x>", "Q", true,
		    SESSION_LOCAL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct session *session = from_port("x", cases[i].address,
		    cases[i].port, cases[i].source);

		session_begin_message(session, cases[i].sender,
		    cases[i].queue_id);
		if (session_kind(session, cases[i].authenticated) !=
		    cases[i].kind)
			fail_msg("case %zu", i);
		session_destroy(&session);
	}
}

static void
test_session_is_local_for_one_message_at_a_time(void **state)
{
	struct session *session = from_port("localhost", "127.0.0.1", 0, NULL);

	(void)state;
	session_begin_message(session, "a@x", "Q");
	assert_int_equal(session_kind(session, false), SESSION_LOCAL);
	session_begin_message(session, "a@x", NULL);
	assert_int_equal(session_kind(session, false), SESSION_MTA);
	session_destroy(&session);
}

static void
test_session_has_one_message_at_a_time(void **state)
{
	struct session *session = from("x", "192.0.2.1");

	(void)state;
	session_end_message(session);
	session_begin_message(session, "<first>", NULL);
	assert_int_equal(filter.messages, 1);
	session_begin_message(session, "<second>", NULL);
	assert_int_equal(filter.messages, 1);
	assert_string_equal(session->message->sender, "<second>");
	session_end_message(session);
	assert_null(session->message);
	assert_int_equal(filter.messages, 0);
	session_end_message(session);
	assert_int_equal(filter.messages, 0);
	session_begin_message(session, "<third>", NULL);
	session_destroy(&session);
	assert_int_equal(filter.messages, 0);
}

static void
test_session_beyond_the_limit_knows_it_and_is_counted(void **state)
{
	struct session *first = session_create(&filter, &connection, 0);
	struct session *second = session_create(&filter, &connection, 7),
		       *third;

	(void)state;
	assert_false(first->over_limit);
	assert_true(second->over_limit);
	assert_int_equal(second->steps, 7);
	assert_string_equal(first->client, "unknown");
	session_destroy(&second);
	session_destroy(&first);
	third = session_create(&filter, &connection, 0);
	assert_false(third->over_limit);
	session_destroy(&third);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_session_client_is_name_and_address_made_safe,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_keeps_own_headers_from_listed_networks_only,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_network_is_shared_by_a_24_or_a_48, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_without_an_address_has_no_network, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_network_of_a_mapped_address_is_that_of_ipv4,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_is_local_if_no_client_can_bring_its_mail,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_is_local_for_one_message_at_a_time,
		    open_filter, close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_has_one_message_at_a_time, open_filter,
		    close_filter),
		cmocka_unit_test_setup_teardown(
		    test_session_beyond_the_limit_knows_it_and_is_counted,
		    open_filter, close_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
