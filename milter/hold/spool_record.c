/* spool_record - what is known of a held mail, as the bytes of a file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "spool_record.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"

#define MAGIC "VSHELD" /* a digit and a newline follow */
#define MAGIC_LEN (sizeof MAGIC + 1)
#define SUM "sum "
#define SUM_SIZE 32
#define SUM_LINE_LEN (sizeof SUM - 1 + 2 * SUM_SIZE + 1)

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum type {
	TEXT,   /* a string; size is its room */
	NUMBER, /* 64 bits */
	BYTES,
	TRUTH, /* 0 or 1 */
};

#define FIELD(type, member) \
	type, offsetof(struct spool_mail, member), \
	    sizeof((struct spool_mail *)NULL)->member

static const struct field {
	const char *name;
	enum type type;
	size_t offset, size;
} fields[] = {
	{ "queue-id", FIELD(TEXT, at_mta.queue_id) },
	{ "mark", FIELD(TEXT, at_mta.mark) },
	{ "mta-size", FIELD(NUMBER, at_mta.size) },
	{ "arrived-at", FIELD(NUMBER, at_mta.arrived_at) },
	{ "key", FIELD(BYTES, key) },
	{ "envelope", FIELD(BYTES, envelope) },
	{ "size", FIELD(NUMBER, size) },
	{ "digest", FIELD(BYTES, digest) },
	{ "cut", FIELD(TRUTH, cut) },
	{ "reason", FIELD(TEXT, reason) },
};

#define FIELDS LENGTH(fields)
#define ALL_FIELDS ((1U << FIELDS) - 1)

static const char *const structures[COST_STRUCTURES] = {
	[COST_TEXT] = "text",
	[COST_ALTERNATIVE] = "alternative",
	[COST_MIXED] = "mixed",
	[COST_OTHER] = "other",
};

/* "" or as a verdict's name: it stands in the log. */
static bool
is_reason(const char *reason, size_t size)
{
	return memchr(reason, '\0', size) != NULL &&
	    (reason[0] == '\0' || text_is_signature_name(reason));
}

bool
spool_record_makes_sense(const struct spool_mail *mail)
{
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		if (mail->actions[kind] > ACTION_REJECT)
			return false;
	return release_mail_is_valid(&mail->at_mta) &&
	    (unsigned)mail->structure < COST_STRUCTURES &&
	    is_reason(mail->reason, sizeof mail->reason);
}

/* --- writing --- */

/* A text file that is made in a buffer. */
struct text {
	char *at;
	size_t used;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *text, const char *fmt, ...)
{
	size_t room = SPOOL_RECORD_MAX - text->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text->at + text->used, room, fmt, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < room);
	text->used += (size_t)n;
}

static void
add_field(struct text *text, const struct field *field,
    const struct spool_mail *mail)
{
	const unsigned char *member = (const unsigned char *)mail +
	    field->offset;
	char hex[2 * SUM_SIZE + 1];
	int64_t number;

	switch (field->type) {
	case TEXT:
		add(text, "%s %s\n", field->name, (const char *)member);
		break;
	case NUMBER:
		memcpy(&number, member, sizeof number);
		add(text, "%s %" PRId64 "\n", field->name, number);
		break;
	case BYTES:
		assert(field->size <= SUM_SIZE);
		add(text, "%s %s\n", field->name,
		    text_hex(hex, member, field->size));
		break;
	case TRUTH:
		add(text, "%s %d\n", field->name, *member != 0);
		break;
	}
}

static void
sum_of(const char *data, size_t len, unsigned char sum[SUM_SIZE])
{
	crypto_generichash(sum, SUM_SIZE, (const unsigned char *)data, len,
	    NULL, 0);
}

size_t
spool_record_write(const struct spool_mail *mail, char out[SPOOL_RECORD_MAX])
{
	struct text text = { .at = out };
	unsigned char sum[SUM_SIZE];
	char hex[2 * SUM_SIZE + 1];

	add(&text, MAGIC "2\n");
	for (size_t i = 0; i < FIELDS; i++)
		add_field(&text, &fields[i], mail);
	add(&text, "structure %s\n", structures[mail->structure]);
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		add(&text, "action %s %s\n",
		    verdict_kind_name((enum verdict_kind)kind),
		    config_action_name((enum action)mail->actions[kind]));
	sum_of(out, text.used, sum);
	add(&text, SUM "%s\n", text_hex(hex, sum, sizeof sum));
	return text.used;
}

