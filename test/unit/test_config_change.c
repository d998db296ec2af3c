/* test_config_change - snapshots: references, what differs, what is kept
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/change.h"
#include "config/config.h"
#include "support.h"

/* What config_compare() tells, one line for each setting. */
static void
note(void *context, const struct config_change *change)
{
	char *said = context;

	sprintf(said + strlen(said), "%s %s %s %d\n", change->name,
	    change->before, change->after, (int)change->effect);
}

static void
assert_told(const char *before, const char *after, const char *expected)
{
	struct config *old = support_config(before);
	struct config *new = support_config(after);
	char said[1024] = "";

	config_compare(old, new, note, said);
	assert_string_equal(said, expected);
	config_destroy(&old);
	config_destroy(&new);
}

static void
test_config_change_tells_each_setting_with_both_values(void **state)
{
	(void)state;
	assert_told("", "", "");
	assert_told("deadline { reply = \"60\" }",
	    "deadline { reply = \"1m\" }", "");
	assert_told("", "socket_mode = \"0666\"",
	    "socket_mode \"0660\" \"0666\" 3\n");
	assert_told("deadline { reply = \"30s\" }\nlog { level = \"debug\" }",
	    "deadline { reply = \"45s\" }",
	    "log.level \"debug\" \"info\" 0\n"
	    "deadline.reply \"30s\" \"45s\" 0\n");
	assert_told("engine { database = {\"/a\"} }",
	    "engine { database = {\"/a\", \"/b\"} workers = 3 }",
	    "engine.database {\"/a\"} {\"/a\", \"/b\"} 1\n"
	    "engine.workers \"0\" \"3\" 1\n");
	assert_told("hold { mta = {\"postfix:/a\"} }",
	    "hold { mta = {\"postfix:/b\"} }",
	    "hold.mta {\"postfix:/a\"} {\"postfix:/b\"} 2\n");
	assert_told("headers { keep_from = {\"10.0.0.1\"} }", "",
	    "headers.keep_from {\"10.0.0.1\"} {} 0\n");
}

static void
test_config_change_long_list_is_cut_and_stays_in_its_room(void **state)
{
	char text[8192] = "headers { keep_from = {";
	struct config *old = support_config(""), *new;
	char said[1024] = "";

	(void)state;
	for (int i = 0; i < 200; i++)
		sprintf(text + strlen(text), "%s\"10.0.0.%d\"",
		    i > 0 ? ", " : "", i);
	strcat(text, "} }");
	new = support_config(text);
	config_compare(old, new, note, said);
	assert_in_range(strlen(said), 200, 320);
	config_destroy(&old);
	config_destroy(&new);
}

static void
test_config_change_returns_the_effects(void **state)
{
	struct config *old = support_config("");
	struct config *new = support_config(
	    "user = \"nobody\" engine { workers = 2 }");

	(void)state;
	assert_int_equal(config_compare(old, old, NULL, NULL), 0);
	assert_int_equal(config_compare(old, new, NULL, NULL),
	    1u << CONFIG_BY_RESTART | 1u << CONFIG_BY_ENGINE);
	config_destroy(&old);
	config_destroy(&new);
}

static void
test_config_change_keeps_what_needs_a_restart(void **state)
{
	struct config *old = support_config("user = \"nobody\"");
	struct config *new = support_config("user = \"daemon\" socket = "
					    "\"fd:7\" cache { ttl = \"5s\" }");
	struct error err;
	char said[1024] = "";

	(void)state;
	assert_int_equal(config_keep(new, old, &err), ERROR_NONE);
	assert_string_equal(new->user, "nobody");
	assert_string_equal(new->socket, old->socket);
	config_compare(old, new, note, said);
	assert_string_equal(said, "cache.ttl \"1h\" \"5s\" 0\n");
	config_destroy(&old);
	config_destroy(&new);
}

/* The sanitizers see what is freed too early, or not at all. */
static void
test_config_snapshot_lives_until_its_last_reference(void **state)
{
	struct config *owned = support_config("user = \"nobody\"");
	struct config *other = support_config("user = \"daemon\"");
	const struct config *first = config_ref(owned);
	const struct config *second = NULL;

	(void)state;
	config_replace(&second, first);
	config_destroy(&owned);
	assert_null(owned);
	assert_string_equal(first->user, "nobody");
	config_unref(&first);
	assert_null(first);
	assert_string_equal(second->user, "nobody");
	config_replace(&second, other);
	config_destroy(&other);
	assert_string_equal(second->user, "daemon");
	config_unref(&second);
	config_unref(&second);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_config_change_tells_each_setting_with_both_values),
		cmocka_unit_test(
		    test_config_change_long_list_is_cut_and_stays_in_its_room),
		cmocka_unit_test(test_config_change_returns_the_effects),
		cmocka_unit_test(test_config_change_keeps_what_needs_a_restart),
		cmocka_unit_test(
		    test_config_snapshot_lives_until_its_last_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
