/* service_manager - what the service manager is told, and when
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/service_manager.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/monotime.h"
#include "supervisor/generations.h"
#include "wire/wire.h"

/* A reload is called done after this, whatever it waits for. */
#define SETTLE_MAX (60 * MONOTIME_S)
/* Between two questions to the filter, where no watchdog wants more. */
#define ASK_INTERVAL (10 * MONOTIME_S)
/* In each interval of the watchdog so many are asked: one answer that is late
 * or has an overdue reply in it is not enough to be ended for. */
#define ASKS_PER_WATCHDOG 4
/* What could not be sent is sent again after this. */
#define AGAIN MONOTIME_S

#define RELOADING "Reloading"
#define ENDING "Ending: mail under way is answered"

void
service_manager_open(struct service_manager *manager, bool restarts)
{
	memset(manager, 0, sizeof *manager);
	notify_open(&manager->notify);
	manager->state = restarts ? SERVICE_MANAGER_RELOADING
				  : SERVICE_MANAGER_STARTING;
	manager->restarts = restarts;
	manager->since = monotime_now();
	manager->is_well = true;
}

void
service_manager_close(struct service_manager *manager)
{
	notify_close(&manager->notify);
}

/* The one place where the state changes. */
static void
enter(struct service_manager *manager, enum service_manager_state state)
{
	manager->state = state;
	manager->since = monotime_now();
	manager->untold = true;
}

/* The signatures in service, and how old they are. */
static void
describe_engine(const struct generation *engine, char *out, size_t size)
{
	int64_t hours = (monotime_wall() / MONOTIME_S - engine->built) / 3600;

	if (engine->built == 0)
		snprintf(out, size, "signature set %s", engine->name);
	else if (hours < 48)
		snprintf(out, size, "signature set %s, %" PRId64 " h old",
		    engine->name, hours);
	else
		snprintf(out, size, "signature set %s, %" PRId64 " days old",
		    engine->name, hours / 24);
}

static const struct generation *
find_state(const struct generations *generations, enum generation_state state)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (generations->place[i].state == state)
			return &generations->place[i];
	return NULL;
}

static void
describe_service(const struct service_manager *manager,
    const struct service_facts *facts, char *out, size_t size)
{
	const struct generation *serving = find_state(facts->generations,
	    GENERATION_SERVING);
	bool loading = find_state(facts->generations, GENERATION_LOADING) !=
	    NULL;
	char engine[100];

	if (facts->former) {
		snprintf(out, size,
		    "What was there before the restart serves%s",
		    loading ? ", loading signatures" : "; see the log");
		return;
	}
	if (serving != NULL)
		describe_engine(serving, engine, sizeof engine);
	else
		snprintf(engine, sizeof engine, "no signatures in service%s",
		    loading ? "" : ", see the log");
	snprintf(out, size, "%s%s, %s; mails that wait: %u",
	    facts->socket < 0     ? "Starting a filter"
		: serving != NULL ? "Serving"
				  : "Mail waits",
	    loading ? ", loading signatures" : "", engine, manager->waiting);
}

static void
describe(const struct service_manager *manager,
    const struct service_facts *facts, char *out, size_t size)
{
	switch (manager->state) {
	case SERVICE_MANAGER_RELOADING:
		snprintf(out, size, "%s",
		    manager->restarts ? "Restarting: what was there before "
					"serves until the new filter does"
				      : RELOADING);
		break;
	case SERVICE_MANAGER_STOPPING:
		snprintf(out, size, ENDING);
		break;
	case SERVICE_MANAGER_STARTING:
	case SERVICE_MANAGER_READY:
		describe_service(manager, facts, out, size);
		break;
	}
}

static bool
send_state(const struct service_manager *manager, const char *status)
{
	const struct notify *notify = &manager->notify;

	switch (manager->state) {
	case SERVICE_MANAGER_READY:
		return notify_send(notify, "READY=1\nMAINPID=%ld\nSTATUS=%s",
		    (long)getpid(), status);
	case SERVICE_MANAGER_RELOADING:
		return notify_send(notify,
		    "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=%s",
		    manager->since / 1000, status);
	case SERVICE_MANAGER_STOPPING:
		return notify_send(notify,
		    "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=%s",
		    manager->stop_time / 1000, status);
	case SERVICE_MANAGER_STARTING:
		break;
	}
	return notify_send(notify, "STATUS=%s", status);
}

