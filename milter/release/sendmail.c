/* sendmail - a mail in one Sendmail's queue: looked at, released, deleted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/sendmail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/monotime.h"
#include "release/answer.h"
#include "release/mqmail.h"
#include "release/mqueue.h"
#include "release/tool.h"

#define ACT_LIMIT (30 * MONOTIME_S)

/* Room for "-qI" and a queue ID. */
#define LIMIT_ROOM (RELEASE_ID_SIZE + 4)

struct sendmail {
	const char *program;
	const char *cf;
	const struct release_mail *mail;
	struct release_reply *reply;
	struct mqueue mqueue;
	struct mqmail_ids held; /* the mail, or its parts */
};

/* The mail of the queue ID that was given. */
static void
look_at_named(struct sendmail *sendmail)
{
	struct mqmail mqmail;

	if (!mqmail_open(&mqmail, &sendmail->mqueue,
		sendmail->mail->queue_id)) {
		answer(sendmail->reply, RELEASE_ABSENT, "%s", "");
		return;
	}
	mqmail_judge(&mqmail, sendmail->mail, sendmail->reply);
	mqmail_close(&mqmail);
}

/* Finds out what is held of the mail.  RELEASE_DONE: at least one part is. */
static void
look(struct sendmail *sendmail)
{
	struct mqmail_ids *held = &sendmail->held;

	held->count = 0;
	look_at_named(sendmail);
	if (sendmail->reply->result == RELEASE_OTHER ||
	    sendmail->reply->result == RELEASE_FAILED)
		return;
	if (sendmail->reply->result == RELEASE_DONE)
		strcpy(held->ids[held->count++], sendmail->mail->queue_id);
	mqmail_find_parts(&sendmail->mqueue, sendmail->mail, held);
	if (held->count > 0)
		answer(sendmail->reply, RELEASE_DONE, "%s", "");
}

/* All that was found is done.  If there was no room for another part, more of
 * them may be held. */
static void
answer_done(struct sendmail *sendmail)
{
	if (sendmail->held.count < MQMAIL_PARTS)
		answer(sendmail->reply, RELEASE_DONE, "%s", "");
	else
		answer(sendmail->reply, RELEASE_FAILED,
		    "it may have more parts");
}

/* Runs Sendmail for what is held, with up to two options before that and one
 * behind it, each NULL for none. */
static bool
run(struct sendmail *sendmail, struct tool *tool, const char *const *before,
    const char *behind)
{
	char limits[MQMAIL_PARTS][LIMIT_ROOM];
	const char *argv[MQMAIL_PARTS + 8];
	size_t argc = 0;

	argv[argc++] = sendmail->program;
	argv[argc++] = "-C";
	argv[argc++] = sendmail->cf;
	for (; *before != NULL; before++)
		argv[argc++] = *before;
	for (size_t i = 0; i < sendmail->held.count; i++) {
		snprintf(limits[i], sizeof limits[i], "-qI%s",
		    sendmail->held.ids[i]);
		argv[argc++] = limits[i];
	}
	argv[argc++] = behind;
	argv[argc] = NULL;
	return tool_run(tool, ACT_LIMIT, argv);
}

/* Delivery may take long, so Sendmail does that in the background. */
static void
deliver(struct sendmail *sendmail)
{
	static const char *const nothing[] = { NULL };
	struct tool tool = { .expected = NULL };

	if (run(sendmail, &tool, nothing, NULL))
		answer_done(sendmail);
	else
		answer(sendmail->reply, RELEASE_FAILED,
		    "it is released, but "
		    "waits for Sendmail to run its queue: %s",
		    tool.last);
}

static bool
is_ambiguous(const struct sendmail *sendmail)
{
	for (size_t i = 0; i < sendmail->held.count; i++)
		if (mqmail_has_namesake(&sendmail->mqueue,
			sendmail->held.ids[i]))
			return true;
	return false;
}

static void
release(struct sendmail *sendmail)
{
	static const char *const quarantined[] = { "-v", "-qQ", NULL };
	char changes[32];
	struct tool tool = { .expected = changes };

	if (is_ambiguous(sendmail)) {
		answer(sendmail->reply, RELEASE_FAILED,
		    "the queue ID is a "
		    "part of another's, which Sendmail would release, too");
		return;
	}
	snprintf(changes, sizeof changes, "%zu change", sendmail->held.count);
	run(sendmail, &tool, quarantined, "-Q");
	if (tool.said_expected) {
		deliver(sendmail);
		return;
	}
	/* Another process has locked it, or has been faster. */
	look(sendmail);
	if (sendmail->reply->result == RELEASE_DONE)
		answer(sendmail->reply, RELEASE_FAILED, "it is still held: %s",
		    tool.last);
}

/* The mail is judged again under the lock, so that what is removed is what was
 * judged. */
static void
delete_one(struct sendmail *sendmail, const char *queue_id)
{
	struct mqmail mqmail;

	if (!mqmail_open(&mqmail, &sendmail->mqueue, queue_id)) {
		answer(sendmail->reply, RELEASE_ABSENT, "%s", "");
		return;
	}
	if (!mqmail_lock(&mqmail))
		answer(sendmail->reply, RELEASE_FAILED,
		    "Sendmail has locked it");
	else
		mqmail_judge(&mqmail, sendmail->mail, sendmail->reply);
	if (sendmail->reply->result == RELEASE_DONE && !mqmail_remove(&mqmail))
		answer(sendmail->reply, RELEASE_FAILED, "removing %s: %s",
		    mqmail.path, strerror(errno));
	mqmail_close(&mqmail);
}

static void delete (struct sendmail *sendmail)
{
	for (size_t i = 0; i < sendmail->held.count; i++) {
		delete_one(sendmail, sendmail->held.ids[i]);
		if (sendmail->reply->result != RELEASE_DONE)
			return;
	}
	answer_done(sendmail);
}

void
sendmail_act(const char *program, const char *cf, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r)
{
	struct sendmail sendmail = { .program = program,
		.cf = cf,
		.mail = mail,
		.reply = reply_r };
	struct error err;

	if (mqueue_open(&sendmail.mqueue, cf, &err) != ERROR_NONE) {
		answer(reply_r, RELEASE_FAILED, "%s", err.text);
		mqueue_close(&sendmail.mqueue);
		return;
	}
	look(&sendmail);
	if (reply_r->result == RELEASE_DONE && verb == RELEASE_RELEASE)
		release(&sendmail);
	else if (reply_r->result == RELEASE_DONE && verb == RELEASE_DELETE)
		delete (&sendmail);
	mqueue_close(&sendmail.mqueue);
}
