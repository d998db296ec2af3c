/* hold - mail that the MTA has accepted and keeps until its verdict is there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "hold/hold.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cond.h"
#include "base/text.h"
#include "config/config.h"
#include "hold_internal.h"

static void
enter(struct held *held, enum held_state state)
{
	held->state = state;
}

/* From here on the mail belongs to the keeper; or to the next process, which
 * finds it on the disk, and then nothing looks at the inbox any more.  Lock
 * held. */
static void
leave_to_keeper(struct held *held)
{
	DL_APPEND(held->hold->inbox, held);
	pthread_cond_signal(&held->hold->keep);
}

/* Writes one mail.  The lock is held, but not while this writes. */
static void
write_one(struct hold *hold, struct held *held)
{
	struct scan_content content = held->content;
	struct error err = { .code = ERROR_NONE };
	struct spool *spool = hold->spool;
	enum error_code code;

	DL_DELETE(hold->queue, held);
	held->written_by_one = true;
	pthread_mutex_unlock(&hold->lock);
	code = spool_put(spool, &held->mail, content.fd, &err);
	content.release(content.owner);
	pthread_mutex_lock(&hold->lock);
	held->failure = err;
	if (held->state == HELD_CANCELLED)
		leave_to_keeper(held);
	else if (hold->stop)
		enter(held, HELD_TOO_LATE);
	else
		enter(held, code == ERROR_NONE ? HELD_SAFE : HELD_FAILED);
	pthread_cond_broadcast(&hold->written);
}

static void *
writer_thread(void *context)
{
	struct hold *hold = context;

	pthread_mutex_lock(&hold->lock);
	while (!hold->stop) {
		if (hold->queue != NULL)
			write_one(hold, hold->queue);
		else
			pthread_cond_wait(&hold->write, &hold->lock);
	}
	hold->running--;
	pthread_cond_broadcast(&hold->written);
	pthread_mutex_unlock(&hold->lock);
	return NULL;
}

static void
wake_keeper(void *context)
{
	struct hold *hold = context;

	pthread_mutex_lock(&hold->lock);
	hold->stirred = true;
	pthread_cond_signal(&hold->keep);
	pthread_mutex_unlock(&hold->lock);
}

/* Nobody joins these threads: one that hangs in a disk when the process leaves
 * may end at any time, or never. */
static enum error_code
start_thread(struct hold *hold, void *(*function)(void *), struct error *err)
{
	pthread_t thread;
	int failed = pthread_create(&thread, NULL, function, hold);

	if (failed)
		return error_sys(err, failed,
		    "starting the threads for held mail");
	pthread_detach(thread);
	hold->running++;
	return ERROR_NONE;
}

/* The lock is held so that no thread ends before it is counted. */
static enum error_code
start_threads(struct hold *hold, struct error *err)
{
	enum error_code code = ERROR_NONE;

	pthread_mutex_lock(&hold->lock);
	for (int i = 0; i < HOLD_WRITERS && code == ERROR_NONE; i++)
		code = start_thread(hold, writer_thread, err);
	if (code == ERROR_NONE)
		code = start_thread(hold, keeper_thread, err);
	pthread_mutex_unlock(&hold->lock);
	return code;
}

enum error_code
hold_create(const struct config *config, struct scanner *scanner,
    struct hold **hold_r, struct error *err)
{
	struct hold *hold = calloc(1, sizeof *hold);
	enum error_code code;

	if (hold == NULL)
		abort();
	hold->config = config_ref(config);
	hold->scanner = scanner;
	pthread_mutex_init(&hold->lock, NULL);
	cond_init(&hold->write);
	cond_init(&hold->written);
	cond_init(&hold->keep);
	scanner_on_settled(scanner, wake_keeper, hold);
	code = start_threads(hold, err);
	if (code != ERROR_NONE)
		hold_destroy(&hold);
	*hold_r = hold;
	return code;
}

void
hold_configure(struct hold *hold, const struct config *config)
{
	pthread_mutex_lock(&hold->lock);
	config_replace(&hold->next_config, config);
	hold->stirred = true;
	pthread_cond_signal(&hold->keep);
	pthread_mutex_unlock(&hold->lock);
}

/* What came when the keeper had ended. */
static void
free_inbox(struct hold *hold)
{
	struct held *held, *next;

	DL_FOREACH_SAFE(hold->inbox, held, next)
	{
		DL_DELETE(hold->inbox, held);
		ticket_close(&held->ticket);
		held_free(held);
	}
}

void
hold_destroy(struct hold **hold_p)
{
	struct hold *hold = *hold_p;

	pthread_mutex_lock(&hold->lock);
	hold->stop = true;
	pthread_cond_broadcast(&hold->write);
	pthread_cond_broadcast(&hold->keep);
	while (hold->running > 0)
		pthread_cond_wait(&hold->written, &hold->lock);
	pthread_mutex_unlock(&hold->lock);
	assert(hold->queue == NULL);
	free_inbox(hold);
	spool_close(&hold->spool);
	pthread_cond_destroy(&hold->keep);
	pthread_cond_destroy(&hold->written);
	pthread_cond_destroy(&hold->write);
	pthread_mutex_destroy(&hold->lock);
	config_unref(&hold->next_config);
	config_unref(&hold->config);
	free(hold);
	*hold_p = NULL;
}

