/* worker_end - what the end of a worker says of the mail that it held
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SCAN_WORKER_END_H
#define SCAN_WORKER_END_H

#include "scan/lane.h"
#include "wire/wire.h"

/* ended is the engine's report of a worker that ended by itself in the middle
 * of a scan; fills in all of the result but scan_time and known. */
void worker_end_judge(const struct wire_message *ended,
    struct lane_result *result);

#endif
