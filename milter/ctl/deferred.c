/* deferred - lists the mail that was deferred
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ctl/deferred.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "base/monotime.h"
#include "base/priv.h"
#include "base/text.h"
#include "config/config.h"
#include "wire/key.h"
#include "ledger/store.h"

/* Of the longest string in a row. */
#define TEXT_SIZE 512

struct listing {
	bool json;
	size_t count;
	size_t ready; /* and not fetched */
};

const char *
deferred_age(char *out, size_t size, int64_t age)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t seconds = age / MONOTIME_S;
	size_t i = 0;

	while (units[i].seconds > seconds && units[i].seconds > 1)
		i++;
	if (units[i].seconds == 1)
		snprintf(out, size, "%" PRId64 "s", seconds);
	else
		snprintf(out, size, "%" PRId64 "%c %" PRId64 "%c",
		    seconds / units[i].seconds, units[i].unit,
		    seconds % units[i].seconds / units[i + 1].seconds,
		    units[i + 1].unit);
	return out;
}

/* "2026-01-31 12:00:00 (3h 12m ago)", by the local clock. */
static void
print_time(int64_t now, int64_t age, FILE *out)
{
	time_t at = (now - age) / MONOTIME_S;
	char when[64], ago[64];
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(out, "%s (%s ago)", when, deferred_age(ago, sizeof ago, age));
}

static void
print_text(const char *label, const char *value, FILE *out)
{
	char text[TEXT_SIZE];

	fprintf(out, "  %-11s %s\n", label,
	    text_line(text, sizeof text, value));
}

static void
print_verdict(const struct store_row *row, int64_t now, FILE *out)
{
	if (!row->known) {
		fprintf(out, "  %-11s none yet\n", "verdict:");
		return;
	}
	fprintf(out, "  %-11s %s",
	    "verdict:", verdict_kind_name(row->verdict.kind));
	if (row->verdict.name[0] != '\0')
		fprintf(out, " (%s)", row->verdict.name);
	fputs(", ready since ", out);
	print_time(now, row->verdict_age, out);
	fprintf(out, ", %s\n", row->fetched ? "fetched" : "not fetched");
}

void
deferred_print(const struct store_row *row, int64_t now, FILE *out)
{
	char key[KEY_SHORT_SIZE];

	fprintf(out, "%s\n  %-11s ", key_short(&row->key, key), "first seen:");
	print_time(now, row->first_age, out);
	fprintf(out, "\n  %-11s %u, the last one ", "tries:", row->tries);
	print_time(now, row->last_age, out);
	fputc('\n', out);
	print_text("reason:", row->reason, out);
	print_text("from:", row->sender, out);
	print_text("to:", row->recipients, out);
	print_text("message-id:", row->message_id, out);
	print_text("queue ID:", row->queue_id, out);
	print_verdict(row, now, out);
}

/* Takes value over; NULL is null. */
static void
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (json_object_object_add(object, name, value) != 0)
		abort();
}

static struct json_object *
made(struct json_object *value)
{
	if (value == NULL)
		abort();
	return value;
}

static void
add_text(struct json_object *object, const char *name, const char *value)
{
	char text[TEXT_SIZE];

	add(object, name,
	    made(json_object_new_string(text_line(text, sizeof text, value))));
}

static void
add_time(struct json_object *object, const char *name, int64_t at)
{
	time_t seconds = at / MONOTIME_S;
	char text[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	add_text(object, name, text);
}

static void
add_verdict(struct json_object *object, const struct store_row *row,
    int64_t now)
{
	if (!row->known) {
		add(object, "verdict", NULL);
		add(object, "virus", NULL);
		add(object, "verdict_at", NULL);
	} else {
		add_text(object, "verdict",
		    verdict_kind_name(row->verdict.kind));
		add_text(object, "virus", row->verdict.name);
		add_time(object, "verdict_at", now - row->verdict_age);
	}
	add(object, "fetched", made(json_object_new_boolean(row->fetched)));
}

void
deferred_print_json(const struct store_row *row, int64_t now, FILE *out)
{
	struct json_object *object = made(json_object_new_object());
	char key[KEY_SHORT_SIZE];

	add_text(object, "key", key_short(&row->key, key));
	add_time(object, "first_seen", now - row->first_age);
	add_time(object, "last_try", now - row->last_age);
	add(object, "tries", made(json_object_new_int64(row->tries)));
	add_text(object, "reason", row->reason);
	add_text(object, "sender", row->sender);
	add_text(object, "recipients", row->recipients);
	add_text(object, "message_id", row->message_id);
	add_text(object, "queue_id", row->queue_id);
	add_verdict(object, row, now);
	fprintf(out, "%s\n",
	    json_object_to_json_string_ext(object,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void
take_row(void *context, const struct store_row *row)
{
	struct listing *listing = context;

	listing->count++;
	if (row->known && !row->fetched)
		listing->ready++;
	if (listing->json)
		deferred_print_json(row, monotime_wall(), stdout);
	else
		deferred_print(row, monotime_wall(), stdout);
}

static enum error_code
list(const struct config *config, struct listing *listing, struct error *err)
{
	struct priv_account account;
	enum error_code code;
	char path[PATH_MAX];

	code = priv_find(config->user, &account, err);
	if (code == ERROR_NONE)
		code = priv_drop(&account, err);
	if (code != ERROR_NONE)
		return code;
	snprintf(path, sizeof path, "%s/" STORE_NAME, config->state_directory);
	return store_list(path, take_row, listing, err);
}

int
deferred_run(const struct config *config, bool json)
{
	struct listing listing = { .json = json };
	enum error_code code;
	struct error err;

	code = list(config, &listing, &err);
	if (code == ERROR_NONE && !json)
		printf("%zu deferred, %zu of them with a verdict that is "
		       "ready and not fetched\n",
		    listing.count, listing.ready);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("vscan-milter: standard output");
		return EX_IOERR;
	}
	if (code == ERROR_NONE)
		return EX_OK;
	fprintf(stderr, "vscan-milter: %s\n", err.text);
	return EX_NOINPUT;
}
