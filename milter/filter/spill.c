/* spill - a message's bytes on their way between memory and disk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* A full disk still lets empty files be made. */
#define PROBE_SIZE ((off_t)1 << 20)

struct spill_place
spill_place_of(const char *directory)
{
	struct spill_place place = { 0 };
	struct stat st;

	if (stat(directory, &st) == 0) {
		place.device = st.st_dev;
		place.inode = st.st_ino;
	}
	return place;
}

bool
spill_place_is_other(const struct spill_place *place, const char *directory)
{
	struct spill_place now = spill_place_of(directory);

	return now.inode != 0 &&
	    (now.device != place->device || now.inode != place->inode);
}

enum error_code
spill_probe(const char *directory, struct error *err)
{
	enum error_code code;
	int fd;

	code = fd_spill(directory, &fd, err);
	if (code != ERROR_NONE)
		return code;
	if (fallocate(fd, 0, 0, PROBE_SIZE) < 0 && errno != EOPNOTSUPP)
		code = error_sys(err, errno, "making room for a file in %s",
		    directory);
	fd_close(&fd);
	return code;
}

enum error_code
spill_out(int memory, int *disk, const char *directory, uint64_t offset,
    size_t len, size_t *done_r, struct error *err)
{
	off_t from = (off_t)offset;
	ssize_t n;

	*done_r = 0;
	if (*disk < 0) {
		enum error_code code = fd_spill(directory, disk, err);

		if (code != ERROR_NONE)
			return code;
	}
	n = sendfile(*disk, memory, &from, len);
	if (n <= 0)
		return error_sys(err, n < 0 ? errno : EIO,
		    "writing a message into %s", directory);
	fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)offset, (off_t)n);
	*done_r = (size_t)n;
	return ERROR_NONE;
}

enum error_code
spill_back(int memory, int disk, uint64_t len, struct error *err)
{
	char bytes[65536];
	uint64_t at = 0;

	while (at < len) {
		uint64_t left = len - at;
		ssize_t n = pread(disk, bytes,
		    left < sizeof bytes ? (size_t)left : sizeof bytes,
		    (off_t)at);
		enum error_code code;

		if (n <= 0)
			return error_sys(err, n < 0 ? errno : EIO,
			    "reading a message back from disk");
		code = fd_write_at(memory, bytes, (size_t)n, at, err);
		if (code != ERROR_NONE)
			return code;
		at += (uint64_t)n;
	}
	return ERROR_NONE;
}
