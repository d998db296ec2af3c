/* keeper - the thread that sees held mail to its end
 *
 * The keeper goes through all held mail whenever a scan has ended, a mail has
 * come in, or something is due.  It takes each mail one step further: to the
 * scanner, to a decision, to vscan-release.  No other thread waits for it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cond.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "hold_internal.h"

/* At most so many mails are scanned from the disk at a time: enough for the
 * scanner to choose the quick ones among them. */
#define OWN_SCANS 64

#define PAUSE_MAX (60 * MONOTIME_S)

/* How long vscan-release has for its answer: longer than it gives the MTA's
 * tools. */
#define ASK_TIME (60 * MONOTIME_S)
/* After a failure to ask vscan-release, it is left alone for this time. */
#define ASK_PAUSE (5 * MONOTIME_S)
/* A scanner that takes no more mail, or has no engine, is tried again after
 * this time. */
#define SUBMIT_PAUSE MONOTIME_S
/* vscan-release is looked for only after this time, since it may be started
 * after the filter. */
#define PROBE_AFTER (30 * MONOTIME_S)
/* A mail counts as no older than this (s), whatever the wall clock says. */
#define AGE_MAX ((int64_t)30 * 24 * 3600)
/* A disk that can't be read is tried again after this time. */
#define OPEN_PAUSE (5 * MONOTIME_S)
/* Single files that can't be read are tried again after this time.  The keeper
 * wakes up at least every PAUSE_MAX. */
#define UNREAD_PAUSE PAUSE_MAX

static void
become(struct held *held, enum held_state state)
{
	held->state = state;
	held->due = 0;
	held->pause = HELD_PAUSE_FIRST;
	held->missed_since = 0;
	held->complained = false;
}

/* Has the keeper try again after a pause, which grows each time. */
static void
put_off(struct held *held)
{
	held->due = monotime_after(held->pause);
	held->pause = 2 * held->pause < PAUSE_MAX ? 2 * held->pause : PAUSE_MAX;
}

static const char *
id_of(const struct held *held)
{
	return held->mail.at_mta.queue_id;
}

/* --- vscan-release --- */

static void
say_service(struct hold *hold, bool down, const struct error *err)
{
	if (down && !hold->service_down)
		log_msg(LOG_LEVEL_ERROR,
		    "vscan-release can't be asked, held "
		    "mail stays held: %s",
		    err->text);
	else if (!down && hold->service_down)
		log_msg(LOG_LEVEL_NOTICE, "vscan-release answers again");
	hold->service_down = down;
}

/* False if the service doesn't answer: it is left alone for a while. */
static bool
ask(struct hold *hold, struct held *held, enum release_verb verb,
    struct release_reply *reply_r)
{
	struct error err;
	enum error_code code;

	if (monotime_now() < hold->ask_at) {
		held->due = hold->ask_at;
		return false;
	}
	code = release_ask(hold->config->hold_release_socket, verb,
	    &held->mail.at_mta, monotime_after(ASK_TIME), reply_r, &err);
	say_service(hold, code != ERROR_NONE, &err);
	if (code == ERROR_NONE)
		return true;
	hold->ask_at = held->due = monotime_after(ASK_PAUSE);
	return false;
}

/* Tells the log what fails, once for each state of a mail. */
static void
complain(struct held *held, const char *what)
{
	if (!held->complained)
		log_msg(LOG_LEVEL_ERROR, "%s: held: %s", id_of(held), what);
	held->complained = true;
}

/* A mail that the MTA doesn't have, or doesn't hold, may just not have arrived
 * in its queue yet.  The keeper gives it up when it has been missing for longer
 * than patience (ns). */
static void
miss(struct held *held, const struct release_reply *reply, int64_t patience)
{
	enum release_result result = (enum release_result)reply->result;
	int64_t now = monotime_now();

	if (held->missed_since == 0 || held->missed_as != result)
		held->missed_since = now;
	held->missed_as = result;
	if (now - held->missed_since >= HOLD_MISSED_SAY)
		complain(held,
		    result == RELEASE_ABSENT ? "no MTA of hold.mta has it"
					     : reply->text);
	if (now - held->missed_since < patience) {
		put_off(held);
		return;
	}
	log_msg(LOG_LEVEL_WARNING, "%s: held: %s, it is forgotten", id_of(held),
	    result == RELEASE_NOT_HELD ? "somebody else has released it"
				       : "the MTA has it no more");
	become(held, HELD_ENDED);
}

