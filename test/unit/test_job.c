/* test_job - a scan that is queued or running, and who joins it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/cond.h"
#include "base/monotime.h"
#include "scan/job.h"
#include "support.h"

#define COST MONOTIME_S
#define NOW (1000 * MONOTIME_S)

static struct scan_request
request(unsigned n)
{
	struct scan_request made;

	memset(&made, 0, sizeof made);
	memcpy(made.key.bytes, &n, sizeof n);
	made.content.fd = (int)n;
	made.content.size = n * 100;
	made.cut = n % 2 == 1;
	made.structure = COST_MIXED;
	made.network = 1000 + n;
	return made;
}

static void
finish(struct job_table *table, struct job *job)
{
	struct scan_outcome outcome = {
		.verdict = verdict_make(VERDICT_INFECTED, "Found"),
		.source = SCAN_SOURCE_SCAN,
	};

	job_finish(table, job, &outcome);
}

static struct job *
make(struct job_table *table, unsigned n)
{
	struct scan_request asked = request(n);

	return job_make(table, &asked, COST, false, NOW + n);
}

/* The next for a lane, started; NULL if there is none. */
static struct job *
take(struct job_table *table)
{
	struct job *job = job_of(queue_next(&table->queue));

	if (job != NULL)
		job_start(table, job);
	return job;
}

/* The one reference is the scanner's. */
static void
end(struct job_table *table, struct job *job)
{
	finish(table, job);
	job_unref(&job);
}

static struct job *
find(struct job_table *table, unsigned n)
{
	struct scan_request asked = request(n);

	return job_find(table, &asked.key);
}

static void
test_job_has_what_was_asked_for(void **state)
{
	struct job_table table = { 0 };
	struct job *job = make(&table, 7);

	(void)state;
	assert_int_equal(job->state, JOB_QUEUED);
	assert_int_equal(job->references, 1);
	assert_int_equal(job->content.fd, 7);
	assert_int_equal(job->content.size, 700);
	assert_true(job->cut);
	assert_int_equal(job->structure, COST_MIXED);
	assert_int_equal(job->waiters, 0);
	assert_false(job->deferred);
	assert_int_equal(job->item.came_at, NOW + 7);
	assert_int_equal(job->item.cost, COST);
	assert_int_equal(job->item.network, 1007);
	assert_false(job->item.returning);
	assert_false(job->item.abandoned);
	assert_false(job->item.background);
	assert_ptr_equal(job_of(&job->item), job);
	assert_int_equal(table.queue.count, 1);
	finish(&table, job);
	job_unref(&job);
	assert_null(job);
}

static void
test_job_is_found_until_it_is_done(void **state)
{
	struct job_table table = { 0 };
	struct job *job = make(&table, 1), *other = make(&table, 2);

	(void)state;
	assert_ptr_equal(find(&table, 1), job);
	assert_ptr_equal(find(&table, 2), other);
	assert_null(find(&table, 3));
	assert_ptr_equal(take(&table), job);
	assert_int_equal(job->state, JOB_RUNNING);
	assert_ptr_equal(find(&table, 1), job);
	finish(&table, job);
	assert_int_equal(job->state, JOB_DONE);
	assert_string_equal(job->outcome.verdict.name, "Found");
	assert_null(find(&table, 1));
	assert_ptr_equal(find(&table, 2), other);
	finish(&table, other);
	job_unref(&job);
	job_unref(&other);
	assert_null(table.by_key);
}

static void
test_job_queue_is_taken_in_order(void **state)
{
	struct job_table table = { 0 };
	struct job *job;

	(void)state;
	assert_null(take(&table));
	for (unsigned n = 0; n < 10; n++)
		make(&table, n);
	for (unsigned n = 0; n < 10; n++) {
		assert_int_equal(table.queue.count, 10 - n);
		job = take(&table);
		assert_int_equal(job->content.fd, n);
		finish(&table, job);
		job_unref(&job);
	}
	assert_int_equal(table.queue.count, 0);
	assert_null(take(&table));
}

