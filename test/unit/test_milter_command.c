/* test_milter_command - which commands of the MTA reach libmilter
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/command.h"
#include "support.h"

/* text without the NUL that C adds. */
#define COMMAND(letter, text) \
	{ \
		letter, text, sizeof(text) - 1 \
	}
#define NEGOTIATION "\0\0\0\006\0\0\001\xff\0\037\xff\xff"

struct sample {
	char letter;
	const char *data;
	size_t len;
};

/* A copy whose memory ends where the command does, so that a look behind it
 * shows in the builds that watch for that. */
static const char *
fault_of(const struct sample *sample, bool first)
{
	char *copy = malloc(sample->len > 0 ? sample->len : 1);
	const char *fault;

	assert_non_null(copy);
	memcpy(copy, sample->data, sample->len);
	fault = command_fault(sample->letter, sample->len > 0 ? copy : NULL,
	    sample->len, first);
	free(copy);
	return fault;
}

static void
test_command_of_an_mta_is_let_through(void **state)
{
	static const struct sample samples[] = {
		COMMAND('D', "Cj\0mta.example\0{daemon_name}\0smtpd\0"),
		COMMAND('D', "C"),
		COMMAND('D', "Ei\0\0"),
		COMMAND('C', "mx.example\0004\0\031192.0.2.1\0"),
		COMMAND('C', "mx.example\0006\0\031IPv6:2001:db8::1\0"),
		COMMAND('C', "mx.example\0006\0\0312001:db8::1\0"),
		COMMAND('C', "localhost\0L\0\0/run/socket\0"),
		COMMAND('C', "localhost\0U"),
		COMMAND('C', "\0U"),
		COMMAND('H', "mx.example\0"),
		COMMAND('M', "<a@example.com>\0SIZE=100\0"),
		COMMAND('M', "\0"),
		COMMAND('R', "<b@example.com>\0"),
		COMMAND('L', "Subject\0hello\0"),
		COMMAND('L', "Subject\0\0"),
		COMMAND('L', "\0no name\0"),
		COMMAND('B', "\0body"),
		COMMAND('E', ""),
		COMMAND('E', "the rest"),
		COMMAND('A', ""),
		COMMAND('K', ""),
		COMMAND('N', ""),
		COMMAND('Q', ""),
		COMMAND('T', ""),
		COMMAND('U', "XYZZY\0"),
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++)
		if (fault_of(&samples[i], false) != NULL)
			fail_msg("%zu: %s", i, fault_of(&samples[i], false));
}

static void
test_command_that_would_hurt_libmilter_is_not_let_through(void **state)
{
	static const struct sample samples[] = {
		COMMAND('D', ""),
		COMMAND('D', "Ex\0"),
		COMMAND('D', "E\0"),
		COMMAND('D', "Ei\0id\0x\0"),
		COMMAND('D', "Ei\0id\0x"),
		COMMAND('D', "Ei\0id"),
		COMMAND('C', ""),
		COMMAND('C', "mx.example"),
		COMMAND('C', "mx.example\0"),
		COMMAND('C', "mx.example\0004"),
		COMMAND('C', "mx.example\0004\0\031"),
		COMMAND('C', "mx.example\0004\0\031192.0.2.1"),
		COMMAND('C', "mx.example\0004\0\031nowhere\0"),
		COMMAND('C', "mx.example\0006\0\031192.0.2.1\0"),
		COMMAND('C', "mx.example\0x\0\031192.0.2.1\0"),
		COMMAND('H', "mx.example"),
		COMMAND('H', ""),
		COMMAND('M', ""),
		COMMAND('M', "<a@example.com>"),
		COMMAND('M', "<a@example.com>\0SIZE=100"),
		COMMAND('R', ""),
		COMMAND('L', ""),
		COMMAND('L', "\0"),
		COMMAND('L', "Subject\0"),
		COMMAND('L', "Subject\0hello"),
		COMMAND('B', ""),
		COMMAND('U', "XYZZY"),
		COMMAND('\0', ""),
		COMMAND('Z', "?"),
		COMMAND('c', ""),
		COMMAND('O', NEGOTIATION),
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++)
		if (fault_of(&samples[i], false) == NULL)
			fail_msg("%zu is let through", i);
}

static void
test_command_first_is_a_negotiation(void **state)
{
	static const struct sample good = COMMAND('O', NEGOTIATION);
	static const struct sample bad[] = {
		COMMAND('O', ""),
		COMMAND('O', "\0\0\0\006\0\0\001\xff\0\037\xff"),
		COMMAND('O', "\0\0\0\001\0\0\001\xff\0\037\xff\xff"),
		COMMAND('O', "\xff\0\0\006\0\0\001\xff\0\037\xff\xff"),
		COMMAND('M', "<a@example.com>\0"),
		COMMAND('Q', ""),
		COMMAND('E', ""),
	};

	(void)state;
	assert_null(fault_of(&good, true));
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_non_null(fault_of(&bad[i], true));
}

static void
test_command_lists_of_strings_are_bounded(void **state)
{
	static char strings[COMMAND_STRINGS_MAX + 2];
	struct sample sample = { 'M', strings, COMMAND_STRINGS_MAX };

	(void)state;
	assert_null(fault_of(&sample, false));
	sample.len++;
	assert_non_null(fault_of(&sample, false));
	/* The letter before them doesn't count; their number is odd. */
	sample.letter = 'D';
	assert_string_equal(fault_of(&sample, false), "a macro has no value");
	sample.len++;
	assert_string_equal(fault_of(&sample, false),
	    "its macros are too long");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_of_an_mta_is_let_through),
		cmocka_unit_test(
		    test_command_that_would_hurt_libmilter_is_not_let_through),
		cmocka_unit_test(test_command_first_is_a_negotiation),
		cmocka_unit_test(test_command_lists_of_strings_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
