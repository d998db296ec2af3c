/* test_tally - log lines are summed up
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "base/tally.h"
#include "support.h"

#define EVENTS 100000

static unsigned
add_many(struct tally *tally)
{
	unsigned alone = 0;

	for (unsigned i = 0; i < EVENTS; i++)
		alone += tally_add(tally);
	return alone;
}

/* As if the period had begun so much earlier. */
static void
let_pass(struct tally *tally, int64_t time)
{
	tally->began -= time;
}

static void
report(char *out, size_t size)
{
	struct support_capture capture;

	support_capture_begin(&capture);
	tally_report_all();
	support_capture_end(&capture, out, size);
}

static void
test_tally_logs_the_first_and_counts_the_rest(void **state)
{
	static struct tally tally = TALLY_INIT("mails were deferred");
	char text[512];

	(void)state;
	assert_int_equal(add_many(&tally), TALLY_LINES);
	report(text, sizeof text);
	assert_string_equal(text, "");
	let_pass(&tally, TALLY_PERIOD);
	report(text, sizeof text);
	assert_non_null(strstr(text,
	    "warning: 99990 more mails were deferred in the last"));
	report(text, sizeof text);
	assert_string_equal(text, "");
	assert_int_equal(add_many(&tally), TALLY_LINES);
}

static void
test_tally_of_an_event_after_the_period_reports_first(void **state)
{
	static struct tally tally = TALLY_INIT("sessions were ended");
	struct support_capture capture;
	char text[512];

	(void)state;
	add_many(&tally);
	let_pass(&tally, 2 * TALLY_PERIOD);
	support_capture_begin(&capture);
	assert_true(tally_add(&tally));
	support_capture_end(&capture, text, sizeof text);
	assert_non_null(strstr(text, "99990 more sessions were ended"));
}

static void
test_tally_that_left_out_nothing_says_nothing(void **state)
{
	static struct tally tally = TALLY_INIT("mails were deferred");
	char text[512];

	(void)state;
	for (unsigned i = 0; i < TALLY_LINES; i++)
		assert_true(tally_add(&tally));
	let_pass(&tally, TALLY_PERIOD);
	report(text, sizeof text);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tally_logs_the_first_and_counts_the_rest),
		cmocka_unit_test(
		    test_tally_of_an_event_after_the_period_reports_first),
		cmocka_unit_test(test_tally_that_left_out_nothing_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