static void
test_job_that_is_done_while_queued_is_never_taken(void **state)
{
	struct job_table table = { 0 };
	struct job *first = make(&table, 1), *second = make(&table, 2);
	struct job *third = make(&table, 3);

	(void)state;
	finish(&table, second);
	assert_int_equal(table.queue.count, 2);
	job_unref(&second);
	assert_ptr_equal(take(&table), first);
	assert_ptr_equal(take(&table), third);
	assert_null(take(&table));
	finish(&table, third);
	finish(&table, first);
	job_unref(&first);
	job_unref(&third);
}

static void
test_job_of_the_same_content_can_follow_one_that_is_done(void **state)
{
	struct job_table table = { 0 };
	struct job *first = make(&table, 1), *second;

	(void)state;
	finish(&table, first);
	second = make(&table, 1);
	assert_ptr_equal(find(&table, 1), second);
	assert_ptr_not_equal(first, second);
	job_unref(&first);
	assert_ptr_equal(find(&table, 1), second);
	finish(&table, second);
	job_unref(&second);
}

static void
test_job_lives_until_its_last_reference_goes(void **state)
{
	struct job_table table = { 0 };
	struct job *job = make(&table, 1), *ticket = job, *other = job;

	(void)state;
	job_join(job);
	job_join(job);
	assert_int_equal(job->waiters, 2);
	finish(&table, job);
	job_unref(&job);
	assert_null(job);
	job_leave(&other);
	assert_null(other);
	assert_int_equal(ticket->state, JOB_DONE);
	assert_string_equal(ticket->outcome.verdict.name, "Found");
	assert_int_equal(ticket->references, 1);
	assert_int_equal(ticket->waiters, 1);
	job_leave(&ticket);
	assert_null(ticket);
}

static void
test_job_of_no_item_is_none(void **state)
{
	(void)state;
	assert_null(job_of(NULL));
}

static void
test_job_that_returns_is_known_to_have_been_deferred(void **state)
{
	struct job_table table = { 0 };
	struct scan_request asked = request(1);
	struct job *job = job_make(&table, &asked, COST, true, NOW);
	struct job *ticket = job;

	(void)state;
	assert_true(job->item.returning);
	assert_true(job->deferred);
	job_join(job);
	job_leave(&ticket);
	assert_false(job->item.abandoned);
	end(&table, job);
}

static void
test_job_that_all_have_left_is_abandoned_and_goes_last(void **state)
{
	struct job_table table = { 0 };
	struct job *first = make(&table, 1), *second = make(&table, 2);
	struct job *ticket = first, *other = first;

	(void)state;
	job_join(first);
	job_join(first);
	job_leave(&ticket);
	assert_false(first->item.abandoned);
	job_leave(&other);
	assert_true(first->item.abandoned);
	assert_ptr_equal(find(&table, 1), first);
	assert_ptr_equal(take(&table), second);
	assert_ptr_equal(take(&table), first);
	end(&table, first);
	end(&table, second);
}

static void
test_job_that_is_joined_again_is_no_longer_abandoned(void **state)
{
	struct job_table table = { 0 };
	struct job *first = make(&table, 1), *second = make(&table, 2);
	struct job *ticket = first;

	(void)state;
	job_join(first);
	job_leave(&ticket);
	assert_true(first->item.abandoned);
	job_join(first);
	ticket = first;
	assert_false(first->item.abandoned);
	assert_ptr_equal(take(&table), first);
	job_leave(&ticket);
	end(&table, first);
	end(&table, second);
}

static void
test_job_that_was_deferred_is_not_abandoned(void **state)
{
	struct job_table table = { 0 };
	struct job *job = make(&table, 1), *ticket = job;

	(void)state;
	job_join(job);
	job->deferred = true;
	job_leave(&ticket);
	assert_false(job->item.abandoned);
	assert_int_equal(job->references, 1);
	end(&table, job);
}

static void
test_job_that_is_queued_again_is_for_the_background(void **state)
{
	struct job_table table = { 0 };
	struct job *job = make(&table, 1), *other;

	(void)state;
	job_join(job);
	assert_ptr_equal(take(&table), job);
	assert_int_equal(table.queue.count, 0);
	job_put_off(&table, job, 60 * COST);
	assert_int_equal(job->state, JOB_QUEUED);
	assert_int_equal(job->item.cost, 60 * COST);
	assert_int_equal(job->item.came_at, NOW + 1);
	assert_int_equal(table.queue.count, 1);
	assert_int_equal(table.queue.background, 1);
	assert_ptr_equal(find(&table, 1), job);
	assert_null(take(&table));
	other = job_of(queue_next_background(&table.queue, NULL, 0, 1));
	assert_ptr_equal(other, job);
	job_start(&table, job);
	assert_int_equal(table.queue.count, 0);
	assert_int_equal(table.queue.background, 0);
	assert_int_equal(job->state, JOB_RUNNING);
	assert_true(job->item.background);
	other = job;
	job_leave(&other);
	end(&table, job);
	assert_null(table.by_key);
}

