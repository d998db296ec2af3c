/* supervisor_confine - the supervisor gives up what it doesn't need
 *
 * The supervisor sees no mail, but it is root.  It keeps the capabilities that
 * it needs to open the milter socket, to start children as another account and
 * in namespaces, and to end them.  It gives up all others (to load kernel
 * modules, change networks, read other processes' memory and so on), and the
 * system calls that only an attacker would want, for itself and for whatever it
 * starts.
 *
 * To be called when the log is open, and before the first child is started.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SUPERVISOR_CONFINE_H
#define SUPERVISOR_SUPERVISOR_CONFINE_H

struct config;

/* Where the kernel refuses a part of this, the log has a warning, and the
 * supervisor goes on without it. */
void supervisor_confine(const struct config *config);

#endif
