/* units - durations and sizes as an administrator writes them
 *
 * A number is decimal digits, then at most one suffix; no sign, no space, no
 * fraction.  A duration without a suffix is in seconds, a size in bytes.
 * Any thread; no allocation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_SECOND INT64_C(1000000000)
#define UNITS_MINUTE (60 * UNITS_SECOND)
#define UNITS_HOUR (60 * UNITS_MINUTE)
#define UNITS_DAY (24 * UNITS_HOUR)
#define UNITS_MS (UNITS_SECOND / 1000)

#define UNITS_K (INT64_C(1) << 10)
#define UNITS_M (INT64_C(1) << 20)
#define UNITS_G (INT64_C(1) << 30)

/* False if text isn't such a number or doesn't fit; *value_r is then
 * untouched. */
bool units_parse_duration(const char *text, int64_t *value_r);
bool units_parse_size(const char *text, int64_t *value_r);
bool units_parse_count(const char *text, int64_t *value_r);

/* Write value with the largest suffix that is exact; return out.  Durations
 * are multiples of a millisecond. */
const char *units_format_duration(char *out, size_t size, int64_t value);
const char *units_format_size(char *out, size_t size, int64_t value);

#endif
