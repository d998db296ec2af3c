/* handover - what a filter learns after its successor has taken over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/handover.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/seqpacket.h"
#include "ledger/row.h"
#include "scan/scanner.h"

struct successor {
	int sock;
	struct scanner *scanner;
};

void
handover_send(void *context, const struct row *row)
{
	struct handover *handover = context;
	unsigned char parcel[ROW_PACKED_MAX];
	size_t len = row_pack(row, parcel);
	struct error err;

	if (seqpacket_send(handover->sock, parcel, len, -1, &err) ==
		ERROR_NONE ||
	    handover->complained)
		return;
	handover->complained = true;
	log_error(LOG_LEVEL_WARNING,
	    "the filter that took over isn't told of all that this one still "
	    "learns about deferred mail",
	    &err);
}

/* Waits for a row's bytes; 0 at the end. */
static ssize_t
receive_parcel(int sock, unsigned char parcel[ROW_PACKED_MAX])
{
	ssize_t n;

	do
		n = recv(sock, parcel, ROW_PACKED_MAX, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static void *
receive(void *context)
{
	struct successor *successor = context;
	unsigned char parcel[ROW_PACKED_MAX];
	struct error err;
	struct row row;
	ssize_t n;

	while ((n = receive_parcel(successor->sock, parcel)) > 0) {
		if (!row_unpack(parcel, (size_t)n, &row))
			continue;
		scanner_inherit(successor->scanner, &row);
		row_fini(&row);
	}
	if (n < 0) {
		error_sys(&err, errno, "recv");
		log_error(LOG_LEVEL_WARNING,
		    "the filter doesn't learn all that the one before it still "
		    "learns about deferred mail",
		    &err);
	}
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
	failed = pthread_create(&thread, NULL, receive, successor);
	if (failed) {
		fd_close(&sock);
		free(successor);
		return error_sys(err, failed,
		    "starting the thread that hears the filter before");
	}
	pthread_detach(thread);
	return ERROR_NONE;
}
