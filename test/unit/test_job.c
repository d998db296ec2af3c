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

static struct scan_request
request(unsigned n)
{
	struct scan_request made;

	memset(&made, 0, sizeof made);
	memcpy(made.key.bytes, &n, sizeof n);
	made.content.fd = (int)n;
	made.content.size = n * 100;
	made.cut = n % 2 == 1;
	return made;
}

static struct job *
make(struct job_table *table, unsigned n)
{
	struct scan_request asked = request(n);

	return job_make(table, &asked);
}

static struct job *
find(struct job_table *table, unsigned n)
{
	struct scan_request asked = request(n);

	return job_find(table, &asked.key);
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
	assert_false(job->background);
	assert_int_equal(table.queued, 1);
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
	assert_ptr_equal(job_take(&table), job);
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
	assert_null(job_take(&table));
	for (unsigned n = 0; n < 10; n++)
		make(&table, n);
	for (unsigned n = 0; n < 10; n++) {
		assert_int_equal(table.queued, 10 - n);
		job = job_take(&table);
		assert_int_equal(job->content.fd, n);
		finish(&table, job);
		job_unref(&job);
	}
	assert_int_equal(table.queued, 0);
	assert_null(job_take(&table));
}

static void
test_job_that_is_done_while_queued_is_never_taken(void **state)
{
	struct job_table table = { 0 };
	struct job *first = make(&table, 1), *second = make(&table, 2);
	struct job *third = make(&table, 3);

	(void)state;
	finish(&table, second);
	assert_int_equal(table.queued, 2);
	job_unref(&second);
	assert_ptr_equal(job_take(&table), first);
	assert_ptr_equal(job_take(&table), third);
	assert_null(job_take(&table));
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
	job_ref(job);
	job_ref(job);
	finish(&table, job);
	job_unref(&job);
	assert_null(job);
	job_unref(&other);
	assert_int_equal(ticket->state, JOB_DONE);
	assert_string_equal(ticket->outcome.verdict.name, "Found");
	assert_int_equal(ticket->references, 1);
	job_unref(&ticket);
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
	job_unref(&job);
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
		job_ref(waiting.job);
		pthread_mutex_unlock(&waiting.lock);
		assert_int_equal(pthread_create(&threads[i], NULL,
		    wait_for_job, &waiting), 0);
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
		cmocka_unit_test(test_job_that_is_done_wakes_all_who_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
