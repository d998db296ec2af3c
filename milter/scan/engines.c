/* engines - the engine generations that the filter may use
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "scan/engines.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/seqpacket.h"
#include "wire/wire.h"

struct engine {
	char name[ENGINE_NAME_SIZE];
	uint64_t serial;
	int link;
	unsigned count; /* under the lock of struct engines */
};

struct engines {
	pthread_mutex_t lock;
	struct engine *current; /* one count is ours */
	struct engines_reports reports;
};

struct engines *
engines_create(const struct engines_reports *reports)
{
	struct engines *engines = calloc(1, sizeof *engines);

	if (engines == NULL)
		abort();
	pthread_mutex_init(&engines->lock, NULL);
	if (reports != NULL)
		engines->reports = *reports;
	return engines;
}

/* The caller holds the lock.  True if that was the last count. */
static bool
put_locked(struct engine *engine)
{
	assert(engine->count > 0);
	return --engine->count == 0;
}

static void
report(const struct engines *engines, engines_report_function *function,
    const struct engine *engine)
{
	if (function != NULL)
		function(engines->reports.context, engine->name,
		    engine->serial);
}

/* After its last put, without the lock. */
static void
release(struct engines *engines, struct engine *engine)
{
	fd_close(&engine->link);
	report(engines, engines->reports.released, engine);
	free(engine);
}

void
engines_destroy(struct engines **engines)
{
	if ((*engines)->current != NULL && put_locked((*engines)->current))
		release(*engines, (*engines)->current);
	pthread_mutex_destroy(&(*engines)->lock);
	free(*engines);
	*engines = NULL;
}

void
engines_publish(struct engines *engines, int link, const char *name,
    uint64_t serial)
{
	struct engine *engine = calloc(1, sizeof *engine), *old;
	bool last;

	if (engine == NULL)
		abort();
	snprintf(engine->name, sizeof engine->name, "%s", name);
	engine->serial = serial;
	engine->link = link;
	engine->count = 1;
	pthread_mutex_lock(&engines->lock);
	old = engines->current;
	last = old != NULL && put_locked(old);
	engines->current = engine;
	pthread_mutex_unlock(&engines->lock);
	if (last)
		release(engines, old);
}

void
engines_withdraw(struct engines *engines, uint64_t serial)
{
	struct engine *engine;
	bool last = false;

	pthread_mutex_lock(&engines->lock);
	engine = engines->current;
	if (engine != NULL && engine->serial == serial) {
		engines->current = NULL;
		last = put_locked(engine);
	}
	pthread_mutex_unlock(&engines->lock);
	if (last)
		release(engines, engine);
}

struct engine *
engines_get(struct engines *engines)
{
	struct engine *engine;

	pthread_mutex_lock(&engines->lock);
	engine = engines->current;
	if (engine != NULL)
		engine->count++;
	pthread_mutex_unlock(&engines->lock);
	return engine;
}

void
engines_put(struct engines *engines, struct engine **engine)
{
	bool last;

	pthread_mutex_lock(&engines->lock);
	last = put_locked(*engine);
	pthread_mutex_unlock(&engines->lock);
	if (last)
		release(engines, *engine);
	*engine = NULL;
}

void
engines_lost(struct engines *engines, struct engine *engine)
{
	bool current, last;

	pthread_mutex_lock(&engines->lock);
	current = engines->current == engine;
	if (current)
		engines->current = NULL;
	last = current && put_locked(engine);
	pthread_mutex_unlock(&engines->lock);
	if (current)
		report(engines, engines->reports.lost, engine);
	if (last)
		release(engines, engine);
}

bool
engines_is_current(struct engines *engines, const struct engine *engine)
{
	bool current;

	pthread_mutex_lock(&engines->lock);
	current = engines->current == engine;
	pthread_mutex_unlock(&engines->lock);
	return current;
}

const char *
engine_name(const struct engine *engine)
{
	return engine->name;
}

enum error_code
engine_open_slot(struct engine *engine, int *slot_r, struct error *err)
{
	struct wire_message message = wire_make(WIRE_SLOT);
	enum error_code code;
	int pair[2];

	*slot_r = -1;
	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	code = wire_send(engine->link, &message, pair[1], err);
	fd_close(&pair[1]);
	if (code == ERROR_NONE)
		*slot_r = pair[0];
	else
		fd_close(&pair[0]);
	return code;
}
