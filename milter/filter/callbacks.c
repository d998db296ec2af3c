/* callbacks - what libmilter calls
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "filter/callbacks.h"

#include <libmilter/mfapi.h>
#include <stdio.h>

#include "base/log.h"
#include "base/tally.h"
#include "config/config.h"
#include "filter/command.h"
#include "filter/connection.h"
#include "filter/eom.h"
#include "filter/filter_state.h"
#include "filter/session.h"
#include "filter/transport.h"
#include "scan/scanner.h"

/* Set once before smfi_main(), see callbacks.h. */
static struct filter_state *the_filter;

/* The steps and replies that this filter has no use for.  The reply to MAIL
 * stays: that is where a session is told that it can't be served. */
#define STEPS_WANTED \
	(SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_CONN | \
	    SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY | \
	    SMFIP_HDR_LEADSPC)

#define ACTIONS_WANTED (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE)

static struct tally over_limit = TALLY_INIT(
    "mails were deferred, since there are more than limits.sessions");
static struct tally far_over_limit = TALLY_INIT(
    "sessions were refused, far over limits.sessions");
static struct tally overloaded = TALLY_INIT(
    "mails were deferred at MAIL, since the scanner is overloaded");

/* The reply to a step, or none where that was agreed on: libmilter sends none
 * then, whatever is returned, and logs an error for anything but NOREPLY. */
static sfsistat
unless_agreed(const struct session *session, unsigned long step, sfsistat reply)
{
	return (session->steps & step) != 0 ? SMFIS_NOREPLY : reply;
}

static sfsistat
quietly(const struct session *session, unsigned long step)
{
	return unless_agreed(session, step, SMFIS_CONTINUE);
}

/* A step of a message that was refused at MAIL, or that never began.  The end
 * of the message gets the same reply, where this one isn't heard. */
static sfsistat
without_message(const struct session *session, unsigned long step)
{
	if (session == NULL)
		return SMFIS_TEMPFAIL;
	return unless_agreed(session, step, SMFIS_TEMPFAIL);
}

static struct session *
session_of(SMFICTX *ctx)
{
	return smfi_getpriv(ctx);
}

/* Sendmail tests the macro list of EOH at EOM, so both get the same. */
static bool
ask_for_macros(SMFICTX *ctx)
{
	char at_connect[] = "_", at_mail[] = "i";
	char at_end[] = "i j {auth_type}";

	return smfi_setsymlist(ctx, SMFIM_CONNECT, at_connect) == MI_SUCCESS &&
	    smfi_setsymlist(ctx, SMFIM_ENVFROM, at_mail) == MI_SUCCESS &&
	    smfi_setsymlist(ctx, SMFIM_EOH, at_end) == MI_SUCCESS &&
	    smfi_setsymlist(ctx, SMFIM_EOM, at_end) == MI_SUCCESS;
}

/* Without these functions of ours a peer can crash libmilter. */
static struct connection *
find_connection(void)
{
	static struct tally unguarded = TALLY_INIT(
	    "sessions were refused, since libmilter is not guarded");
	struct connection *connection = transport_current();

	if (connection == NULL && tally_add(&unguarded))
		log_msg(LOG_LEVEL_ERROR,
		    "libmilter.so reads commands by functions of its own, so a "
		    "session is refused: build vscan-milter with libmilter.a");
	return connection;
}

/* At negotiation, or where another client's session follows in the same
 * connection. */
static struct session *
begin_session(SMFICTX *ctx, struct connection *connection)
{
	struct session *session = session_create(the_filter, connection,
	    connection->steps);

	if (session == NULL) {
		if (tally_add(&far_over_limit))
			log_msg(LOG_LEVEL_WARNING,
			    "a session is refused: there are far more than "
			    "limits.sessions");
	} else if (smfi_setpriv(ctx, session) != MI_SUCCESS) {
		session_destroy(&session);
	}
	return session;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused2, unsigned long unused3, unsigned long *actions_r,
    unsigned long *steps_r, unsigned long *unused2_r, unsigned long *unused3_r)
{
	struct connection *connection = find_connection();
	struct session *session = session_of(ctx);

	(void)unused2;
	(void)unused3;
	if (connection == NULL)
		return SMFIS_TEMPFAIL; /* libmilter closes it */
	*actions_r = actions & ACTIONS_WANTED;
	*steps_r = steps & STEPS_WANTED;
	*unused2_r = 0;
	*unused3_r = 0;
	if ((actions & SMFIF_SETSYMLIST) != 0) {
		*actions_r |= SMFIF_SETSYMLIST;
		if (!ask_for_macros(ctx))
			log_msg(LOG_LEVEL_WARNING,
			    "libmilter refused the list of macros, so the MTA "
			    "may not send all that the log should show");
	}
	if (*actions_r == 0)
		log_msg(LOG_LEVEL_WARNING,
		    "the MTA lets no milter change headers, so that "
		    "X-Virus-Status can't be added");
	connection->steps = *steps_r;
	session_destroy(&session);
	session = begin_session(ctx, connection);
	/* libmilter closes a session that is refused here. */
	return session != NULL ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct session *session = session_of(ctx);
	char source[] = "_";

	if (session == NULL)
		session = begin_session(ctx, transport_current());
	if (session == NULL)
		return SMFIS_TEMPFAIL;
	session_connected(session, name, address, smfi_getsymval(ctx, source));
	return quietly(session, SMFIP_NR_CONN);
}

