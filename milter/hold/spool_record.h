/* spool_record - what is known of a held mail, as the bytes of a file
 *
 * The file is text, so that it depends neither on the machine nor on the
 * version that wrote it, and so that an administrator can read it:
 *
 *   VSHELD2
 *   queue-id 4F2C1A0B
 *   size 1234
 *   action infected reject
 *   ...
 *   sum 64-HEXADECIMAL-DIGITS
 *
 * The first line tells the format, each line after it has one field, and the
 * last line has the BLAKE2b-256 digest of all bytes before it.  Verdicts,
 * actions and structures go by their names.  A reader passes over fields,
 * verdicts and structures that it doesn't know, so a later version may add
 * some without a new first line.  An action that it doesn't know, and that of
 * a verdict which the file doesn't name, is ACTION_QUARANTINE: the mail stays
 * where it is.
 *
 * Files that begin with VSHELD1 are read, too: they were a structure as the
 * compiler had laid it out.
 *
 * Any thread; nothing blocks.  sodium_init() must have been called.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef HOLD_SPOOL_RECORD_H
#define HOLD_SPOOL_RECORD_H

#include <stddef.h>

#include "base/error.h"
#include "hold/spool.h"

/* No file is larger, and none that a later version writes may be. */
#define SPOOL_RECORD_MAX 16384

/* True if the mail may be written: what would not be read back is not. */
bool spool_record_makes_sense(const struct spool_mail *mail);

/* Returns the number of bytes.  The mail makes sense. */
size_t spool_record_write(const struct spool_mail *mail,
    char out[SPOOL_RECORD_MAX]);

/* ERROR_INPUT: the file is damaged, or was never ours.  ERROR_UNSUPPORTED: a
 * later version wrote it, and this one can't read it.  After ERROR_NONE the
 * mail makes sense. */
CHECK_RESULT enum error_code spool_record_read(const char *data, size_t len,
    struct spool_mail *mail_r);

#endif
