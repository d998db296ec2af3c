/* Telling a service manager: whom, and what comes over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/notify.h"
#include "support.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The manager's socket, in the abstract namespace, and its name. */
static int manager;
static char name[64];

static int
open_manager(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len;

	(void)state;
	snprintf(name, sizeof name, "@vscan-test-notify-%ld", (long)getpid());
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(name));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return 0;
}

static int
close_manager(void **state)
{
	(void)state;
	fd_close(&manager);
	notify_take_back();
	return 0;
}

/* Returns what has been sent, or "". */
static const char *
heard(void)
{
	static char text[2048];
	ssize_t len = recv(manager, text, sizeof text - 1, MSG_DONTWAIT);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void
test_notify_sends_to_a_name_of_the_abstract_namespace(void **state)
{
	struct notify notify;

	(void)state;
	notify_open(&notify);
	assert_true(notify_send(&notify, "READY=%d\nSTATUS=%s", 1, "well"));
	assert_string_equal(heard(), "READY=1\nSTATUS=well");
	notify_close(&notify);
}

static void
test_notify_takes_the_variables_out_and_lends_them(void **state)
{
	struct notify notify;
	char pid[32];

	(void)state;
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	setenv("WATCHDOG_USEC", "1500000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_open(&notify);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	assert_int_equal(notify.watchdog, 1500 * MONOTIME_MS);
	notify_lend(&notify);
	assert_string_equal(getenv("NOTIFY_SOCKET"), name);
	assert_string_equal(getenv("WATCHDOG_USEC"), "1500000");
	assert_string_equal(getenv("WATCHDOG_PID"), pid);
	notify_take_back();
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_close(&notify);
}

static void
test_notify_without_a_manager_tells_nobody(void **state)
{
	char too_long[200];
	const char *const names[] = { NULL, "", "relative", "vsock:2:1234",
		too_long };
	struct notify notify;

	(void)state;
	memset(too_long, 'a', sizeof too_long - 1);
	too_long[0] = '/';
	too_long[sizeof too_long - 1] = '\0';
	for (size_t i = 0; i < LENGTH(names); i++) {
		unsetenv("NOTIFY_SOCKET");
		if (names[i] != NULL)
			setenv("NOTIFY_SOCKET", names[i], 1);
		notify_open(&notify);
		assert_int_equal(notify.sock, -1);
		assert_true(notify_send(&notify, "READY=1"));
		notify_lend(&notify);
		assert_null(getenv("NOTIFY_SOCKET"));
		notify_close(&notify);
	}
}

static void
test_notify_watchdog_that_makes_no_sense_is_none(void **state)
{
	static const char *const values[] = { "", "0", "-1", "x", "5s",
		"99999999999999999999", "1000000000000000" };
	struct notify notify;

	(void)state;
	for (size_t i = 0; i < LENGTH(values); i++) {
		setenv("NOTIFY_SOCKET", name, 1);
		setenv("WATCHDOG_USEC", values[i], 1);
		notify_open(&notify);
		assert_int_equal(notify.watchdog, 0);
		notify_close(&notify);
	}
}

static void
test_notify_manager_that_does_not_read_is_not_waited_for(void **state)
{
	struct notify notify;
	unsigned sent = 0;

	(void)state;
	notify_open(&notify);
	while (sent < 100000 && notify_send(&notify, "WATCHDOG=1"))
		sent++;
	assert_in_range(sent, 1, 99999);
	while (heard()[0] != '\0')
		continue;
	assert_true(notify_send(&notify, "WATCHDOG=1"));
	notify_close(&notify);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_notify_sends_to_a_name_of_the_abstract_namespace,
		    open_manager, close_manager),
		cmocka_unit_test_setup_teardown(
		    test_notify_takes_the_variables_out_and_lends_them,
		    open_manager, close_manager),
		cmocka_unit_test_setup_teardown(
		    test_notify_without_a_manager_tells_nobody, open_manager,
		    close_manager),
		cmocka_unit_test_setup_teardown(
		    test_notify_watchdog_that_makes_no_sense_is_none,
		    open_manager, close_manager),
		cmocka_unit_test_setup_teardown(
		    test_notify_manager_that_does_not_read_is_not_waited_for,
		    open_manager, close_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
