/* bad_disk - a disk below SQLite that hangs or fails when told to
 *
 * One at a time; what hangs goes on when it is told so, in whatever thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BAD_DISK_H
#define BAD_DISK_H

#include <stdbool.h>

/* From one to the other all files that SQLite opens lie on it. */
void bad_disk_begin(void);
void bad_disk_end(void);

/* Every read(2), or fsync(2), waits. */
void bad_disk_hang_reads(bool hang);
void bad_disk_hang_syncs(bool hang);

/* How many reads there were since bad_disk_begin(). */
int bad_disk_reads(void);

/* So many reads go well, and then one fails for want of memory; or the next
 * so many fsyncs fail. */
void bad_disk_fail_read_after(int count);
void bad_disk_fail_syncs(int count);

#endif
