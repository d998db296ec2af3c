/* ledger_helper - a ledger whose store writes down what it is handed
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

#include "config/config.h"
#include "ledger_helper.h"
#include "support.h"

struct recorder recorder;
struct config *config;
struct ledger *ledger;

void
store_put(struct store *store, const struct row *row)
{
	struct row *place = &recorder.recorded[recorder.puts++ % RECORDED];

	assert_ptr_equal(store, &recorder);
	row_fini(place);
	*place = recorder.last = row_copy(row);
}

void
store_delete(struct store *store, const struct key *key)
{
	assert_ptr_equal(store, &recorder);
	recorder.deleted[recorder.deletes++ % LENGTH(recorder.deleted)] = *key;
}

void
book_open(void)
{
	ledger = ledger_create(config);
	ledger_attach(ledger, (struct store *)&recorder);
}

int
book_setup(void **state)
{
	(void)state;
	config = support_config("cache { ttl = 10s late_ttl = 100s }\n"
				"limits { rows = 100 }");
	config->alarm_after = ALARM;
	memset(&recorder, 0, sizeof recorder);
	book_open();
	return 0;
}

int
book_teardown(void **state)
{
	(void)state;
	ledger_destroy(&ledger);
	assert_null(ledger);
	for (size_t i = 0; i < RECORDED; i++)
		row_fini(&recorder.recorded[i]);
	config_destroy(&config);
	return 0;
}

struct key
book_number(unsigned n)
{
	struct key key = { { 0 } };

	memcpy(key.bytes, &n, sizeof n);
	return key;
}

static void
try(unsigned n, unsigned envelope, const char *sender, bool held,
    const char *generation, int64_t now)
{
	static char first[] = "<b@example.org>", second[] = "<c@example.org>";
	char *recipients[] = { first, second };
	struct key key = book_number(n);
	struct row_try one = {
		.envelope = book_number(envelope),
		.reason = "scan-running",
		.sender = sender,
		.recipients = recipients,
		.recipient_count = LENGTH(recipients),
		.message_id = "<1@example.org>",
		.queue_id = "4ABCDEF",
		.held = held,
	};

	ledger_defer(ledger, &key, &one, generation, now);
}

void
book_defer_from(unsigned n, unsigned envelope, const char *sender, int64_t now)
{
	try(n, envelope, sender, false, OLD, now);
}

void
book_defer(unsigned n, unsigned envelope, int64_t now)
{
	try(n, envelope, "<a@example.org>", false, OLD, now);
}

void
book_defer_in(unsigned n, unsigned envelope, const char *generation,
    int64_t now)
{
	try(n, envelope, "<a@example.org>", false, generation, now);
}

void
book_hold(unsigned n, unsigned envelope, int64_t now)
{
	try(n, envelope, "<a@example.org>", true, OLD, now);
}

void
book_verdict(unsigned n, enum verdict_kind kind, const char *generation,
    int64_t now)
{
	struct key key = book_number(n);
	struct verdict made = verdict_make(kind,
	    kind == VERDICT_CLEAN ? "" : "Name");

	ledger_verdict(ledger, &key, &made, generation, 7 * MONOTIME_S, now);
}

bool
book_lookup(unsigned n, unsigned envelope, const char *generation, int64_t now,
    struct ledger_answer *answer_r)
{
	struct key key = book_number(n), of = book_number(envelope);

	return ledger_lookup(ledger, &key, &of, generation, now, answer_r);
}

bool
book_known(unsigned n, unsigned envelope, const char *generation, int64_t now)
{
	struct ledger_answer answer;

	return book_lookup(n, envelope, generation, now, &answer);
}

unsigned
book_fail(unsigned n, const char *generation)
{
	struct key key = book_number(n);

	return ledger_fail(ledger, &key, generation, NOW);
}

unsigned
book_failures(unsigned n, const char *generation)
{
	struct key key = book_number(n);

	return ledger_failures(ledger, &key, generation);
}

bool
book_was_deferred(unsigned n)
{
	struct key key = book_number(n);

	return ledger_was_deferred(ledger, &key);
}

void
book_expect_counts(size_t rows, size_t ready)
{
	struct ledger_counts counts = ledger_counts(ledger);

	assert_int_equal(counts.rows, rows);
	assert_int_equal(counts.ready, ready);
}

bool
book_was_deleted(unsigned n)
{
	struct key key = book_number(n);

	for (size_t i = 0; i < recorder.deletes; i++)
		if (memcmp(&recorder.deleted[i], &key, sizeof key) == 0)
			return true;
	return false;
}
