/* sendmail - a mail in one Sendmail's queue: looked at, released, deleted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/sendmail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
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
#include "release/tool.h"

#define LOOK_LIMIT (10 * MONOTIME_S)
#define ACT_LIMIT (30 * MONOTIME_S)

struct sendmail {
	const char *program;
	const char *cf;
	const struct release_mail *mail;
	struct mqueue mqueue;
	struct release_reply *reply;
};

/* The mail's queue file, if it has one. */
struct found {
	const struct mqueue_directory *where;
	bool held;
	int fd;
	char path[PATH_MAX];
};

static bool
open_in(const struct mqueue_directory *where, enum mqueue_letter letter,
    const char *queue_id, struct found *found)
{
	if (!mqueue_path(where, letter, queue_id, found->path,
	    sizeof found->path))
		return false;
	/* For writing, since a lock of fcntl(2) wants it. */
	found->fd = open(found->path,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	found->where = where;
	found->held = letter == MQUEUE_QUARANTINED;
	return found->fd >= 0;
}

static bool
find(const struct sendmail *sendmail, struct found *found)
{
	const struct mqueue *mqueue = &sendmail->mqueue;
	const char *queue_id = sendmail->mail->queue_id;

	for (size_t i = 0; i < mqueue->count; i++)
		if (open_in(&mqueue->directories[i], MQUEUE_QUARANTINED,
		    queue_id, found) ||
		    open_in(&mqueue->directories[i], MQUEUE_NORMAL, queue_id,
		    found))
			return true;
	return false;
}

/* Sendmail locks by flock(2) or by fcntl(2), as it was built; the kernel
 * keeps the two apart, so both together keep out either.  It may have renamed
 * another file over this one before it was locked: then this is the old one,
 * and Sendmail itself takes that for locked, too. */
static bool
lock(const struct found *found)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat opened, named;

	return flock(found->fd, LOCK_EX | LOCK_NB) == 0 &&
	    fcntl(found->fd, F_SETLK, &whole) == 0 &&
	    fstat(found->fd, &opened) == 0 &&
	    lstat(found->path, &named) == 0 &&
	    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static enum error_code
read_file(int fd, struct qf *qf, struct error *err)
{
	int64_t until = monotime_after(LOOK_LIMIT);
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

/* The body's file; it may lie in another directory than the queue file.
 * False if there is none. */
static bool
find_body(const struct sendmail *sendmail, const struct found *found,
    char *path, size_t size, struct stat *st_r)
{
	const struct mqueue *mqueue = &sendmail->mqueue;
	const char *queue_id = sendmail->mail->queue_id;

	if (mqueue_path(found->where, MQUEUE_DATA, queue_id, path, size) &&
	    lstat(path, st_r) == 0)
		return true;
	for (size_t i = 0; i < mqueue->count; i++)
		if (mqueue_path(&mqueue->directories[i], MQUEUE_DATA,
		    queue_id, path, size) && lstat(path, st_r) == 0)
			return true;
	return false;
}

/* RELEASE_DONE: it is the mail that was meant, and held. */
static void
judge(struct sendmail *sendmail, const struct found *found)
{
	struct qf qf;
	struct stat st;
	struct error err;
	char why[160], body[PATH_MAX];

	qf_init(&qf, sendmail->mail);
	if (fstat(found->fd, &st) < 0 || !S_ISREG(st.st_mode))
		answer(sendmail->reply, RELEASE_FAILED, "%s is no file",
		    found->path);
	else if (read_file(found->fd, &qf, &err) != ERROR_NONE)
		answer(sendmail->reply, RELEASE_FAILED, "%s: %s", found->path,
		    err.text);
	else if (!qf.complete)
		answer(sendmail->reply, RELEASE_ABSENT,
		    "it is still being written");
	else {
		if (find_body(sendmail, found, body, sizeof body, &st))
			qf.identity.size += (uint64_t)st.st_size;
		if (!identity_holds(&qf.identity, why, sizeof why))
			answer(sendmail->reply, RELEASE_OTHER, "%s", why);
		else if (!found->held)
			answer(sendmail->reply, RELEASE_NOT_HELD,
			    "it is in the queue");
		else
			answer(sendmail->reply, RELEASE_DONE, "%s", "");
	}
}

static void
look(struct sendmail *sendmail)
{
	struct found found;

	if (!find(sendmail, &found)) {
		answer(sendmail->reply, RELEASE_ABSENT, "%s", "");
		return;
	}
	judge(sendmail, &found);
	fd_close(&found.fd);
}

static bool
has_namesake(const char *directory, const char *queue_id)
{
	const struct dirent *entry;
	bool found = false;
	DIR *dir = opendir(directory);

	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL)
		found = entry->d_name[0] == MQUEUE_QUARANTINED &&
		    strlen(entry->d_name) > strlen("hf") + strlen(queue_id) &&
		    strstr(entry->d_name, queue_id) != NULL;
	closedir(dir);
	return found;
}

/* Another mail in quarantine that Sendmail would take for meant, too. */
static bool
is_ambiguous(const struct sendmail *sendmail)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sendmail->mqueue.count; i++)
		if (mqueue_directory_of(&sendmail->mqueue.directories[i],
		    MQUEUE_QUARANTINED, path, sizeof path) &&
		    has_namesake(path, sendmail->mail->queue_id))
			return true;
	return false;
}

