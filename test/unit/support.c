/* support - what the unit tests share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "config/config.h"
#include "support.h"

struct config *
support_config(const char *text)
{
	struct config *config;
	struct error err;
	int fd;

	assert_int_equal(fd_memory("config", &fd, &err), ERROR_NONE);
	assert_int_equal(fd_write_at(fd, text, strlen(text), 0, &err),
	    ERROR_NONE);
	if (config_load_fd(fd, "test.conf", &config, &err) != ERROR_NONE)
		fail_msg("%s", err.text);
	fd_close(&fd);
	return config;
}

unsigned
support_count_names(const char *path)
{
	const struct dirent *entry;
	unsigned count = 0;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return UINT_MAX;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			count++;
	closedir(dir);
	return count;
}

/* One of them is the open directory itself. */
unsigned
support_open_fds(void)
{
	return support_count_names("/proc/self/fd") - 1;
}

void
support_make_directory(char path_r[32])
{
	strcpy(path_r, "/tmp/vscan-unit-XXXXXX");
	assert_non_null(mkdtemp(path_r));
}

void
support_remove_directory(const char *path)
{
	assert_int_equal(rmdir(path), 0);
}

unsigned char
support_pattern(size_t at)
{
	return (unsigned char)(at * 31 + at / 251 + at / 65521);
}

void
support_in_child(bool (*body)(void *context), void *context)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body(context) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

void
support_capture_begin(struct support_capture *capture)
{
	struct error err;

	capture->saved = dup(STDERR_FILENO);
	assert_int_equal(fd_memory("log", &capture->file, &err), ERROR_NONE);
	assert_int_equal(dup2(capture->file, STDERR_FILENO), STDERR_FILENO);
}

void
support_capture_end(struct support_capture *capture, char *out, size_t size)
{
	ssize_t len;

	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	len = pread(capture->file, out, size - 1, 0);
	assert_true(len >= 0);
	out[len] = '\0';
	fd_close(&capture->saved);
	fd_close(&capture->file);
}

bool
support_check(bool ok, const char *what)
{
	if (!ok)
		fprintf(stderr, "not so: %s\n", what);
	return ok;
}
