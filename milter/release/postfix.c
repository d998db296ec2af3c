/* postfix - a mail in one Postfix instance: looked at, released, deleted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/postfix.h"

#include <stdio.h>
#include <string.h>

#include "base/monotime.h"
#include "release/answer.h"
#include "release/postcat.h"
#include "release/tool.h"

#define LOOK_LIMIT (10 * MONOTIME_S)
#define ACT_LIMIT (30 * MONOTIME_S)

/* A mail lies in "incoming" while it is received, and its last headers are
 * missing then; a mail that has been released passes through there, too, for a
 * moment.  So a mail in "incoming" is not judged yet. */
static bool
is_settled(const struct postcat *seen)
{
	return seen->queue[0] != '\0' && strcmp(seen->queue, "incoming") != 0;
}

static bool
is_held(const struct postcat *seen)
{
	return strcmp(seen->queue, "hold") == 0;
}

/* RELEASE_DONE: it is the mail that was meant, and held. */
static void
look(const char *directory, const struct release_mail *mail,
    struct release_reply *reply_r)
{
	const char *const argv[] = { "postcat", "-c", directory, "-eh", "-q",
		mail->queue_id, NULL };
	struct postcat seen;
	struct tool tool = { .output = postcat_take_line,
		.context = &seen,
		.expected = "No such file or directory",
		/* Postfix's programs sleep a second after a fatal error. */
		.hasty = true };
	char why[160];

	postcat_init(&seen, mail);
	if (!tool_run(&tool, LOOK_LIMIT, argv)) {
		if (tool.said_expected &&
		    strstr(tool.last, "open queue file") != NULL)
			answer(reply_r, RELEASE_ABSENT, "%s", "");
		else
			answer(reply_r, RELEASE_FAILED, "%s", tool.last);
	} else if (!is_settled(&seen))
		answer(reply_r, RELEASE_ABSENT, "it is still being received");
	else if (!identity_holds(&seen.identity, why, sizeof why))
		answer(reply_r, RELEASE_OTHER, "%s", why);
	else if (!is_held(&seen))
		answer(reply_r, RELEASE_NOT_HELD, "it is in the queue %s",
		    seen.queue);
	else
		answer(reply_r, RELEASE_DONE, "%s", "");
}

/* What postsuper prints about the mail is what has happened to it; its exit
 * status may be about something else, such as the log.  If it prints nothing
 * about the mail, the queue is looked at again: postsuper leaves mail alone
 * that isn't written completely, and somebody else may have been faster. */
static bool
act(const char *directory, const struct release_mail *mail,
    const char *const *argv, struct tool *tool, struct release_reply *reply_r)
{
	bool ended_well = tool_run(tool, ACT_LIMIT, argv);

	if (tool->said_expected)
		return true;
	look(directory, mail, reply_r);
	if (reply_r->result == RELEASE_DONE)
		answer(reply_r, RELEASE_FAILED, "it is still held%s: %s",
		    ended_well ? ", perhaps still being written" : "",
		    tool->last);
	return false;
}

static void
release(const char *directory, const struct release_mail *mail,
    struct release_reply *reply_r)
{
	const char *const unhold[] = { "postsuper", "-c", directory, "-H",
		mail->queue_id, NULL };
	const char *const deliver[] = { "postqueue", "-c", directory, "-i",
		mail->queue_id, NULL };
	struct tool tool = { .expected = ": released from hold" };

	if (!act(directory, mail, unhold, &tool, reply_r))
		return;
	tool.expected = NULL;
	if (tool_run(&tool, ACT_LIMIT, deliver))
		answer(reply_r, RELEASE_DONE, "%s", "");
	else
		answer(reply_r, RELEASE_FAILED,
		    "it is released, but waits "
		    "for Postfix to look through its queue: %s",
		    tool.last);
}

static void delete (const char *directory, const struct release_mail *mail,
    struct release_reply *reply_r)
{
	const char *const argv[] = { "postsuper", "-c", directory, "-d",
		mail->queue_id, "hold", NULL };
	struct tool tool = { .expected = ": removed" };

	if (act(directory, mail, argv, &tool, reply_r))
		answer(reply_r, RELEASE_DONE, "%s", "");
}

void
postfix_act(const char *directory, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r)
{
	/* postsuper takes "ALL" for all mail. */
	if (strcmp(mail->queue_id, "ALL") == 0) {
		answer(reply_r, RELEASE_ABSENT, "%s", "");
		return;
	}
	look(directory, mail, reply_r);
	if (reply_r->result != RELEASE_DONE)
		return;
	if (verb == RELEASE_RELEASE)
		release(directory, mail, reply_r);
	else if (verb == RELEASE_DELETE)
		delete (directory, mail, reply_r);
}