static void
test_job_that_is_returned_keeps_its_place(void **state)
{
	struct job_table table = { 0 };
	struct job *first = make(&table, 1), *second = make(&table, 2);

	(void)state;
	assert_ptr_equal(take(&table), first);
	job_return(&table, first);
	assert_int_equal(first->state, JOB_QUEUED);
	assert_int_equal(table.queue.count, 2);
	assert_int_equal(table.queue.background, 0);
	assert_ptr_equal(take(&table), first);
	assert_ptr_equal(take(&table), second);
	job_put_off(&table, first, 60 * COST);
	job_start(&table, first);
	job_return(&table, first);
	assert_int_equal(table.queue.background, 1);
	assert_null(take(&table));
	end(&table, first);
	end(&table, second);
}

static void
test_job_that_is_done_while_queued_again_leaves_no_count(void **state)
{
	struct job_table table = { 0 };
	struct job *job = make(&table, 1);

	(void)state;
	job_start(&table, job);
	job_put_off(&table, job, COST);
	finish(&table, job);
	assert_int_equal(table.queue.count, 0);
	assert_int_equal(table.queue.background, 0);
	assert_null(table.queue.items);
	job_unref(&job);
}

struct waiting {
	pthread_mutex_t lock;
	struct job *job;
	unsigned woken;
};

static void *
wait_for_job(void *context)
{
	struct waiting *waiting = context;
	struct job *job;

	pthread_mutex_lock(&waiting->lock);
	job = waiting->job;
	while (job->state != JOB_DONE)
		cond_wait_until(&job->done, &waiting->lock, MONOTIME_NEVER);
	waiting->woken++;
	job_leave(&job);
	pthread_mutex_unlock(&waiting->lock);
	return NULL;
}

static void
test_job_that_is_done_wakes_all_who_wait(void **state)
{
	struct waiting waiting = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct job_table table = { 0 };
	pthread_t threads[4];

	(void)state;
	waiting.job = make(&table, 1);
	for (size_t i = 0; i < LENGTH(threads); i++) {
		pthread_mutex_lock(&waiting.lock);
		job_join(waiting.job);
		pthread_mutex_unlock(&waiting.lock);
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_job,
				     &waiting),
		    0);
	}
	pthread_mutex_lock(&waiting.lock);
	finish(&table, waiting.job);
	pthread_mutex_unlock(&waiting.lock);
	for (size_t i = 0; i < LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(waiting.woken, LENGTH(threads));
	job_unref(&waiting.job);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_has_what_was_asked_for),
		cmocka_unit_test(test_job_is_found_until_it_is_done),
		cmocka_unit_test(test_job_queue_is_taken_in_order),
		cmocka_unit_test(
		    test_job_that_is_done_while_queued_is_never_taken),
		cmocka_unit_test(
		    test_job_of_the_same_content_can_follow_one_that_is_done),
		cmocka_unit_test(test_job_lives_until_its_last_reference_goes),
		cmocka_unit_test(test_job_of_no_item_is_none),
		cmocka_unit_test(
		    test_job_that_returns_is_known_to_have_been_deferred),
		cmocka_unit_test(
		    test_job_that_all_have_left_is_abandoned_and_goes_last),
		cmocka_unit_test(
		    test_job_that_is_joined_again_is_no_longer_abandoned),
		cmocka_unit_test(test_job_that_was_deferred_is_not_abandoned),
		cmocka_unit_test(
		    test_job_that_is_queued_again_is_for_the_background),
		cmocka_unit_test(test_job_that_is_returned_keeps_its_place),
		cmocka_unit_test(
		    test_job_that_is_done_while_queued_again_leaves_no_count),
		cmocka_unit_test(test_job_that_is_done_wakes_all_who_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