/* --- reading --- */

static bool
read_number(const char *value, void *member)
{
	int64_t number;
	char *end;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0)
		return false;
	memcpy(member, &number, sizeof number);
	return true;
}

static bool
read_bytes(const char *value, void *member, size_t size)
{
	size_t len;

	return strlen(value) == 2 * size &&
	    sodium_hex2bin(member, size, value, 2 * size, NULL, &len, NULL) ==
	    0 &&
	    len == size;
}

static bool
read_field(const struct field *field, const char *value,
    struct spool_mail *mail)
{
	unsigned char *member = (unsigned char *)mail + field->offset;
	bool truth;

	switch (field->type) {
	case TEXT:
		if (strlen(value) >= field->size)
			return false;
		memcpy(member, value, strlen(value) + 1);
		return true;
	case NUMBER:
		return read_number(value, member);
	case BYTES:
		return read_bytes(value, member, field->size);
	case TRUTH:
		truth = strcmp(value, "1") == 0;
		memcpy(member, &truth, sizeof truth);
		return truth || strcmp(value, "0") == 0;
	}
	return false;
}

/* value: "VERDICT ACTION".  What this version doesn't know stays as it is. */
static void
read_action(const char *value, struct spool_mail *mail)
{
	for (int kind = 0; kind < VERDICT_KINDS; kind++) {
		const char *name = verdict_kind_name((enum verdict_kind)kind);
		size_t len = strlen(name);

		if (strncmp(value, name, len) != 0 || value[len] != ' ')
			continue;
		for (int action = 0; action <= ACTION_REJECT; action++)
			if (strcmp(value + len + 1,
				config_action_name((enum action)action)) == 0)
				mail->actions[kind] = (uint8_t)action;
	}
}

static void
read_structure(const char *value, struct spool_mail *mail)
{
	for (int i = 0; i < COST_STRUCTURES; i++)
		if (strcmp(value, structures[i]) == 0)
			mail->structure = (enum cost_structure)i;
}

/* One line without its end; *seen has a bit for each field that was there. */
static bool
read_line(char *line, struct spool_mail *mail, unsigned *seen)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return true;
	*value++ = '\0';
	if (strcmp(line, "action") == 0)
		read_action(value, mail);
	if (strcmp(line, "structure") == 0)
		read_structure(value, mail);
	for (size_t i = 0; i < FIELDS; i++) {
		if (strcmp(line, fields[i].name) != 0)
			continue;
		*seen |= 1U << i;
		return read_field(&fields[i], value, mail);
	}
	return true;
}

/* Whether the last line is right about all that is before it. */
static bool
sum_is_right(const char *data, size_t len)
{
	unsigned char sum[SUM_SIZE];
	char line[SUM_LINE_LEN + 1], hex[2 * SUM_SIZE + 1];

	if (len < SUM_LINE_LEN)
		return false;
	sum_of(data, len - SUM_LINE_LEN, sum);
	snprintf(line, sizeof line, SUM "%s\n", text_hex(hex, sum, sizeof sum));
	return memcmp(data + len - SUM_LINE_LEN, line, SUM_LINE_LEN) == 0;
}

static bool
read_version_2(const char *data, size_t len, struct spool_mail *mail)
{
	char text[SPOOL_RECORD_MAX + 1], *rest = text, *line;
	unsigned seen = 0;

	if (!sum_is_right(data, len) || memchr(data, '\0', len) != NULL)
		return false;
	len -= SUM_LINE_LEN;
	memcpy(text, data, len);
	text[len] = '\0';
	mail->structure = COST_OTHER;
	memset(mail->actions, ACTION_QUARANTINE, sizeof mail->actions);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (!read_line(line, mail, &seen))
			return false;
	return seen == ALL_FIELDS;
}

/* Where the fields of version 1 lie, behind its first line; and then a digest
 * of them. */
