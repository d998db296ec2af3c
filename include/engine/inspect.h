/* inspect - one message through libclamav
 *
 * The only place where hostile bytes meet libclamav; called in a worker (and
 * once in the engine, with a mail of our own, to warm up).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_INSPECT_H
#define ENGINE_INSPECT_H

#include <stddef.h>

#include "engine/classify.h"

struct library;
struct scratch;

/* Makes library's engine call the callbacks that watch a scan. */
void inspect_install(struct library *library);

/* Scans size > 0 bytes at data, which nothing may change meanwhile; can take
 * any time.  *finding_r says what was seen; its names live as long as the
 * library.  scratch is where the library unpacks to. */
void inspect(const struct library *library, const struct scratch *scratch,
    const void *data, size_t size, struct finding *finding_r);

#endif
