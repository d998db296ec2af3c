/* filter_process - the filter that serves, or is about to
 *
 * There is one at a time, beside the former one for a while after a restart
 * (former.h).  One that ends is started again: at once if it has lived for a
 * while, else after a pause.
 *
 *   none -> STARTED -> PREPARED -> GOING -> LISTENING -> none
 *
 * A filter that is PREPARED waits for the files in state_directory, which the
 * former filter may still have, and is GOING when it was told that it may open
 * them.  One that says what is not due, says too much, or closes its socket is
 * killed: it may have been taken over.
 *
 * The supervisor's only; single-threaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef SUPERVISOR_FILTER_PROCESS_H
#define SUPERVISOR_FILTER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child_kit;
struct former;
struct generations;

enum filter_stage {
	FILTER_STARTED,
	FILTER_PREPARED,
	FILTER_GOING,
	FILTER_LISTENING,
};

struct filter_process {
	struct child_kit *kit;
	struct generations *generations;
	struct former *former;
	pid_t pid; /* 0: none */
	int sock;  /* -1: none, or it has closed it */
	enum filter_stage stage;
	bool
	    socket_due; /* the socket was opened anew before it could be told */
	char failure[256];  /* why it could not run, as it says, or "" */
	int rows;           /* the former filter's, for each filter that is
	                     * started while that lives; or -1 */
	unsigned heard;     /* messages, */
	int64_t heard_from; /* since then */
	int64_t started_at; /* monotime.h, as all of these */
	bool reported;      /* the caller's to clear: it has answered REPORT, */
	unsigned waiting;   /* that so many mails wait, */
	unsigned overdue;   /* and so many replies are overdue */
	int64_t start_at;   /* no other one is started before */
	bool was_listening; /* one of them has listened at least once */
};

/* All three must outlive it. */
void filter_process_init(struct filter_process *process, struct child_kit *kit,
    struct generations *generations, struct former *former);

/* Starts one if none is there and one is due, and tells one that is PREPARED to
 * go on as soon as it may; returns when something will be due next. */
int64_t filter_process_run(struct filter_process *process);

/* Hears it, after poll(2) on its socket. */
void filter_process_hear(struct filter_process *process);

/* It has ended; another one is due. */
void filter_process_ended(struct filter_process *process);

/* The filter's socket once the filter takes what is sent to it, else -1: before
 * it was told to go on, it takes nothing but that. */
int filter_process_hearing(const struct filter_process *process);

/* Hands the milter socket, which was opened anew, to whoever accepts on it: the
 * filter (as soon as it takes it), and the former one where that still does. */
void filter_process_pass_socket(struct filter_process *process);

/* Tells it to drain (flags are those of DRAIN), or kills it. */
void filter_process_drain(struct filter_process *process, uint32_t flags);
void filter_process_kill(struct filter_process *process);

#endif
