/* mqueue - where a Sendmail keeps its mail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "release/mqueue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"
#include "config/cf.h"

/* "O QueueDirectory=/path", or "OQ/path" in old ones. */
static char *
queue_directory(char *line)
{
	if (line[0] == 'O' && line[1] == 'Q')
		return text_trim(line + 2);
	return cf_option(line, "QueueDirectory");
}

/* The value of P= in "Qname, P=/path, F=f".  NULL if the line is of another
 * kind, or has no P=: then the group lies in the QueueDirectory. */
static char *
group_directory(char *line)
{
	char *field, *value;

	if (line[0] != 'Q')
		return NULL;
	strsep(&line, ", \t");
	while ((field = strsep(&line, ",")) != NULL) {
		field = text_trim(field);
		value = strchr(field, '=');
		if (field[0] == 'P' && value != NULL)
			return text_trim(value + 1);
	}
	return NULL;
}

/* Sendmail itself takes absolute paths only. */
static void
take_absolute(const char *pattern, mqueue_function *take, void *context)
{
	if (pattern != NULL && pattern[0] == '/')
		take(context, pattern);
}

void
mqueue_parse(char *text, mqueue_function *take, void *context)
{
	char *line, *value, *last = NULL;

	while ((line = cf_next_line(&text)) != NULL) {
		value = queue_directory(line);
		if (value != NULL)
			last = value;
		else
			take_absolute(group_directory(line), take, context);
	}
	take_absolute(last, take, context);
}

static bool
is_directory(const char *directory, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return (size_t)snprintf(path, sizeof path, "%s/%s", directory, name) <
	    sizeof path &&
	    stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_known(const struct mqueue *mqueue, const char *path)
{
	for (size_t i = 0; i < mqueue->count; i++)
		if (strcmp(mqueue->directories[i].path, path) == 0)
			return true;
	return false;
}

static void
add(struct mqueue *mqueue, const char *path)
{
	struct mqueue_directory *place;

	if (mqueue->count >= MQUEUE_DIRECTORIES || is_known(mqueue, path) ||
	    !is_directory(path, "."))
		return;
	mqueue->directories = realloc(mqueue->directories,
	    (mqueue->count + 1) * sizeof *mqueue->directories);
	if (mqueue->directories == NULL)
		abort();
	place = &mqueue->directories[mqueue->count++];
	place->path = strdup(path);
	if (place->path == NULL)
		abort();
	place->has_qf = is_directory(path, "qf");
	place->has_df = is_directory(path, "df");
	place->has_xf = is_directory(path, "xf");
}

/* Adds the directories whose paths begin with start. */
static void
add_all(struct mqueue *mqueue, const char *start)
{
	char path[PATH_MAX];
	const char *prefix = strrchr(start, '/') + 1;
	const struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof path, "%.*s", (int)(prefix - start), start);
	directory = opendir(path);
	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof path, "%.*s%s", (int)(prefix - start),
		    start, entry->d_name);
		add(mqueue, path);
	}
	closedir(directory);
}

static void
take_pattern(void *context, const char *pattern)
{
	struct mqueue *mqueue = context;
	size_t len = strlen(pattern);
	char path[PATH_MAX];

	if (len >= sizeof path)
		return;
	strcpy(path, pattern);
	if (path[len - 1] != '*') {
		add(mqueue, path);
		return;
	}
	path[len - 1] = '\0';
	add_all(mqueue, path);
}

enum error_code
mqueue_open(struct mqueue *mqueue, const char *cf, struct error *err)
{
	enum error_code code;
	char *text;
	int fd;

	memset(mqueue, 0, sizeof *mqueue);
	fd = open(cf, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "%s", cf);
	code = fd_read_text(fd, cf, &text, err);
	fd_close(&fd);
	if (code != ERROR_NONE)
		return code;
	mqueue_parse(text, take_pattern, mqueue);
	free(text);
	if (mqueue->count == 0)
		return error_set(err, ERROR_INPUT,
		    "%s: it names no queue "
		    "directory that is there",
		    cf);
	return ERROR_NONE;
}

void
mqueue_close(struct mqueue *mqueue)
{
	for (size_t i = 0; i < mqueue->count; i++)
		free(mqueue->directories[i].path);
	free(mqueue->directories);
	memset(mqueue, 0, sizeof *mqueue);
}

bool
mqueue_directory_of(const struct mqueue_directory *directory,
    enum mqueue_letter letter, char *path, size_t size)
{
	const char *sub = "";

	if (letter == MQUEUE_DATA)
		sub = directory->has_df ? "/df" : "";
	else if (letter == MQUEUE_TRANSCRIPT)
		sub = directory->has_xf ? "/xf" : "";
	else
		sub = directory->has_qf ? "/qf" : "";
	return (size_t)snprintf(path, size, "%s%s", directory->path, sub) <
	    size;
}

bool
mqueue_path(const struct mqueue_directory *directory, enum mqueue_letter letter,
    const char *queue_id, char *path, size_t size)
{
	char where[PATH_MAX];

	return mqueue_directory_of(directory, letter, where, sizeof where) &&
	    (size_t)snprintf(path, size, "%s/%cf%s", where, (char)letter,
		queue_id) < size;
}
