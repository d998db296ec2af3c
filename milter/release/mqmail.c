/* mqmail - the files of one mail in a Sendmail's queue
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/mqmail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "release/answer.h"
#include "release/lines.h"
#include "release/mqueue.h"
#include "release/qf.h"

#define READ_LIMIT (10 * MONOTIME_S)

static bool
open_in(struct mqmail *mqmail, const struct mqueue_directory *where,
    enum mqueue_letter letter)
{
	if (!mqueue_path(where, letter, mqmail->queue_id, mqmail->path,
		sizeof mqmail->path))
		return false;
	/* fcntl(2) locks for writing only what is open for writing. */
	mqmail->fd = open(mqmail->path,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	mqmail->where = where;
	mqmail->held = letter == MQUEUE_QUARANTINED;
	return mqmail->fd >= 0;
}

bool
mqmail_open(struct mqmail *mqmail, const struct mqueue *mqueue,
    const char *queue_id)
{
	mqmail->mqueue = mqueue;
	snprintf(mqmail->queue_id, sizeof mqmail->queue_id, "%s", queue_id);
	for (size_t i = 0; i < mqueue->count; i++) {
		const struct mqueue_directory *where = &mqueue->directories[i];

		if (open_in(mqmail, where, MQUEUE_QUARANTINED) ||
		    open_in(mqmail, where, MQUEUE_NORMAL))
			return true;
	}
	return false;
}

void
mqmail_close(struct mqmail *mqmail)
{
	fd_close(&mqmail->fd);
}

/* Sendmail locks by flock(2) or by fcntl(2), depending on how it was built.
 * The kernel keeps the two kinds apart, so this takes both.  Sendmail may have
 * renamed another file over this one before it was locked; then what is locked
 * is the old file, and the mail counts as locked by Sendmail, which does the
 * same. */
bool
mqmail_lock(const struct mqmail *mqmail)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat opened, named;

	return flock(mqmail->fd, LOCK_EX | LOCK_NB) == 0 &&
	    fcntl(mqmail->fd, F_SETLK, &whole) == 0 &&
	    fstat(mqmail->fd, &opened) == 0 &&
	    lstat(mqmail->path, &named) == 0 && opened.st_dev == named.st_dev &&
	    opened.st_ino == named.st_ino;
}

static enum error_code
read_file(int fd, struct qf *qf, struct error *err)
{
	int64_t until = monotime_after(READ_LIMIT);
	struct lines lines;
	char room[65536];
	ssize_t n;

	lines_init(&lines, qf_take_line, qf);
	while ((n = read(fd, room, sizeof room)) > 0) {
		lines_feed(&lines, room, (size_t)n);
		if (monotime_now() >= until)
			return error_set(err, ERROR_TIMEOUT,
			    "it takes too long to read");
	}
	lines_finish(&lines);
	return n < 0 ? error_sys(err, errno, "reading it") : ERROR_NONE;
}

/* The body may lie in another directory than the queue file.  False if there
 * is none. */
static bool
find_body(const struct mqmail *mqmail, char *path, size_t size,
    struct stat *st_r)
{
	const struct mqueue *mqueue = mqmail->mqueue;

	if (mqueue_path(mqmail->where, MQUEUE_DATA, mqmail->queue_id, path,
		size) &&
	    lstat(path, st_r) == 0)
		return true;
	for (size_t i = 0; i < mqueue->count; i++)
		if (mqueue_path(&mqueue->directories[i], MQUEUE_DATA,
			mqmail->queue_id, path, size) &&
		    lstat(path, st_r) == 0)
			return true;
	return false;
}

static void
judge_contents(const struct mqmail *mqmail, struct qf *qf,
    struct release_reply *reply_r)
{
	char why[160], body[PATH_MAX];
	struct stat st;

	if (find_body(mqmail, body, sizeof body, &st))
		qf->identity.size += (uint64_t)st.st_size;
	if (!identity_holds(&qf->identity, why, sizeof why))
		answer(reply_r, RELEASE_OTHER, "%s", why);
	else if (!mqmail->held)
		answer(reply_r, RELEASE_NOT_HELD, "it is in the queue");
	else
		answer(reply_r, RELEASE_DONE, "%s", "");
}

void
mqmail_judge(const struct mqmail *mqmail, const struct release_mail *meant,
    struct release_reply *reply_r)
{
	struct qf qf;
	struct stat st;
	struct error err;

