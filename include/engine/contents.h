/* contents - what is in the signature files, told the same on every host
 *
 * Two hosts with the same signatures have the same digest here, whatever
 * their files' directories, dates and inodes are.  So a verdict that one host
 * gave with a set is known on another host to be of the same set, and also
 * after the files were copied.
 *
 * An official file (CVD, or CLD, which is the same after an update in place) is
 * identified by its name without the suffix and by its header's version and
 * number of signatures; any other file by its name and a digest of its bytes.
 * Other files are read whole, which takes about a second for each gigabyte.
 *
 * contents_begin() reads in a thread, so that it can be done beside the load;
 * contents_end() must be called before the process forks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef ENGINE_CONTENTS_H
#define ENGINE_CONTENTS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct config_strings;

#define CONTENTS_DIGEST_BYTES 32

struct contents {
	unsigned char digest[CONTENTS_DIGEST_BYTES];
	/* When the newest official file was built, in seconds since 1970; 0 if
	 * there is none, or none that says so.  Its name follows. */
	int64_t built;
	char newest[64];
};

struct contents_reader {
	pthread_t thread;
	const struct config_strings *database;
	struct contents contents;
	enum error_code code;
	struct error err;
};

/* Reads them.  ERROR_SYSTEM names the path that could not be read. */
CHECK_RESULT enum error_code contents_read(const struct config_strings
					       *database,
    struct contents *contents_r, struct error *err);

/* Starts reading; on ERROR_NONE contents_end() has to follow.  database must
 * live until then. */
CHECK_RESULT enum error_code contents_begin(struct contents_reader *reader,
    const struct config_strings *database, struct error *err);

/* Waits for it to be done; as contents_read(). */
CHECK_RESULT enum error_code contents_end(struct contents_reader *reader,
    struct contents *contents_r, struct error *err);

#endif
