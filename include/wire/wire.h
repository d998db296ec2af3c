/* wire - the messages between supervisor, filter, engine and workers
 *
 * Every message is one struct wire_message over a SOCK_SEQPACKET pair
 * (base/seqpacket.h), at most one descriptor with it.  All processes are of
 * one build on one machine, so there is no byte order and no version; but a
 * worker may have been taken over by a message, so whatever is received is
 * checked here: length, type, that text is NUL-terminated printable ASCII,
 * that a descriptor is there if and only if the type has one.
 *
 *   supervisor -> engine   ADOPT (fd: link), RETIRE
 *   engine -> supervisor   READY (text: the set's name; value: its
 *                          signatures; id: the files' fingerprint;
 *                          status: memory that loading them has taken
 *                          at most, in MB; flags: when its newest
 *                          official file was built, s since 1970, or 0),
 *                          FAILED (text: why)
 *   filter -> engine, link SLOT (fd: slot socket)
 *   filter -> engine, slot SPAWN, KILL, NICE
 *   engine -> filter, slot SPAWNED (fd: worker socket), FAILED (text),
 *                          ENDED (status: as wait(2); value: CPU time, ns)
 *   worker -> filter       HELLO, or FAILED (text: why) and the worker ends;
 *                          RESULT (id: of the job; status: enum
 *                          verdict_kind, ERROR for a scratch without room;
 *                          text: name; value: CPU time, ns;
 *                          flags: WIRE_RETIRING, WIRE_WHOLE),
 *                          ATTACHMENT (id: of the job; text: key in
 *                          hexadecimal; value: size in bytes)
 *   filter -> worker       JOB (id; value: size in bytes; flags: WIRE_ASK;
 *                          fd: the message),
 *                          ATTACHMENT_ANSWER (id: of the job;
 *                          status: 1 if the part is known, else 0)
 *   supervisor -> filter   ENGINE (fd: link; text: the set's name; id: the
 *                          engine's serial number),
 *                          WITHDRAW (text, id: as ENGINE),
 *                          CONFIG (fd: a sealed file with the configuration
 *                          that is in force from now on),
 *                          SOCKET (fd: the milter socket, opened anew),
 *                          GO, FORMER (fd: rows of the filter before),
 *                          HANDOVER (fd: for rows to the next filter),
 *                          DRAIN (flags: WIRE_LAST), REPORT
 *   filter -> supervisor   FAILED (text: why), PREPARED, LISTENING,
 *                          LOST, RELEASED (text, id: as ENGINE), LET_GO,
 *                          REPORT (value: mails that wait; id: replies that
 *                          are overdue)
 *
 * A link belongs to one filter process and one engine: when it closes, all
 * its slots are ended.  A slot is one worker at a time; when its socket
 * closes, its worker is killed.  An engine that was told to RETIRE exits when
 * its link has closed; an engine whose supervisor has gone exits at once.  The
 * filter reports an engine as LOST if it no longer answers, or not sensibly:
 * the supervisor kills it and starts another.  The filter reports an engine as
 * RELEASED when it has closed the link: the supervisor kills that engine if it
 * does not exit.  An engine that is WITHDRAWn takes no new scans; the filter
 * closes its link after the last scan that runs.
 * Two engines can have the same name, if one was started after the other with
 * the same signatures; no two have the same serial number.
 *
 * A filter answers each REPORT with one.
 *
 * A filter says PREPARED when it could serve.  It opens the files in
 * state_directory, which no two filters may have at once, only after GO.  A
 * filter that is to be replaced is told to HANDOVER: it stops accepting, closes
 * these files and says LET_GO; then it goes on with the sessions that it has
 * until they end.  Meanwhile it tells the next filter what it learns about
 * deferred mail (filter/handover.h).  A supervisor that was restarted may speak
 * to a filter and engines of the build before: the numbers of types stay as
 * they are, and new ones are added at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdint.h>

#include "base/error.h"

enum wire_type {
	WIRE_ADOPT = 1,
	WIRE_RETIRE,
	WIRE_READY,
	WIRE_FAILED,
	WIRE_SLOT,
	WIRE_SPAWN,
	WIRE_KILL,
	WIRE_NICE,
	WIRE_SPAWNED,
	WIRE_ENDED,
	WIRE_HELLO,
	WIRE_RESULT,
	WIRE_JOB,
	WIRE_ENGINE,
	WIRE_DRAIN,
	WIRE_LISTENING,
	WIRE_LOST,
	WIRE_RELEASED,
	WIRE_ATTACHMENT,
	WIRE_ATTACHMENT_ANSWER,
	WIRE_CONFIG,
	WIRE_SOCKET,
	WIRE_PREPARED,
	WIRE_GO,
	WIRE_FORMER,
	WIRE_HANDOVER,
	WIRE_LET_GO,
	WIRE_WITHDRAW,
	WIRE_REPORT,
	WIRE_TYPES,
};

#define WIRE_RETIRING 1u /* the worker exits after this result */
#define WIRE_WHOLE 2u    /* all ATTACHMENTs of the job were scanned whole */
#define WIRE_ASK 4u      /* the worker may ask about parts */
#define WIRE_LAST 8u     /* nobody accepts on the milter socket afterwards */

/* A worker sends at most so many ATTACHMENTs in one job, each after the answer
 * to the one before. */
#define WIRE_ATTACHMENTS_MAX 64

/* A worker retires after so many messages, or at the first message after so
 * long (ns), since a message may have planted something in it.  The worker
 * retires by itself, and the filter ends it if it does not. */
#define WIRE_WORKER_JOBS 100
#define WIRE_WORKER_AGE ((int64_t)300 * 1000000000)

struct wire_message {
	uint32_t type; /* enum wire_type */
	uint32_t flags;
	int32_t status;
	uint32_t reserved; /* 0 */
	uint64_t id;
	uint64_t value;
	char text[256];
};

/* A set of types, for wire_recv(), is made of these. */
#define WIRE_ACCEPT(type) (1u << (type))

/* A worker that catches a deadly signal ends with exit status
 * WIRE_EXIT_SIGNAL + signal: process 1 of a PID namespace is never killed by
 * a signal that it sends itself, and setrlimit(2)'s signals count as such
 * (pid_namespaces(7)). */
#define WIRE_EXIT_SIGNAL 64
#define WIRE_EXIT_CANARY 60   /* the canary was missed: the worker is blind */
#define WIRE_EXIT_SETUP 61    /* it could not get scratch, limits, … */
#define WIRE_EXIT_PROTOCOL 62 /* the filter broke the protocol */

/* An empty message of that type. */
struct wire_message wire_make(enum wire_type type);

/* Copies s into message->text, printable and cut. */
void wire_set_text(struct wire_message *message, const char *s);

/* Sends message, with a copy of fd unless that is -1.  Errors are those of
 * seqpacket_send(). */
CHECK_RESULT enum error_code wire_send(int sock,
    const struct wire_message *message, int fd, struct error *err);

/* Receives and checks one message.  A type outside accepted is ERROR_PEER.
 * *fd_r is set to the descriptor if the type has one, else to -1; NULL is
 * allowed where no accepted type has one.  Otherwise as seqpacket_recv(). */
CHECK_RESULT enum error_code wire_recv(int sock, unsigned accepted,
    struct wire_message *message, int *fd_r, int64_t until, struct error *err);

#endif
