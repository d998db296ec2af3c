/* ready_lanes - lanes that wait for a scan, with a worker that is ready
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "ready_lanes.h"

#include "base/log.h"
#include "base/monotime.h"
#include "config/config.h"
#include "scanner_state.h"

/* After a worker could not be made ready, no thread tries it ahead of need for
 * this long. */
#define WARM_PAUSE MONOTIME_S

struct lane *
ready_lanes_take(struct scanner *scanner)
{
	if (scanner->warm_count == 0)
		return NULL;
	return scanner->warm[--scanner->warm_count];
}

/* The snapshot for the work that begins now, with a reference. */
static const struct config *
get_config(struct scanner *scanner)
{
	const struct config *config;

	pthread_mutex_lock(&scanner->lock);
	config = config_ref(scanner->config);
	pthread_mutex_unlock(&scanner->lock);
	return config;
}

/* Opens a lane on the current engine.  No lock held. */
static enum error_code
open_lane(struct scanner *scanner, struct lane **lane_r, struct error *err)
{
	const struct config *config;
	struct engine *engine = engines_get(scanner->engines);
	enum error_code code;

	*lane_r = NULL;
	if (engine == NULL)
		return error_set(err, ERROR_GONE, "no engine in service");
	config = get_config(scanner);
	code = lane_open(scanner->engines, engine, config, lane_r, err);
	config_unref(&config);
	if (code == ERROR_NONE)
		lane_share_attachments(*lane_r, scanner->parts);
	return code;
}

static bool
lane_is_stale(struct scanner *scanner, const struct lane *lane)
{
	return !engines_is_current(scanner->engines, lane_engine(lane));
}

enum error_code
ready_lanes_make(struct scanner *scanner, struct lane **lane, struct error *err)
{
	enum error_code code;

	if (*lane != NULL && !lane_is_stale(scanner, *lane) &&
	    lane_warm(*lane, err) == ERROR_NONE)
		return ERROR_NONE;
	if (*lane != NULL)
		lane_close(lane);
	code = open_lane(scanner, lane, err);
	if (code == ERROR_NONE)
		code = lane_warm(*lane, err);
	if (code != ERROR_NONE && *lane != NULL)
		lane_close(lane);
	return code;
}

/* Keeps a ready lane for the next job, if there is room; *lane is then NULL.
 * Lock held. */
static void
keep_lane(struct scanner *scanner, struct lane **lane)
{
	if (scanner->stop || lane_is_stale(scanner, *lane) ||
	    scanner->warm_count >= scanner->config->engine_workers)
		return;
	lane_configure(*lane, scanner->config);
	scanner->warm[scanner->warm_count++] = *lane;
	*lane = NULL;
}

void
ready_lanes_prepare(struct scanner *scanner, struct lane *lane)
{
	struct error err;
	enum error_code code = ready_lanes_make(scanner, &lane, &err);

	/* An engine that is gone is told by others, or was told to go. */
	if (code != ERROR_NONE)
		log_error(code == ERROR_GONE ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
		    "no worker can be made ready for the next scan", &err);
	pthread_mutex_lock(&scanner->lock);
	scanner->warming--;
	if (code != ERROR_NONE)
		scanner->warm_after = monotime_after(WARM_PAUSE);
	else
		keep_lane(scanner, &lane);
	pthread_cond_signal(&scanner->work);
	pthread_mutex_unlock(&scanner->lock);
	if (lane != NULL)
		lane_close(&lane);
}

void
ready_lanes_return(struct scanner *scanner, struct lane **lane)
{
	if (*lane != NULL && lane_is_ready(*lane))
		keep_lane(scanner, lane);
	if (*lane != NULL)
		scanner->warming++;
}

bool
ready_lanes_lack(const struct scanner *scanner)
{
	return scanner->foreground + scanner->warming + scanner->warm_count <
	    scanner->config->engine_workers;
}

void
ready_lanes_drop_stale(struct scanner *scanner)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < scanner->warm_count; i++) {
		if (lane_is_stale(scanner, scanner->warm[i]))
			lane_close(&scanner->warm[i]);
		else
			scanner->warm[kept++] = scanner->warm[i];
	}
	scanner->warm_count = kept;
}

void
ready_lanes_fit(struct scanner *scanner)
{
	unsigned workers = scanner->config->engine_workers;

	if (workers > scanner->warm_room) {
		scanner->warm = scanner_grow(scanner->warm, workers,
		    sizeof *scanner->warm);
		scanner->warm_room = workers;
	}
	while (scanner->warm_count > workers)
		lane_close(&scanner->warm[--scanner->warm_count]);
}

void
ready_lanes_close(struct scanner *scanner)
{
	while (scanner->warm_count > 0)
		lane_close(&scanner->warm[--scanner->warm_count]);
}