	qf_init(&qf, meant);
	if (fstat(mqmail->fd, &st) < 0 || !S_ISREG(st.st_mode))
		answer(reply_r, RELEASE_FAILED, "%s is no file", mqmail->path);
	else if (read_file(mqmail->fd, &qf, &err) != ERROR_NONE)
		answer(reply_r, RELEASE_FAILED, "%s: %s", mqmail->path,
		    err.text);
	else if (!qf.complete)
		answer(reply_r, RELEASE_ABSENT, "it is still being written");
	else
		judge_contents(mqmail, &qf, reply_r);
}

/* The queue file is removed first: without it the mail is gone.  If we are
 * killed after that, a body is left that belongs to no mail. */
bool
mqmail_remove(const struct mqmail *mqmail)
{
	char path[PATH_MAX];
	struct stat st;

	if (unlink(mqmail->path) < 0)
		return false;
	if (find_body(mqmail, path, sizeof path, &st))
		unlink(path);
	if (mqueue_path(mqmail->where, MQUEUE_TRANSCRIPT, mqmail->queue_id,
		path, sizeof path))
		unlink(path);
	return true;
}

/* Calls take with the queue ID of each mail that is in quarantine, as long as
 * it returns true. */
typedef bool id_function(void *context, const char *queue_id);

static void
for_each_held(const struct mqueue *mqueue, id_function *take, void *context)
{
	for (size_t i = 0; i < mqueue->count; i++) {
		char path[PATH_MAX];
		const struct dirent *entry;
		bool more = true;
		DIR *directory;

		if (!mqueue_directory_of(&mqueue->directories[i],
			MQUEUE_QUARANTINED, path, sizeof path))
			continue;
		directory = opendir(path);
		while (more && directory != NULL &&
		    (entry = readdir(directory)) != NULL)
			if (entry->d_name[0] == MQUEUE_QUARANTINED &&
			    entry->d_name[1] == 'f')
				more = take(context, entry->d_name + 2);
		if (directory != NULL)
			closedir(directory);
	}
}

struct search {
	const struct mqueue *mqueue;
	const struct release_mail *meant;
	struct mqmail_ids *ids;
};

/* So many characters at the beginning of a queue ID change from mail to mail;
 * the rest is the same in all queue IDs of one process. */
#define OF_THE_TIME 8

/* All parts of a mail are made by the process that has received it.  So no
 * other mails have to be opened. */
static bool
may_be_part(const char *queue_id, const char *of)
{
	return strlen(queue_id) > OF_THE_TIME &&
	    strlen(queue_id) < RELEASE_ID_SIZE && strlen(of) > OF_THE_TIME &&
	    strcmp(queue_id + OF_THE_TIME, of + OF_THE_TIME) == 0 &&
	    strcmp(queue_id, of) != 0;
}

static bool
take_part(void *context, const char *queue_id)
{
	struct search *search = context;
	struct mqmail_ids *ids = search->ids;
	struct release_reply reply;
	struct mqmail mqmail;

	if (!may_be_part(queue_id, search->meant->queue_id) ||
	    !mqmail_open(&mqmail, search->mqueue, queue_id))
		return true;
	mqmail_judge(&mqmail, search->meant, &reply);
	mqmail_close(&mqmail);
	if (reply.result == RELEASE_DONE)
		strcpy(ids->ids[ids->count++], queue_id);
	return ids->count < MQMAIL_PARTS;
}

void
mqmail_find_parts(const struct mqueue *mqueue, const struct release_mail *meant,
    struct mqmail_ids *ids)
{
	struct search search = { .mqueue = mqueue, .meant = meant, .ids = ids };

	if (ids->count < MQMAIL_PARTS)
		for_each_held(mqueue, take_part, &search);
}

struct namesake {
	const char *queue_id;
	bool found;
};

static bool
take_namesake(void *context, const char *queue_id)
{
	struct namesake *namesake = context;

	if (strstr(queue_id, namesake->queue_id) != NULL &&
	    strcmp(queue_id, namesake->queue_id) != 0)
		namesake->found = true;
	return !namesake->found;
}

bool
mqmail_has_namesake(const struct mqueue *mqueue, const char *queue_id)
{
	struct namesake namesake = { .queue_id = queue_id };

	for_each_held(mqueue, take_namesake, &namesake);
	return namesake.found;
}
