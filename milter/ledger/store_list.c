/* store_list - the rows of a store's file, for people
 *
 * The file is opened by SQLite for reading only, so that neither a mistake
 * here nor the file's own state (a journal that is to be rolled back) leads
 * to a write.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/text.h"
#include "store_internal.h"

#define BUSY_TIMEOUT_MS 5000

/* Looks at the file before SQLite does, which would wait for the other end of a
 * pipe, and whose message about a missing file helps nobody. */
static enum error_code
look_at(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool regular;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_INPUT,
		    "%s is not there: no mail "
		    "has been deferred yet, or the service runs with another "
		    "state_directory",
		    path);
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	fd_close(&fd);
	if (!regular)
		return error_set(err, ERROR_INPUT, "%s is not a regular file",
		    path);
	return ERROR_NONE;
}

/* What the last call on db ended with. */
static enum error_code
complain(sqlite3 *db, const char *path, struct error *err)
{
	char text[256];

	if (sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK)
		return error_set(err, ERROR_INPUT,
		    "%s: a write was cut off; "
		    "start the service, which undoes it",
		    path);
	text_line(text, sizeof text, sqlite3_errmsg(db));
	return error_set(err, ERROR_INPUT, "%s: %s", path, text);
}

static enum error_code
check_version(sqlite3 *db, const char *path, struct error *err)
{
	sqlite3_stmt *ask;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &ask, NULL) !=
	    SQLITE_OK)
		return complain(db, path, err);
	if (sqlite3_step(ask) == SQLITE_ROW)
		version = sqlite3_column_int(ask, 0);
	sqlite3_finalize(ask);
	if (version < 0)
		return complain(db, path, err);
	if (version != STORE_VERSION)
		return error_set(err, ERROR_INPUT,
		    "%s: its version is %d, "
		    "and not %d%s",
		    path, version, STORE_VERSION,
		    version < STORE_VERSION
			? "; start the service, which takes it over"
			: "");
	return ERROR_NONE;
}

static enum error_code
check_table(sqlite3 *db, const char *path, struct error *err)
{
	int alone = store_row_is_alone(db);

	if (alone < 0)
		return complain(db, path, err);
	if (alone == 0)
		return error_set(err, ERROR_INPUT,
		    "%s: it has another table "
		    "than ours, or more",
		    path);
	return ERROR_NONE;
}

static enum error_code
read_rows(sqlite3 *db, const char *path, store_row_function *each,
    void *context, struct error *err)
{
	struct store_moment moment = { .max_step = INT64_MAX };
	enum error_code code = ERROR_NONE;
	size_t nonsense = 0;
	sqlite3_stmt *list;
	struct row row;
	int result;

	if (sqlite3_prepare_v2(db, store_row_list, -1, &list, NULL) !=
	    SQLITE_OK)
		return complain(db, path, err);
	while ((result = sqlite3_step(list)) == SQLITE_ROW) {
		moment.at = moment.wall = monotime_wall();
		if (!store_row_read(list, &moment, &row)) {
			nonsense++;
			continue;
		}
		each(context, &row);
		row_fini(&row);
	}
	if (result != SQLITE_DONE)
		code = complain(db, path, err);
	sqlite3_finalize(list);
	if (nonsense > 0)
		log_msg(LOG_LEVEL_WARNING,
		    "%s: %zu rows make no sense and "
		    "were left out",
		    path, nonsense);
	return code;
}

enum error_code
store_list(const char *path, store_row_function *each, void *context,
    struct error *err)
{
	enum error_code code = look_at(path, err);
	sqlite3 *db = NULL;

	if (code != ERROR_NONE)
		return code;
	if (sqlite3_open_v2(path, &db,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS) != SQLITE_OK ||
	    sqlite3_exec(db,
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA cell_size_check = ON;"
		"PRAGMA mmap_size = 0",
		NULL, NULL, NULL) != SQLITE_OK)
		code = complain(db, path, err);
	if (code == ERROR_NONE)
		code = check_version(db, path, err);
	if (code == ERROR_NONE)
		code = check_table(db, path, err);
	if (code == ERROR_NONE)
		code = read_rows(db, path, each, context, err);
	sqlite3_close(db);
	return code;
}
