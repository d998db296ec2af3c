/* test_queue - the scans that wait, and which of them is next
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scan/queue.h"
#include "support.h"

#define NOW (1000 * MONOTIME_S)
#define HERE 7 /* a network, and others */
#define THERE 8
#define ELSEWHERE 9

static struct queue queue;

static int
empty_queue(void **state)
{
	(void)state;
	queue = (struct queue){ 0 };
	return 0;
}

static struct queue_item
item(int64_t came_at, int64_t cost)
{
	return (struct queue_item){ .came_at = came_at, .cost = cost };
}

static struct queue_item
background(uint64_t network, int64_t came_at)
{
	return (struct queue_item){ .came_at = came_at,
		.cost = 1,
		.network = network,
		.background = true };
}

/* Takes all that wait for lanes; they must come in this order. */
static void
expect_order(struct queue_item *const *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct queue_item *next = queue_next(&queue);

		if (next != expected[i])
			fail_msg("number %zu is another", i);
		queue_remove(&queue, next);
	}
	assert_null(queue_next(&queue));
}

static void
test_queue_that_is_empty_has_no_next(void **state)
{
	(void)state;
	assert_null(queue_next(&queue));
	assert_null(queue_next_background(&queue, NULL, 0, 8));
	assert_null(queue_makes_room(&queue, HERE));
	assert_int_equal(queue_work_before(&queue, 1, false, NOW), 0);
}

static void
test_queue_of_equals_is_first_come_first_served(void **state)
{
	struct queue_item items[10], *order[10];

	(void)state;
	for (size_t i = 0; i < LENGTH(items); i++) {
		items[i] = item(NOW, MONOTIME_S);
		order[i] = &items[i];
		queue_add(&queue, &items[i]);
	}
	expect_order(order, LENGTH(order));
}

static void
test_queue_takes_quick_before_slow(void **state)
{
	struct queue_item slow = item(NOW, 10 * MONOTIME_S);
	struct queue_item middle = item(NOW, MONOTIME_S);
	struct queue_item quick = item(NOW, MONOTIME_MS);

	(void)state;
	queue_add(&queue, &slow);
	queue_add(&queue, &quick);
	queue_add(&queue, &middle);
	expect_order((struct queue_item *[]){ &quick, &middle, &slow }, 3);
}

static void
test_queue_takes_returning_before_equals(void **state)
{
	struct queue_item first = item(NOW, MONOTIME_S);
	struct queue_item second = item(NOW, MONOTIME_S);
	struct queue_item returning = item(NOW + 1, MONOTIME_S);

	(void)state;
	returning.returning = true;
	queue_add(&queue, &first);
	queue_add(&queue, &returning);
	queue_add(&queue, &second);
	expect_order((struct queue_item *[]){ &returning, &first, &second }, 3);
}

static void
test_queue_returning_gains_no_more_than_it_should(void **state)
{
	struct queue_item quick = item(NOW, MONOTIME_MS);
	struct queue_item slow = item(NOW, MONOTIME_S);

	(void)state;
	slow.returning = true;
	queue_add(&queue, &slow);
	queue_add(&queue, &quick);
	expect_order((struct queue_item *[]){ &quick, &slow }, 2);
}

static void
test_queue_takes_abandoned_after_all_others(void **state)
{
	struct queue_item quick = item(NOW - 500 * MONOTIME_S, 1);
	struct queue_item old = item(NOW - 900 * MONOTIME_S, MONOTIME_S);
	struct queue_item slow = item(NOW, 500 * MONOTIME_S);

	(void)state;
	quick.abandoned = old.abandoned = true;
	quick.returning = true;
	queue_add(&queue, &quick);
	queue_add(&queue, &old);
	queue_add(&queue, &slow);
	expect_order((struct queue_item *[]){ &slow, &old, &quick }, 3);
}

/* How long a job of this cost waits if so many quick ones come for each that
 * is done. */
