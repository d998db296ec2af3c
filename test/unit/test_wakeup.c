/* wakeup: no callback blocks without a wake-up that libmilter gets to see
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "filter/wakeup.h"

static int listener = -1;
static struct wakeup wakeup;

/* libmilter's socket, under a name that the kernel chooses. */
static int
set_up(void **state)
{
	sa_family_t family = AF_UNIX;
	struct error err;

	(void)state;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	assert_int_equal(bind(listener, (const struct sockaddr *)&family,
			     sizeof family),
	    0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(wakeup_init(&wakeup, &err), ERROR_NONE);
	assert_int_equal(wakeup.listener, listener);
	assert_int_equal(wakeup_prepare(&wakeup, &err), ERROR_NONE);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	while (wakeup_take())
		continue;
	fd_close(&wakeup.private);
	fd_close(&listener);
	return 0;
}

/* Accepts what waits; returns how many there were. */
static unsigned
accept_all(void)
{
	unsigned count = 0;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		assert_true(wakeup_take());
		close(fd);
		count++;
	}
	assert_int_equal(errno, EAGAIN);
	return count;
}

static void
test_wakeup_comes_before_and_after_going_private(void **state)
{
	(void)state;
	wakeup_connect(&wakeup);
	wakeup_connect(&wakeup);
	assert_int_equal(accept_all(), 2);
	wakeup_go_private(&wakeup);
	(void)accept_all();
	wakeup_connect(&wakeup);
	assert_int_equal(accept_all(), 1);
}

/* Once the socket is private, those that wait on the other one are seen by
 * another process, and wake nobody here. */
static void
test_wakeup_that_waits_on_the_old_socket_is_made_good(void **state)
{
	(void)state;
	wakeup_connect(&wakeup);
	wakeup_go_private(&wakeup);
	assert_in_range(accept_all(), 1, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_wakeup_that_waits_on_the_old_socket_is_made_good,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_wakeup_comes_before_and_after_going_private, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