static sfsistat
put_off(SMFICTX *ctx, const char *reply, const char *why)
{
	char code[4], status[] = "4.3.2", text[128];

	snprintf(code, sizeof code, "%s", reply);
	snprintf(text, sizeof text,
	    "Virus scanner %s, please try again "
	    "later",
	    why);
	if (smfi_setreply(ctx, code, status, text) != MI_SUCCESS)
		log_msg(LOG_LEVEL_ERROR,
		    "libmilter refused the text of a 4.3.2 reply");
	return SMFIS_TEMPFAIL;
}

/* 421 makes the MTA close the connection, RFC 5321 3.8. */
static sfsistat
turn_away(SMFICTX *ctx, const char *why)
{
	return put_off(ctx, "421", why);
}

/* True if a mail of this sender need not be sent at all. */
static bool
is_overloaded(struct filter_state *filter, const char *sender)
{
	const struct config *config = filter_state_config(filter);
	int64_t patience = config->deadline_reply;

	config_unref(&config);
	return scanner_is_overloaded(filter->scanner, sender, patience);
}

static sfsistat
on_mail(SMFICTX *ctx, char **arguments)
{
	struct session *session = session_of(ctx);
	char queue_id[] = "i";

	if (session == NULL)
		return SMFIS_TEMPFAIL;
	if (session->over_limit) {
		if (tally_add(&over_limit))
			log_msg(LOG_LEVEL_WARNING,
			    "NOQUEUE: client=%s, "
			    "action=tempfail, reason=limits.sessions",
			    session->client);
		return turn_away(ctx, "has too many sessions");
	}
	if (filter_state_is_draining(session->filter))
		return turn_away(ctx, "is shutting down");
	if (is_overloaded(the_filter, arguments[0])) {
		if (tally_add(&overloaded))
			log_msg(LOG_LEVEL_NOTICE,
			    "NOQUEUE: client=%s, "
			    "action=tempfail, reason=overloaded",
			    session->client);
		return put_off(ctx, "451", "is overloaded");
	}
	session_begin_message(session, arguments[0],
	    smfi_getsymval(ctx, queue_id));
	return SMFIS_CONTINUE;
}

static sfsistat
on_recipient(SMFICTX *ctx, char **arguments)
{
	struct session *session = session_of(ctx);

	if (session == NULL || session->message == NULL)
		return without_message(session, SMFIP_NR_RCPT);
	session_add_recipient(session, arguments[0]);
	return quietly(session, SMFIP_NR_RCPT);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *session = session_of(ctx);

	if (session == NULL || session->message == NULL)
		return without_message(session, SMFIP_NR_HDR);
	message_add_header(session->message,
	    session->connection->nameless ? "" : name, value,
	    (session->steps & SMFIP_HDR_LEADSPC) != 0);
	return quietly(session, SMFIP_NR_HDR);
}

/* There is nothing to do, but where the reply is to be left out, libmilter
 * itself leaves out none. */
static sfsistat
on_end_of_headers(SMFICTX *ctx)
{
	struct session *session = session_of(ctx);

	if (session == NULL)
		return SMFIS_CONTINUE;
	return quietly(session, SMFIP_NR_EOH);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	struct session *session = session_of(ctx);

	if (session == NULL || session->message == NULL)
		return without_message(session, SMFIP_NR_BODY);
	message_add_body(session->message, data, len);
	/* The end of a message may bring the rest of its body; only after
	 * CONTINUE libmilter calls on_eom() then. */
	if (session->connection->letter == COMMAND_END)
		return SMFIS_CONTINUE;
	return quietly(session, SMFIP_NR_BODY);
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct session *session = session_of(ctx);
	sfsistat reply;

	if (session == NULL || session->message == NULL)
		return SMFIS_TEMPFAIL;
	reply = eom_answer(ctx, session);
	session_end_message(session);
	return reply;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *session = session_of(ctx);

	if (session != NULL)
		session_end_message(session);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *session = session_of(ctx);

	smfi_setpriv(ctx, NULL);
	session_destroy(&session);
	return SMFIS_CONTINUE;
}

enum error_code
callbacks_register(struct filter_state *filter, struct error *err)
{
	static char name[] = "vscan-milter";
	struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS_WANTED | SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_recipient,
		.xxfi_header = on_header,
		.xxfi_eoh = on_end_of_headers,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	the_filter = filter;
	if (smfi_register(description) != MI_SUCCESS)
		return error_set(err, ERROR_UNSUPPORTED,
		    "libmilter refused the filter's description");
	return ERROR_NONE;
}
