/* fake_engine - plays an engine and its workers, which may do anything
 *
 * The real engine and its workers do as wire.h says; what the filter makes of
 * those that were taken over needs some that don't.  A thread of its own
 * serves all slots, one after another, honestly but for what the plan says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FAKE_ENGINE_H
#define FAKE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "scan/engines.h"
#include "wire/verdict.h"
#include "wire/wire.h"

#define FAKE_SLOTS 8

struct fake_plan {
	/* A worker has this job; mail is its text. */
	void (*scan)(int worker, const struct wire_message *job,
	    const char *mail);
	/* Told to spawn one on slot; NULL does so. */
	void (*spawn)(int slot);
	/* It goes as soon as a worker is to be spawned. */
	bool dies;
	/* A worker lives on when its socket is closed, until it is killed. */
	bool stays;
	/* Nobody is told that it was killed: it hangs in the kernel. */
	bool hangs;
};

struct fake_slot {
	int sock;
	int worker; /* the worker's own end, or -1 */
	bool alive;
};

struct fake_engine {
	const struct fake_plan *plan;
	pthread_t thread;
	int link;
	struct fake_slot slots[FAKE_SLOTS];
	atomic_uint spawned;
	atomic_uint killed;
	atomic_uint niced;
};

/* Publishes a generation of this name; plan must outlive it. */
void fake_engine_start(struct fake_engine *engine, struct engines *engines,
    const char *name, const struct fake_plan *plan);

/* Waits for its end, which comes when all have let go of it. */
void fake_engine_join(struct fake_engine *engine);

/* For a plan's functions: the honest ones. */
struct wire_message fake_result(const struct wire_message *job,
    enum verdict_kind kind, const char *name);
void fake_send(int sock, const struct wire_message *message, int fd);

#endif
