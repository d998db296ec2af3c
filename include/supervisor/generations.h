/* generations - the engine processes, old and new
 *
 * At most two live, and at most one of them loads.  An engine goes through
 *
 *   LOADING -> SERVING -> RETIRING -> gone
 *
 * It is handed to the filter when it says READY, and the one before it is told
 * to RETIRE.  An engine that fails to load changes nothing; one that says what
 * makes no sense, or is not due, is killed, and so is one that hangs.
 *
 * Whether another engine is started is decided in one place, each time that
 * something has happened, from what lives at that moment:
 *
 *   - It is wanted if no engine serves and none loads, or if one has been asked
 *     for since the last start: because the signature files have changed, on
 *     request, or because the one that was to load them has died.
 *   - It is put off while one loads, while no place is free, and for a pause
 *     after the second failure in a row, which doubles with each further one.
 *     A failure is an engine that dies before it is told to retire.  Failures
 *     are forgotten only when an engine that became ready after the last of
 *     them has served for some minutes.
 *   - If memory can't hold it beside those that live (loadroom.h, and
 *     engine.reload), they are ended first: the filter gives their scans no
 *     successors, the engines have RETIRE_GRACE to end, and mail waits.  Where
 *     nothing lives there is no choice.
 *
 * Engines from before a restart (former.h) are none of these; but while they
 * live they take memory, and mail is scanned by them.
 *
 * The supervisor's only; single-threaded; nothing here blocks for longer
 * than a stat(2) of the signature files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_GENERATIONS_H
#define SUPERVISOR_GENERATIONS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/outage.h"
#include "supervisor/loadroom.h"

struct child_kit;
struct config;

enum generation_state {
	GENERATION_NONE, /* the place is free */
	GENERATION_LOADING,
	GENERATION_SERVING,
	GENERATION_RETIRING,
};

#define GENERATIONS_MAX 2
#define GENERATION_NAME_SIZE 17 /* 16 hexadecimal digits and the NUL */

struct generation {
	enum generation_state state;
	pid_t pid;
	int sock;        /* -1: said something wrong, or closed */
	uint64_t serial; /* no other engine has it; names can be the same */
	char name[GENERATION_NAME_SIZE]; /* from READY on */
	uint64_t sigset;                 /* fingerprint, from READY on */
	uint32_t built; /* the newest official file, s since 1970; or 0 */
	uint64_t bytes; /* of the files, at the start */
	int64_t started_at;
	int64_t ready_at;
	int64_t end_by;              /* then it is killed; MONOTIME_NEVER */
	const struct config *config; /* what it was started with */
	bool outdated; /* it was loading with what is no longer wanted */
	bool said_why; /* it has failed, and told why itself */
	bool offered;  /* the filter that is there has it */
};

struct generations {
	const struct config *config; /* what engines are started with */
	bool refused;                /* one could not load with it */
	struct child_kit *kit;
	struct generation place[GENERATIONS_MAX];
	uint64_t serial; /* of the last engine */
	int filter;      /* socket to the filter, or -1 */

	bool asked;        /* for another, since the last start */
	bool at_once;      /* without the pause */
	unsigned failures; /* in a row */
	int64_t failed_at; /* the last of them, */
	bool bad_set;      /* which said that the files are no good */

	struct loadroom room;
	bool former;       /* engines of before a restart live */
	bool needs_room;   /* and have to end before another is loaded */
	char failure[256]; /* why the last one failed, or "": it got ready */

	uint64_t tried;   /* the sigset of the last start */
	uint64_t seen;    /* the last reading, not yet settled */
	int64_t check_at; /* the next look at the signature files */

	bool stopping;        /* generations_stop() was called */
	bool offer_failed;    /* as the log was told */
	struct outage outage; /* no engine, and why */
};

/* It takes a reference to config. */
void generations_init(struct generations *generations,
    const struct config *config, struct child_kit *kit);

/* Gives the reference to the configuration back; no engine may be left. */
void generations_fini(struct generations *generations);

/* Engines that are started from now on are started with this snapshot.  One
 * that is loading with other options for engines is ended. */
void generations_configure(struct generations *generations,
    const struct config *config);

/* The snapshot that the engine in service was started with, or a later one
 * that has the same options for engines; NULL: no engine is in service. */
const struct config *generations_serving(const struct generations *generations);

/* True if an engine could not load with the snapshot of the last
 * generations_configure(). */
bool generations_refused(const struct generations *generations);

/* The filter can take engines now (its socket), or has gone (-1). */
void generations_set_filter(struct generations *generations, int filter);

/* Asks for a new generation, if the set has changed or force. */
void generations_reload(struct generations *generations, bool force);

/* Adds a pollfd for each live engine; returns how many.  fds has room for
 * GENERATIONS_MAX. */
int generations_poll_set(const struct generations *generations,
    struct pollfd *fds);

/* After poll(2), with the same fds. */
void generations_handle(struct generations *generations,
    const struct pollfd *fds, int count);

/* Does what is due by now: starts, looks at files, kills what hangs; returns
 * when something will be due next (monotime.h).  To be called again then, and
 * after each of the other functions. */
int64_t generations_run(struct generations *generations);

/* Engines from before a restart live, or live no more. */
void generations_set_former(struct generations *generations, bool lives);

/* True if these have to end before another engine can be loaded. */
bool generations_need_room(const struct generations *generations);

/* Why the last engine that failed could not be loaded, or has died; NULL if
 * none has, or another one has become ready since. */
const char *generations_failure(const struct generations *generations);

/* The filter can't use the engine of this serial number: it is killed, and
 * another is started if it was in service. */
void generations_lost(struct generations *generations, uint64_t serial);

/* The filter has let go of the engine of this serial number: if it retires, it
 * has to end now. */
void generations_released(struct generations *generations, uint64_t serial);

/* True if pid was an engine; status as wait(2) gave it. */
bool generations_reaped(struct generations *generations, pid_t pid, int status);

/* Tells all to end, by closing their sockets, but kills what still loads;
 * kill_now: kills all.  None is started any more. */
void generations_stop(struct generations *generations, bool kill_now);

bool generations_any(const struct generations *generations);

#endif
