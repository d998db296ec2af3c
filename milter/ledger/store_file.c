/* store_file - the SQLite file behind the store
 *
 * The journal is a rollback journal and synchronous is FULL: what was
 * committed survives the death of all processes, and of the machine too; at
 * most what came in during the last STORE_DELAY is lost.  A write-ahead log
 * would save some of the fsyncs, but it either maps its index into memory,
 * where a bad disk or a careless hand kills the process by SIGBUS, or locks
 * out the administrator's sqlite3(1).  There are five commits a second at
 * most, and nobody waits for them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/text.h"
#include "store_internal.h"

#define BUSY_TIMEOUT_MS 2000
#define TEXT_SIZE 256

struct store_file {
	char *path;
	struct stat identity;
	sqlite3 *db;
	sqlite3_stmt *put;
	sqlite3_stmt *find;
	sqlite3_stmt *delete;
};

/* True for errors that another file in this place would meet, too. */
static bool
is_passing(int sys_errno)
{
	static const int passing[] = {
		ENOSPC,
		EDQUOT,
		EROFS,
		EMFILE,
		ENFILE,
		ENOMEM,
		ENOLCK,
	};

	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (sys_errno == passing[i])
			return true;
	return false;
}

/* What SQLite says may come from the file, so it isn't printed as it is. */
static enum store_trouble
bad(struct error *err, const char *what)
{
	char text[TEXT_SIZE];

	error_set(err, ERROR_INPUT, "%s", text_line(text, sizeof text, what));
	return STORE_BAD;
}

/* What the last call on db ended with. */
static enum store_trouble
trouble_of(sqlite3 *db, struct error *err)
{
	int sys_errno = sqlite3_system_errno(db);
	char text[TEXT_SIZE];

	text_line(text, sizeof text, sqlite3_errmsg(db));
	error_set(err, ERROR_SYSTEM, "%s", text);
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STORE_BUSY;
	case SQLITE_FULL:
	case SQLITE_NOMEM:
		return STORE_LATER;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (sys_errno != 0)
			error_sys(err, sys_errno, "%s", text);
		return is_passing(sys_errno) ? STORE_LATER : STORE_BAD;
	default:
		return STORE_BAD;
	}
}

static enum store_trouble
execute(sqlite3 *db, const char *sql, struct error *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return trouble_of(db, err);
	return STORE_WELL;
}

/* The first column of the first row that a query yields. */
static enum store_trouble
ask(sqlite3 *db, const char *sql, char answer_r[TEXT_SIZE], struct error *err)
{
	enum store_trouble trouble = STORE_WELL;
	sqlite3_stmt *query;

	answer_r[0] = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK)
		return trouble_of(db, err);
	if (sqlite3_step(query) == SQLITE_ROW)
		text_line(answer_r, TEXT_SIZE,
		    (const char *)sqlite3_column_text(query, 0));
	else
		trouble = trouble_of(db, err);
	sqlite3_finalize(query);
	return trouble;
}

/* SQLite would make the file readable for everybody.  A file that can only
 * be read is good for that, so SQLite is asked next. */
static enum store_trouble
make_file(const char *path, struct error *err)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		return STORE_WELL;
	if (fd < 0) {
		error_sys(err, errno, "can't be opened");
		return is_passing(err->sys_errno) ? STORE_LATER : STORE_BAD;
	}
	if (fstat(fd, &st) != 0)
		memset(&st, 0, sizeof st);
	fd_close(&fd);
	if (!S_ISREG(st.st_mode))
		return bad(err, "not a regular file");
	return STORE_WELL;
}

static enum store_trouble
configure(sqlite3 *db, struct error *err)
{
	sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	return execute(db,
	    "PRAGMA trusted_schema = OFF;"
	    "PRAGMA cell_size_check = ON;"
	    "PRAGMA mmap_size = 0;"
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA journal_mode = TRUNCATE",
	    err);
}

static enum store_trouble
check_structure(sqlite3 *db, struct error *err)
{
	char answer[TEXT_SIZE];
	enum store_trouble trouble;

	trouble = ask(db, "PRAGMA quick_check(1)", answer, err);
	if (trouble == STORE_WELL && strcmp(answer, "ok") != 0)
		return bad(err, answer);
	return trouble;
}

