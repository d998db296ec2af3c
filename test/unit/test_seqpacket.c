/* test_seqpacket - messages and descriptors from a peer that may be hostile
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "support.h"

#define MANY 8 /* descriptors in one message, at most */

static int pair[2];

static int
open_pair(void **state)
{
	struct error err;

	(void)state;
	return seqpacket_pair(pair, &err) == ERROR_NONE ? 0 : -1;
}

static int
close_pair(void **state)
{
	(void)state;
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return 0;
}

/* What a hostile peer may send: any length, with count copies of standard
 * input. */
static void
send_raw(const void *data, size_t len, unsigned count)
{
	char room[CMSG_SPACE(MANY * sizeof(int))] = "";
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int fds[MANY] = { 0 };

	if (count > 0) {
		msg.msg_control = room;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(pair[0], &msg, MSG_NOSIGNAL), len);
}

static void
test_seqpacket_ends_are_close_on_exec(void **state)
{
	(void)state;
	assert_int_equal(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(pair[1], F_GETFD), FD_CLOEXEC);
}

static void
test_seqpacket_messages_arrive_whole_and_in_order(void **state)
{
	unsigned in;
	int fd = 99;

	(void)state;
	for (unsigned out = 0; out < 5; out++)
		assert_int_equal(seqpacket_send(pair[0], &out, sizeof out, -1,
				     NULL),
		    ERROR_NONE);
	for (unsigned n = 0; n < 5; n++) {
		assert_int_equal(seqpacket_recv(pair[1], &in, sizeof in,
				     n % 2 == 0 ? &fd : NULL, 0, NULL),
		    ERROR_NONE);
		assert_int_equal(in, n);
		assert_int_equal(fd, -1);
	}
}

static void
test_seqpacket_brings_the_same_file_close_on_exec(void **state)
{
	struct stat sent, received;
	char in[2];
	int file, fd;

	(void)state;
	assert_int_equal(fd_memory("sent", &file, NULL), ERROR_NONE);
	assert_int_equal(seqpacket_send(pair[0], "ab", 2, file, NULL),
	    ERROR_NONE);
	assert_int_equal(seqpacket_recv(pair[1], in, 2, &fd, 0, NULL),
	    ERROR_NONE);
	assert_memory_equal(in, "ab", 2);
	assert_int_not_equal(fd, file);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(file, &sent), 0);
	assert_int_equal(fstat(fd, &received), 0);
	assert_int_equal(sent.st_ino, received.st_ino);
	fd_close(&fd);
	fd_close(&file);
}

static void
test_seqpacket_what_is_not_due_is_a_peer_error_and_closed(void **state)
{
	static const struct {
		size_t len; /* where 4 bytes are due */
		unsigned descriptors;
		bool wanted; /* one may come */
	} cases[] = {
		{ 3, 0, true },
		{ 5, 0, true },
		{ 3, 0, false },
		{ 5, 0, false },
		{ 1, 0, true },
		{ 4000, 0, true },
		{ 3, 1, true },
		{ 5, 1, true },
		{ 3, 1, false },
		{ 4, 1, false },
		{ 4, 2, true },
		{ 4, 2, false },
		{ 4, 3, true },
		{ 4, 3, false },
		{ 4, MANY, true },
		{ 4, MANY, false },
		{ 5, MANY, true },
	};
	static const char data[4000];
	unsigned before = support_open_fds();
	struct error err;
	char in[4];
	int fd;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		send_raw(data, cases[i].len, cases[i].descriptors);
		fd = 99;
		assert_int_equal(seqpacket_recv(pair[1], in, sizeof in,
				     cases[i].wanted ? &fd : NULL, 0, &err),
		    ERROR_PEER);
		assert_int_equal(err.code, ERROR_PEER);
		assert_int_equal(fd, cases[i].wanted ? -1 : 99);
		assert_int_equal(support_open_fds(), before);
	}
	assert_int_equal(seqpacket_send(pair[0], "good", 4, -1, NULL),
	    ERROR_NONE);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, NULL, 0, NULL),
	    ERROR_NONE);
}

static void
test_seqpacket_empty_message_leaks_no_descriptor(void **state)
{
	unsigned before = support_open_fds();
	char in[4];
	int fd;

	(void)state;
	for (unsigned count = 0; count <= 2; count++) {
		send_raw("", 0, count);
		assert_int_not_equal(seqpacket_recv(pair[1], in, sizeof in, &fd,
					 0, NULL),
		    ERROR_NONE);
		assert_int_equal(fd, -1);
		assert_int_equal(support_open_fds(), before);
	}
}

static void
test_seqpacket_closed_peer_is_gone_and_raises_no_signal(void **state)
{
	struct error err;
	char in[4];
	int fd;

	(void)state;
	fd_close(&pair[0]);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, &fd,
			     MONOTIME_NEVER, &err),
	    ERROR_GONE);
	assert_int_equal(err.code, ERROR_GONE);
	assert_int_equal(fd, -1);
	assert_int_equal(seqpacket_send(pair[1], "x", 1, -1, &err), ERROR_GONE);
	assert_int_equal(seqpacket_send(pair[1], "x", 1, 0, &err), ERROR_GONE);
}

