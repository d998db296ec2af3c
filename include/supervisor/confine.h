/* confine - the supervisor keeps the privileges that starting others takes
 *
 * It sees no mail, but it is root.  What a filter that opens its socket, an
 * account that is changed to and an engine's namespaces take is left; loading
 * modules, networks, other processes' memory and the like are given up, for
 * it and whatever it starts.
 *
 * After the log is open, before the first child.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_CONFINE_H
#define SUPERVISOR_CONFINE_H

struct config;

/* What the kernel refuses is logged. */
void confine_supervisor(const struct config *config);

#endif
