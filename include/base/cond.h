/* cond - a condition variable that waits on the monotonic clock
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_COND_H
#define BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* pthread_cond_init() with CLOCK_MONOTONIC; aborts if memory is short. */
void cond_init(pthread_cond_t *cond);

/* Waits with mutex held until signalled or until (monotime.h).  False if the
 * time has passed; spurious wake-ups are possible, as with any condition. */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
    int64_t until);

#endif
