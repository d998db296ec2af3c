/* engines - the engine generations that the filter may use
 *
 * The supervisor hands over each generation that has loaded and passed its
 * self-test; the newest is current, new scans go to it, and one before it
 * lives on until its last scan has ended: a struct engine is counted by
 * get/put, and its last put closes the link, on which the engine process
 * exits.  Any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_ENGINES_H
#define SCAN_ENGINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine;
struct engines;

#define ENGINE_NAME_SIZE 17 /* 16 hexadecimal digits and the NUL */

/* Is told of the engine of this name and serial number.  Called from the
 * thread in which it happens, without a lock; must not block. */
typedef void engines_report_function(void *context, const char *name,
    uint64_t serial);

struct engines_reports {
	engines_report_function *lost;     /* it was lost while current */
	engines_report_function *released; /* nobody here has it now */
	void *context;
};

/* reports is copied; NULL for none. */
struct engines *engines_create(const struct engines_reports *reports);

/* All engines must have been put. */
void engines_destroy(struct engines **engines);

/* Makes a new generation current; takes over link.  serial is the process's: an
 * engine that was started again with the same signatures has the same name. */
void engines_publish(struct engines *engines, int link, const char *name,
    uint64_t serial);

/* The engine of this serial number takes no new scans: if it is current, none
 * is from now on.  Its link closes with its last scan. */
void engines_withdraw(struct engines *engines, uint64_t serial);

/* The current one, counted, or NULL if none is in service. */
struct engine *engines_get(struct engines *engines);

/* Gives back what engines_get() returned and sets it to NULL. */
void engines_put(struct engines *engines, struct engine **engine);

/* Says that this engine has died or can't be talked to: if it is still
 * current, none is, and the supervisor is told. */
void engines_lost(struct engines *engines, struct engine *engine);

/* True if it is the current one. */
bool engines_is_current(struct engines *engines, const struct engine *engine);

/* Its fingerprint, 16 hexadecimal digits; lives as long as the engine. */
const char *engine_name(const struct engine *engine);

/* Opens a slot on it: *slot_r is our end of a socket on which the engine
 * takes SPAWN, KILL and NICE (wire.h).  ERROR_GONE if the engine has died. */
CHECK_RESULT enum error_code engine_open_slot(struct engine *engine,
    int *slot_r, struct error *err);

#endif