/* Makes or changes the table, and says so in the file. */
static enum store_trouble
set_schema(sqlite3 *db, const char *statement, struct error *err)
{
	enum store_trouble trouble;
	char sql[2048];

	snprintf(sql, sizeof sql,
	    "BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", statement,
	    STORE_VERSION);
	trouble = execute(db, sql, err);
	if (trouble != STORE_WELL)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return trouble;
}

static enum store_trouble
check_table(sqlite3 *db, struct error *err)
{
	int alone = store_row_is_alone(db);

	if (alone < 0)
		return trouble_of(db, err);
	if (alone == 0)
		return bad(err, "it has another table than ours, or more");
	return STORE_WELL;
}

static enum store_trouble
check_version(sqlite3 *db, struct error *err)
{
	char version[TEXT_SIZE], tables[TEXT_SIZE];
	enum store_trouble trouble;

	trouble = ask(db, "PRAGMA user_version", version, err);
	if (trouble == STORE_WELL)
		trouble = ask(db, "SELECT count(*) FROM sqlite_master", tables,
		    err);
	if (trouble != STORE_WELL)
		return trouble;
	if (strcmp(version, "0") == 0 && strcmp(tables, "0") == 0)
		return set_schema(db, store_row_create, err);
	if (strcmp(version, "1") == 0)
		return set_schema(db, store_row_upgrade_1, err);
	if (strcmp(version, "2") == 0)
		return set_schema(db, store_row_upgrade_2, err);
	if (strtol(version, NULL, 10) == STORE_VERSION)
		return STORE_WELL;
	error_set(err, ERROR_INPUT, "its version is %s, and not %d", version,
	    STORE_VERSION);
	return STORE_BAD;
}

/* Makes our table in an empty database; any other database must have it. */
static enum store_trouble
check_schema(sqlite3 *db, struct error *err)
{
	enum store_trouble trouble = check_version(db, err);

	if (trouble == STORE_WELL)
		trouble = check_table(db, err);
	return trouble;
}

