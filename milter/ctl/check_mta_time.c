/* check_mta_time - times as Postfix and Sendmail write them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/check_mta.h"

/* No MTA waits longer than this, and sums of such times can't overflow. */
#define LONGEST_S 2147483647

/* Returns 0 if it is no unit. */
static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

/* Takes a number and its unit (seconds if it has none) off *text. */
static bool
take_part(const char **text, int64_t *seconds_r)
{
	const char *p = *text;
	int64_t value = 0, unit = 1;

	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (*p - '0');
		if (value > LONGEST_S)
			return false;
	}
	if (p == *text)
		return false;
	if (*p != '\0')
		unit = unit_seconds(*p++);
	*text = p;
	*seconds_r = value * unit;
	return unit != 0;
}

bool
check_mta_parse_time(enum check_mta_kind kind, const char *text,
    int64_t *time_r)
{
	int64_t sum = 0, part;

	do {
		if (!take_part(&text, &part))
			return false;
		sum += part;
		if (sum > LONGEST_S)
			return false;
	} while (*text != '\0' && kind == CHECK_MTA_SENDMAIL);
	if (*text != '\0')
		return false;
	*time_r = sum * MONOTIME_S;
	return true;
}

const char *
check_mta_format_time(char *out, size_t size, int64_t time)
{
	if (time % MONOTIME_S == 0)
		snprintf(out, size, "%" PRId64 "s", time / MONOTIME_S);
	else
		snprintf(out, size, "%" PRId64 "ms", time / MONOTIME_MS);
	return out;
}
