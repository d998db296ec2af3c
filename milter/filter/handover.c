/* handover - what a filter learns after its successor has taken over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/handover.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "ledger/row.h"

/* When the socket has room, but the kernel has no memory. */
#define MEMORY_PAUSE_MS 10

/* Rows that are sent at a time: the ledger's lock may be waiting for this
 * one's. */
#define BATCH 32

struct parcel {
	STAILQ_ENTRY(parcel) next;
	size_t len;
	unsigned char data[];
};

struct successor {
	int sock;
	struct scanner *scanner;
};

/* --- the former filter --- */

static void
complain(struct handover *handover, const struct error *err)
{
	if (!handover->complained)
		log_error(LOG_LEVEL_WARNING,
		    "the filter that took over isn't told of all that this one "
		    "still learns about deferred mail",
		    err);
	handover->complained = true;
}

/* False if there is no room.  A successor that has gone takes nothing any
 * more: then the row is done with. */
static bool
try_send(struct handover *handover, const struct parcel *parcel)
{
	struct error err;
	enum error_code code = seqpacket_send(handover->sock, parcel->data,
	    parcel->len, -1, &err);

	if (code == ERROR_GONE)
		complain(handover, &err);
	return code == ERROR_NONE || code == ERROR_GONE;
}

/* Sends what there is room for, but no more than BATCH; returns how many rows
 * that was.  Lock held. */
static size_t
send_some(struct handover *handover)
{
	struct parcel *first;
	size_t sent = 0;

	while (sent < BATCH &&
	    (first = STAILQ_FIRST(&handover->rows)) != NULL &&
	    try_send(handover, first)) {
		STAILQ_REMOVE_HEAD(&handover->rows, next);
		free(first);
		sent++;
	}
	handover->count -= sent;
	if (handover->count == 0)
		pthread_cond_broadcast(&handover->sent);
	return sent;
}

static void *
sending_thread(void *context)
{
	struct handover *handover = context;
	struct pollfd room = { .fd = handover->sock, .events = POLLOUT };
	size_t sent;

	for (;;) {
		pthread_mutex_lock(&handover->lock);
		while (handover->count == 0)
			pthread_cond_wait(&handover->filled, &handover->lock);
		pthread_mutex_unlock(&handover->lock);
		poll(&room, 1, -1);
		pthread_mutex_lock(&handover->lock);
		sent = send_some(handover);
		pthread_mutex_unlock(&handover->lock);
		if (sent == 0)
			poll(NULL, 0, MEMORY_PAUSE_MS);
	}
	return NULL;
}

enum error_code
handover_begin(struct handover *handover, int sock, struct error *err)
{
	pthread_t thread;
	int failed;

	memset(handover, 0, sizeof *handover);
	handover->sock = sock;
	pthread_mutex_init(&handover->lock, NULL);
	cond_init(&handover->filled);
	cond_init(&handover->sent);
	STAILQ_INIT(&handover->rows);
	failed = pthread_create(&thread, NULL, sending_thread, handover);
	if (failed)
		return error_sys(err, failed,
		    "starting the thread that sends rows to the next filter");
	pthread_detach(thread);
	return ERROR_NONE;
}

static struct parcel *
make_parcel(const unsigned char *data, size_t len)
{
	struct parcel *parcel = malloc(sizeof *parcel + len);

	if (parcel == NULL)
		abort();
	parcel->len = len;
	memcpy(parcel->data, data, len);
	return parcel;
}

static void
send_parcel(struct handover *handover, const unsigned char *data, size_t len)
{
	struct parcel *parcel = make_parcel(data, len);
	struct error err;

	pthread_mutex_lock(&handover->lock);
	if (handover->count < HANDOVER_ROWS) {
		STAILQ_INSERT_TAIL(&handover->rows, parcel, next);
		handover->count++;
		send_some(handover);
	} else {
		(void)error_set(&err, ERROR_LIMIT, "too many rows wait");
		complain(handover, &err);
		free(parcel);
	}
	if (handover->count > 0)
		pthread_cond_signal(&handover->filled);
	pthread_mutex_unlock(&handover->lock);
}

void
handover_send(void *context, const struct row *row)
{
	unsigned char data[ROW_PACKED_MAX];

	send_parcel(context, data, row_pack(row, data));
}

static void
send_scans(void *context, const struct row_scans *scans)
{
	unsigned char data[ROW_PACKED_MAX];

	send_parcel(context, data, row_pack_scans(scans, data));
}

struct scanner_heir
handover_heir(struct handover *handover)
{
	struct scanner_heir heir = {
		.row = handover_send,
		.scans = send_scans,
		.context = handover,
	};

	return heir;
}

void
handover_end(struct handover *handover, int64_t until)
{
	pthread_mutex_lock(&handover->lock);
	while (handover->count > 0 &&
	    cond_wait_until(&handover->sent, &handover->lock, until))
		continue;
	pthread_mutex_unlock(&handover->lock);
}

/* --- the successor --- */

static void
take_parcel(struct scanner *scanner, const unsigned char *data, size_t len)
{
	struct row_scans scans;
	struct row row;

	if (row_unpack(data, len, &row)) {
		scanner_inherit(scanner, &row);
		row_fini(&row);
	} else if (row_unpack_scans(data, len, &scans)) {
		scanner_inherit_scans(scanner, &scans);
	}
}

/* Takes parcels until there are none (flags: MSG_DONTWAIT), or until the
 * former filter has ended.  Returns what the last recv() has returned. */
static ssize_t
take_parcels(const struct successor *successor, int flags)
{
	unsigned char data[ROW_PACKED_MAX];
	ssize_t n;

	do {
		n = recv(successor->sock, data, sizeof data, flags);
		if (n > 0)
			take_parcel(successor->scanner, data, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n;
}

static void *
receive(void *context)
{
	struct successor *successor = context;
	struct error err;

	if (take_parcels(successor, 0) < 0) {
		error_sys(&err, errno, "recv");
		log_error(LOG_LEVEL_WARNING,
		    "the filter doesn't learn all that the one before it still "
		    "learns about deferred mail",
		    &err);
	}
	scanner_inherit_end(successor->scanner);
	fd_close(&successor->sock);
	free(successor);
	return NULL;
}

enum error_code
handover_receive(int sock, struct scanner *scanner, struct error *err)
{
	struct successor *successor = malloc(sizeof *successor);
	pthread_t thread;
	int failed;

	if (successor == NULL)
		abort();
	successor->sock = sock;
	successor->scanner = scanner;
	take_parcels(successor, MSG_DONTWAIT);
	failed = pthread_create(&thread, NULL, receive, successor);
	if (failed) {
		scanner_inherit_end(scanner);
		fd_close(&sock);
		free(successor);
		return error_sys(err, failed,
		    "starting the thread that hears the filter before");
	}
	pthread_detach(thread);
	return ERROR_NONE;
}
