/* postfix - a mail in one Postfix instance: looked at, released, deleted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/postfix.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/monotime.h"
#include "base/text.h"
#include "release/answer.h"
#include "release/command.h"
#include "release/postcat.h"

#define LOOK_LIMIT (10 * MONOTIME_S)
#define ACT_LIMIT (30 * MONOTIME_S)

/* One run of a program: what its output is to be, and what it complained. */
struct run {
	command_line_function *output;
	void *context;
	const char *expected;	/* a text in its complaints, or NULL */
	bool said_expected;
	char last[200];		/* its last complaint */
};

static void
take_output(void *context, const char *line)
{
	struct run *run = context;

	if (run->output != NULL)
		run->output(run->context, line);
}

static void
take_complaint(void *context, const char *line)
{
	struct run *run = context;

	if (run->expected != NULL && strstr(line, run->expected) != NULL)
		run->said_expected = true;
	text_line(run->last, sizeof run->last, line);
}

/* True if it ended with exit status 0; else run->last says why not. */
static bool
run_program(struct run *run, int64_t limit, const char *const *argv)
{
	const struct command command = { .argv = argv, .limit = limit,
		.output = take_output, .complaint = take_complaint,
		.context = run };
	struct error err;
	int status;

	run->said_expected = false;
	run->last[0] = '\0';
	if (command_run(&command, &status, &err) != ERROR_NONE)
		text_line(run->last, sizeof run->last, err.text);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	else if (run->last[0] == '\0')
		snprintf(run->last, sizeof run->last,
		    "%s failed, status %#x", argv[0], (unsigned)status);
	return false;
}

/* While a mail is received it lies in "incoming", without its last headers;
 * what has been released passes through there for a moment, too.  So of a mail
 * there nothing is said yet. */
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
	struct run run = { .output = postcat_take_line, .context = &seen,
		.expected = "No such file or directory" };
	char why[160];

	postcat_init(&seen, mail);
	if (!run_program(&run, LOOK_LIMIT, argv)) {
		if (run.said_expected &&
		    strstr(run.last, "open queue file") != NULL)
			answer(reply_r, RELEASE_ABSENT, "%s", "");
		else
			answer(reply_r, RELEASE_FAILED, "%s", run.last);
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

/* What postsuper says of the mail itself is what has happened to it; its exit
 * status may be about something else, such as the log.  If it says nothing,
 * the queue tells: mail that isn't written completely is left alone, and
 * somebody else may have been faster. */
static bool
act(const char *directory, const struct release_mail *mail,
    const char *const *argv, struct run *run, struct release_reply *reply_r)
{
	bool ended_well = run_program(run, ACT_LIMIT, argv);

	if (run->said_expected)
		return true;
	look(directory, mail, reply_r);
	if (reply_r->result == RELEASE_DONE)
		answer(reply_r, RELEASE_FAILED, "it is still held%s: %s",
		    ended_well ? ", perhaps still being written" : "",
		    run->last);
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
	struct run run = { .expected = ": released from hold" };

	if (!act(directory, mail, unhold, &run, reply_r))
		return;
	run.expected = NULL;
	if (run_program(&run, ACT_LIMIT, deliver))
		answer(reply_r, RELEASE_DONE, "%s", "");
	else
		answer(reply_r, RELEASE_FAILED, "it is released, but waits "
		    "for Postfix to look through its queue: %s", run.last);
}

static void
delete(const char *directory, const struct release_mail *mail,
    struct release_reply *reply_r)
{
	const char *const argv[] = { "postsuper", "-c", directory, "-d",
		mail->queue_id, "hold", NULL };
	struct run run = { .expected = ": removed" };

	if (act(directory, mail, argv, &run, reply_r))
		answer(reply_r, RELEASE_DONE, "%s", "");
}

void
postfix_act(const char *directory, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r)
{
	/* To postsuper that is no queue ID, but all mail. */
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
		delete(directory, mail, reply_r);
}
