/* test_wire - nothing is believed that came over a wire
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/seqpacket.h"
#include "wire/wire.h"
#include "support.h"

#define ALL_TYPES (~0u)

/* Which types bring a descriptor: wire.h. */
static const bool brings_descriptor[WIRE_TYPES] = {
	[WIRE_ADOPT] = true,
	[WIRE_SLOT] = true,
	[WIRE_SPAWNED] = true,
	[WIRE_JOB] = true,
	[WIRE_ENGINE] = true,
	[WIRE_CONFIG] = true,
	[WIRE_SOCKET] = true,
	[WIRE_FORMER] = true,
	[WIRE_HANDOVER] = true,
};

static int pair[2];

static int
open_pair(void **state)
{
	struct error err;

	(void)state;
	return seqpacket_pair(pair, &err) == ERROR_NONE ? 0 : -1;
}

static int
close_pair(void **state)
{
	(void)state;
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return 0;
}

/* Sends it with standard input or nothing, and receives it. */
static enum error_code
pass(const struct wire_message *message, bool with_descriptor,
    unsigned accepted, struct wire_message *in, int *fd_r)
{
	struct error err;

	assert_int_equal(wire_send(pair[0], message, with_descriptor ? 0 : -1,
			     &err),
	    ERROR_NONE);
	return wire_recv(pair[1], accepted, in, fd_r, 0, &err);
}

/* Sends it, which must be refused, and leave no descriptor behind. */
static void
expect_refused(const struct wire_message *message, bool with_descriptor,
    unsigned accepted)
{
	unsigned before = support_open_fds();
	struct wire_message in;
	int fd = 99;

	assert_int_equal(pass(message, with_descriptor, accepted, &in, &fd),
	    ERROR_PEER);
	assert_int_equal(fd, -1);
	assert_int_equal(support_open_fds(), before);
	assert_int_equal(pass(message, with_descriptor, accepted, &in, NULL),
	    ERROR_PEER);
	assert_int_equal(support_open_fds(), before);
}

static void
test_wire_every_type_arrives_as_it_was_sent(void **state)
{
	(void)state;
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		struct wire_message out = wire_make((enum wire_type)type), in;
		unsigned before = support_open_fds();
		int fd = 99;

		out.flags = WIRE_RETIRING;
		out.status = -7;
		out.id = UINT64_MAX - type;
		out.value = UINT64_C(1) << 40;
		wire_set_text(&out, "some text");
		assert_int_equal(pass(&out, brings_descriptor[type],
				     WIRE_ACCEPT(type), &in, &fd),
		    ERROR_NONE);
		assert_memory_equal(&in, &out, sizeof in);
		assert_int_equal(fd >= 0, brings_descriptor[type]);
		fd_close(&fd);
		assert_int_equal(support_open_fds(), before);
	}
}

static void
test_wire_made_message_is_empty(void **state)
{
	static const unsigned char zeroes[sizeof(struct wire_message)];
	struct wire_message message = wire_make(WIRE_JOB);

	(void)state;
	assert_int_equal(message.type, WIRE_JOB);
	message.type = 0;
	assert_memory_equal(&message, zeroes, sizeof message);
}

static void
test_wire_type_that_is_not_due_is_refused(void **state)
{
	(void)state;
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		struct wire_message out = wire_make((enum wire_type)type);

		expect_refused(&out, brings_descriptor[type],
		    ALL_TYPES & ~WIRE_ACCEPT(type));
		expect_refused(&out, brings_descriptor[type], 0);
	}
}

static void
test_wire_unknown_type_is_refused(void **state)
{
	static const uint32_t types[] = {
		0,
		WIRE_TYPES,
		WIRE_TYPES + 1,
		31,
		32,
		33,
		64,
		0x80000001u,
		UINT32_MAX,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(types); i++) {
		struct wire_message out = wire_make(WIRE_HELLO);

		out.type = types[i];
		expect_refused(&out, false, ALL_TYPES & ~1u);
		expect_refused(&out, true, ALL_TYPES & ~1u);
	}
}