static int64_t
wait_in_a_stream(int64_t cost, int rate, bool stream_returns)
{
	static struct queue_item stream[40000];
	struct queue_item slow = item(NOW, cost);
	const int64_t quick = 10 * MONOTIME_MS;
	struct queue_item *next;
	size_t used = 0;
	int64_t now = NOW;

	queue_add(&queue, &slow);
	while ((next = queue_next(&queue)) != &slow || used == 0) {
		if (used > 0)
			queue_remove(&queue, next);
		assert_true(used + (size_t)rate <= LENGTH(stream));
		for (int i = 0; i < rate; i++) {
			stream[used] = item(now, quick);
			stream[used].returning = stream_returns;
			queue_add(&queue, &stream[used++]);
		}
		now += quick;
	}
	queue = (struct queue){ 0 };
	return now - NOW;
}

static void
test_queue_job_of_any_cost_waits_for_a_bounded_time(void **state)
{
	static const int64_t costs[] = {
		20 * MONOTIME_MS,
		100 * MONOTIME_MS,
		MONOTIME_S,
		2 * MONOTIME_S,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(costs); i++) {
		int64_t wait = wait_in_a_stream(costs[i], 1, false);

		assert_true(wait > costs[i]);
		assert_true(wait <= QUEUE_PATIENCE * costs[i]);
		/* of an overload it has its share */
		assert_true(wait_in_a_stream(costs[i], 2, false) <=
		    2 * QUEUE_PATIENCE * costs[i]);
	}
}

static void
test_queue_place_is_after_patience_times_cost(void **state)
{
	const int64_t cost = 3 * MONOTIME_S;
	struct queue_item slow = item(NOW, cost);
	struct queue_item quick = item(0, 1);

	(void)state;
	queue_add(&queue, &slow);
	quick.came_at = NOW + QUEUE_PATIENCE * cost - QUEUE_PATIENCE - 1;
	queue_add(&queue, &quick);
	assert_ptr_equal(queue_next(&queue), &quick);
	quick.came_at += 2;
	assert_ptr_equal(queue_next(&queue), &slow);
	quick.returning = true;
	assert_ptr_equal(queue_next(&queue), &quick);
	quick.came_at += QUEUE_RETURNING;
	assert_ptr_equal(queue_next(&queue), &slow);
}

static void
test_queue_of_returning_quick_ones_starves_nobody(void **state)
{
	(void)state;
	assert_true(wait_in_a_stream(MONOTIME_S, 1, true) <=
	    QUEUE_PATIENCE * MONOTIME_S + QUEUE_RETURNING);
}

static void
test_queue_bears_absurd_costs(void **state)
{
	struct queue_item endless = item(NOW, INT64_MAX);
	struct queue_item quick = item(NOW + 1, 1);

	(void)state;
	queue_add(&queue, &endless);
	queue_add(&queue, &quick);
	expect_order((struct queue_item *[]){ &quick, &endless }, 2);
}

static void
test_queue_background_is_never_for_lanes_nor_lanes_for_it(void **state)
{
	struct queue_item lane = item(NOW, 900 * MONOTIME_S);
	struct queue_item slow = background(HERE, 0);

	(void)state;
	lane.abandoned = true;
	queue_add(&queue, &slow);
	assert_null(queue_next(&queue));
	queue_add(&queue, &lane);
	assert_ptr_equal(queue_next(&queue), &lane);
	assert_ptr_equal(queue_next_background(&queue, NULL, 0, 8), &slow);
	queue_remove(&queue, &slow);
	assert_null(queue_next_background(&queue, NULL, 0, 8));
	assert_ptr_equal(queue_next(&queue), &lane);
}

static void
test_queue_background_has_the_same_order(void **state)
{
	struct queue_item gone = background(HERE, NOW);
	struct queue_item late = background(HERE, NOW + 2);
	struct queue_item early = background(THERE, NOW + 1);
	struct queue_item *order[] = { &early, &late, &gone };

	(void)state;
	gone.abandoned = true;
	for (size_t i = LENGTH(order); i > 0; i--)
		queue_add(&queue, order[i - 1]);
	for (size_t i = 0; i < LENGTH(order); i++) {
		assert_ptr_equal(queue_next_background(&queue, NULL, 0, 8),
		    order[i]);
		queue_remove(&queue, order[i]);
	}
}

