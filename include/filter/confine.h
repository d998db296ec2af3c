/* confine - the filter keeps what it needs, and gives up the rest
 *
 * It parses what strangers send, though with no code of libclamav in it.  What
 * is left to it: the directories that it writes to, the sockets that are open,
 * syslog's and its own to connect to, and no system call that starts or looks
 * into anything (base/confine.h).
 *
 * Best effort, whatever engine.sandbox says, but for "off": mail is safer with
 * a filter that is less confined than with none.
 *
 * After the socket is open and root is gone, before the first thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef FILTER_CONFINE_H
#define FILTER_CONFINE_H

struct filter;

/* What the kernel refuses is logged. */
void confine_filter(const struct filter *filter);

#endif