static void
test_seqpacket_last_words_are_heard_before_gone(void **state)
{
	char in[4];

	(void)state;
	assert_int_equal(seqpacket_send(pair[0], "last", 4, -1, NULL),
	    ERROR_NONE);
	fd_close(&pair[0]);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, NULL, 0, NULL),
	    ERROR_NONE);
	assert_memory_equal(in, "last", 4);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, NULL, 0, NULL),
	    ERROR_GONE);
}

/* The kernel then reports a reset before it hands out what was sent. */
static void
test_seqpacket_last_words_are_heard_though_ours_were_not(void **state)
{
	char in[4];

	(void)state;
	assert_int_equal(seqpacket_send(pair[1], "ours", 4, -1, NULL),
	    ERROR_NONE);
	assert_int_equal(seqpacket_send(pair[0], "last", 4, -1, NULL),
	    ERROR_NONE);
	fd_close(&pair[0]);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, NULL, 0, NULL),
	    ERROR_NONE);
	assert_memory_equal(in, "last", 4);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, NULL, 0, NULL),
	    ERROR_GONE);
}

static void
test_seqpacket_timeout_is_neither_early_nor_an_end(void **state)
{
	int64_t until;
	char in[4];
	int fd;

	(void)state;
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, &fd, 0, NULL),
	    ERROR_TIMEOUT);
	assert_int_equal(fd, -1);
	until = monotime_after(20 * MONOTIME_MS);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, &fd, until,
			     NULL),
	    ERROR_TIMEOUT);
	assert_true(monotime_now() >= until);
	assert_int_equal(seqpacket_send(pair[0], "good", 4, -1, NULL),
	    ERROR_NONE);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, &fd, until,
			     NULL),
	    ERROR_NONE);
}

static void
ignore_signal(int sig)
{
	(void)sig;
}

static void
test_seqpacket_signals_do_not_shorten_the_wait(void **state)
{
	struct sigaction action = { .sa_handler = ignore_signal }, old;
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
	int64_t until;
	char in[4];

	(void)state;
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	until = monotime_after(30 * MONOTIME_MS);
	assert_int_equal(seqpacket_recv(pair[1], in, sizeof in, NULL, until,
			     NULL),
	    ERROR_TIMEOUT);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_true(monotime_now() >= until);
}

static void
test_seqpacket_full_socket_is_a_limit_and_never_blocks(void **state)
{
	unsigned before = support_open_fds(), sent = 0;
	char message[512] = "";
	enum error_code code;
	int fd;

	(void)state;
	do
		code = seqpacket_send(pair[0], message, sizeof message,
		    sent % 2 == 0 ? 0 : -1, NULL);
	while (code == ERROR_NONE && ++sent < 1000000);
	assert_int_equal(code, ERROR_LIMIT);
	assert_true(sent > 0);
	for (unsigned n = 0; n < sent; n++) {
		assert_int_equal(seqpacket_recv(pair[1], message,
				     sizeof message, &fd, 0, NULL),
		    ERROR_NONE);
		assert_int_equal(fd >= 0, n % 2 == 0);
		fd_close(&fd);
	}
	assert_int_equal(seqpacket_send(pair[0], message, sizeof message, -1,
			     NULL),
	    ERROR_NONE);
	assert_int_equal(support_open_fds(), before);
}

/* Nobody is to be killed for it. */
static void
test_seqpacket_own_lack_of_descriptors_is_no_peer_error(void **state)
{
	struct rlimit limit, none;
	struct error err;
	char in[2];
	int fd = 99;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 2;
	assert_int_equal(seqpacket_send(pair[0], "ab", 2, 0, NULL), ERROR_NONE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(seqpacket_recv(pair[1], in, 2, &fd, 0, &err),
	    ERROR_SYSTEM);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(err.sys_errno, EMFILE);
	assert_int_equal(fd, -1);
}

static void
test_seqpacket_end_is_told_from_other_descriptors(void **state)
{
	int file, stream[2];

	(void)state;
	assert_true(seqpacket_is_end(pair[0]));
	assert_true(seqpacket_is_end(pair[1]));
	assert_int_equal(fd_memory("file", &file, NULL), ERROR_NONE);
	assert_false(seqpacket_is_end(file));
	fd_close(&file);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_false(seqpacket_is_end(stream[0]));
	fd_close(&stream[0]);
	fd_close(&stream[1]);
	assert_false(seqpacket_is_end(-1));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_ends_are_close_on_exec, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_messages_arrive_whole_and_in_order,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_brings_the_same_file_close_on_exec,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_what_is_not_due_is_a_peer_error_and_closed,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_empty_message_leaks_no_descriptor, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_closed_peer_is_gone_and_raises_no_signal,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_last_words_are_heard_before_gone, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_last_words_are_heard_though_ours_were_not,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_timeout_is_neither_early_nor_an_end,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_signals_do_not_shorten_the_wait, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_full_socket_is_a_limit_and_never_blocks,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_own_lack_of_descriptors_is_no_peer_error,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_seqpacket_end_is_told_from_other_descriptors,
		    open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