static void
test_queue_network_with_half_of_the_background_waits(void **state)
{
	static const uint64_t running[] = { HERE, HERE, THERE, HERE, HERE };
	struct queue_item hog = background(HERE, NOW);
	struct queue_item other = background(ELSEWHERE, NOW + MONOTIME_S);

	(void)state;
	queue_add(&queue, &hog);
	queue_add(&queue, &other);
	assert_ptr_equal(queue_next_background(&queue, running, 2, 8), &hog);
	assert_ptr_equal(queue_next_background(&queue, running, 4, 8), &hog);
	assert_ptr_equal(queue_next_background(&queue, running, 5, 8), &other);
	assert_ptr_equal(queue_next_background(&queue, running, 2, 4), &other);
	queue_remove(&queue, &other);
	assert_ptr_equal(queue_next_background(&queue, running, 5, 8), &hog);
}

static void
test_queue_jobs_for_lanes_keep_no_background_from_a_network(void **state)
{
	static const uint64_t running[] = { HERE, HERE };
	struct queue_item hog = background(HERE, NOW);
	struct queue_item lane = item(NOW, 1);

	(void)state;
	queue_add(&queue, &lane);
	queue_add(&queue, &hog);
	assert_ptr_equal(queue_next_background(&queue, running, 2, 4), &hog);
}

static void
test_queue_background_of_one_serves_everybody(void **state)
{
	struct queue_item only = background(HERE, NOW);

	(void)state;
	queue_add(&queue, &only);
	assert_ptr_equal(queue_next_background(&queue, NULL, 0, 1), &only);
}

/* As many items of each of two networks. */
static void
fill(struct queue_item *items, size_t here, size_t there)
{
	for (size_t i = 0; i < here + there; i++) {
		items[i] = item(NOW, MONOTIME_S);
		items[i].network = i < here ? HERE : THERE;
		queue_add(&queue, &items[i]);
	}
}

static void
test_queue_full_of_one_network_makes_room_for_others(void **state)
{
	static const struct {
		size_t here, there;
		uint64_t newcomer;
		int victim; /* index, or -1 */
	} cases[] = {
		{ 4, 0, THERE, 3 },
		{ 4, 0, HERE, -1 },
		{ 3, 1, THERE, 2 },
		{ 2, 2, HERE, -1 },
		{ 2, 2, THERE, -1 },
		{ 2, 2, ELSEWHERE, 1 },
		{ 3, 2, THERE, -1 },
		{ 1, 1, ELSEWHERE, -1 },
		{ 1, 4, ELSEWHERE, 4 },
		{ 0, 2, HERE, 1 },
	};
	struct queue_item items[16];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct queue_item *victim;

		fill(items, cases[i].here, cases[i].there);
		victim = queue_makes_room(&queue, cases[i].newcomer);
		if (victim !=
		    (cases[i].victim < 0 ? NULL : &items[cases[i].victim]))
			fail_msg("case %zu", i);
		queue = (struct queue){ 0 };
	}
}

static void
test_queue_makes_room_by_what_would_be_scanned_last(void **state)
{
	struct queue_item slow = item(NOW, 60 * MONOTIME_S);
	struct queue_item quick = item(NOW, MONOTIME_MS);
	struct queue_item gone = item(NOW, MONOTIME_MS);

	(void)state;
	slow.network = quick.network = gone.network = HERE;
	queue_add(&queue, &slow);
	queue_add(&queue, &quick);
	assert_ptr_equal(queue_makes_room(&queue, THERE), &slow);
	gone.abandoned = true;
	queue_add(&queue, &gone);
	assert_ptr_equal(queue_makes_room(&queue, THERE), &gone);
}

