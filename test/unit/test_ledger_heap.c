/* test_ledger_heap - the oldest row comes first, whatever came and went
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_heap.h"
#include "support.h"

#define ROWS 500
#define STEPS 20000

static struct ledger_entry rows[ROWS];
static bool here[ROWS];
static struct ledger_heap heap;

static int
setup(void **state)
{
	(void)state;
	memset(rows, 0, sizeof rows);
	memset(here, 0, sizeof here);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ledger_heap_fini(&heap);
	return 0;
}

static void
add(size_t n, int64_t touched_at, uint64_t nth)
{
	rows[n].touched_at = touched_at;
	rows[n].touched_nth = nth;
	here[n] = true;
	ledger_heap_add(&heap, &rows[n]);
}

static void
take(size_t n)
{
	here[n] = false;
	ledger_heap_remove(&heap, &rows[n]);
}

static bool
is_older(const struct ledger_entry *a, const struct ledger_entry *b)
{
	return a->touched_at < b->touched_at ||
	    (a->touched_at == b->touched_at && a->touched_nth < b->touched_nth);
}

/* By looking at all of them. */
static const struct ledger_entry *
oldest(void)
{
	const struct ledger_entry *found = NULL;

	for (size_t n = 0; n < ROWS; n++)
		if (here[n] && (found == NULL || is_older(&rows[n], found)))
			found = &rows[n];
	return found;
}

static void
test_ledger_heap_that_is_empty_has_no_oldest(void **state)
{
	(void)state;
	assert_null(ledger_heap_oldest(&heap));
	add(0, 1, 1);
	take(0);
	assert_null(ledger_heap_oldest(&heap));
}

static void
test_ledger_heap_rows_of_one_time_go_as_they_came(void **state)
{
	(void)state;
	for (size_t n = 0; n < ROWS; n++)
		add(n, 7, n);
	for (size_t n = 0; n < ROWS; n++) {
		assert_ptr_equal(ledger_heap_oldest(&heap), &rows[n]);
		take(n);
	}
}

static void
test_ledger_heap_agrees_with_a_look_at_all_rows(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned step = 0; step < STEPS; step++) {
		size_t n = (size_t)random() % ROWS;

		if (here[n])
			take(n);
		else
			add(n, random() % 100 - 50, step);
		assert_ptr_equal(ledger_heap_oldest(&heap), oldest());
	}
	while (heap.count > 0) {
		assert_ptr_equal(ledger_heap_oldest(&heap), oldest());
		take((size_t)(ledger_heap_oldest(&heap) - rows));
	}
}

#define HEAP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(test_ledger_heap_that_is_empty_has_no_oldest),
		HEAP_TEST(test_ledger_heap_rows_of_one_time_go_as_they_came),
		HEAP_TEST(test_ledger_heap_agrees_with_a_look_at_all_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
