/* headroom - how much memory could still be taken
 *
 * An engine takes about a gigabyte.  Where two of them don't fit, the kernel
 * kills one, and it may be the one in service.  So it is measured before
 * whether there is room: in the machine (MemAvailable), and below the limits of
 * the control groups that this process is in, up to the root of their file
 * system, of version 1 or 2.  Files that are only cached count as free, as they
 * do for the kernel.  Swap space doesn't count: an engine there is no use.
 *
 * The answer is true for this moment only, and other services take memory,
 * too.  Reads a few files of /proc and /sys, for which nobody waits.  Any
 * thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_HEADROOM_H
#define SUPERVISOR_HEADROOM_H

#include <stdint.h>

#define HEADROOM_UNKNOWN UINT64_MAX

/* Bytes; HEADROOM_UNKNOWN if nothing could be measured.  root is "" but for
 * tests: a directory in which /proc and /sys are looked for. */
uint64_t headroom_bytes(const char *root);

/* What there would be if nothing were taken: bytes, as above. */
uint64_t headroom_total(const char *root);

/* How many processes the kernel has killed for want of memory since the
 * machine was started; 0 if it doesn't say. */
uint64_t headroom_kills(const char *root);

#endif