static void
test_wire_missing_or_surplus_descriptor_is_refused(void **state)
{
	(void)state;
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		struct wire_message out = wire_make((enum wire_type)type);

		expect_refused(&out, !brings_descriptor[type], ALL_TYPES);
	}
}

static void
test_wire_text_that_is_unsafe_is_refused(void **state)
{
	static const char *const texts[] = {
		"a\nb",
		"\r",
		"\x1b[31m",
		"tab\there",
		"\x7f",
		"\x80",
		"caf\xc3\xa9",
		"\x01",
	};
	struct wire_message out;

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		out = wire_make(WIRE_RESULT);
		strcpy(out.text, texts[i]);
		expect_refused(&out, false, ALL_TYPES);
	}
	out = wire_make(WIRE_RESULT);
	memset(out.text, 'a', sizeof out.text);
	expect_refused(&out, false, ALL_TYPES);
	out = wire_make(WIRE_JOB);
	memset(out.text, 'a', sizeof out.text);
	expect_refused(&out, true, ALL_TYPES);
}

static void
test_wire_longest_text_arrives(void **state)
{
	struct wire_message out = wire_make(WIRE_RESULT), in;

	(void)state;
	memset(out.text, 'a', sizeof out.text - 1);
	assert_int_equal(pass(&out, false, ALL_TYPES, &in, NULL), ERROR_NONE);
	assert_int_equal(strlen(in.text), sizeof in.text - 1);
}

static void
test_wire_reserved_field_must_be_zero(void **state)
{
	struct wire_message out = wire_make(WIRE_RESULT);

	(void)state;
	out.reserved = 1;
	expect_refused(&out, false, ALL_TYPES);
}

static void
test_wire_set_text_makes_safe_and_cuts(void **state)
{
	struct wire_message message = wire_make(WIRE_FAILED);
	char text[1000];

	(void)state;
	wire_set_text(&message, "a\r\nb c");
	assert_string_equal(message.text, "a??b c");
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	wire_set_text(&message, text);
	assert_int_equal(strlen(message.text), sizeof message.text - 1);
}

static void
test_wire_short_or_long_message_is_refused(void **state)
{
	static const char bytes[sizeof(struct wire_message) + 1];
	static const size_t lengths[] = {
		1,
		sizeof(struct wire_message) - 1,
		sizeof bytes,
	};
	unsigned before = support_open_fds();
	struct wire_message in;
	struct error err;
	int fd;

	(void)state;
	for (size_t i = 0; i < LENGTH(lengths); i++) {
		assert_int_equal(seqpacket_send(pair[0], bytes, lengths[i], 0,
				     &err),
		    ERROR_NONE);
		assert_int_equal(wire_recv(pair[1], ALL_TYPES, &in, &fd, 0,
				     &err),
		    ERROR_PEER);
		assert_int_equal(fd, -1);
		assert_int_equal(support_open_fds(), before);
	}
}

static void
test_wire_silence_and_end_are_told_apart(void **state)
{
	struct wire_message in;
	struct error err;
	int fd = 99;

	(void)state;
	assert_int_equal(wire_recv(pair[1], ALL_TYPES, &in, &fd, 0, &err),
	    ERROR_TIMEOUT);
	assert_int_equal(fd, -1);
	fd_close(&pair[0]);
	assert_int_equal(wire_recv(pair[1], ALL_TYPES, &in, &fd, 0, &err),
	    ERROR_GONE);
	assert_int_equal(fd, -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_wire_every_type_arrives_as_it_was_sent, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(test_wire_made_message_is_empty,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_type_that_is_not_due_is_refused, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_unknown_type_is_refused, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_missing_or_surplus_descriptor_is_refused,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_text_that_is_unsafe_is_refused, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(test_wire_longest_text_arrives,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_reserved_field_must_be_zero, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_set_text_makes_safe_and_cuts, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_short_or_long_message_is_refused, open_pair,
		    close_pair),
		cmocka_unit_test_setup_teardown(
		    test_wire_silence_and_end_are_told_apart, open_pair,
		    close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
