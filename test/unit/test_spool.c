/* spool: a held mail is there whole or not at all
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
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

/* --- a disk that fails: these stand before the C library's --- */

static int entries_until_error = -1; /* of readdir(); -1: none */
static const char *unreadable;       /* openat() fails for this name */

struct dirent *
readdir(DIR *directory)
{
	static struct dirent *(*next)(DIR *);

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "readdir");
	if (entries_until_error < 0 || entries_until_error-- > 0)
		return next(directory);
	errno = EIO;
	return NULL;
}

int
openat(int directory, const char *name, int flags, ...)
{
	static int (*next)(int, const char *, int, ...);
	mode_t mode = 0;
	va_list args;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "openat");
	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (unreadable == NULL || strcmp(name, unreadable) != 0)
		return next(directory, name, flags, mode);
	errno = EIO;
	return -1;
}

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
		{ "a record and more", MARK, 5000, -1 },
		{ "a record and far more", MARK, 50000, -1 },
		{ "another format", MARK, -1, 0 },
		{ "another ID", MARK, -1, 20 },
		{ "another action", MARK, -1, 500 },
		{ "no line's end", MARK, -1, 7 },
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

/* --- what other versions wrote --- */

/* Writes a file as it is. */
static void
write_file(const struct fixture *f, const char *name, const void *data,
    size_t len)
{
	char path[128];
	FILE *out;

	file_of(f, name, path);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static size_t
read_file(const char *path, char *out, size_t size)
{
	FILE *in = fopen(path, "r");
	size_t len;

	if (in == NULL)
		fail_msg("%s", path);
	len = fread(out, 1, size - 1, in);
	out[len] = '\0';
	fclose(in);
	return len;
}

/* The mail of data/held-1, which the last version that wrote structures has
 * made. */
static void
assert_is_version_1(const struct spool_mail *mail)
{
	struct spool_mail expected = make_mail(MARK);

	expected.at_mta.arrived_at = 1769947200;
	memset(&expected.key, 0x11, sizeof expected.key);
	memset(&expected.envelope, 0x22, sizeof expected.envelope);
	expected.cut = true;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		expected.actions[kind] = (uint8_t)(kind % (ACTION_REJECT + 1));
	crypto_generichash(expected.digest, sizeof expected.digest,
	    (const unsigned char *)bytes, sizeof bytes - 1, NULL, 0);
	assert_memory_equal(mail, &expected, sizeof expected);
}

static void
test_spool_reads_a_mail_of_version_1(void **state)
{
	struct fixture *f = *state;
	char record[2000];
	size_t len = read_file(UNIT_DATA "/held-1", record, sizeof record);
	int fd;

	assert_int_equal(len, 416);
	write_file(f, MARK, record, len);
	write_file(f, MARK ".eml", bytes, sizeof bytes - 1);
	reopen(f);
	assert_int_equal(f->found, 1);
	assert_is_version_1(&f->last);
	assert_int_equal(spool_get(f->spool, &f->last, &fd, NULL), ERROR_NONE);
	close(fd);
}

/* A byte of it changed: its digest tells, as ever. */
static void
test_spool_sets_aside_a_damaged_mail_of_version_1(void **state)
{
	struct fixture *f = *state;
	char record[2000];
	size_t len = read_file(UNIT_DATA "/held-1", record, sizeof record);

	for (size_t at = 8; at < len; at += 17) {
		record[at] ^= 1;
		write_file(f, MARK, record, len);
		write_file(f, MARK ".eml", bytes, sizeof bytes - 1);
		record[at] ^= 1;
		reopen(f);
		assert_int_equal(f->found, 0);
		assert_true(exists(f, MARK ".bad"));
	}
}

/* The record of MARK with its sum made right again. */
static void
write_with_sum(const struct fixture *f, char *text)
{
	unsigned char sum[32];
	char hex[65], whole[8192];
	char *last = strstr(text, "\nsum ");

	if (last != NULL)
		last[1] = '\0';
	crypto_generichash(sum, sizeof sum, (const unsigned char *)text,
	    strlen(text), NULL, 0);
	sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
	snprintf(whole, sizeof whole, "%ssum %s\n", text, hex);
	write_file(f, MARK, whole, strlen(whole));
}

static void
read_record(const struct fixture *f, char *out, size_t size)
{
	char path[128];

	file_of(f, MARK, path);
	read_file(path, out, size);
}

/* What a later version may have added. */
static void
test_spool_passes_over_what_it_does_not_know(void **state)
{
	static const char more[] = "colour blue\nflag\n\naction splendid hold\n"
				   "action clean explode\nstructure round\n";
	struct fixture *f = *state;
	char text[4096], whole[8192];
	struct spool_mail mail;

	put(f, MARK);
	reopen(f);
	mail = f->last;
	read_record(f, text, sizeof text);
	*strstr(text, "sum ") = '\0';
	snprintf(whole, sizeof whole, "%s%s", text, more);
	write_with_sum(f, whole);
	reopen(f);
	assert_int_equal(f->found, 1);
	assert_memory_equal(&f->last, &mail, sizeof mail);
}

/* A version that has one verdict less: the mail is not let out by it. */
static void
test_spool_leaves_the_mail_for_a_verdict_that_is_not_named(void **state)
{
	struct fixture *f = *state;
	char text[4096], *line, *end;

	put(f, MARK);
	read_record(f, text, sizeof text);
	line = strstr(text, "action clean ");
	assert_non_null(line);
	end = strchr(line, '\n') + 1;
	memmove(line, end, strlen(end) + 1);
	write_with_sum(f, text);
	reopen(f);
	assert_int_equal(f->found, 1);
	assert_int_equal(f->last.actions[VERDICT_CLEAN], ACTION_QUARANTINE);
	assert_int_equal(f->last.actions[VERDICT_INFECTED], ACTION_REJECT);
}

static void
test_spool_sets_aside_a_mail_that_lacks_a_field(void **state)
{
	static const char *const names[] = { "queue-id", "mark", "mta-size",
		"arrived-at", "key", "envelope", "size", "digest", "cut",
		"reason" };
	struct fixture *f = *state;
	char text[4096], line[32], *at;

	for (size_t i = 0; i < LENGTH(names); i++) {
		put(f, MARK);
		read_record(f, text, sizeof text);
		snprintf(line, sizeof line, "\n%s ", names[i]);
		at = strstr(text, line);
		assert_non_null(at);
		at[1] = 'x';
		write_with_sum(f, text);
		reopen(f);
		if (f->found != 0 || !exists(f, MARK ".bad"))
			fail_msg("%s", names[i]);
	}
}

static void
test_spool_leaves_alone_what_a_later_version_wrote(void **state)
{
	struct fixture *f = *state;
	struct support_capture capture;
	char text[4096], log[4096];

	put(f, MARK);
	read_record(f, text, sizeof text);
	text[6] = '3';
	write_with_sum(f, text);
	support_capture_begin(&capture);
	reopen(f);
	support_capture_end(&capture, log, sizeof log);
	assert_int_equal(f->found, 0);
	assert_true(exists(f, MARK));
	assert_true(exists(f, MARK ".eml"));
	assert_non_null(strstr(log, MARK ": a later version wrote this file"));
}

/* --- a disk that can't be read --- */

static void
test_spool_directory_that_is_read_only_in_part_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct error err;

	put(f, MARK);
	put(f, OTHER);
	spool_close(&f->spool);
	for (int i = 0; i < 6; i++) {
		f->found = 0;
		entries_until_error = i;
		assert_int_equal(spool_open(f->path, take, f, &f->spool, &err),
		    ERROR_SYSTEM);
		assert_null(f->spool);
		assert_int_equal(f->found, 0);
		assert_int_equal(err.sys_errno, EIO);
		assert_non_null(strstr(err.text, f->path));
	}
	entries_until_error = -1;
	open_it(f);
	assert_int_equal(f->found, 2);
}

