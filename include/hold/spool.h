/* spool - held mail on disk, so that no crash forgets it
 *
 * Two files for each mail in DIRECTORY: MARK.eml, the bytes that the engine
 * is to see and nothing else, and MARK, what has to be known beside them.  The
 * latter is written last, and appears whole or not at all (written under
 * another name, fsync, rename, fsync of the directory), so it is what says
 * that a mail is held, and no table beside it is needed.  Files that an older
 * version wrote are read (spool_record.h).
 *
 * Every function but spool_close() waits for the disk, for as long as that
 * takes.  Any thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef HOLD_SPOOL_H
#define HOLD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/release.h"
#include "scan/cost.h"
#include "wire/key.h"
#include "wire/verdict.h"

struct spool;

#define SPOOL_DIGEST_SIZE 32

/* What is known of a held mail beside its bytes.  A value, copied. */
struct spool_mail {
	struct release_mail at_mta;
	struct key key;
	struct key envelope;
	uint64_t size; /* bytes that the engine is to see */
	bool cut;      /* these are only the beginning */
	enum cost_structure structure;
	/* enum action, for each verdict: decided when it came. */
	uint8_t actions[VERDICT_KINDS];
	unsigned char digest[SPOOL_DIGEST_SIZE]; /* of the bytes */
	char reason[129]; /* why it was held, as a verdict's name */
};

/* Called for each mail that is there. */
typedef void spool_mail_function(void *context, const struct spool_mail *mail);

/* Makes the directory if it isn't there, and reads all of it.  What was not
 * written to its end is removed; a file that is damaged is renamed to
 * NAME.bad, with an error in the log.  A file that can't be read now (an error
 * of the disk, no descriptors) is named in the log and stays for
 * spool_read_again().  ERROR_SYSTEM: the directory can't be read, or not to its
 * end; each has not been called then. */
CHECK_RESULT enum error_code spool_open(const char *directory,
    spool_mail_function *each, void *context, struct spool **spool_r,
    struct error *err);

/* How many files could not be read so far. */
size_t spool_unread(const struct spool *spool);

/* Tries to read those files again.  For the thread that called
 * spool_open(). */
void spool_read_again(struct spool *spool, spool_mail_function *each,
    void *context);

/* Sets *spool to NULL; NULL is allowed. */
void spool_close(struct spool **spool);

/* Writes a mail, whose bytes are the first mail->size of fd, and fills in its
 * digest.  After ERROR_NONE it is on disk; after anything else nothing of it is
 * there.  ERROR_INPUT: the mail makes no sense, or fd has fewer bytes. */
CHECK_RESULT enum error_code spool_put(struct spool *spool,
    struct spool_mail *mail, int fd, struct error *err);

/* Opens the bytes of a mail for reading.  ERROR_INPUT: they are not those that
 * were written. */
CHECK_RESULT enum error_code spool_get(struct spool *spool,
    const struct spool_mail *mail, int *fd_r, struct error *err);

/* Renames the files of a mail to NAME.bad, for somebody to look at. */
void spool_set_aside(struct spool *spool, const struct spool_mail *mail);

/* Removes a mail from the disk.  ERROR_NONE also if it isn't there. */
CHECK_RESULT enum error_code spool_remove(struct spool *spool,
    const struct spool_mail *mail, struct error *err);

#endif
