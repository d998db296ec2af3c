/* handover - what a filter learns after its successor has taken over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/handover.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "ledger/row.h"

struct successor {
	int sock;
	struct scanner *scanner;
};

/* --- the former filter --- */

static void
complain(struct handover *handover, const struct error *err)
{
	if (!atomic_exchange(&handover->complained, true))
		log_error(LOG_LEVEL_WARNING,
		    "the filter that took over isn't told of all that this one "
		    "still learns about deferred mail",
		    err);
}

enum error_code
handover_begin(struct handover *handover, int sock, struct error *err)
{
	handover->complained = false;
	return sendqueue_start(&handover->rows, sock, HANDOVER_ROWS, err);
}

static void
send_packed(struct handover *handover, const unsigned char *data, size_t len)
{
	struct error err;

	if (sendqueue_add(&handover->rows, data, len, &err) != ERROR_NONE)
		complain(handover, &err);
}

void
handover_send(void *context, const struct row *row)
{
	unsigned char data[ROW_PACKED_MAX];

	send_packed(context, data, row_pack(row, data));
}

static void
send_scans(void *context, const struct row_scans *scans)
{
	unsigned char data[ROW_PACKED_MAX];

	send_packed(context, data, row_pack_scans(scans, data));
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
	struct error err;

	if (sendqueue_flush(&handover->rows, until, &err) != ERROR_NONE)
		complain(handover, &err);
}

/* --- the successor --- */

/* A parcel is a packed row, or packed scans. */
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
