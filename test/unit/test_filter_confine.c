/* test_filter_confine - the filter goes on working, in its own places
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/landlock.h"
#include "base/monotime.h"
#include "config/config.h"
#include "filter/filter_confine.h"
#include "filter/filter_state.h"
#include "filter/hangup.h"
#include "scan/engines.h"
#include "scan/scanner.h"
#include "support.h"

struct place {
	char state[32];
	char buffers[32];
	struct config *config;
	struct filter_state filter;
	int listener;
};

/* A filter whose socket is open, and who is about to start. */
static void
open_place(struct place *place, const char *sandbox)
{
	struct sockaddr_in *address;
	char text[256];

	memset(place, 0, sizeof *place);
	support_make_directory(place->state);
	support_make_directory(place->buffers);
	snprintf(text, sizeof text,
	    "state_directory = '%s' "
	    "buffer { directory = '%s' } "
	    "engine { workers = 1 background = 1 sandbox = '%s' }",
	    place->state, place->buffers, sandbox);
	place->config = support_config(text);
	filter_state_init(&place->filter, place->config);
	place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address = (struct sockaddr_in *)&place->filter.wakeup.address;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	place->filter.wakeup.length = sizeof *address;
	assert_int_equal(0,
	    bind(place->listener, (struct sockaddr *)address, sizeof *address));
	assert_int_equal(0, listen(place->listener, 8));
	assert_int_equal(0,
	    getsockname(place->listener, (struct sockaddr *)address,
		&place->filter.wakeup.length));
}

static void
close_place(struct place *place)
{
	char path[64];

	close(place->listener);
	snprintf(path, sizeof path, "%s/ledger.sqlite", place->state);
	unlink(path);
	snprintf(path, sizeof path, "%s/ledger.sqlite-journal", place->state);
	unlink(path);
	support_remove_directory(place->state);
	support_remove_directory(place->buffers);
	filter_state_fini(&place->filter);
	config_destroy(&place->config);
}

static bool
can_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
spills(const struct place *place)
{
	int spill, copy;
	struct error err;

	return support_check(fd_spill(place->buffers, &spill, &err) ==
		       ERROR_NONE,
		   "a spill file") &&
	    support_check(fd_reopen_readonly(spill, &copy, &err) == ERROR_NONE,
		"reopened");
}

/* Threads, and the store's file made and closed. */
static bool
scans(struct place *place)
{
	struct engines *engines = engines_create(NULL);
	struct error err = { .text = "" };
	char path[64];
	struct stat st;

	if (!support_check(scanner_create(place->config, engines,
			       &place->filter.scanner, &err) == ERROR_NONE,
		err.text))
		return false;
	scanner_destroy(&place->filter.scanner);
	engines_destroy(&engines);
	snprintf(path, sizeof path, "%s/ledger.sqlite", place->state);
	return support_check(stat(path, &st) == 0, "the store's file");
}

static bool
wakes_up(struct place *place)
{
	int flags = fcntl(place->listener, F_GETFL);

	fcntl(place->listener, F_SETFL, flags | O_NONBLOCK);
	for (int tries = 0; tries < 100; tries++) {
		wakeup_connect(&place->filter.wakeup);
		if (accept(place->listener, NULL, NULL) >= 0)
			return true;
		usleep(10000);
	}
	return support_check(false, "a wake-up connection");
}

/* A session that nobody closes. */
static bool
hangs_up(struct place *place)
{
	int session;

	wakeup_connect(&place->filter.wakeup);
	session = accept(place->listener, NULL, NULL);
	return support_check(session >= 0, "a session") &&
	    support_check(hangup_all(place->filter.descriptors,
			      &place->filter.wakeup, false,
			      monotime_after(100 * MONOTIME_MS)) > 0,
		"it is seen");
}

static bool
works_confined(void *context)
{
	struct place *place = context;

	place->filter.descriptors = hangup_open();
	filter_confine(&place->filter);
	return spills(place) && scans(place) && wakes_up(place) &&
	    hangs_up(place) &&
	    support_check(!can_open("/etc/passwd"), "/etc is closed") &&
	    support_check(!can_open("/tmp"), "/tmp is closed");
}

static void
test_filter_confined_goes_on_working(void **state)
{
	struct place place;

	(void)state;
	open_place(&place, "best-effort");
	support_in_child(works_confined, &place);
	close_place(&place);
}

static bool
works_open(void *context)
{
	struct place *place = context;

	filter_confine(&place->filter);
	return spills(place) && scans(place) && wakes_up(place) &&
	    support_check(can_open("/etc/passwd"), "/etc is open");
}

static void
test_filter_is_not_confined_when_it_is_off(void **state)
{
	struct place place;

	(void)state;
	open_place(&place, "off");
	support_in_child(works_open, &place);
	close_place(&place);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_confined_goes_on_working),
		cmocka_unit_test(test_filter_is_not_confined_when_it_is_off),
	};

	if (SANITIZED) {
		puts("skipped: with a sanitizer there is no confinement");
		return SUPPORT_SKIPPED;
	}
	if (landlock_version() == 0) {
		puts("skipped: this kernel has no Landlock");
		return SUPPORT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
