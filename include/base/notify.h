/* notify - tells a service manager how the service does
 *
 * systemd (or another manager that speaks the same) starts a service with a
 * datagram socket's name in NOTIFY_SOCKET, and reads assignments from it:
 * READY=1, STATUS=, WATCHDOG=1 and so on (sd_notify(3)).  That page promises
 * that the protocol stays as it is and may be implemented anew.  It is done
 * here because it takes a sendmsg(2), and libsystemd would bring a library of
 * a million lines, with those that it needs for compression, into a process
 * that is root.
 *
 * Without NOTIFY_SOCKET nobody is told, and nothing else changes.
 *
 * The environment variables belong to the process that the manager has
 * started: notify_open() takes them out, so that no child sends in its name.
 *
 * Nothing here blocks.  One thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_NAME_SIZE 109 /* a Unix socket's path, and the NUL */

struct notify {
	char name[NOTIFY_NAME_SIZE]; /* as NOTIFY_SOCKET has it; "": nobody */
	int64_t watchdog; /* ns: silent for longer, the service is ended;
			   * 0: there is no watchdog */
	int sock;         /* -1: nobody is to be told */
};

/* Learns from the environment whom to tell; to be called once, early. */
void notify_open(struct notify *notify);

void notify_close(struct notify *notify);

/* Sends assignments, one a line.  False if they are not there: the manager is
 * behind with reading, say; they may be sent again later.  True if they were
 * sent, and if there is nobody to tell. */
bool notify_send(const struct notify *notify, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts the variables back for a program that is about to take this one's
 * place in the same process, and takes them out again if that has failed. */
void notify_lend(const struct notify *notify);
void notify_take_back(void);

#endif
