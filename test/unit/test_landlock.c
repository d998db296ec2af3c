/* test_landlock - what is left of the file system behind a fence
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/landlock.h"
#include "support.h"

/* What each test has: directories of its own, and sockets that listen. */
struct yard {
	char inside[32]; /* may be written to */
	char shown[32];  /* may be read */
	char outside[32];
	char file[3][48]; /* one in each, in this order */
	int version;
	uint16_t port, other_port;
	struct sockaddr_un abstract;
	bool keep_abstract;
};

static int
listen_tcp(uint16_t *port_r)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof address;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(0, bind(fd, (struct sockaddr *)&address, len));
	assert_int_equal(0, listen(fd, 8));
	assert_int_equal(0, getsockname(fd, (struct sockaddr *)&address, &len));
	*port_r = ntohs(address.sin_port);
	return fd;
}

static int
listen_abstract(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path + 1, sizeof address->sun_path - 1,
	    "vscan-unit-%d", (int)getpid());
	assert_int_equal(0,
	    bind(fd, (struct sockaddr *)address, sizeof *address));
	assert_int_equal(0, listen(fd, 8));
	return fd;
}

static void
open_yard(struct yard *yard)
{
	const char *const places[] = { yard->inside, yard->shown,
		yard->outside };
	int fd;

	memset(yard, 0, sizeof *yard);
	support_make_directory(yard->inside);
	support_make_directory(yard->shown);
	support_make_directory(yard->outside);
	for (size_t i = 0; i < LENGTH(places); i++) {
		snprintf(yard->file[i], sizeof yard->file[i], "%s/file",
		    places[i]);
		fd = creat(yard->file[i], 0600);
		assert_true(fd >= 0);
		close(fd);
	}
	yard->version = landlock_version();
}

static void
close_yard(struct yard *yard)
{
	for (size_t i = 0; i < LENGTH(yard->file); i++)
		assert_int_equal(0, unlink(yard->file[i]));
	support_remove_directory(yard->inside);
	support_remove_directory(yard->shown);
	support_remove_directory(yard->outside);
}

/* In a child. */
static bool
enter(const struct yard *yard)
{
	const struct landlock_place places[] = {
		{ yard->inside, true },
		{ yard->shown, false },
		{ "/dev/null", true },
		{ "/there/is/no/such/place", true },
	};
	const struct landlock_fence fence = {
		.places = places,
		.count = LENGTH(places),
		.port = yard->port,
		.abstract = yard->keep_abstract,
	};
	struct error err;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_enter(&fence, yard->version, &err) == ERROR_NONE)
		return true;
	return support_check(false, err.text);
}

static bool
opens(const char *path, int flags, int want)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int got = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (got != want)
		fprintf(stderr, "%s: error %d\n", path, got);
	return got == want;
}

/* Makes, moves and removes, all within one place. */
static bool
lives_in(const char *place)
{
	char deep[64], file[96], moved[64];

	snprintf(deep, sizeof deep, "%s/deep", place);
	snprintf(file, sizeof file, "%s/file", deep);
	snprintf(moved, sizeof moved, "%s/moved", place);
	return support_check(mkdir(deep, 0700) == 0, "mkdir") &&
	    opens(file, O_WRONLY | O_CREAT | O_TRUNC, 0) &&
	    support_check(rename(file, moved) == 0, "rename") &&
	    support_check(truncate(moved, 10) == 0, "truncate") &&
	    support_check(unlink(moved) == 0, "unlink") &&
	    support_check(rmdir(deep) == 0, "rmdir") &&
	    opens(place, O_RDONLY | O_DIRECTORY, 0) &&
	    opens(place, O_TMPFILE | O_RDWR, 0);
}

static bool
files_behind_the_fence(void *context)
{
	const struct yard *yard = context;
	char made[48];

	snprintf(made, sizeof made, "%s/made", yard->outside);
	return enter(yard) && lives_in(yard->inside) &&
	    opens(yard->file[1], O_RDONLY, 0) &&
	    opens(yard->shown, O_RDONLY | O_DIRECTORY, 0) &&
	    opens(yard->file[1], O_WRONLY, EACCES) &&
	    support_check(unlink(yard->file[1]) < 0, "unlink shown") &&
	    opens(yard->file[2], O_RDONLY, EACCES) &&
	    opens(yard->outside, O_RDONLY | O_DIRECTORY, EACCES) &&
	    opens(made, O_WRONLY | O_CREAT, EACCES) &&
	    opens(yard->outside, O_TMPFILE | O_RDWR, EACCES) &&
	    opens("/dev/null", O_RDWR, 0) &&
	    opens("/etc/passwd", O_RDONLY, EACCES) &&
	    opens("/", O_RDONLY | O_DIRECTORY, EACCES) &&
	    support_check(symlink("/", "/tmp/vscan-unit-link") < 0, "symlink");
}

