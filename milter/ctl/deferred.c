/* deferred - lists the mail that was deferred and that its sender is to send
 * again
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ctl/deferred.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>

#include "base/monotime.h"
#include "base/priv.h"
#include "base/text.h"
#include "config/config.h"
#include "wire/key.h"
#include "ledger/store.h"

/* This word and a number stand behind the recipients in a row that has no room
 * for all of them (ledger/row.h). */
#define AND "and "

struct listing {
	const struct deferred_query *query;
	int64_t since; /* rows that are older are left out */
	size_t count;
	size_t ready; /* rows that have a verdict */
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

/* Prints "2026-01-31 12:00:00 (3h 12m ago)", in local time. */
static void
print_time(int64_t now, int64_t at, FILE *out)
{
	time_t seconds = at / MONOTIME_S;
	char when[64], ago[64];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(out, "%s (%s ago)", when,
	    deferred_age(ago, sizeof ago, now - at));
}

static void
print_text(const char *label, const char *value, FILE *out)
{
	char text[ROW_TEXT_MAX];

	fprintf(out, "  %-11s %s\n", label,
	    text_line(text, sizeof text, value));
}

static void
print_verdict(const struct row *row, int64_t now, FILE *out)
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
	print_time(now, row->verdict_at, out);
	fputc('\n', out);
}

void
deferred_print(const struct row *row, int64_t now, FILE *out)
{
	char key[KEY_SHORT_SIZE];

	fprintf(out, "%s\n  %-11s ", key_short(&row->key, key), "first seen:");
	print_time(now, row->first_at, out);
	fprintf(out, "\n  %-11s %u, the last one ", "tries:", row->tries);
	print_time(now, row->last_at, out);
	fputc('\n', out);
	print_text("reason:", row_text(row, ROW_REASON), out);
	print_text("from:", row_text(row, ROW_SENDER), out);
	print_text("to:", row_text(row, ROW_RECIPIENTS), out);
	print_text("message-id:", row_text(row, ROW_MESSAGE_ID), out);
	print_text("queue ID:", row_text(row, ROW_QUEUE_ID), out);
	print_verdict(row, now, out);
}

/* Adds a member to the object, which owns value then.  NULL is JSON's null. */
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
	char text[ROW_TEXT_MAX];

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
add_verdict(struct json_object *object, const struct row *row)
{
	if (!row->known) {
		add(object, "verdict", NULL);
		add(object, "virus", NULL);
		add(object, "verdict_at", NULL);
	} else {
		add_text(object, "verdict",
		    verdict_kind_name(row->verdict.kind));
		add_text(object, "virus", row->verdict.name);
		add_time(object, "verdict_at", row->verdict_at);
	}
}

/* The length of the word that text begins with.  Blanks between quotes belong
 * to the word: <"a b"@example.org>. */
static size_t
word_len(const char *text)
{
	bool quoted = false;
	size_t i;

	for (i = 0; text[i] != '\0' && (quoted || text[i] != ' '); i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '\\' && text[i + 1] != '\0')
			i++;
	}
	return i;
}

/* Takes the next recipient off *rest.  False after the last one; then *rest may
 * say how many more there are. */
static bool
next_recipient(const char **rest, char recipient_r[ROW_TEXT_MAX])
{
	size_t len = word_len(*rest);

	if (len == 0 || len >= ROW_TEXT_MAX ||
	    strncmp(*rest, AND, strlen(AND)) == 0)
		return false;
	memcpy(recipient_r, *rest, len);
	recipient_r[len] = '\0';
	*rest += len + ((*rest)[len] == ' ');
	return true;
}

