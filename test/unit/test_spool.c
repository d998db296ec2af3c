/* spool: a held mail is there whole or not at all
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "config/config.h"
#include "hold/spool.h"
#include "support.h"

#define MARK "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"

static const char bytes[] = "Received: x\r\n\r\nthe mail\r\n";

struct fixture {
	char top[32];
	char path[64];
	struct spool *spool;
	size_t found;
	struct spool_mail last;
	unsigned fds;
};

static void
take(void *context, const struct spool_mail *mail)
{
	struct fixture *f = context;

	f->found++;
	f->last = *mail;
}

static void
open_it(struct fixture *f)
{
	struct error err;

	f->found = 0;
	if (spool_open(f->path, take, f, &f->spool, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
}

static void
reopen(struct fixture *f)
{
	spool_close(&f->spool);
	open_it(f);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->fds = support_open_fds();
	support_make_directory(f->top);
	snprintf(f->path, sizeof f->path, "%s/held", f->top);
	open_it(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	spool_close(&f->spool);
	assert_int_equal(support_open_fds(), f->fds);
	snprintf(command, sizeof command, "rm -r %s", f->top);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct spool_mail
make_mail(const char *mark)
{
	struct spool_mail mail;

	memset(&mail, 0, sizeof mail);
	strcpy(mail.at_mta.queue_id, "4F2C1A0B");
	strcpy(mail.at_mta.mark, mark);
	mail.at_mta.size = 1000;
	mail.size = sizeof bytes - 1;
	mail.structure = COST_MIXED;
	mail.actions[VERDICT_INFECTED] = ACTION_REJECT;
	strcpy(mail.reason, "scan-running");
	return mail;
}

static void
put(struct fixture *f, const char *mark)
{
	struct spool_mail mail = make_mail(mark);
	struct error err;
	int fd;

	assert_int_equal(fd_memory("mail", &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, bytes, sizeof bytes - 1, 0, &err),
	    ERROR_NONE);
	if (spool_put(f->spool, &mail, fd, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	close(fd);
	/* It can be read at once, too. */
	if (spool_get(f->spool, &mail, &fd, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	close(fd);
}

static void
file_of(const struct fixture *f, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", f->path, name);
}

static bool
exists(const struct fixture *f, const char *name)
{
	char path[128];

	file_of(f, name, path);
	return access(path, F_OK) == 0;
}

static void
test_spool_keeps_a_mail_over_a_restart(void **state)
{
	struct fixture *f = *state;
	struct spool_mail mail = make_mail(MARK);
	char back[sizeof bytes] = "";
	int fd;

	assert_int_equal(f->found, 0);
	put(f, MARK);
	reopen(f);
	assert_int_equal(f->found, 1);
	memcpy(mail.digest, f->last.digest, sizeof mail.digest);
	assert_memory_equal(&f->last, &mail, sizeof mail);
	assert_int_equal(spool_get(f->spool, &f->last, &fd, NULL), ERROR_NONE);
	assert_int_equal(read(fd, back, sizeof bytes - 1), sizeof bytes - 1);
	assert_string_equal(back, bytes);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
}

static void
test_spool_forgets_what_is_removed(void **state)
{
	struct fixture *f = *state;
	struct spool_mail mail = make_mail(MARK);

	put(f, MARK);
	put(f, OTHER);
	assert_int_equal(spool_remove(f->spool, &mail, NULL), ERROR_NONE);
	assert_int_equal(spool_remove(f->spool, &mail, NULL), ERROR_NONE);
	reopen(f);
	assert_int_equal(f->found, 1);
	assert_string_equal(f->last.at_mta.mark, OTHER);
}

static void
test_spool_removes_what_was_not_written_to_its_end(void **state)
{
	struct fixture *f = *state;
	char from[128], to[128];

	put(f, MARK);
	file_of(f, MARK, from);
	file_of(f, MARK ".new", to);
	assert_int_equal(rename(from, to), 0);
	reopen(f);
	assert_int_equal(f->found, 0);
	assert_false(exists(f, MARK ".new"));
	reopen(f);
	assert_false(exists(f, MARK ".eml"));
}

/* Cuts a file, or changes one byte of it. */
static void
damage(const struct fixture *f, const char *name, off_t keep, off_t flip)
{
	char path[128], byte;
	struct stat st;
	int fd;

	file_of(f, name, path);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	if (keep >= 0)
		assert_int_equal(ftruncate(fd, keep), 0);
	if (flip >= 0) {
		assert_int_equal(pread(fd, &byte, 1, flip), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, flip), 1);
	}
	close(fd);
}

