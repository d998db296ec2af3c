/* age - how old the newest official signatures are
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/age.h"

#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "engine/contents.h"

#define HOUR ((int64_t)3600)
#define DAY (24 * HOUR)

static bool
is_too_old(const struct age *age, int64_t now)
{
	return age->max > 0 && age->built > 0 && now - age->built > age->max;
}

bool
age_is_due(const struct age *age, int64_t now)
{
	/* If the clock was set back, the line would be late. */
	if (now - age->said_at >= DAY || now < age->said_at)
		return true;
	return is_too_old(age, now) && !is_too_old(age, age->said_at);
}

static const char *
duration(char *out, size_t size, int64_t seconds)
{
	int64_t hours = seconds / HOUR;

	if (hours < 48)
		snprintf(out, size, "%lld hours", (long long)hours);
	else
		snprintf(out, size, "%lld days", (long long)(hours / 24));
	return out;
}

static void
say_built(const struct age *age, int64_t now)
{
	char when[32], old[32], max[32];
	time_t built = (time_t)age->built;
	struct tm tm;

	gmtime_r(&built, &tm);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
	duration(old, sizeof old, now - age->built);
	if (is_too_old(age, now))
		log_msg(LOG_LEVEL_ERROR,
		    "the signatures are out of date: the newest official file, "
		    "%s, was built on %s UTC, %s ago, and engine.max_age is %s",
		    age->name, when, old, duration(max, sizeof max, age->max));
	else
		log_msg(LOG_LEVEL_INFO,
		    "the newest official signature file, %s, was built on %s "
		    "UTC, %s ago",
		    age->name, when, old);
}

static void
say(struct age *age, int64_t now)
{
	age->said_at = now;
	if (age->built > 0)
		say_built(age, now);
	else if (age->max > 0)
		log_msg(LOG_LEVEL_WARNING,
		    "the age of the signatures is not known, so that "
		    "engine.max_age has no effect: no official file (.cvd or "
		    ".cld) is among them");
}

void
age_begin(struct age *age, const struct contents *contents,
    const struct config *config, int64_t now)
{
	age->built = contents->built;
	age->max = config->engine_max_age / MONOTIME_S;
	snprintf(age->name, sizeof age->name, "%s", contents->newest);
	say(age, now);
}

void
age_tell(struct age *age, int64_t now)
{
	if (age_is_due(age, now))
		say(age, now);
}
