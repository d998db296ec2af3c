/* supervisor_link - the filter's end of its talk with the supervisor
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/supervisor_link.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/title.h"
#include "config/config.h"
#include "filter/filter_state.h"
#include "filter/hangup.h"
#include "hold/hold.h"
#include "filter/netlist.h"
#include "scan/engines.h"
#include "scan/scanner.h"
#include "wire/wire.h"

/* For sessions, which have nothing to wait for any more.  With SAVE_TIME,
 * ROWS_TIME and the log's it is less than the supervisor bears beyond
 * drain_timeout. */
#define HANGUP_TIME MONOTIME_S

/* For a disk that is well; one that is not must not keep us. */
#define SAVE_TIME (2 * MONOTIME_S)

/* For the next filter to take the last rows (handover.h). */
#define ROWS_TIME MONOTIME_S

/* A filter whose work another one has taken over goes on for so long, for
 * sessions that the MTA keeps open and scans that run. */
#define OVER_MAX (600 * MONOTIME_S)
/* A reply that is so late is overdue: a machine that is merely slow has not
 * kept it. */
#define OVERDUE (5 * MONOTIME_S)
/* Between two looks whether it still has any. */
#define OVER_LOOK (100 * MONOTIME_MS)
/* For mail that is being held; see hold.commit. */
#define HOLD_TIME (4 * MONOTIME_S)

static void
take_engine(struct supervisor_link *link, const struct wire_message *message,
    int engine)
{
	engines_publish(link->engines, engine, message->text, message->id);
	scanner_engine_changed(link->filter->scanner);
	log_msg(LOG_LEVEL_NOTICE, "engine %s in service", message->text);
}

/* Its successor has no room beside it.  Mail waits until that is there. */
static void
withdraw_engine(struct supervisor_link *link,
    const struct wire_message *message)
{
	log_msg(LOG_LEVEL_NOTICE,
	    "engine %s takes no new mail; mail waits until the next engine "
	    "has loaded its signatures",
	    message->text);
	engines_withdraw(link->engines, message->id);
	scanner_engine_changed(link->filter->scanner);
}

/* The supervisor has checked it; what can't be read now isn't its text, but
 * memory that is short.  The old snapshot then stays. */
static void
take_config(struct supervisor_link *link, int fd)
{
	struct netlist *keep_from = NULL;
	struct config *config;
	enum error_code code;
	struct error err;

	code = config_load_fd(fd, "configuration", &config, &err);
	close(fd);
	if (code == ERROR_NONE)
		code = netlist_create(&config->headers_keep_from, &keep_from,
		    &err);
	if (code == ERROR_NONE)
		code = link->reconfigured(config, &err);
	if (code != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR,
		    "the filter keeps the old configuration", &err);
		netlist_destroy(&keep_from);
		config_destroy(&config);
		return;
	}
	log_set_level((enum log_level)config->log_level);
	filter_state_configure(link->filter, config, keep_from);
	config_destroy(&config);
}

/* Nobody can send a command any more without its being refused. */
static void
end_sessions(const struct filter_state *filter, bool last)
{
	unsigned left = hangup_all(filter->descriptors, &filter->wakeup, !last,
	    monotime_after(HANGUP_TIME));

	if (left > 0)
		log_msg(LOG_LEVEL_WARNING,
		    "%u sessions with MTAs did not end in time, and are cut "
		    "off",
		    left);
}

/* smfi_stop() would take up to 5 s, in which nobody serves the socket, and
 * would not wait for its threads either. */
void
supervisor_link_drain(struct supervisor_link *link, bool last)
{
	struct filter_state *filter = link->filter;
	int64_t until = monotime_after(filter->config->drain_timeout);

	log_msg(LOG_LEVEL_NOTICE,
	    "the filter is draining: it answers the mail that it has, and "
	    "ends");
	filter_state_drain(filter, until);
	/* Their verdicts are for the retries, of what was deferred now.  In
	 * the meantime who comes is told to come later, if there is to be no
	 * other filter. */
	scanner_drain(filter->scanner, until);
	end_sessions(filter, last);
	scanner_save(filter->scanner, monotime_after(SAVE_TIME));
	if (link->over_by != 0)
		handover_end(&link->handover, monotime_after(ROWS_TIME));
	exit(EX_OK);
}

