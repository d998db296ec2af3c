/* mqmail - the files of one mail in a Sendmail's queue
 *
 * A mail in quarantine is the file hfID, else qfID; its body is dfID.  Sendmail
 * may make several mails of one that it has received, with a queue ID each,
 * where its recipients belong to different queue groups or are too many for
 * one.  It does so after the milter has been asked, so that the milter knows
 * the first queue ID only; but all of them carry its mark.
 *
 *	mqmail_open() -> mqmail_judge(), mqmail_lock(), ... -> mqmail_close()
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef RELEASE_MQMAIL_H
#define RELEASE_MQMAIL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/release.h"

struct mqueue;
struct mqueue_directory;

struct mqmail {
	const struct mqueue *mqueue;
	const struct mqueue_directory *where;
	char queue_id[RELEASE_ID_SIZE];
	bool held;
	int fd; /* its queue file */
	char path[PATH_MAX];
};

/* False if there is no mail of that queue ID.  mqueue must outlive it. */
bool mqmail_open(struct mqmail *mqmail, const struct mqueue *mqueue,
    const char *queue_id);
void mqmail_close(struct mqmail *mqmail);

/* Keeps Sendmail out until mqmail_close().  False if it is busy with the
 * mail. */
bool mqmail_lock(const struct mqmail *mqmail);

/* RELEASE_DONE: it is the mail that was meant, whatever its queue ID, and
 * held. */
void mqmail_judge(const struct mqmail *mqmail, const struct release_mail *meant,
    struct release_reply *reply_r);

/* Removes its files.  False with errno set if it is still there. */
bool mqmail_remove(const struct mqmail *mqmail);

/* --- the parts of a mail that Sendmail has divided --- */

#define MQMAIL_PARTS 64

struct mqmail_ids {
	size_t count;
	char ids[MQMAIL_PARTS][RELEASE_ID_SIZE];
};

/* Adds the queue IDs of the other parts of the mail that are held, as far as
 * there is room. */
void mqmail_find_parts(const struct mqueue *mqueue,
    const struct release_mail *meant, struct mqmail_ids *ids);

/* True if another mail in quarantine has this queue ID in its own. */
bool mqmail_has_namesake(const struct mqueue *mqueue, const char *queue_id);

#endif