/* Tells what the manager doesn't know yet. */
static void
tell(struct service_manager *manager, const char *status)
{
	if (!manager->untold && strcmp(status, manager->told) == 0)
		return;
	if (manager->untold
		? !send_state(manager, status)
		: !notify_send(&manager->notify, "STATUS=%s", status))
		return;
	manager->untold = false;
	snprintf(manager->told, sizeof manager->told, "%s", status);
}

void
service_manager_reload(struct service_manager *manager)
{
	if (manager->notify.sock < 0 || manager->state != SERVICE_MANAGER_READY)
		return;
	enter(manager, SERVICE_MANAGER_RELOADING);
	manager->restarts = false;
	tell(manager, RELOADING);
}

void
service_manager_leave(struct service_manager *manager)
{
	service_manager_reload(manager);
	notify_lend(&manager->notify);
}

void
service_manager_stay(struct service_manager *manager)
{
	(void)manager;
	notify_take_back();
}

void
service_manager_stop(struct service_manager *manager, int64_t time)
{
	if (manager->state == SERVICE_MANAGER_STOPPING)
		return;
	manager->stop_time = time;
	enter(manager, SERVICE_MANAGER_STOPPING);
	tell(manager, ENDING);
}

static int64_t
ask_interval(const struct service_manager *manager)
{
	int64_t watchdog = manager->notify.watchdog / ASKS_PER_WATCHDOG;

	return watchdog > 0 && watchdog < ASK_INTERVAL ? watchdog
						       : ASK_INTERVAL;
}

static void
beat(const struct service_manager *manager)
{
	if (manager->notify.watchdog > 0)
		notify_send(&manager->notify, "WATCHDOG=1");
}

/* The log tells why the manager is about to end the service. */
static void
log_health(struct service_manager *manager, bool is_well, const char *what)
{
	if (is_well != manager->is_well)
		log_msg(is_well ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "%s%s",
		    what,
		    manager->notify.watchdog > 0 && !is_well
			? "; the service manager's watchdog is not told that "
			  "all is well"
			: "");
	manager->is_well = is_well;
}

void
service_manager_heard(struct service_manager *manager, unsigned waiting,
    unsigned overdue)
{
	char text[80];

	manager->asked = 0;
	manager->waiting = waiting;
	if (overdue == 0) {
		log_health(manager, true, "the filter replies in time again");
		beat(manager);
		return;
	}
	snprintf(text, sizeof text, "%u replies of the filter are overdue",
	    overdue);
	log_health(manager, false, text);
}

/* One question at a time: a filter that hangs must not find its socket full of
 * them. */
static void
ask(struct service_manager *manager, const struct service_facts *facts)
{
	struct wire_message message = wire_make(WIRE_REPORT);
	struct error err;

	if (manager->asked == facts->filter) {
		log_health(manager, false, "the filter does not answer");
		return;
	}
	if (wire_send(facts->socket, &message, -1, &err) == ERROR_NONE)
		manager->asked = facts->filter;
}

static void
look(struct service_manager *manager, const struct service_facts *facts)
{
	bool stopping = manager->state == SERVICE_MANAGER_STOPPING;

	if (monotime_now() < manager->ask_at)
		return;
	manager->ask_at = monotime_after(ask_interval(manager));
	if (!stopping && facts->socket >= 0)
		ask(manager, facts);
	else if (stopping || facts->in_time)
		beat(manager);
}

/* READY, if it is time for it. */
static void
settle(struct service_manager *manager, const struct service_facts *facts)
{
	bool waited_enough = monotime_now() - manager->since >= SETTLE_MAX;

	if (manager->untold)
		return;
	if ((manager->state == SERVICE_MANAGER_STARTING &&
		facts->socket >= 0) ||
	    (manager->state == SERVICE_MANAGER_RELOADING &&
		(facts->settled || waited_enough)))
		enter(manager, SERVICE_MANAGER_READY);
}

int64_t
service_manager_run(struct service_manager *manager,
    const struct service_facts *facts)
{
	char status[sizeof manager->told];

	if (manager->notify.sock < 0)
		return MONOTIME_NEVER;
	look(manager, facts);
	settle(manager, facts);
	describe(manager, facts, status, sizeof status);
	tell(manager, status);
	if (manager->ask_at > monotime_after(AGAIN) &&
	    (manager->untold || manager->state == SERVICE_MANAGER_RELOADING))
		return monotime_after(AGAIN);
	return manager->ask_at;
}