struct hold_counts
hold_counts(struct hold *hold)
{
	struct hold_counts counts;

	pthread_mutex_lock(&hold->lock);
	counts.mails = hold->mails;
	counts.disk = hold->disk;
	pthread_mutex_unlock(&hold->lock);
	return counts;
}

static void
make_mark(char mark[RELEASE_MARK_SIZE])
{
	unsigned char bytes[(RELEASE_MARK_SIZE - 1) / 2];

	randombytes_buf(bytes, sizeof bytes);
	text_hex(mark, bytes, sizeof bytes);
}

/* Queues it for the writers.  Lock held. */
static enum error_code
queue(struct hold *hold, struct held *held, struct error *err)
{
	if (hold->spool == NULL || hold->leaving)
		return error_set(err, ERROR_LIMIT, "hold-not-ready");
	if (hold->disk + held_room(held) > hold->config->hold_disk)
		return error_set(err, ERROR_LIMIT, "hold-disk");
	hold->disk += held_room(held);
	hold->in_hands++;
	DL_APPEND(hold->queue, held);
	pthread_cond_signal(&hold->write);
	return ERROR_NONE;
}

enum error_code
hold_begin(struct hold *hold, const struct hold_request *request,
    struct held **held_r, struct error *err)
{
	struct held *held = calloc(1, sizeof *held);
	enum error_code code;

	if (held == NULL)
		abort();
	held->hold = hold;
	/* To the byte: it is written as it is. */
	memcpy(&held->mail, &request->mail, sizeof held->mail);
	make_mark(held->mail.at_mta.mark);
	held->content = request->content;
	held->state = HELD_WRITING;
	held->pause = HELD_PAUSE_FIRST;
	held->since = monotime_now();
	pthread_mutex_lock(&hold->lock);
	code = queue(hold, held, err);
	pthread_mutex_unlock(&hold->lock);
	*held_r = held;
	if (code != ERROR_NONE) {
		held->content.release(held->content.owner);
		free(held);
		*held_r = NULL;
	}
	return code;
}

enum error_code
hold_wait(struct held *held, int64_t until, struct error *err)
{
	struct hold *hold = held->hold;
	enum error_code code = ERROR_NONE;

	pthread_mutex_lock(&hold->lock);
	while (held->state == HELD_WRITING && !hold->stop && code == ERROR_NONE)
		if (!cond_wait_until(&hold->written, &hold->lock, until))
			code = error_set(err, ERROR_TIMEOUT, "hold-slow");
	if (held->state == HELD_SAFE)
		code = ERROR_NONE;
	else if (held->state == HELD_FAILED)
		code = error_set(err, ERROR_SYSTEM, "%s", held->failure.text);
	else if (held->state == HELD_TOO_LATE || hold->stop)
		code = error_set(err, ERROR_LIMIT, "hold-not-ready");
	pthread_mutex_unlock(&hold->lock);
	return code;
}

/* A caller is done with its mail.  Lock held. */
static void
out_of_hands(struct hold *hold)
{
	if (--hold->in_hands == 0)
		pthread_cond_broadcast(&hold->written);
}

const char *
held_mark(const struct held *held)
{
	return held->mail.at_mta.mark;
}

void
hold_confirm(struct held **held_p, struct ticket **ticket)
{
	struct held *held = *held_p;
	struct hold *hold = held->hold;

	assert(held->state == HELD_SAFE);
	if (*ticket != NULL)
		ticket_watch(*ticket);
	pthread_mutex_lock(&hold->lock);
	enter(held, *ticket != NULL ? HELD_SCANNING : HELD_UNSCANNED);
	hold->mails++;
	out_of_hands(hold);
	if (!hold->stop) {
		held->ticket = *ticket;
		*ticket = NULL;
	}
	leave_to_keeper(held);
	pthread_mutex_unlock(&hold->lock);
	ticket_withdraw(ticket);
	*held_p = NULL;
}

/* A mail that a writer is just writing is left to the keeper by that writer.  A
 * mail that is on disk is removed by the keeper, since removing may wait for
 * the disk. */
void
hold_cancel(struct held **held_p)
{
	struct held *held = *held_p;
	struct scan_content content = { .fd = -1 };
	struct hold *hold;
	bool gone = false;

	*held_p = NULL;
	if (held == NULL)
		return;
	hold = held->hold;
	pthread_mutex_lock(&hold->lock);
	out_of_hands(hold);
	if (held->state == HELD_WRITING && !held->written_by_one) {
		DL_DELETE(hold->queue, held);
		content = held->content;
		gone = true;
	} else if (held->state != HELD_WRITING) {
		leave_to_keeper(held);
	}
	enter(held, HELD_CANCELLED);
	pthread_mutex_unlock(&hold->lock);
	if (!gone)
		return;
	content.release(content.owner);
	held_free(held);
}

void
hold_let_go(struct hold *hold, int64_t until)
{
	pthread_mutex_lock(&hold->lock);
	hold->leaving = true;
	while (hold->in_hands > 0 &&
	    cond_wait_until(&hold->written, &hold->lock, until))
		continue;
	hold->stop = true;
	pthread_cond_broadcast(&hold->write);
	pthread_cond_broadcast(&hold->written);
	pthread_cond_broadcast(&hold->keep);
	pthread_mutex_unlock(&hold->lock);
}
