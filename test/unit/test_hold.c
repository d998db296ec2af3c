/* hold: what another process is to find on the disk is there, or isn't held
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "config/config.h"
#include "hold/hold.h"
#include "scan/engines.h"
#include "scan/scanner.h"
#include "support.h"

#define PATIENCE (20 * MONOTIME_S)

static const char text[] = "Received: x\r\n\r\nthe mail\r\n";

/* --- a disk that hangs: this stands before the C library's --- */

static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t disk_changed = PTHREAD_COND_INITIALIZER;
static bool disk_hangs;
static unsigned hanging; /* threads that wait for the disk */

int
fsync(int fd)
{
	static int (*next)(int);

	pthread_mutex_lock(&disk_lock);
	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "fsync");
	hanging++;
	pthread_cond_broadcast(&disk_changed);
	while (disk_hangs)
		pthread_cond_wait(&disk_changed, &disk_lock);
	hanging--;
	pthread_mutex_unlock(&disk_lock);
	return next(fd);
}

static void
disk_hang(bool hang)
{
	pthread_mutex_lock(&disk_lock);
	disk_hangs = hang;
	pthread_cond_broadcast(&disk_changed);
	pthread_mutex_unlock(&disk_lock);
}

static void
disk_await_one(void)
{
	pthread_mutex_lock(&disk_lock);
	while (hanging == 0)
		pthread_cond_wait(&disk_changed, &disk_lock);
	pthread_mutex_unlock(&disk_lock);
}

struct fixture {
	char directory[32];
	char spool[64];
	struct config *config;
	struct engines *engines;
	struct scanner *scanner;
	struct hold *hold;
	atomic_int released;
};

static void
await_spool(struct fixture *f)
{
	int64_t until = monotime_after(PATIENCE);

	while (support_count_names(f->spool) == UINT32_MAX)
		assert_true(monotime_now() < until);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char settings[128];
	struct error err;

	assert_non_null(f);
	support_make_directory(f->directory);
	snprintf(f->spool, sizeof f->spool, "%s/held", f->directory);
	snprintf(settings, sizeof settings, "state_directory = \"%s\"\n",
	    f->directory);
	f->config = support_config(settings);
	f->engines = engines_create(NULL);
	assert_int_equal(scanner_create(f->config, f->engines, &f->scanner,
			     &err),
	    ERROR_NONE);
	assert_int_equal(hold_create(f->config, f->scanner, &f->hold, &err),
	    ERROR_NONE);
	await_spool(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	disk_hang(false);
	hold_destroy(&f->hold);
	scanner_destroy(&f->scanner);
	engines_destroy(&f->engines);
	config_destroy(&f->config);
	snprintf(command, sizeof command, "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
release(void *owner)
{
	struct fixture *f = owner;

	atomic_fetch_add(&f->released, 1);
}

/* Begins to hold a mail; the spool may not have been read yet. */
static struct held *
begin(struct fixture *f, int fd)
{
	int64_t until = monotime_after(PATIENCE);
	struct hold_request request = {
		.content = { .fd = fd,
		    .size = sizeof text - 1,
		    .release = release,
		    .owner = f },
		.mail = { .size = sizeof text - 1, .reason = "scan-running" },
	};
	struct held *held;
	struct error err;

	strcpy(request.mail.at_mta.queue_id, "4ABC");
	request.mail.at_mta.arrived_at = 1;
	while (hold_begin(f->hold, &request, &held, &err) != ERROR_NONE) {
		assert_string_equal(err.text, "hold-not-ready");
		assert_true(monotime_now() < until);
	}
	return held;
}

static int
make_content(void)
{
	struct error err;
	int fd;

	assert_int_equal(fd_memory("mail", &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, text, sizeof text - 1, 0, &err),
	    ERROR_NONE);
	return fd;
}

static void
expect_not_ready(struct held *held)
{
	struct error err;

	assert_int_equal(hold_wait(held, monotime_after(PATIENCE), &err),
	    ERROR_LIMIT);
	assert_string_equal(err.text, "hold-not-ready");
}

static void
test_hold_mail_that_is_safe_too_late_is_not_held(void **state)
{
	struct fixture *f = *state;
	int fd = make_content();
	struct held *held;

	disk_hang(true);
	held = begin(f, fd);
	disk_await_one();
	hold_let_go(f->hold, monotime_now());
	expect_not_ready(held);
	disk_hang(false);
	while (
	    support_count_names(f->spool) < 2 || atomic_load(&f->released) == 0)
		usleep(1000);
	expect_not_ready(held);
	hold_cancel(&held);
	close(fd);
}

static void
test_hold_mail_that_is_safe_in_time_may_be_confirmed(void **state)
{
	struct fixture *f = *state;
	int fd = make_content();
	struct ticket *ticket = NULL;
	struct held *held;
	struct error err;

	held = begin(f, fd);
	assert_int_equal(hold_wait(held, monotime_after(PATIENCE), &err),
	    ERROR_NONE);
	hold_let_go(f->hold, monotime_now());
	assert_int_equal(hold_wait(held, monotime_after(PATIENCE), &err),
	    ERROR_NONE);
	hold_confirm(&held, &ticket);
	assert_int_equal(support_count_names(f->spool), 2);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_hold_mail_that_is_safe_too_late_is_not_held, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    test_hold_mail_that_is_safe_in_time_may_be_confirmed,
		    set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
