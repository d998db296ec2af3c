/* filter_confine - the filter keeps what it needs, and gives up the rest
 *
 * The filter parses what strangers send, though with no code of libclamav.
 * After filter_confine() it can open files only in the directories that it
 * writes to, and it has no system call that starts a process or looks into one
 * (base/confine.h).  Landlock knows a directory by its inode: one that is
 * mounted or made anew later, in the same place, is closed to the filter until
 * the service is restarted (filter/msgpool.h notices that).
 *
 * What the kernel doesn't support is left out, whatever engine.sandbox says,
 * since mail is safer with a filter that is less confined than with none.
 * With engine.sandbox = "off" nothing is done.
 *
 * After the socket is open and root is gone, before the first thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_FILTER_CONFINE_H
#define FILTER_FILTER_CONFINE_H

struct filter_state;

/* What the kernel refuses is logged. */
void filter_confine(const struct filter_state *filter);

#endif