static void
test_spool_file_that_can_not_be_read_now_is_read_later(void **state)
{
	struct fixture *f = *state;
	struct support_capture capture;
	char log[4096];

	put(f, MARK);
	put(f, OTHER);
	unreadable = MARK;
	support_capture_begin(&capture);
	reopen(f);
	spool_read_again(f->spool, take, f);
	support_capture_end(&capture, log, sizeof log);
	unreadable = NULL;
	assert_int_equal(f->found, 1);
	assert_string_equal(f->last.at_mta.mark, OTHER);
	assert_int_equal(spool_unread(f->spool), 1);
	assert_true(exists(f, MARK));
	assert_non_null(strstr(log, MARK ": reading: Input/output error"));
	/* It is said once. */
	assert_null(strchr(strchr(log, '\n') + 1, '\n'));
	spool_read_again(f->spool, take, f);
	assert_int_equal(f->found, 2);
	assert_string_equal(f->last.at_mta.mark, MARK);
	assert_int_equal(spool_unread(f->spool), 0);
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
		TEST(test_spool_reads_a_mail_of_version_1),
		TEST(test_spool_sets_aside_a_damaged_mail_of_version_1),
		TEST(test_spool_passes_over_what_it_does_not_know),
		TEST(
		    test_spool_leaves_the_mail_for_a_verdict_that_is_not_named),
		TEST(test_spool_sets_aside_a_mail_that_lacks_a_field),
		TEST(test_spool_leaves_alone_what_a_later_version_wrote),
		TEST(
		    test_spool_directory_that_is_read_only_in_part_is_an_error),
		TEST(test_spool_file_that_can_not_be_read_now_is_read_later),
		cmocka_unit_test(
		    test_spool_in_a_place_that_can_not_be_is_an_error),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
