/* The replies that are owed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter/debts.h"

static void
test_debts_are_owed_until_they_are_removed(void **state)
{
	struct debt early, late;
	struct debts debts;
	unsigned overdue;

	(void)state;
	debts_init(&debts);
	debts_add(&debts, &early, 100);
	debts_add(&debts, &late, 200);
	assert_int_equal(debts_count(&debts, 100, &overdue), 2);
	assert_int_equal(overdue, 0);
	assert_int_equal(debts_count(&debts, 101, &overdue), 2);
	assert_int_equal(overdue, 1);
	debts_remove(&debts, &early);
	assert_int_equal(debts_count(&debts, 101, &overdue), 1);
	assert_int_equal(overdue, 0);
	assert_int_equal(debts_count(&debts, INT64_MAX, &overdue), 1);
	assert_int_equal(overdue, 1);
	debts_remove(&debts, &late);
	assert_int_equal(debts_count(&debts, INT64_MAX, &overdue), 0);
	assert_int_equal(overdue, 0);
	debts_fini(&debts);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debts_are_owed_until_they_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