/* Any answer but RELEASE_DONE: the keeper tries again, or gives the mail up. */
static void
take_refusal(struct held *held, const struct release_reply *reply)
{
	switch ((enum release_result)reply->result) {
	case RELEASE_NOT_HELD:
		miss(held, reply, HOLD_NOT_HELD_MAX);
		break;
	case RELEASE_ABSENT:
		miss(held, reply, HOLD_ABSENT_MAX);
		break;
	case RELEASE_OTHER:
		miss(held, reply, MONOTIME_NEVER);
		break;
	case RELEASE_FAILED:
	default:
		if (held->pause >= PAUSE_MAX)
			complain(held, reply->text);
		put_off(held);
		break;
	}
}

/* Warns once if vscan-release isn't there: then nobody takes held mail out of
 * quarantine again. */
static void
probe_service(struct hold *hold)
{
	const struct config *config = hold->config;
	struct error err;
	bool wanted = config->action_late == ACTION_HOLD ||
	    config->action_late_submission == ACTION_HOLD ||
	    config->action_error == ACTION_HOLD;

	if (monotime_now() < hold->probe_at)
		return;
	hold->probe_at = MONOTIME_NEVER;
	if (wanted &&
	    release_probe(config->hold_release_socket, &err) != ERROR_NONE)
		say_service(hold, true, &err);
}

/* --- states --- */

/* Asks the MTA for a mail of an earlier process.  If there is no answer, the
 * mail is scanned in the meantime. */
static void
look_for(struct hold *hold, struct held *held)
{
	struct release_reply reply;

	if (!ask(hold, held, RELEASE_INSPECT, &reply) ||
	    reply.result == RELEASE_DONE || reply.result == RELEASE_FAILED)
		become(held, HELD_UNSCANNED);
	else
		take_refusal(held, &reply);
}

static void
close_content(void *owner)
{
	int *fd = owner;

	close(*fd);
	free(fd);
}

/* The bytes on disk are not those that came, so no verdict on them would be one
 * on the mail that the MTA holds. */
static void
drop_damaged(struct hold *hold, struct held *held)
{
	spool_set_aside(hold->spool, &held->mail);
	become(held, HELD_ENDED);
}

static bool
open_content(struct hold *hold, struct held *held,
    struct scan_content *content_r)
{
	int *fd = malloc(sizeof *fd);
	enum error_code code;
	struct error err;

	if (fd == NULL)
		abort();
	code = spool_get(hold->spool, &held->mail, fd, &err);
	if (code != ERROR_NONE) {
		free(fd);
		complain(held, err.text);
		if (code == ERROR_INPUT)
			drop_damaged(hold, held);
		else
			held->due = monotime_after(OPEN_PAUSE);
		return false;
	}
	*content_r = (struct scan_content){ .fd = *fd,
		.on_disk = true,
		.size = held->mail.size,
		.release = close_content,
		.owner = fd };
	return true;
}

/* Keeps the pause, so that it grows from one failed scan to the next. */
static void
enter_scan(struct held *held)
{
	int64_t pause = held->pause;

	become(held, HELD_SCANNING);
	held->pause = pause;
}

static void
submit(struct hold *hold, struct held *held)
{
	struct scan_request request = {
		.key = held->mail.key,
		.envelope = held->mail.envelope,
		.cut = held->mail.cut,
		.structure = held->mail.structure,
		.patience = MONOTIME_NEVER / 2,
	};
	struct error err;

	held->due = hold->submit_at;
	if (monotime_now() < hold->submit_at)
		return;
	held->due = monotime_after(SUBMIT_PAUSE);
	if (hold->own_scans >= OWN_SCANS ||
	    !open_content(hold, held, &request.content))
		return;
	if (scanner_submit(hold->scanner, &request, &held->ticket, &err) !=
	    ERROR_NONE) {
		hold->submit_at = held->due = monotime_after(SUBMIT_PAUSE);
		return;
	}
	enter_scan(held);
	held->own_scan = true;
	hold->own_scans++;
	ticket_watch(held->ticket);
}

/* Which verb vscan-release is asked for, or 0 to leave the mail in quarantine.
 * Only infected mail, and mail that would have been discarded, is deleted. */
static int
verb_for(const struct hold *hold, enum verdict_kind kind, enum action action)
{
	bool may_delete = hold->config->hold_infected == HOLD_DELETE;

	switch (action) {
	case ACTION_OFF:
	case ACTION_ACCEPT:
		return RELEASE_RELEASE;
	case ACTION_DISCARD:
		return may_delete ? RELEASE_DELETE : 0;
	case ACTION_REJECT:
		return may_delete && kind == VERDICT_INFECTED ? RELEASE_DELETE
							      : 0;
	case ACTION_HOLD:
	case ACTION_QUARANTINE:
	case ACTION_TEMPFAIL:
		break;
	}
	return 0;
}