/* Delivery may take long, so Sendmail does that in the background. */
static void
deliver(struct sendmail *sendmail, const char *limit_to)
{
	const char *const argv[] = { sendmail->program, "-C", sendmail->cf,
		limit_to, NULL };
	struct tool tool = { .expected = NULL };

	if (tool_run(&tool, ACT_LIMIT, argv))
		answer(sendmail->reply, RELEASE_DONE, "%s", "");
	else
		answer(sendmail->reply, RELEASE_FAILED, "it is released, but "
		    "waits for Sendmail to run its queue: %s", tool.last);
}

static void
release(struct sendmail *sendmail)
{
	char limit_to[RELEASE_ID_SIZE + 8];
	const char *const argv[] = { sendmail->program, "-C", sendmail->cf,
		"-v", "-qQ", limit_to, "-Q", NULL };
	struct tool tool = { .expected = "1 change" };

	snprintf(limit_to, sizeof limit_to, "-qI%s", sendmail->mail->queue_id);
	look(sendmail);
	if (sendmail->reply->result != RELEASE_DONE)
		return;
	if (is_ambiguous(sendmail)) {
		answer(sendmail->reply, RELEASE_FAILED, "the queue ID is a "
		    "part of another's, which Sendmail would release, too");
		return;
	}
	tool_run(&tool, ACT_LIMIT, argv);
	if (tool.said_expected) {
		deliver(sendmail, limit_to);
		return;
	}
	/* Locked by somebody; or somebody else was faster. */
	look(sendmail);
	if (sendmail->reply->result == RELEASE_DONE)
		answer(sendmail->reply, RELEASE_FAILED, "it is still held: %s",
		    tool.last);
}

/* The queue file first: without it the mail is gone, and what is left, should
 * we be killed here, is a body that nobody wants. */
static void
remove_files(struct sendmail *sendmail, const struct found *found)
{
	const char *queue_id = sendmail->mail->queue_id;
	char path[PATH_MAX];
	struct stat st;

	if (unlink(found->path) < 0) {
		answer(sendmail->reply, RELEASE_FAILED, "removing %s: %s",
		    found->path, strerror(errno));
		return;
	}
	if (find_body(sendmail, found, path, sizeof path, &st))
		unlink(path);
	if (mqueue_path(found->where, MQUEUE_TRANSCRIPT, queue_id, path,
	    sizeof path))
		unlink(path);
	answer(sendmail->reply, RELEASE_DONE, "%s", "");
}

/* What is looked at under the lock is what is removed. */
static void
delete(struct sendmail *sendmail)
{
	struct found found;

	if (!find(sendmail, &found)) {
		answer(sendmail->reply, RELEASE_ABSENT, "%s", "");
		return;
	}
	if (found.held && !lock(&found))
		answer(sendmail->reply, RELEASE_FAILED,
		    "Sendmail has locked it");
	else
		judge(sendmail, &found);
	if (sendmail->reply->result == RELEASE_DONE)
		remove_files(sendmail, &found);
	fd_close(&found.fd);
}

void
sendmail_act(const char *program, const char *cf, enum release_verb verb,
    const struct release_mail *mail, struct release_reply *reply_r)
{
	struct sendmail sendmail = { .program = program, .cf = cf,
		.mail = mail, .reply = reply_r };
	struct error err;

	if (mqueue_open(&sendmail.mqueue, cf, &err) != ERROR_NONE)
		answer(reply_r, RELEASE_FAILED, "%s", err.text);
	else if (verb == RELEASE_RELEASE)
		release(&sendmail);
	else if (verb == RELEASE_DELETE)
		delete(&sendmail);
	else
		look(&sendmail);
	mqueue_close(&sendmail.mqueue);
}
