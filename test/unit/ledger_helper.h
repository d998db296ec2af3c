/* ledger_helper - a ledger whose store writes down what it is handed
 *
 * store_put() and store_delete() stand in the helper's source, so that the
 * real store isn't linked: it is to be among the sources of each program that
 * uses it, never in a library.
 *
 * There is one ledger at a time, from book_setup() to book_teardown(), and
 * one thread.  What fails fails the test.  Times are those of monotime_now(),
 * in nanoseconds.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef LEDGER_HELPER_H
#define LEDGER_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/monotime.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

/* What book_setup() configures. */
#define TTL (10 * MONOTIME_S)
#define LATE_TTL (100 * MONOTIME_S)
#define ALARM (50 * MONOTIME_S)
#define ROWS 100

/* When a test begins, unless it is about loaded rows. */
#define NOW (1000 * MONOTIME_S)

/* Two generations. */
#define OLD "0123456789abcdef"
#define NEW "fedcba9876543210"

/* What the last row handed over was (it is there until book_teardown(), or for
 * RECORDED more), and the last keys that were deleted. */
#define RECORDED 1024
struct recorder {
	unsigned puts, deletes;
	struct row last;
	struct key deleted[4 * ROWS];
	struct row recorded[RECORDED];
};

/* The test's own: it may change them, and destroy the ledger if it makes
 * another.  The ledger's store is (struct store *)&recorder. */
extern struct recorder recorder;
extern struct config *config;
extern struct ledger *ledger;

/* Before and after each test. */
int book_setup(void **state);
int book_teardown(void **state);

/* Makes an empty ledger, with the recorder for its store.  The one before
 * must have been destroyed. */
void book_open(void);

/* Keys and envelopes are told apart by a number. */
struct key book_number(unsigned n);

/* Content n is deferred in that envelope, while OLD is in service, or the
 * generation that book_defer_in() is told; those that are told no sender have
 * one of their own, <a@example.org>. */
void book_defer_from(unsigned n, unsigned envelope, const char *sender,
    int64_t now);
void book_defer(unsigned n, unsigned envelope, int64_t now);
void book_defer_in(unsigned n, unsigned envelope, const char *generation,
    int64_t now);

/* The same, but it is held. */
void book_hold(unsigned n, unsigned envelope, int64_t now);

/* A scan of 7 s ends with that verdict; its name is "Name", or "" if it is
 * clean. */
void book_verdict(unsigned n, enum verdict_kind kind, const char *generation,
    int64_t now);

/* As ledger_lookup(); book_known() is for when the answer doesn't matter. */
bool book_lookup(unsigned n, unsigned envelope, const char *generation,
    int64_t now, struct ledger_answer *answer_r);
bool book_known(unsigned n, unsigned envelope, const char *generation,
    int64_t now);

/* As ledger_fail() at NOW, ledger_failures() and ledger_was_deferred(). */
unsigned book_fail(unsigned n, const char *generation);
unsigned book_failures(unsigned n, const char *generation);
bool book_was_deferred(unsigned n);

/* Fails the test unless ledger_counts() says so. */
void book_expect_counts(size_t rows, size_t ready);

/* True if the store was told to delete row n.  For up to 4 * ROWS deletes. */
bool book_was_deleted(unsigned n);

#endif