static void
log_decision(const struct held *held, const struct scan_outcome *outcome,
    int verb)
{
	const struct verdict *verdict = &outcome->verdict;
	char key[KEY_SHORT_SIZE];

	log_msg(verb == RELEASE_RELEASE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
	    "%s: held: key=%s, verdict=%s, virus=%s, "
	    "reason=%s, action=%s, held_ms=%lld",
	    id_of(held), key_short(&held->mail.key, key),
	    verdict_kind_name(verdict->kind), verdict_virus(verdict),
	    verdict_reason(verdict),
	    verb == RELEASE_RELEASE      ? "release"
		: verb == RELEASE_DELETE ? "delete"
					 : "leave",
	    (long long)((monotime_now() - held->since) / MONOTIME_MS));
}

static void
decide(struct hold *hold, struct held *held, const struct scan_outcome *outcome)
{
	enum verdict_kind kind = outcome->verdict.kind;
	int verb = verb_for(hold, kind, (enum action)held->mail.actions[kind]);

	log_decision(held, outcome, verb);
	if (verb == 0) {
		become(held, HELD_ENDED);
		return;
	}
	become(held, HELD_DECIDED);
	held->verb = (enum release_verb)verb;
}

/* The keeper begins a failed scan again, since nobody sends a held mail
 * again. */
static void
look_at_scan(struct hold *hold, struct held *held)
{
	int64_t pause = held->pause;
	struct scan_outcome outcome;

	if (!ticket_wait(held->ticket, 0, &outcome)) {
		held->due = MONOTIME_NEVER; /* wake_keeper() */
		return;
	}
	ticket_close(&held->ticket);
	hold->own_scans -= held->own_scan;
	held->own_scan = false;
	if (verdict_is_final(&outcome.verdict)) {
		decide(hold, held, &outcome);
		return;
	}
	become(held, HELD_UNSCANNED);
	held->pause = pause;
	put_off(held);
}

static void
act(struct hold *hold, struct held *held)
{
	struct release_reply reply;

	if (!ask(hold, held, held->verb, &reply))
		return;
	if (reply.result == RELEASE_DONE)
		become(held, HELD_ENDED);
	else
		take_refusal(held, &reply);
}

static void
raise_alarm(const struct hold *hold, struct held *held)
{
	int64_t age = monotime_now() - held->since;

	if (held->alarmed || held->state == HELD_CANCELLED ||
	    age < hold->config->alarm_after)
		return;
	held->alarmed = true;
	log_msg(LOG_LEVEL_ERROR, "%s: held for %lld minutes, reason=%s",
	    id_of(held), (long long)(age / (60 * MONOTIME_S)),
	    held->mail.reason);
}

/* The mail's files are removed last of all, so that a crash before that leaves
 * a mail which the next process looks for. */
static void
remove_mail(struct hold *hold, struct held *held)
{
	bool counted = held->state == HELD_ENDED;
	struct error err;

	if (spool_remove(hold->spool, &held->mail, &err) != ERROR_NONE) {
		complain(held, err.text);
		put_off(held);
		return;
	}
	DL_DELETE(hold->held, held);
	held_free(held);
	pthread_mutex_lock(&hold->lock);
	hold->mails -= counted;
	pthread_mutex_unlock(&hold->lock);
}

/* Takes one mail a step further.  It may be freed by that. */
static void
step(struct hold *hold, struct held *held)
{
	switch (held->state) {
	case HELD_FOUND:
		look_for(hold, held);
		break;
	case HELD_UNSCANNED:
		submit(hold, held);
		break;
	case HELD_SCANNING:
		look_at_scan(hold, held);
		break;
	case HELD_DECIDED:
		act(hold, held);
		break;
	case HELD_ENDED:
	case HELD_CANCELLED:
		remove_mail(hold, held);
		break;
	case HELD_WRITING:
	case HELD_FAILED:
	case HELD_TOO_LATE:
	case HELD_SAFE:
		assert(!"the caller's");
		break;
	}
}

/* --- the thread --- */

/* How long ago a mail came (ns), as far as the wall clock tells. */
static int64_t
age_of(const struct spool_mail *mail)
{
	int64_t age;

	if (__builtin_sub_overflow((int64_t)time(NULL), mail->at_mta.arrived_at,
		&age) ||
	    age < 0)
		return 0;
	return (age < AGE_MAX ? age : AGE_MAX) * MONOTIME_S;
}

static void
found(void *context, const struct spool_mail *mail)
{
	struct hold *hold = context;
	struct held *held = calloc(1, sizeof *held);

	if (held == NULL)
		abort();
	held->hold = hold;
	held->mail = *mail;
	held->since = monotime_now() - age_of(mail);
	become(held, HELD_FOUND);
	DL_APPEND(hold->held, held);
	pthread_mutex_lock(&hold->lock);
	hold->disk += held_room(held);
	hold->mails++;
	pthread_mutex_unlock(&hold->lock);
}