static void
test_landlock_leaves_its_places_and_no_others(void **state)
{
	struct yard yard;

	(void)state;
	open_yard(&yard);
	support_in_child(files_behind_the_fence, &yard);
	close_yard(&yard);
}

/* What a spill file is reopened by: /proc/self/fd, which is not a place. */
static bool
reopen_behind_the_fence(void *context)
{
	const struct yard *yard = context;
	int memory, spill, copy;
	struct error err;

	return enter(yard) && fd_memory("unit", &memory, &err) == ERROR_NONE &&
	    fd_spill(yard->inside, &spill, &err) == ERROR_NONE &&
	    support_check(fd_reopen_readonly(memory, &copy, &err) == ERROR_NONE,
		err.text) &&
	    support_check(fd_reopen_readonly(spill, &copy, &err) == ERROR_NONE,
		err.text) &&
	    support_check(fd_spill(yard->outside, &spill, &err) != ERROR_NONE,
		"no spill outside");
}

static void
test_landlock_lets_memory_and_spill_files_be_reopened(void **state)
{
	struct yard yard;

	(void)state;
	open_yard(&yard);
	support_in_child(reopen_behind_the_fence, &yard);
	close_yard(&yard);
}

static bool
old_version(void *context)
{
	const struct yard *yard = context;

	return enter(yard) && opens(yard->file[0], O_RDWR, 0) &&
	    opens(yard->file[2], O_RDONLY, EACCES) &&
	    opens("/etc/passwd", O_RDONLY, EACCES);
}

/* A kernel of a later version takes what an older one would take. */
static void
test_landlock_every_version_up_to_the_kernels_is_usable(void **state)
{
	int newest = landlock_version();
	struct yard yard;

	(void)state;
	open_yard(&yard);
	for (yard.version = 1; yard.version <= newest; yard.version++)
		support_in_child(old_version, &yard);
	close_yard(&yard);
}

static bool
no_version(void *context)
{
	const struct landlock_fence fence = { .count = 0 };
	struct error err;

	(void)context;
	return support_check(landlock_enter(&fence, 0, &err) ==
		       ERROR_UNSUPPORTED,
		   "unsupported") &&
	    opens("/etc/passwd", O_RDONLY, 0);
}

static void
test_landlock_without_a_version_is_unsupported(void **state)
{
	(void)state;
	support_in_child(no_version, NULL);
}

/* 0 or the error. */
static int
connect_tcp(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&address, sizeof address) < 0
	    ? errno
	    : 0;
}

static int
bind_tcp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno
									 : 0;
}

static bool
tcp_behind_the_fence(void *context)
{
	const struct yard *yard = context;

	return enter(yard) &&
	    support_check(connect_tcp(yard->port) == 0, "the port") &&
	    support_check(connect_tcp(yard->other_port) == EACCES,
		"not another port") &&
	    support_check(bind_tcp() == EACCES, "bind");
}

static void
test_landlock_leaves_one_port_to_connect_to(void **state)
{
	struct yard yard;
	int listening, other;

	(void)state;
	if (landlock_version() < 4)
		skip();
	open_yard(&yard);
	listening = listen_tcp(&yard.port);
	other = listen_tcp(&yard.other_port);
	support_in_child(tcp_behind_the_fence, &yard);
	close(listening);
	close(other);
	close_yard(&yard);
}

static bool
scopes_of_the_fence(void *context)
{
	const struct yard *yard = context;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	if (!enter(yard))
		return false;
	connected = connect(fd, (const struct sockaddr *)&yard->abstract,
			sizeof yard->abstract) == 0;
	return support_check(connected == yard->keep_abstract, "abstract") &&
	    support_check(kill(getppid(), 0) < 0 && errno == EPERM,
		"no signal to the parent") &&
	    support_check(kill(getpid(), 0) == 0, "signals to oneself");
}

static void
test_landlock_keeps_signals_and_abstract_sockets_in(void **state)
{
	struct yard yard;
	int fd;

	(void)state;
	if (landlock_version() < 6)
		skip();
	open_yard(&yard);
	fd = listen_abstract(&yard.abstract);
	support_in_child(scopes_of_the_fence, &yard);
	yard.keep_abstract = true;
	support_in_child(scopes_of_the_fence, &yard);
	close(fd);
	close_yard(&yard);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_landlock_leaves_its_places_and_no_others),
		cmocka_unit_test(
		    test_landlock_lets_memory_and_spill_files_be_reopened),
		cmocka_unit_test(
		    test_landlock_every_version_up_to_the_kernels_is_usable),
		cmocka_unit_test(
		    test_landlock_without_a_version_is_unsupported),
		cmocka_unit_test(test_landlock_leaves_one_port_to_connect_to),
		cmocka_unit_test(
		    test_landlock_keeps_signals_and_abstract_sockets_in),
	};

	if (landlock_version() == 0) {
		fprintf(stderr, "skipped: this kernel has no Landlock\n");
		return SUPPORT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
