/* handover - what a filter learns after its successor has taken over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/handover.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/seqpacket.h"
#include "ledger/store.h"
#include "scan/scanner.h"

/* To be raised when struct store_row changes. */
#define LAYOUT 1

struct parcel {
	uint32_t layout;
	uint32_t size; /* of a row */
	struct store_row row;
};

struct successor {
	int sock;
	struct scanner *scanner;
};

void
handover_send(void *context, const struct store_row *row)
{
	struct handover *handover = context;
	struct parcel parcel;
	struct error err;

	memset(&parcel, 0, sizeof parcel);
	parcel.layout = LAYOUT;
	parcel.size = sizeof parcel.row;
	parcel.row = *row;
	if (seqpacket_send(handover->sock, &parcel, sizeof parcel, -1, &err) ==
		ERROR_NONE ||
	    handover->complained)
		return;
	handover->complained = true;
	log_error(LOG_LEVEL_WARNING,
	    "the filter that took over isn't told of all that this one still "
	    "learns about deferred mail",
	    &err);
}

static bool
ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* The other end has the rights of this process, but may have been taken
 * over. */
static bool
is_sound(const struct parcel *parcel)
{
	const struct store_row *row = &parcel->row;

	if (parcel->layout != LAYOUT || parcel->size != sizeof *row)
		return false;
	if ((unsigned)row->verdict.kind >= VERDICT_KINDS ||
	    (row->known && !verdict_is_final(&row->verdict)))
		return false;
	if (row->verdict_age < 0 || row->first_age < 0 || row->last_age < 0 ||
	    row->envelope_count > STORE_ENVELOPES)
		return false;
	return ends(row->verdict.name, sizeof row->verdict.name) &&
	    ends(row->generation, sizeof row->generation) &&
	    ends(row->failed_in, sizeof row->failed_in) &&
	    ends(row->reason, sizeof row->reason) &&
	    ends(row->sender, sizeof row->sender) &&
	    ends(row->recipients, sizeof row->recipients) &&
	    ends(row->message_id, sizeof row->message_id) &&
	    ends(row->queue_id, sizeof row->queue_id);
}

static void *
receive(void *context)
{
	struct successor *successor = context;
	struct parcel parcel;
	enum error_code code;
	struct error err;

	do {
		code = seqpacket_recv(successor->sock, &parcel, sizeof parcel,
		    NULL, MONOTIME_NEVER, &err);
		if (code == ERROR_NONE && is_sound(&parcel)) {
			parcel.row.merged = false;
			scanner_inherit(successor->scanner, &parcel.row);
		}
	} while (code == ERROR_NONE);
	if (code != ERROR_GONE)
		log_error(LOG_LEVEL_WARNING,
		    "the filter doesn't learn all that the one before it still "
		    "learns about deferred mail",
		    &err);
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