/* Tells the log once that the spool can't be read, not at each attempt. */
static void
say_closed(struct hold *hold, const struct error *err)
{
	if (!hold->spool_complained)
		log_msg(LOG_LEVEL_ERROR,
		    "held mail can't be read from the disk: %s; this is tried "
		    "again every %d s, and until then what the MTA holds stays "
		    "in its quarantine, and no more mail is held",
		    err->text, (int)(OPEN_PAUSE / MONOTIME_S));
	hold->spool_complained = true;
}

/* False if the spool can't be read now. */
static bool
open_spool(struct hold *hold)
{
	char path[PATH_MAX];
	struct spool *spool;
	struct error err;

	snprintf(path, sizeof path, "%s/held", hold->config->state_directory);
	if (spool_open(path, found, hold, &spool, &err) != ERROR_NONE) {
		say_closed(hold, &err);
		return false;
	}
	if (hold->spool_complained)
		log_msg(LOG_LEVEL_NOTICE,
		    "held mail can be read from the disk again");
	hold->unread_at = monotime_after(UNREAD_PAUSE);
	pthread_mutex_lock(&hold->lock);
	hold->spool = spool;
	if (hold->mails > 0)
		log_msg(LOG_LEVEL_NOTICE,
		    "%zu mails were held before this start, and still are",
		    hold->mails);
	pthread_mutex_unlock(&hold->lock);
	return true;
}

/* Tries the files again that could not be read, now and then. */
static void
read_again(struct hold *hold)
{
	if (spool_unread(hold->spool) == 0 || monotime_now() < hold->unread_at)
		return;
	spool_read_again(hold->spool, found, hold);
	hold->unread_at = monotime_after(UNREAD_PAUSE);
}

/* Does all steps that can be done now; returns when the next one is due, which
 * may be at once.  No lock held. */
static int64_t
go_through(struct hold *hold, bool stirred)
{
	int64_t next = monotime_after(PAUSE_MAX), now = monotime_now();
	struct held *held, *after;

	probe_service(hold);
	read_again(hold);
	DL_FOREACH_SAFE(hold->held, held, after)
	{
		raise_alarm(hold, held);
		if (held->due <= now ||
		    (stirred && held->state == HELD_SCANNING))
			step(hold, held);
	}
	DL_FOREACH (hold->held, held)
		if (held->due < next)
			next = held->due;
	return hold->probe_at < next ? hold->probe_at : next;
}

/* Goes by the snapshot that hold_configure() has left.  Lock held. */
static void
take_config(struct hold *hold)
{
	if (hold->next_config == NULL)
		return;
	config_replace(&hold->config, hold->next_config);
	config_unref(&hold->next_config);
	hold->probe_at = 0;
}

/* Waits until mail has come in or a scan has ended, but no longer than until;
 * takes the mail over, and returns whether a scan has ended. */
static bool
take_news(struct hold *hold, int64_t until)
{
	bool stirred;

	pthread_mutex_lock(&hold->lock);
	while (!hold->stop && hold->inbox == NULL && !hold->stirred &&
	    cond_wait_until(&hold->keep, &hold->lock, until))
		continue;
	stirred = hold->stirred;
	hold->stirred = false;
	DL_CONCAT(hold->held, hold->inbox);
	hold->inbox = NULL;
	take_config(hold);
	pthread_mutex_unlock(&hold->lock);
	return stirred;
}

static bool
is_stopping(struct hold *hold)
{
	bool stop;

	pthread_mutex_lock(&hold->lock);
	stop = hold->stop;
	pthread_mutex_unlock(&hold->lock);
	return stop;
}

static void
give_up_all(struct hold *hold)
{
	struct held *held, *next;

	take_news(hold, 0);
	DL_FOREACH_SAFE(hold->held, held, next)
	{
		ticket_withdraw(&held->ticket);
		DL_DELETE(hold->held, held);
		held_free(held);
	}
}

void *
keeper_thread(void *context)
{
	struct hold *hold = context;
	int64_t next = 0;
	bool stirred;

	hold->probe_at = monotime_after(PROBE_AFTER);
	while (!is_stopping(hold) && !open_spool(hold))
		take_news(hold, monotime_after(OPEN_PAUSE));
	while (!is_stopping(hold)) {
		stirred = take_news(hold, next);
		next = go_through(hold, stirred);
	}
	give_up_all(hold);
	pthread_mutex_lock(&hold->lock);
	hold->running--;
	pthread_cond_broadcast(&hold->written);
	pthread_mutex_unlock(&hold->lock);
	return NULL;
}
