/* service - admits the one account, and answers its requests one by one
 *
 * The account of the milter may ask, and root; the kernel says who a peer is
 * (SO_PEERCRED).  The engine's workers are processes of that account, too, and
 * one of them may have been taken over.  So a peer that says nothing holds up
 * no other, and each request has to name the mark of a mail, which no worker is
 * shown.
 *
 *	service_open() -> service_run() -> service_close()
 *
 * Single-threaded; SIGTERM and SIGINT must be blocked before service_open().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_SERVICE_H
#define RELEASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/priv.h"

struct config;
struct log_writer;

/* So many peers may have connected and asked for nothing yet.  If one more
 * comes, the one that has waited longest is closed. */
#define SERVICE_PEERS 16
#define SERVICE_PATIENCE_S 5

/* So many lines a minute are logged about peers that are sent away: a worker
 * that was taken over must not fill the log. */
#define SERVICE_LINES 20

struct service_peer {
	int sock;      /* -1: the place is free */
	int64_t until; /* monotime.h */
};

struct service {
	const struct config *config;
	struct priv_account account;
	int signals;
	int listener;
	struct service_peer peers[SERVICE_PEERS];
	int64_t minute; /* when that of lines began (monotime.h) */
	unsigned lines; /* in it */
};

/* Makes the socket's directory if need be; it has to be root's alone, for
 * whoever can write there can put a socket of his own in the place of ours.
 * Opens hold.release_socket: mode 0660, root's, with the group of the
 * account. */
CHECK_RESULT enum error_code service_open(struct service *service,
    const struct config *config, struct error *err);

/* Serves until a signal ends it; a request under way is finished.  Sees to
 * it that the log has a writer. */
CHECK_RESULT enum error_code service_run(struct service *service,
    struct log_writer *log, struct error *err);

/* Removes the socket. */
void service_close(struct service *service);

#endif
