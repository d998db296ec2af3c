/* handover: the successor gets each row, however late it begins to read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "filter/handover.h"
#include "ledger/row.h"

/* As many as change while the next filter starts on a busy machine, and more
 * than the buffer of a socket takes. */
#define ROWS 3000
#define PATIENCE (20 * MONOTIME_S)

/* Its thread runs until the process ends. */
static struct handover handover;
static int ends[2];
static unsigned read_well;

static int
set_up(void **state)
{
	struct timeval patience = { .tv_sec = 20 };
	struct error err;

	(void)state;
	assert_int_equal(seqpacket_pair(ends, &err), ERROR_NONE);
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience,
			     sizeof patience),
	    0);
	assert_int_equal(handover_begin(&handover, ends[0], &err), ERROR_NONE);
	return 0;
}

static void
send_rows(unsigned count)
{
	struct row row = { .tries = 1 };

	for (unsigned i = 0; i < count; i++) {
		memcpy(row.key.bytes, &i, sizeof i);
		handover_send(&handover, &row);
	}
}

/* In the order in which they were sent. */
static void *
read_rows(void *unused)
{
	unsigned char data[ROW_PACKED_MAX];
	struct row row;
	ssize_t len;

	(void)unused;
	for (read_well = 0; read_well < ROWS; read_well++) {
		len = recv(ends[1], data, sizeof data, 0);
		if (len <= 0 || !row_unpack(data, (size_t)len, &row))
			break;
		if (memcmp(row.key.bytes, &read_well, sizeof read_well) != 0)
			break;
		row_fini(&row);
	}
	return NULL;
}

static void
test_rows_wait_for_a_successor_that_reads_late(void **state)
{
	pthread_t reader;

	(void)state;
	send_rows(ROWS);
	assert_int_equal(pthread_create(&reader, NULL, read_rows, NULL), 0);
	handover_end(&handover, monotime_after(PATIENCE));
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(read_well, ROWS);
	assert_false(handover.complained);
}

static void
test_rows_that_nobody_takes_in_time_are_told_of(void **state)
{
	(void)state;
	send_rows(ROWS);
	handover_end(&handover, monotime_now());
	assert_true(handover.complained);
	handover.complained = false;
}

/* After the other tests: the end is closed then. */
static void
test_rows_are_dropped_when_the_successor_has_gone(void **state)
{
	(void)state;
	send_rows(ROWS);
	fd_close(&ends[1]);
	handover_end(&handover, monotime_after(PATIENCE));
	assert_int_equal(handover.rows.count, 0);
	assert_true(handover.complained);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_rows_wait_for_a_successor_that_reads_late),
		cmocka_unit_test(
		    test_rows_that_nobody_takes_in_time_are_told_of),
		cmocka_unit_test(
		    test_rows_are_dropped_when_the_successor_has_gone),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