static void
add_recipients(struct json_object *object, const struct row *row)
{
	const char *rest = row_text(row, ROW_RECIPIENTS);
	struct json_object *array = made(json_object_new_array());
	char one[ROW_TEXT_MAX], text[ROW_TEXT_MAX];
	long more = 0;

	while (next_recipient(&rest, one))
		if (json_object_array_add(array,
			made(json_object_new_string(
			    text_line(text, sizeof text, one)))) != 0)
			abort();
	if (strncmp(rest, AND, strlen(AND)) == 0)
		more = strtol(rest + strlen(AND), NULL, 10);
	add(object, "recipients", array);
	add(object, "recipients_more", made(json_object_new_int64(more)));
}

void
deferred_print_json(const struct row *row, FILE *out)
{
	struct json_object *object = made(json_object_new_object());
	char key[KEY_SHORT_SIZE];

	add_text(object, "key", key_short(&row->key, key));
	add_time(object, "first_seen", row->first_at);
	add_time(object, "last_try", row->last_at);
	add(object, "tries", made(json_object_new_int64(row->tries)));
	add_text(object, "reason", row_text(row, ROW_REASON));
	add_text(object, "sender", row_text(row, ROW_SENDER));
	add_recipients(object, row);
	add_text(object, "message_id", row_text(row, ROW_MESSAGE_ID));
	add_text(object, "queue_id", row_text(row, ROW_QUEUE_ID));
	add_verdict(object, row);
	fprintf(out, "%s\n",
	    json_object_to_json_string_ext(object,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static bool
key_matches(const struct key *key, const char *beginning)
{
	char hex[2 * KEY_BYTES + 1];

	if (beginning == NULL)
		return true;
	text_hex(hex, key->bytes, sizeof key->bytes);
	return strncasecmp(hex, beginning, strlen(beginning)) == 0;
}

/* True if both are the same address; each may stand in <> or not. */
static bool
is_address(const char *address, const char *asked)
{
	char text[ROW_TEXT_MAX];
	size_t len, asked_len;

	text_line(text, sizeof text, asked);
	asked = text + (text[0] == '<');
	address += address[0] == '<';
	len = strcspn(address, ">");
	asked_len = strcspn(asked, ">");
	return len == asked_len && strncasecmp(address, asked, len) == 0;
}

static bool
has_recipient(const struct row *row, const char *asked)
{
	const char *rest = row_text(row, ROW_RECIPIENTS);
	char one[ROW_TEXT_MAX];

	while (next_recipient(&rest, one))
		if (is_address(one, asked))
			return true;
	return false;
}

bool
deferred_matches(const struct row *row, const struct deferred_query *query)
{
	return key_matches(&row->key, query->key) &&
	    (query->queue_id == NULL ||
		strcmp(row_text(row, ROW_QUEUE_ID), query->queue_id) == 0) &&
	    (query->sender == NULL ||
		is_address(row_text(row, ROW_SENDER), query->sender)) &&
	    (query->recipient == NULL || has_recipient(row, query->recipient));
}

/* True if nothing has happened to the row for so long that the service will
 * forget it: when it needs room, or at its next start. */
static bool
is_forgotten(const struct row *row, int64_t since)
{
	return row->last_at < since && (!row->known || row->verdict_at < since);
}

static void
take_row(void *context, const struct row *row)
{
	struct listing *listing = context;

	if (is_forgotten(row, listing->since) ||
	    !deferred_matches(row, listing->query))
		return;
	listing->count++;
	listing->ready += row->known;
	if (listing->query->json)
		deferred_print_json(row, stdout);
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
deferred_run(const struct config *config, const struct deferred_query *query)
{
	struct listing listing = {
		.query = query,
		.since = monotime_wall() - config->cache_late_ttl,
	};
	enum error_code code;
	struct error err;

	code = list(config, &listing, &err);
	if (code == ERROR_NONE && !query->json)
		printf("%zu deferred, %zu of them with a verdict that is "
		       "ready\n",
		    listing.count, listing.ready);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("vscanctl: standard output");
		return EX_IOERR;
	}
	if (code == ERROR_NONE)
		return EX_OK;
	fprintf(stderr, "vscanctl: %s\n", err.text);
	return EX_NOINPUT;
}