static void
test_queue_work_before_is_what_would_be_taken_first(void **state)
{
	struct queue_item quick = item(NOW, 10 * MONOTIME_MS);
	struct queue_item slow = item(NOW, 10 * MONOTIME_S);
	struct queue_item gone = item(NOW, 1);
	struct queue_item behind = background(HERE, 0);

	(void)state;
	gone.abandoned = true;
	queue_add(&queue, &slow);
	queue_add(&queue, &quick);
	queue_add(&queue, &gone);
	queue_add(&queue, &behind);
	assert_int_equal(queue_work_before(&queue, 1, false, NOW), 0);
	assert_int_equal(queue_work_before(&queue, quick.cost, false, NOW),
	    quick.cost);
	assert_int_equal(queue_work_before(&queue, MONOTIME_S, false, NOW),
	    quick.cost);
	assert_int_equal(queue_work_before(&queue, slow.cost, false, NOW),
	    quick.cost + slow.cost);
	assert_int_equal(queue_work_before(&queue, 1, false,
			     NOW + 100 * MONOTIME_S),
	    quick.cost + slow.cost);
	assert_int_equal(queue_work_before(&queue, MONOTIME_MS, true, NOW), 0);
	quick.returning = true;
	assert_int_equal(queue_work_before(&queue, 1, false, NOW), quick.cost);
}

static struct queue_item
random_item(void)
{
	return (struct queue_item){
		.came_at = NOW + rand() % 100 * MONOTIME_S,
		.cost = 1 + rand() % 1000 * MONOTIME_MS,
		.network = (uint64_t)(rand() % 5),
		.returning = rand() % 4 == 0,
		.abandoned = rand() % 4 == 0,
		.background = rand() % 3 == 0,
	};
}

/* The counts are those of what is in it, and next() is from among them. */
static void
expect_counts(const struct queue_item *items, const bool *queued, size_t count)
{
	const struct queue_item *next = queue_next(&queue);
	size_t all = 0, background_count = 0;

	for (size_t i = 0; i < count; i++) {
		all += queued[i];
		background_count += queued[i] && items[i].background;
	}
	assert_int_equal(queue.count, all);
	assert_int_equal(queue.background, background_count);
	assert_int_equal(next == NULL, all == background_count);
	assert_true(next == NULL || queued[next - items]);
	next = queue_next_background(&queue, NULL, 0, 2);
	assert_int_equal(next == NULL, background_count == 0);
	assert_true(next == NULL || queued[next - items]);
}

static void
test_queue_counts_stay_right_whatever_comes_and_goes(void **state)
{
	struct queue_item items[50];
	bool queued[LENGTH(items)] = { false };

	(void)state;
	srand(1);
	for (int step = 0; step < 20000; step++) {
		size_t i = (size_t)rand() % LENGTH(items);

		if (queued[i]) {
			queue_remove(&queue, &items[i]);
		} else {
			items[i] = random_item();
			queue_add(&queue, &items[i]);
		}
		queued[i] = !queued[i];
		expect_counts(items, queued, LENGTH(items));
	}
	for (size_t i = 0; i < LENGTH(items); i++)
		if (queued[i])
			queue_remove(&queue, &items[i]);
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.background, 0);
	assert_null(queue.items);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_queue_that_is_empty_has_no_next,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_of_equals_is_first_come_first_served,
		    empty_queue),
		cmocka_unit_test_setup(test_queue_takes_quick_before_slow,
		    empty_queue),
		cmocka_unit_test_setup(test_queue_takes_returning_before_equals,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_returning_gains_no_more_than_it_should,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_takes_abandoned_after_all_others, empty_queue),
		cmocka_unit_test_setup(
		    test_queue_job_of_any_cost_waits_for_a_bounded_time,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_place_is_after_patience_times_cost, empty_queue),
		cmocka_unit_test_setup(
		    test_queue_of_returning_quick_ones_starves_nobody,
		    empty_queue),
		cmocka_unit_test_setup(test_queue_bears_absurd_costs,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_background_is_never_for_lanes_nor_lanes_for_it,
		    empty_queue),
		cmocka_unit_test_setup(test_queue_background_has_the_same_order,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_network_with_half_of_the_background_waits,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_jobs_for_lanes_keep_no_background_from_a_network,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_background_of_one_serves_everybody, empty_queue),
		cmocka_unit_test_setup(
		    test_queue_full_of_one_network_makes_room_for_others,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_makes_room_by_what_would_be_scanned_last,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_work_before_is_what_would_be_taken_first,
		    empty_queue),
		cmocka_unit_test_setup(
		    test_queue_counts_stay_right_whatever_comes_and_goes,
		    empty_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
