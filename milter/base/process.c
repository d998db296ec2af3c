/* process - what a process says about itself to the kernel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void
process_die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void
process_set_oom_score(int adj)
{
	char text[16];
	ssize_t n;
	int fd;

	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	snprintf(text, sizeof text, "%d", adj);
	n = write(fd, text, strlen(text));
	(void)n;
	close(fd);
}

/* localtime(3) looks at the file each time unless TZ names it. */
void
process_keep_timezone(void)
{
	setenv("TZ", ":/etc/localtime", 0);
	tzset();
}

char *
process_end_text(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "died of signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "ended with status %d",
		    WEXITSTATUS(status));
	return out;
}

uint64_t
process_raise_nofile(uint64_t want)
{
	struct rlimit limit, raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur >= want)
		return limit.rlim_cur;
	raised = limit;
	raised.rlim_cur = want;
	if (raised.rlim_max < want)
		raised.rlim_max = want;
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		return want;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}
