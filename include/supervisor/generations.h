/* generations - the engine processes, old and new
 *
 * At most two live: one that loads or serves, and one beside it.  A new one
 * is started when the signature set has changed, on request, and when the
 * one in service has died; it is handed to the filter when it says READY,
 * and the one before it told to RETIRE.  One that fails to load changes
 * nothing; one that says what makes no sense, or is not due, is killed.
 * Requests while two live coalesce into one; so that the old one does not keep
 * the place of the next, it is killed if it hangs when it should end.
 *
 *   LOADING -> SERVING -> RETIRING -> gone
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
	int sock; /* -1: said something wrong, or closed */
	char name[GENERATION_NAME_SIZE]; /* from READY on */
	uint64_t sigset;                 /* from READY on */
	int64_t started_at;
	const struct config *config; /* what it was started with */
	bool outdated;  /* it was loading with what is no longer wanted */
	bool said_why;  /* it has failed, and told why itself */
	bool offered;   /* the filter that is there has it */
	int64_t end_by; /* RETIRING: else it is killed */
};

struct generations {
	const struct config *config; /* what engines are started with */
	bool refused;                /* one could not load with it */
	struct child_kit *kit;
	struct generation place[GENERATIONS_MAX];
	int filter;           /* socket to the filter, or -1 */
	bool wanted;          /* a new one is to be started */
	int64_t start_at;     /* but not before */
	int64_t pause;        /* grows while engines die young */
	uint64_t tried;       /* the sigset of the last start */
	uint64_t seen;        /* the last reading, not yet settled */
	bool stopping;        /* generations_stop() was called */
	bool offer_failed;    /* as the log was told */
	int64_t check_at;     /* the next look at the signature files */
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

/* Does what is due by now: starts, looks at files; returns when something
 * will be due next (monotime.h). */
int64_t generations_run(struct generations *generations);

/* The filter can't use the engine of this name: if it serves, it is killed,
 * and generations_reaped() sees to another. */
void generations_lost(struct generations *generations, const char *name);

/* The filter has let go of the engine of this name: if it retires, it has to
 * end now. */
void generations_released(struct generations *generations, const char *name);

/* True if pid was an engine; status as wait(2) gave it. */
bool generations_reaped(struct generations *generations, pid_t pid, int status);

/* Tells all to end, by closing their sockets, but kills what still loads;
 * kill_now: kills all.  None is started any more. */
void generations_stop(struct generations *generations, bool kill_now);

bool generations_any(const struct generations *generations);

#endif