static const struct {
	size_t at, size, offset;
} version_1[] = {
	{ 0, 64, offsetof(struct spool_mail, at_mta.queue_id) },
	{ 64, 33, offsetof(struct spool_mail, at_mta.mark) },
	{ 104, 8, offsetof(struct spool_mail, at_mta.size) },
	{ 112, 8, offsetof(struct spool_mail, at_mta.arrived_at) },
	{ 120, 32, offsetof(struct spool_mail, key) },
	{ 152, 32, offsetof(struct spool_mail, envelope) },
	{ 184, 8, offsetof(struct spool_mail, size) },
	{ 210, 32, offsetof(struct spool_mail, digest) },
	{ 242, 129, offsetof(struct spool_mail, reason) },
};

#define VERSION_1_CUT 192
#define VERSION_1_STRUCTURE 196
#define VERSION_1_ACTIONS 200
#define VERSION_1_FIELDS 376

/* Verdicts, actions and structures in the order of version 1. */
static const enum verdict_kind version_1_kinds[] = {
	VERDICT_ERROR,
	VERDICT_CLEAN,
	VERDICT_INFECTED,
	VERDICT_ENCRYPTED,
	VERDICT_MACRO,
	VERDICT_PHISHING,
	VERDICT_PUA,
	VERDICT_INCOMPLETE,
	VERDICT_LATE,
	VERDICT_UNSCANNABLE,
};

static const enum action version_1_actions[] = {
	ACTION_OFF,
	ACTION_ACCEPT,
	ACTION_HOLD,
	ACTION_QUARANTINE,
	ACTION_DISCARD,
	ACTION_TEMPFAIL,
	ACTION_REJECT,
};

static const enum cost_structure version_1_structures[] = {
	COST_TEXT,
	COST_ALTERNATIVE,
	COST_MIXED,
	COST_OTHER,
};

static bool
read_version_1_choices(const unsigned char *data, struct spool_mail *mail)
{
	const unsigned char *actions = data + VERSION_1_ACTIONS;
	int32_t structure;

	memcpy(&structure, data + VERSION_1_STRUCTURE, sizeof structure);
	if (structure < 0 || structure >= (int)LENGTH(version_1_structures) ||
	    data[VERSION_1_CUT] > 1)
		return false;
	mail->structure = version_1_structures[structure];
	mail->cut = data[VERSION_1_CUT] != 0;
	memset(mail->actions, ACTION_QUARANTINE, sizeof mail->actions);
	for (size_t i = 0; i < LENGTH(version_1_kinds); i++) {
		if (actions[i] >= LENGTH(version_1_actions))
			return false;
		mail->actions[version_1_kinds[i]] = (uint8_t)
		    version_1_actions[actions[i]];
	}
	return true;
}

static bool
read_version_1(const char *data, size_t len, struct spool_mail *mail)
{
	const char *at = data + MAGIC_LEN;
	unsigned char sum[SUM_SIZE];

	if (len != MAGIC_LEN + VERSION_1_FIELDS + SUM_SIZE)
		return false;
	sum_of(at, VERSION_1_FIELDS, sum);
	if (memcmp(at + VERSION_1_FIELDS, sum, sizeof sum) != 0)
		return false;
	for (size_t i = 0; i < LENGTH(version_1); i++)
		memcpy((char *)mail + version_1[i].offset, at + version_1[i].at,
		    version_1[i].size);
	return read_version_1_choices((const unsigned char *)at, mail);
}

enum error_code
spool_record_read(const char *data, size_t len, struct spool_mail *mail_r)
{
	bool good = false;

	memset(mail_r, 0, sizeof *mail_r);
	if (len < MAGIC_LEN || len > SPOOL_RECORD_MAX ||
	    memcmp(data, MAGIC, sizeof MAGIC - 1) != 0 ||
	    data[MAGIC_LEN - 1] != '\n')
		return ERROR_INPUT;
	if (data[MAGIC_LEN - 2] == '1')
		good = read_version_1(data, len, mail_r);
	else if (data[MAGIC_LEN - 2] == '2')
		good = read_version_2(data, len, mail_r);
	else if (data[MAGIC_LEN - 2] >= '3' && data[MAGIC_LEN - 2] <= '9')
		return ERROR_UNSUPPORTED;
	return good && spool_record_makes_sense(mail_r) ? ERROR_NONE
							: ERROR_INPUT;
}
