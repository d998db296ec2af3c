/* service_manager - what the service manager is told, and when
 *
 * STARTING -> READY <-> RELOADING,  each of them -> STOPPING
 *
 * READY is said when the filter serves the milter socket.  The engine may still
 * be loading then: mail waits for it up to its deadline, as the status text
 * says.  RELOADING is said at SIGHUP and before the program is replaced (which
 * keeps its process ID), and READY again when the configuration and signatures
 * are in force, or were refused, or SETTLE_MAX has passed: a manager gives a
 * reload 90 seconds, and a load may take longer.  This is what Type=notify and
 * Type=notify-reload expect.
 *
 * The watchdog (WatchdogSec=) hears from us only while nobody is left without
 * the reply that is due: several times in its interval the filter is asked how
 * many replies are overdue (wire.h, REPORT), and the manager hears WATCHDOG=1
 * for each answer that says none.  A filter that hangs does not answer.  While
 * no filter serves because one is being started or handed over, nobody has been
 * promised a reply, and the supervisor speaks for itself; but not for longer
 * than it may take.
 *
 * The supervisor's only; single-threaded; nothing here blocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_SERVICE_MANAGER_H
#define SUPERVISOR_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/notify.h"

struct generations;

enum service_manager_state {
	SERVICE_MANAGER_STARTING,
	SERVICE_MANAGER_READY,
	SERVICE_MANAGER_RELOADING,
	SERVICE_MANAGER_STOPPING,
};

struct service_manager {
	struct notify notify;
	enum service_manager_state state;
	bool untold;       /* the manager doesn't know the state yet */
	bool restarts;     /* RELOADING is for a new program */
	int64_t since;     /* the state was entered (monotime.h) */
	int64_t stop_time; /* STOPPING takes so long at most, ns */
	char told[256];    /* the status text that the manager knows */
	pid_t asked;       /* the filter that owes an answer; 0: none */
	int64_t ask_at;    /* the next question is due */
	unsigned waiting;  /* mails, as the filter has said */
	bool is_well;      /* as the log was told */
};

/* How the service is at a moment. */
struct service_facts {
	const struct generations *generations;
	pid_t filter; /* 0: none */
	int socket;   /* to the filter that listens, or -1 */
	bool former;  /* what was there before a restart still serves */
	bool settled; /* no reload and no restart is under way */
	bool in_time; /* where none listens: one is to, and may take longer */
};

/* Learns from the environment whether there is a manager; restarts: this
 * program has taken another one's place in its process. */
void service_manager_open(struct service_manager *manager, bool restarts);
void service_manager_close(struct service_manager *manager);

/* A reload begins. */
void service_manager_reload(struct service_manager *manager);

/* The program is about to be replaced: its successor is to find the manager.
 * If that fails, service_manager_stay() is due. */
void service_manager_leave(struct service_manager *manager);
void service_manager_stay(struct service_manager *manager);

/* The service ends, within time (ns). */
void service_manager_stop(struct service_manager *manager, int64_t time);

/* The filter that was asked has answered. */
void service_manager_heard(struct service_manager *manager, unsigned waiting,
    unsigned overdue);

/* Tells the manager what is new, and asks the filter if it is time; returns
 * when to call again, if nothing happens until then. */
int64_t service_manager_run(struct service_manager *manager,
    const struct service_facts *facts);

#endif
