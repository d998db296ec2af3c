/* wakeup: no callback blocks without a wake-up that libmilter gets to see
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "filter/wakeup.h"

#define PATIENCE 20 /* seconds */

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

/* As libmilter waits for a connection: returns once there is one. */
static void *
await_connection(void *context)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	atomic_store((atomic_int *)context, (int)gettid());
	return poll(&fd, 1, -1) == 1 ? context : NULL;
}

/* It waits in the kernel. */
static bool
sleeps(int tid)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
	file = tid != 0 ? fopen(path, "r") : NULL;
	if (file == NULL)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state == 'S';
}

/* The old socket stays open, in another process. */
static void
test_wakeup_who_waits_for_the_old_socket_is_woken(void **state)
{
	int old = dup(listener);
	atomic_int waiter = 0;
	struct timespec until;
	pthread_t thread;
	void *woken;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, await_connection,
			     &waiter),
	    0);
	while (!sleeps(atomic_load(&waiter)))
		usleep(1000);
	wakeup_go_private(&wakeup);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	assert_int_equal(pthread_timedjoin_np(thread, &woken, &until), 0);
	assert_non_null(woken);
	close(old);
}

/* As the supervisor opens a socket that was removed. */
static int
make_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	sa_family_t family = AF_UNIX;

	assert_int_equal(bind(fd, (const struct sockaddr *)&family,
			     sizeof family),
	    0);
	assert_int_equal(listen(fd, 8), 0);
	wakeup.length = sizeof wakeup.address;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&wakeup.address,
			     &wakeup.length),
	    0);
	return fd;
}

/* The old socket blocks, as that of libmilter does.  The same socket may come
 * twice. */
static void
test_wakeup_lost_with_a_socket_is_not_expected_any_more(void **state)
{
	struct error err;
	int fresh;

	(void)state;
	assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	wakeup_connect(&wakeup);
	wakeup_connect(&wakeup);
	fresh = make_socket();
	assert_int_equal(wakeup_replace(&wakeup, fresh, &err), ERROR_NONE);
	assert_int_equal(accept_all(), 1);
	assert_false(wakeup_take());
	assert_int_equal(wakeup_replace(&wakeup, fresh, &err), ERROR_NONE);
	wakeup_connect(&wakeup);
	assert_int_equal(accept_all(), 1);
	close(fresh);
}

static void
test_wakeup_who_waits_for_a_removed_socket_is_woken(void **state)
{
	atomic_int waiter = 0;
	struct timespec until;
	struct error err;
	pthread_t thread;
	void *woken;
	int fresh;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, await_connection,
			     &waiter),
	    0);
	while (!sleeps(atomic_load(&waiter)))
		usleep(1000);
	fresh = make_socket();
	assert_int_equal(wakeup_replace(&wakeup, fresh, &err), ERROR_NONE);
	close(fresh);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	assert_int_equal(pthread_timedjoin_np(thread, &woken, &until), 0);
	assert_non_null(woken);
}

/* Connects from another process, which lives until its end is closed. */
static pid_t
connect_stranger(const void *address, socklen_t length, int *end_r)
{
	int ends[2], fd;
	char byte = '?';
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, address, length) < 0)
			_exit(1);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	close(ends[0]);
	*end_r = ends[1];
	return pid;
}

static void
accept_stranger(int sock, const void *address, socklen_t length, bool admitted)
{
	struct pollfd comes = { .fd = sock, .events = POLLIN };
	int end, fd, status;
	pid_t pid = connect_stranger(address, length, &end);

	assert_int_equal(poll(&comes, 1, PATIENCE * 1000), 1);
	fd = accept(sock, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(wakeup_admits(fd), admitted);
	close(fd);
	close(end);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* libmilter may have accepted an MTA's connection in the very moment in which
 * the socket becomes private. */
static void
test_wakeup_an_mta_that_was_accepted_is_served(void **state)
{
	int old = dup(listener);

	(void)state;
	wakeup_go_private(&wakeup);
	(void)accept_all();
	while (wakeup_take())
		close(accept(old, NULL, NULL));
	accept_stranger(old, &wakeup.address, wakeup.length, true);
	accept_stranger(listener, &wakeup.private_address,
	    wakeup.private_length, false);
	close(old);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_wakeup_an_mta_that_was_accepted_is_served, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    test_wakeup_that_waits_on_the_old_socket_is_made_good,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_wakeup_who_waits_for_the_old_socket_is_woken, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    test_wakeup_lost_with_a_socket_is_not_expected_any_more,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_wakeup_who_waits_for_a_removed_socket_is_woken, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    test_wakeup_comes_before_and_after_going_private, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
