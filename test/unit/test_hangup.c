/* test_hangup - the sockets of sessions, and no others, are shut down
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "filter/hangup.h"
#include "support.h"

#define SOON (10 * MONOTIME_S)
#define NOT_YET (200 * MONOTIME_MS)
#define COMMAND "command"

/* One connection: ours is what libmilter accepted. */
struct pair {
	int mta, ours;
};

static char directory[32];
static char path[64];
static int listener;
static struct wakeup wakeup;
static int list;

static void
bind_to(const void *address, socklen_t len)
{
	int family = ((const struct sockaddr *)address)->sa_family;

	listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, address, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(wakeup_init(&wakeup, NULL), ERROR_NONE);
}

static void
listen_unix(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, sizeof path);
	bind_to(&address, sizeof address);
}

/* On every address, which is not what an accepted socket has. */
static void
listen_inet(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	bind_to(&address, sizeof address);
}

static int
setup(void **state)
{
	(void)state;
	support_make_directory(directory);
	snprintf(path, sizeof path, "%s/socket", directory);
	list = hangup_open();
	return list < 0;
}

static int
teardown(void **state)
{
	(void)state;
	fd_close(&list);
	fd_close(&listener);
	unlink(path);
	support_remove_directory(directory);
	return 0;
}

static int
come(void)
{
	int fd = socket(wakeup.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC,
	    0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&wakeup.address,
		wakeup.length) < 0)
		fd_close(&fd);
	return fd;
}

static struct pair
connected(void)
{
	struct pair pair = { .mta = come() };

	assert_true(pair.mta >= 0);
	pair.ours = accept(listener, NULL, NULL);
	assert_true(pair.ours >= 0);
	return pair;
}

static void
pair_close(struct pair *pair)
{
	fd_close(&pair->mta);
	fd_close(&pair->ours);
}

static bool
can_send(int fd)
{
	return send(fd, COMMAND, sizeof COMMAND, MSG_NOSIGNAL) ==
	    sizeof COMMAND;
}

/* As libmilter does it: answers each command, and closes at the end. */
static void *
serve(void *context)
{
	struct pair *pair = context;
	char command[sizeof COMMAND];

	while (recv(pair->ours, command, sizeof command, 0) > 0)
		send(pair->ours, command, sizeof command, MSG_NOSIGNAL);
	fd_close(&pair->ours);
	return NULL;
}

/* Commands that had come before the end; then how that looks to the MTA. */
static void
expect_answered_and_ended(void)
{
	struct pair pair = connected();
	char reply[3 * sizeof COMMAND];
	pthread_t thread;

	assert_true(can_send(pair.mta));
	assert_true(can_send(pair.mta));
	assert_int_equal(pthread_create(&thread, NULL, serve, &pair), 0);
	assert_int_equal(hangup_all(list, &wakeup, false, monotime_after(SOON)),
	    0);
	pthread_join(thread, NULL);
	assert_int_equal(recv(pair.mta, reply, 2 * sizeof COMMAND, MSG_WAITALL),
	    2 * sizeof COMMAND);
	assert_int_equal(recv(pair.mta, reply, sizeof reply, 0), 0);
	pair_close(&pair);
}

static void
test_hangup_of_a_unix_session_answers_what_has_come(void **state)
{
	(void)state;
	listen_unix();
	expect_answered_and_ended();
}

static void
test_hangup_of_a_tcp_session_answers_what_has_come(void **state)
{
	(void)state;
	listen_inet();
	expect_answered_and_ended();
}

static void
test_hangup_lets_no_command_be_sent_over_a_unix_socket(void **state)
{
	struct pair pair;

	(void)state;
	listen_unix();
	pair = connected();
	assert_true(can_send(pair.mta));
	assert_int_equal(hangup_all(list, &wakeup, false,
			     monotime_after(NOT_YET)),
	    1);
	assert_false(can_send(pair.mta));
	assert_int_equal(errno, EPIPE);
	pair_close(&pair);
}

/* The rest is accepted, as EAGAIN tells. */
static void
test_hangup_of_a_unix_listener_refuses_who_comes_later(void **state)
{
	int mta, ours;

	(void)state;
	listen_unix();
	mta = come();
	assert_true(can_send(mta));
	assert_int_equal(hangup_all(list, &wakeup, false,
			     monotime_after(NOT_YET)),
	    0);
	assert_int_equal(come(), -1);
	ours = accept(listener, NULL, NULL);
	assert_true(ours >= 0);
	assert_int_equal(accept(listener, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	fd_close(&mta);
	fd_close(&ours);
}

/* The next process, as it were: it accepts when it is told to. */
static bool
accept_when_told(int told)
{
	char command[sizeof COMMAND];
	int fd;

	if (read(told, command, 1) != 1)
		return false;
	fd = accept(listener, NULL, NULL);
	return fd >= 0 &&
	    recv(fd, command, sizeof command, 0) == sizeof COMMAND;
}

static void
test_hangup_leaves_a_shared_listener_to_the_next(void **state)
{
	int tell[2], mta, status;
	pid_t pid;

	(void)state;
	listen_unix();
	assert_int_equal(pipe(tell), 0);
	pid = fork();
	if (pid == 0)
		_exit(accept_when_told(tell[0]) ? 0 : 1);
	assert_int_equal(hangup_all(list, &wakeup, true, monotime_after(SOON)),
	    0);
	assert_false(accept(listener, NULL, NULL) >= 0);
	assert_int_equal(errno, EAGAIN);
	mta = come();
	assert_true(can_send(mta));
	assert_int_equal(write(tell[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(&mta);
	fd_close(&tell[0]);
	fd_close(&tell[1]);
}

static void
test_hangup_leaves_other_sockets_alone(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int other, pair[2];
	char byte;

	(void)state;
	listen_unix();
	snprintf(address.sun_path, sizeof address.sun_path, "%s.2", path);
	other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(other, (struct sockaddr *)&address,
			     sizeof address),
	    0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(hangup_all(list, &wakeup, false, monotime_after(SOON)),
	    0);
	assert_true(wakeup_listens(other));
	assert_int_equal(send(pair[0], "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(pair[1], &byte, 1, 0), 1);
	fd_close(&other);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	unlink(address.sun_path);
}

#define HANGUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HANGUP_TEST(
		    test_hangup_of_a_unix_session_answers_what_has_come),
		HANGUP_TEST(test_hangup_of_a_tcp_session_answers_what_has_come),
		HANGUP_TEST(
		    test_hangup_lets_no_command_be_sent_over_a_unix_socket),
		HANGUP_TEST(
		    test_hangup_of_a_unix_listener_refuses_who_comes_later),
		HANGUP_TEST(test_hangup_leaves_a_shared_listener_to_the_next),
		HANGUP_TEST(test_hangup_leaves_other_sockets_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