static enum store_trouble
prepare(struct store_file *file, struct error *err)
{
	if (sqlite3_prepare_v3(file->db, store_row_put, -1,
		SQLITE_PREPARE_PERSISTENT, &file->put, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v3(file->db, store_row_find, -1,
		SQLITE_PREPARE_PERSISTENT, &file->find, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v3(file->db, store_row_delete, -1,
		SQLITE_PREPARE_PERSISTENT, &file->delete, NULL) != SQLITE_OK)
		return trouble_of(file->db, err);
	return STORE_WELL;
}

static enum store_trouble
open_database(struct store_file *file, struct error *err)
{
	enum store_trouble trouble = make_file(file->path, err);

	if (trouble != STORE_WELL)
		return trouble;
	if (sqlite3_open_v2(file->path, &file->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return trouble_of(file->db, err);
	if (stat(file->path, &file->identity) != 0) {
		error_sys(err, errno, "can't be looked at");
		return STORE_LATER;
	}
	trouble = configure(file->db, err);
	/* In this order: checking the structure tries what constraints a
	 * table has. */
	if (trouble == STORE_WELL)
		trouble = check_schema(file->db, err);
	if (trouble == STORE_WELL)
		trouble = check_structure(file->db, err);
	if (trouble == STORE_WELL)
		trouble = prepare(file, err);
	return trouble;
}

enum store_trouble
store_file_open(const char *path, struct store_file **file_r, struct error *err)
{
	struct store_file *file = calloc(1, sizeof *file);
	enum store_trouble trouble;

	if (file == NULL || (file->path = strdup(path)) == NULL)
		abort();
	trouble = open_database(file, err);
	if (trouble != STORE_WELL)
		store_file_close(&file);
	*file_r = file;
	return trouble;
}

void
store_file_close(struct store_file **file)
{
	if (*file == NULL)
		return;
	sqlite3_finalize((*file)->put);
	sqlite3_finalize((*file)->find);
	sqlite3_finalize((*file)->delete);
	sqlite3_close((*file)->db);
	free((*file)->path);
	free(*file);
	*file = NULL;
}

/* Each row has a moment of its own, since a disk may hang between two rows. */
enum store_trouble
store_file_read(struct store_file *file, int64_t max_step,
    store_file_function *each, void *context, struct error *err)
{
	enum store_trouble trouble = STORE_WELL;
	bool more = true;
	size_t nonsense = 0;
	sqlite3_stmt *select;
	struct store_moment moment;
	struct row row;
	int result = SQLITE_DONE;

	if (sqlite3_prepare_v2(file->db, store_row_select, -1, &select, NULL) !=
	    SQLITE_OK)
		return trouble_of(file->db, err);
	while (more && (result = sqlite3_step(select)) == SQLITE_ROW) {
		moment = store_moment_now(max_step);
		if (!store_row_read(select, &moment, &row)) {
			nonsense++;
			continue;
		}
		more = each(context, &row);
		row_fini(&row);
	}
	if (more && result != SQLITE_DONE)
		trouble = trouble_of(file->db, err);
	sqlite3_finalize(select);
	if (nonsense > 0)
		log_msg(LOG_LEVEL_WARNING,
		    "store %s: %zu rows make no sense "
		    "and were left out",
		    file->path, nonsense);
	return trouble;
}

enum store_trouble
store_file_merge(struct store_file *file, struct row *row,
    const struct store_moment *moment, struct error *err)
{
	enum store_trouble trouble = STORE_WELL;
	struct row older;
	int result = SQLITE_NOMEM;

	if (store_row_bind_key(file->find, &row->key))
		result = sqlite3_step(file->find);
	if (result == SQLITE_ROW &&
	    store_row_read(file->find, moment, &older)) {
		row_merge(row, &older);
		row_fini(&older);
	}
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		trouble = trouble_of(file->db, err);
	sqlite3_reset(file->find);
	return trouble;
}

enum store_trouble
store_file_writable(struct store_file *file, struct error *err)
{
	if (sqlite3_db_readonly(file->db, "main") != 0)
		return bad(err, "can't be written");
	return STORE_WELL;
}

enum store_trouble
store_file_begin(struct store_file *file, struct error *err)
{
	return execute(file->db, "BEGIN IMMEDIATE", err);
}

enum store_trouble
store_file_commit(struct store_file *file, struct error *err)
{
	return execute(file->db, "COMMIT", err);
}

/* If SQLite has rolled back by itself, this fails, which does no harm. */
void
store_file_rollback(struct store_file *file)
{
	sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
}

/* bound: false if the parameters could not be bound. */
static enum store_trouble
run(struct store_file *file, sqlite3_stmt *statement, bool bound,
    struct error *err)
{
	enum store_trouble trouble = STORE_WELL;

	if (!bound || sqlite3_step(statement) != SQLITE_DONE)
		trouble = trouble_of(file->db, err);
	sqlite3_reset(statement);
	return trouble;
}

enum store_trouble
store_file_put(struct store_file *file, const struct row *row,
    const struct store_moment *moment, struct error *err)
{
	return run(file, file->put, store_row_bind(file->put, row, moment),
	    err);
}

enum store_trouble
store_file_delete(struct store_file *file, const struct key *key,
    struct error *err)
{
	return run(file, file->delete, store_row_bind_key(file->delete, key),
	    err);
}

bool
store_file_stands(const struct store_file *file)
{
	struct stat st;

	return stat(file->path, &st) == 0 &&
	    st.st_dev == file->identity.st_dev &&
	    st.st_ino == file->identity.st_ino;
}

static char *
name_of(const char *path, unsigned n, const char *suffix)
{
	char *name;

	if (n == 0 ? asprintf(&name, "%s%s", path, suffix) < 0
		   : asprintf(&name, "%s.bad-%u%s", path, n, suffix) < 0)
		abort();
	return name;
}

static bool
is_taken(const char *path, unsigned n)
{
	char *name = name_of(path, n, "");
	struct stat st;
	bool taken = lstat(name, &st) == 0;

	free(name);
	return taken;
}

static bool
move_aside(const char *path, unsigned n, const char *suffix)
{
	char *from = name_of(path, 0, suffix), *to = name_of(path, n, suffix);
	bool moved = rename(from, to) == 0;

	free(from);
	free(to);
	return moved;
}

/* The file is moved before its journal.  SQLite removes a journal that has no
 * file, but would take a file without its journal for whole. */
unsigned
store_file_set_aside(const char *path)
{
	static const char *const companions[] = { "-journal", "-wal", "-shm" };
	unsigned n = 1;

	while (n < STORE_BAD_KEPT && is_taken(path, n))
		n++;
	if (!move_aside(path, n, ""))
		return 0;
	for (size_t i = 0; i < sizeof companions / sizeof *companions; i++)
		move_aside(path, n, companions[i]);
	return n;
}