/* MTAs reach the new socket at the same address. */
static void
take_socket(const struct supervisor_link *link, int sock)
{
	struct error err;

	if (wakeup_replace(&link->filter->wakeup, sock, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "the filter can't take over the new milter socket", &err);
	fd_close(&sock);
}

static void
tell(struct supervisor_link *link, enum wire_type type, const char *name,
    uint64_t serial)
{
	struct wire_message message = wire_make(type);
	struct error err;

	message.id = serial;
	wire_set_text(&message, name);
	if (wire_send(link->sock, &message, -1, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR,
		    "the filter can't report to the supervisor", &err);
}

/* From any scan thread, as the next; see engines.h. */
static void
engine_lost(void *context, const char *name, uint64_t serial)
{
	log_msg(LOG_LEVEL_ERROR,
	    "engine %s is lost: it no longer answers the filter as it should, "
	    "and the supervisor starts another one",
	    name);
	tell(context, WIRE_LOST, name, serial);
}

static void
engine_released(void *context, const char *name, uint64_t serial)
{
	tell(context, WIRE_RELEASED, name, serial);
}

struct engines *
supervisor_link_create_engines(struct supervisor_link *link)
{
	struct engines_reports reports = {
		.lost = engine_lost,
		.released = engine_released,
		.context = link,
	};

	return engines_create(&reports);
}

/* The supervisor goes by it, and may tell that this filter no longer works. */
static void
report(struct supervisor_link *link)
{
	struct wire_message message = wire_make(WIRE_REPORT);
	unsigned overdue;
	struct error err;

	message.value = debts_count(&link->filter->debts,
	    monotime_now() - OVERDUE, &overdue);
	message.id = overdue;
	if (wire_send(link->sock, &message, -1, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR, "the supervisor", &err);
}

/* The next filter has been waiting for LET_GO. */
static void
hand_over(struct supervisor_link *link, int sock)
{
	struct filter_state *filter = link->filter;
	struct scanner_heir heir;
	struct error err;

	if (link->over_by != 0) {
		fd_close(&sock);
		return;
	}
	title_set("vscan-filter",
	    "from before the restart, serves its sessions");
	wakeup_go_private(&filter->wakeup);
	log_msg(LOG_LEVEL_NOTICE,
	    "another filter takes over after a restart; this one serves its "
	    "%u sessions until they end",
	    hangup_count(filter->descriptors, &filter->wakeup));
	if (handover_begin(&link->handover, sock, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the next filter may learn late what this one still learns "
		    "about deferred mail",
		    &err);
	hold_let_go(filter->hold, monotime_after(HOLD_TIME));
	heir = handover_heir(&link->handover);
	scanner_hand_over(filter->scanner, &heir, monotime_after(SAVE_TIME));
	link->over_by = monotime_after(OVER_MAX);
	tell(link, WIRE_LET_GO, "", 0);
}

void
supervisor_link_hear_former(struct supervisor_link *link)
{
	int sock = link->former;
	struct error err;

	link->former = -1;
	if (sock >= 0 &&
	    handover_receive(sock, link->filter->scanner, &err) != ERROR_NONE)
		log_error(LOG_LEVEL_WARNING,
		    "the filter won't learn what the filter from before the "
		    "restart still learns about deferred mail",
		    &err);
}

/* True once a filter that has handed over has nothing more to do.  libmilter
 * may have accepted a connection in the very moment in which it was to stop,
 * so there must have been none for a while. */
static bool
is_done(struct supervisor_link *link)
{
	struct filter_state *filter = link->filter;
	int64_t now = monotime_now();

	if (now >= link->over_by)
		return true;
	if (hangup_count(filter->descriptors, &filter->wakeup) > 0) {
		link->quiet_since = 0;
		return false;
	}
	if (link->quiet_since == 0)
		link->quiet_since = now;
	return now - link->quiet_since > OVER_LOOK &&
	    scanner_is_idle(filter->scanner);
}

#define ACCEPTED \
	(WIRE_ACCEPT(WIRE_ENGINE) | WIRE_ACCEPT(WIRE_WITHDRAW) | \
	    WIRE_ACCEPT(WIRE_CONFIG) | WIRE_ACCEPT(WIRE_SOCKET) | \
	    WIRE_ACCEPT(WIRE_HANDOVER) | WIRE_ACCEPT(WIRE_DRAIN) | \
	    WIRE_ACCEPT(WIRE_REPORT))

/* Any message but DRAIN, with its descriptor. */
static void
obey(struct supervisor_link *link, const struct wire_message *message, int fd)
{
	switch (message->type) {
	case WIRE_ENGINE:
		take_engine(link, message, fd);
		break;
	case WIRE_WITHDRAW:
		withdraw_engine(link, message);
		break;
	case WIRE_CONFIG:
		take_config(link, fd);
		break;
	case WIRE_SOCKET:
		take_socket(link, fd);
		break;
	case WIRE_HANDOVER:
		hand_over(link, fd);
		break;
	case WIRE_REPORT:
		report(link);
		break;
	default:
		break;
	}
}

/* The next message that there is; ERROR_TIMEOUT once a filter that has handed
 * over is done. */
static enum error_code
next_message(struct supervisor_link *link, struct wire_message *message,
    int *fd_r, struct error *err)
{
	enum error_code code;
	int64_t until;

	do {
		until = link->over_by == 0 ? MONOTIME_NEVER
					   : monotime_after(OVER_LOOK);
		code = wire_recv(link->sock, ACCEPTED, message, fd_r, until,
		    err);
	} while (code == ERROR_TIMEOUT && !is_done(link));
	return code;
}

static void *
supervisor_link_thread(void *context)
{
	struct supervisor_link *link = context;
	struct wire_message message;
	enum error_code code;
	bool last = false;
	struct error err;
	int fd;

	for (;;) {
		code = next_message(link, &message, &fd, &err);
		if (code == ERROR_NONE && message.type != WIRE_DRAIN) {
			obey(link, &message, fd);
			continue;
		}
		if (code == ERROR_NONE)
			last = (message.flags & WIRE_LAST) != 0;
		else if (code != ERROR_TIMEOUT)
			log_error(LOG_LEVEL_ERROR,
			    "the filter has lost the supervisor, and ends",
			    &err);
		break;
	}
	/* What is being scanned may take a while, and the milter socket is
	 * there for the next filter. */
	if (code == ERROR_NONE && !last)
		wakeup_go_private(&link->filter->wakeup);
	supervisor_link_drain(link, last);
}

#define GO (WIRE_ACCEPT(WIRE_GO) | WIRE_ACCEPT(WIRE_DRAIN))

enum error_code
supervisor_link_await(struct supervisor_link *link, struct error *err)
{
	struct wire_message message = wire_make(WIRE_PREPARED);
	enum error_code code;

	link->former = -1;
	code = wire_send(link->sock, &message, -1, err);
	if (code == ERROR_NONE)
		code = wire_recv(link->sock, WIRE_ACCEPT(WIRE_FORMER) | GO,
		    &message, &link->former, MONOTIME_NEVER, err);
	if (code == ERROR_NONE && message.type == WIRE_FORMER)
		code = wire_recv(link->sock, GO, &message, NULL, MONOTIME_NEVER,
		    err);
	if (code == ERROR_NONE && message.type == WIRE_DRAIN)
		code = error_set(err, ERROR_GONE, "the service ends");
	return code;
}

enum error_code
supervisor_link_start(struct supervisor_link *link, struct error *err)
{
	struct wire_message message = wire_make(WIRE_LISTENING);
	enum error_code code;
	pthread_t thread;
	int failed;

	code = wire_send(link->sock, &message, -1, err);
	if (code != ERROR_NONE)
		return code;
	failed = pthread_create(&thread, NULL, supervisor_link_thread, link);
	if (failed)
		return error_sys(err, failed,
		    "starting the thread that listens to the supervisor");
	pthread_detach(thread);
	return ERROR_NONE;
}
