/* test_age - when the age of the signatures is told, and how
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/age.h"
#include "engine/contents.h"
#include "support.h"

#define HOUR 3600
#define DAY (24 * HOUR)
#define BUILT INT64_C(1600000000) /* 2020-09-13 12:26 UTC */

/* An official file that is so old when it is loaded (0: none); what that logs
 * is in said, which has room for 512 bytes. */
static struct age
begin(int64_t old, const char *settings, char *said)
{
	struct config *config = support_config(settings);
	struct contents contents = { .newest = "daily.cld" };
	struct support_capture capture;
	struct age age;

	contents.built = old == 0 ? 0 : BUILT;
	support_capture_begin(&capture);
	age_begin(&age, &contents, config, BUILT + old);
	support_capture_end(&capture, said, 512);
	config_destroy(&config);
	return age;
}

/* What is logged when it is that old. */
static void
tell(struct age *age, int64_t old, char *said)
{
	struct support_capture capture;

	support_capture_begin(&capture);
	age_tell(age, BUILT + old);
	support_capture_end(&capture, said, 512);
}

static void
test_age_is_told_at_the_load_and_each_day(void **state)
{
	struct age age;
	char said[512];

	(void)state;
	age = begin(30 * HOUR, "", said);
	assert_non_null(strstr(said,
	    "the newest official signature file, daily.cld, was built "
	    "on 2020-09-13 12:26 UTC, 30 hours ago"));
	tell(&age, 30 * HOUR + DAY - 1, said);
	assert_string_equal(said, "");
	tell(&age, 30 * HOUR + DAY, said);
	assert_non_null(strstr(said, "2 days ago"));
	tell(&age, 31 * HOUR + DAY, said);
	assert_string_equal(said, "");
	tell(&age, 30 * HOUR + 365 * DAY, said);
	assert_non_null(strstr(said, "the newest"));
}

static void
test_age_past_the_limit_is_an_error_at_once_and_daily(void **state)
{
	struct age age;
	char said[512];

	(void)state;
	age = begin(6 * DAY, "engine { max_age = \"7d\" }", said);
	assert_non_null(strstr(said, "the newest"));
	tell(&age, 6 * DAY + 20 * HOUR, said);
	assert_string_equal(said, "");
	tell(&age, 7 * DAY, said);
	assert_non_null(strstr(said, "the newest"));
	tell(&age, 7 * DAY + 1, said);
	assert_non_null(strstr(said, "error: the signatures are out of date"));
	assert_non_null(
	    strstr(said, "7 days ago, and engine.max_age is 7 days"));
	tell(&age, 7 * DAY + 20 * HOUR, said);
	assert_string_equal(said, "");
	tell(&age, 8 * DAY + 1, said);
	assert_non_null(strstr(said, "error: the signatures are out of date"));
}

static void
test_age_over_the_limit_is_an_error_at_the_load(void **state)
{
	char said[512];

	(void)state;
	begin(9 * DAY, "engine { max_age = \"7d\" }", said);
	assert_non_null(strstr(said, "error: the signatures are out of date"));
}

static void
test_age_that_is_not_known_is_told_where_it_has_a_limit(void **state)
{
	char said[512];

	(void)state;
	begin(0, "", said);
	assert_string_equal(said, "");
	begin(0, "engine { max_age = \"7d\" }", said);
	assert_non_null(strstr(said, "warning: the age of the signatures"));
}

static void
test_age_is_told_though_the_clock_was_set_back(void **state)
{
	struct age age;
	char said[512];

	(void)state;
	age = begin(DAY, "", said);
	tell(&age, DAY - HOUR, said);
	assert_non_null(strstr(said, "23 hours ago"));
	tell(&age, DAY, said);
	assert_string_equal(said, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age_is_told_at_the_load_and_each_day),
		cmocka_unit_test(
		    test_age_past_the_limit_is_an_error_at_once_and_daily),
		cmocka_unit_test(
		    test_age_over_the_limit_is_an_error_at_the_load),
		cmocka_unit_test(
		    test_age_that_is_not_known_is_told_where_it_has_a_limit),
		cmocka_unit_test(
		    test_age_is_told_though_the_clock_was_set_back),
	};

	log_open("test_age", LOG_LEVEL_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
