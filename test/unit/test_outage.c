/* test_outage - what goes on is said less and less often
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/monotime.h"
#include "base/outage.h"
#include "support.h"

/* The clock, to whose time all that is linked here goes. */
static int64_t now;

int64_t
monotime_now(void)
{
	return now;
}

#define MINUTE (60 * MONOTIME_S)

static void
test_outage_is_said_at_growing_intervals(void **state)
{
	static const int said_at[] = { 0, 1, 3, 7, 15, 31, 63, 123, 183 };
	struct outage outage = { .since = 0 };
	size_t next = 0;

	(void)state;
	now = 1000 * MINUTE;
	for (int minute = 0; minute < 200; minute++, now += MINUTE) {
		bool due = next < LENGTH(said_at) && said_at[next] == minute;

		assert_int_equal(outage_goes_on(&outage, "no signatures"), due);
		next += due;
	}
	assert_int_equal(next, LENGTH(said_at));
	assert_true(outage_end(&outage) == 200 * MINUTE);
}

static void
test_outage_with_another_reason_is_said_at_once(void **state)
{
	struct outage outage = { .since = 0 };

	(void)state;
	now = MINUTE;
	assert_true(outage_goes_on(&outage, "no signatures"));
	assert_false(outage_goes_on(&outage, "no signatures"));
	assert_true(outage_goes_on(&outage, "broken signatures"));
	assert_false(outage_goes_on(&outage, "broken signatures"));
	now += MINUTE;
	assert_true(outage_goes_on(&outage, "broken signatures"));
}

static void
test_outage_that_is_over_begins_anew(void **state)
{
	struct outage outage = { .since = 0 };

	(void)state;
	now = MINUTE;
	assert_true(outage_end(&outage) == 0);
	assert_true(outage_goes_on(&outage, "no signatures"));
	now += 1;
	assert_true(outage_end(&outage) == 1);
	assert_true(outage_end(&outage) == 0);
	assert_true(outage_goes_on(&outage, "no signatures"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outage_is_said_at_growing_intervals),
		cmocka_unit_test(
		    test_outage_with_another_reason_is_said_at_once),
		cmocka_unit_test(test_outage_that_is_over_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