static void
test_spool_sets_aside_what_is_damaged(void **state)
{
	static const struct {
		const char *what, *name;
		off_t keep, flip; /* -1: not that */
	} cases[] = {
		{ "an empty record", MARK, 0, -1 },
		{ "half a record", MARK, 20, -1 },
		{ "a record and more", MARK, sizeof(struct spool_mail) + 99,
		    -1 },
		{ "another ID", MARK, -1, 8 },
		{ "another action", MARK, -1,
		    8 + offsetof(struct spool_mail, actions) },
		{ "another digest", MARK, -1, 8 + sizeof(struct spool_mail) },
		{ "no bytes", MARK ".eml", 0, -1 },
		{ "not all bytes", MARK ".eml", 5, -1 },
		{ "more bytes", MARK ".eml", 500, -1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		put(f, MARK);
		damage(f, cases[i].name, cases[i].keep, cases[i].flip);
		reopen(f);
		if (f->found != 0 || exists(f, MARK) ||
		    !exists(f, MARK ".bad") || !exists(f, MARK ".eml.bad"))
			fail_msg("%s", cases[i].what);
	}
}

/* As long as it was, but with other bytes: a clean verdict on these would
 * release another mail. */
static void
test_spool_does_not_hand_out_other_bytes(void **state)
{
	struct fixture *f = *state;
	int fd;

	put(f, MARK);
	reopen(f);
	damage(f, MARK ".eml", -1, 5);
	assert_int_equal(spool_get(f->spool, &f->last, &fd, NULL), ERROR_INPUT);
	assert_int_equal(fd, -1);
	spool_set_aside(f->spool, &f->last);
	assert_true(exists(f, MARK ".bad"));
	assert_true(exists(f, MARK ".eml.bad"));
}

/* The name says which mail it is. */
static void
test_spool_does_not_take_one_mail_for_another(void **state)
{
	struct fixture *f = *state;
	char from[128], to[128];

	put(f, MARK);
	file_of(f, MARK, from);
	file_of(f, OTHER, to);
	assert_int_equal(rename(from, to), 0);
	reopen(f);
	assert_int_equal(f->found, 0);
	assert_true(exists(f, OTHER ".bad"));
}

static void
test_spool_leaves_nothing_of_what_it_could_not_write(void **state)
{
	struct fixture *f = *state;
	struct spool_mail mail = make_mail(MARK);
	struct error err;
	int fd;

	/* Shorter than it says. */
	assert_int_equal(fd_memory("mail", &fd, &err), ERROR_NONE);
	assert_int_equal(spool_put(f->spool, &mail, fd, &err), ERROR_INPUT);
	close(fd);
	assert_false(exists(f, MARK));
	assert_false(exists(f, MARK ".new"));
	assert_false(exists(f, MARK ".eml"));
}

static void
test_spool_in_a_place_that_can_not_be_is_an_error(void **state)
{
	struct spool *spool;
	struct error err;

	(void)state;
	assert_int_equal(spool_open("/nonexistent/held", take, NULL, &spool,
			     &err),
	    ERROR_SYSTEM);
	assert_null(spool);
	assert_non_null(strstr(err.text, "/nonexistent/held"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_spool_keeps_a_mail_over_a_restart),
		TEST(test_spool_forgets_what_is_removed),
		TEST(test_spool_removes_what_was_not_written_to_its_end),
		TEST(test_spool_sets_aside_what_is_damaged),
		TEST(test_spool_does_not_hand_out_other_bytes),
		TEST(test_spool_does_not_take_one_mail_for_another),
		TEST(test_spool_leaves_nothing_of_what_it_could_not_write),
		cmocka_unit_test(
		    test_spool_in_a_place_that_can_not_be_is_an_error),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
