/* units - durations and sizes as an administrator writes them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

struct unit {
	const char *suffix; /* NULL ends a table */
	int64_t factor;
	int64_t least; /* "60s" is written rather than "1m" */
};

/* Largest first: formatting takes the first that fits the value. */
static const struct unit durations[] = {
	{ "d", UNITS_DAY, 1 },
	{ "h", UNITS_HOUR, 1 },
	{ "m", UNITS_MINUTE, 2 },
	{ "s", UNITS_SECOND, 1 },
	{ "ms", UNITS_MS, 1 },
	{ "", UNITS_SECOND, 1 },
	{ NULL, 0, 0 },
};

static const struct unit sizes[] = {
	{ "G", UNITS_G, 1 },
	{ "M", UNITS_M, 1 },
	{ "K", UNITS_K, 1 },
	{ "", 1, 1 },
	{ NULL, 0, 0 },
};

static const struct unit counts[] = {
	{ "", 1, 1 },
	{ NULL, 0, 0 },
};

static bool
parse(const char *text, const struct unit *unit, int64_t *value_r)
{
	int64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p - '0', &value))
			return false;
	if (p == text)
		return false;
	while (unit->suffix != NULL && strcmp(unit->suffix, p) != 0)
		unit++;
	if (unit->suffix == NULL ||
	    __builtin_mul_overflow(value, unit->factor, &value))
		return false;
	*value_r = value;
	return true;
}

static const char *
format(char *out, size_t size, const struct unit *unit, int64_t value)
{
	if (value == 0) {
		snprintf(out, size, "0");
		return out;
	}
	while (unit[1].suffix != NULL &&
	    (value % unit->factor != 0 || value / unit->factor < unit->least))
		unit++;
	snprintf(out, size, "%" PRId64 "%s", value / unit->factor,
	    unit->suffix);
	return out;
}

bool
units_parse_duration(const char *text, int64_t *value_r)
{
	return parse(text, durations, value_r);
}

bool
units_parse_size(const char *text, int64_t *value_r)
{
	return parse(text, sizes, value_r);
}

bool
units_parse_count(const char *text, int64_t *value_r)
{
	return parse(text, counts, value_r);
}

const char *
units_format_duration(char *out, size_t size, int64_t value)
{
	return format(out, size, durations, value);
}

const char *
units_format_size(char *out, size_t size, int64_t value)
{
	return format(out, size, sizes, value);
}
