/* fd - descriptors: memory files, spill files, what a child inherits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

enum error_code
fd_memory(const char *name, int *fd_r, struct error *err)
{
	*fd_r = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd_r < 0)
		return error_sys(err, errno, "memfd_create");
	return ERROR_NONE;
}

enum error_code
fd_seal(int fd, struct error *err)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return error_sys(err, errno, "sealing a memory file");
	return ERROR_NONE;
}

/* For file systems without O_TMPFILE: makes a file by a name, and removes the
 * name at once. */
static int
open_unlinked(const char *directory)
{
	char path[4096];
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/.vscan-spill-XXXXXX",
		directory) >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum error_code
fd_spill(const char *directory, int *fd_r, struct error *err)
{
	*fd_r = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd_r < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		*fd_r = open_unlinked(directory);
	if (*fd_r < 0)
		return error_sys(err, errno, "opening a file in %s", directory);
	return ERROR_NONE;
}

enum error_code
fd_reopen_readonly(int fd, int *fd_r, struct error *err)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	*fd_r = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd_r < 0)
		return error_sys(err, errno, "reopening %s", path);
	return ERROR_NONE;
}

enum error_code
fd_write_at(int fd, const void *data, size_t len, uint64_t offset,
    struct error *err)
{
	const char *next = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, next, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "writing a message");
		next += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return ERROR_NONE;
}

enum error_code
fd_move_to(int fd, int target, struct error *err)
{
	int failed;

	if (fd == target)
		failed = fcntl(fd, F_SETFD, 0);
	else
		failed = dup2(fd, target);
	if (failed < 0)
		return error_sys(err, errno, "descriptor %d", target);
	return ERROR_NONE;
}

void
fd_close_from(int lowest)
{
	if (close_range((unsigned)lowest, ~0u, 0) == 0)
		return;
	for (int fd = lowest; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
}

enum error_code
fd_read_text(int fd, const char *name, char **text_r, struct error *err)
{
	size_t len = 0, size = 0;
	char *text = NULL;
	ssize_t n;

	*text_r = NULL;
	do {
		if (len + 1 >= size) {
			size = size == 0 ? 16384 : 2 * size;
			text = realloc(text, size);
			if (text == NULL)
				abort();
		}
		n = read(fd, text + len, size - len - 1);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len <= FD_TEXT_MAX) || (n < 0 && errno == EINTR));
	text[len] = '\0';
	if (n == 0) {
		*text_r = text;
		return ERROR_NONE;
	}
	free(text);
	return n < 0 ? error_sys(err, errno, "%s", name)
		     : error_set(err, ERROR_LIMIT, "%s: over 4 MB", name);
}
