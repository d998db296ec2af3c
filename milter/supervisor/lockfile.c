/* lockfile - the instance lock, and what can be learnt from it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"

/* Of the text, with its end of line. */
#define LENGTH 256

/* Both kinds of lock: flock(2) is what earlier versions have taken, and
 * fcntl(2) tells who has it.  On Linux neither knows of the other. */
int
lockfile_take(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	if (fcntl(fd, F_SETLK, &whole) == 0)
		return 0;
	if (errno == EACCES || errno == EAGAIN)
		errno = EWOULDBLOCK;
	return -1;
}

/* Always of one length, in one write, so that a reader finds the old text or
 * the new one. */
void
lockfile_write(int fd, const struct lockfile_news *news)
{
	char text[LENGTH + 1], safe[sizeof news->text], line[LENGTH];

	text_line(safe, sizeof safe, news->text);
	snprintf(line, sizeof line, "%u %s %s", news->restarts,
	    news->well ? "well" : "refused", safe);
	snprintf(text, sizeof text, "%-*s\n", LENGTH - 1, line);
	if (pwrite(fd, text, LENGTH, 0) != LENGTH)
		errno = 0; /* who waits for it sees that the process goes on */
}

bool
lockfile_read(int fd, struct lockfile_news *news_r)
{
	char text[LENGTH + 1] = "", word[16] = "";
	size_t end = LENGTH - 1;
	int used = 0;

	memset(news_r, 0, sizeof *news_r);
	if (pread(fd, text, LENGTH, 0) != LENGTH || text[end] != '\n' ||
	    sscanf(text, "%u %15s %n", &news_r->restarts, word, &used) != 2)
		return false;
	news_r->well = strcmp(word, "well") == 0;
	while (end > (size_t)used && text[end - 1] == ' ')
		end--;
	text[end] = '\0';
	text_line(news_r->text, sizeof news_r->text, text + used);
	return true;
}

enum error_code
lockfile_holder(int fd, pid_t *pid_r, struct error *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*pid_r = 0;
	if (fcntl(fd, F_GETLK, &whole) < 0)
		return error_sys(err, errno, "asking who has the lock");
	if (whole.l_type != F_UNLCK && whole.l_pid > 0) {
		*pid_r = whole.l_pid;
		return ERROR_NONE;
	}
	if (whole.l_type == F_UNLCK && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		flock(fd, LOCK_UN);
		return error_set(err, ERROR_GONE, "no instance runs");
	}
	return error_set(err, ERROR_UNSUPPORTED,
	    "an instance runs, but its process can't be told: it is of an "
	    "earlier version, or in another PID namespace");
}
