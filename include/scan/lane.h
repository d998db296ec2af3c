/* lane - drives one worker process: spawn, scan, kill, learn how it ended
 *
 * A lane belongs to one engine generation and is used by one thread at a
 * time.  Its worker is spawned by lane_warm() and scans one message after
 * another in lane_scan(); a worker that retires, dies or misbehaves is replaced
 * at the next lane_warm().  What a worker says is not trusted: a worker that
 * gives a wrong job number, a wrong type or a name that no signature can have
 * is killed, which costs only the message that it held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_LANE_H
#define SCAN_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "scan/engines.h"
#include "wire/verdict.h"

struct config;
struct lane;
struct attachment_table;

/* How one scan ended. */
struct lane_result {
	struct verdict verdict; /* VERDICT_ERROR if it failed */
	/* The message itself made the scan fail (it crashed the worker, or used
	 * up deadline.scan_cpu), which counts towards unscannable. */
	bool counts;
	int64_t scan_time; /* ns, wall clock */
	int64_t cpu_time;  /* ns; 0 if unknown, at most scan_time */
	unsigned known;    /* parts that were not scanned again */
	char ended[64];    /* how the worker ended if oddly, else "" */
	/* The scan was ended because it took too long for a lane (LANE_END).
	 * There is no verdict, and the scan is to be done again. */
	bool put_off;
};

/* What becomes of a scan that takes long. */
enum lane_slow {
	LANE_STAY,       /* it goes on as it is, and asks again */
	LANE_BACKGROUND, /* it goes on, its worker niced down */
	LANE_END,        /* it is ended */
};

/* Called by lane_scan() from its own thread whenever the scan has run for
 * another LANE_ASK-th part of deadline.slow_after, until it returns something
 * else than LANE_STAY. */
#define LANE_ASK 10
typedef enum lane_slow lane_slow_function(void *context);

/* Takes over one count of engine, which lane_close() gives back (where this
 * fails, the count is given back at once), and takes a reference to config.
 * There is no worker yet. */
CHECK_RESULT enum error_code lane_open(struct engines *engines,
    struct engine *engine, const struct config *config, struct lane **lane_r,
    struct error *err);

/* The next scan goes by this snapshot; not while one runs. */
void lane_configure(struct lane *lane, const struct config *config);

/* Has the lane's workers ask set, which must outlive it, about parts of mails;
 * before the first lane_warm(). */
void lane_share_attachments(struct lane *lane, struct attachment_table *set);

/* Kills the worker if there is one; sets *lane to NULL. */
void lane_close(struct lane **lane);

/* The engine it belongs to. */
struct engine *lane_engine(const struct lane *lane);

/* True if a live worker, past its canary, waits for a message; never
 * blocks. */
bool lane_is_ready(const struct lane *lane);

/* Makes sure that a live worker, past its canary, waits for a message.
 * May take as long as a fork and a small scan; at most 35 s, if the worker
 * before doesn't end and the new one hangs.  After ERROR_GONE the lane is of
 * no more use. */
CHECK_RESULT enum error_code lane_warm(struct lane *lane, struct error *err);

/* Scans size bytes of fd on the warm worker; blocks until a verdict, the
 * worker's end or deadline.scan_wall.  cancel is a descriptor that becomes
 * readable when the scan is to be given up.  With slow NULL it is background
 * work from its start. */
void lane_scan(struct lane *lane, int fd, uint64_t size, int cancel,
    lane_slow_function *slow, void *context, struct lane_result *result_r);

#endif
