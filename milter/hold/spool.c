/* spool - held mail on disk, so that no crash forgets it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "hold/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "spool_record.h"

#define SUFFIX_EML ".eml" /* the mail's bytes */
#define SUFFIX_NEW ".new" /* not yet written to its end */
#define SUFFIX_BAD ".bad" /* damaged, set aside */
#define NAME_SIZE (RELEASE_MARK_SIZE + 4)
#define DIGEST_SIZE SPOOL_DIGEST_SIZE
#define STEP 65536

struct spool {
	char *path;
	int directory;
	char **unread; /* names of files that are yet to be read */
	size_t unread_count;
};

static void
name_of(const struct spool_mail *mail, const char *suffix, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%s%s", mail->at_mta.mark, suffix);
}

/* What an error of the operating system says of a file: that it is damaged
 * (ERROR_INPUT), is gone (ERROR_GONE), or can't be read now. */
static enum error_code
cause(int sys_errno, struct error *err)
{
	error_sys(err, sys_errno, "reading");
	if (sys_errno == ENOENT)
		return ERROR_GONE;
	/* It is something else than a file. */
	if (sys_errno == ELOOP || sys_errno == ENXIO)
		return ERROR_INPUT;
	return ERROR_SYSTEM;
}

/* ERROR_NONE if all bytes of the mail are there, and no more. */
static enum error_code
check_bytes(const struct spool *spool, const struct spool_mail *mail,
    struct error *err)
{
	char eml[NAME_SIZE];
	struct stat st;

	name_of(mail, SUFFIX_EML, eml);
	if (fstatat(spool->directory, eml, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? ERROR_INPUT : cause(errno, err);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != mail->size)
		return ERROR_INPUT;
	return ERROR_NONE;
}

static enum error_code
read_record(int fd, const char *name, struct spool_mail *mail_r,
    struct error *err)
{
	char data[SPOOL_RECORD_MAX + 1];
	enum error_code code;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return cause(errno, err);
	if (!S_ISREG(st.st_mode))
		return ERROR_INPUT;
	n = pread(fd, data, sizeof data, 0);
	if (n < 0)
		return cause(errno, err);
	code = spool_record_read(data, (size_t)n, mail_r);
	if (code == ERROR_NONE && strcmp(mail_r->at_mta.mark, name) != 0)
		code = ERROR_INPUT;
	return code;
}

/* ERROR_INPUT: it is damaged; ERROR_GONE: it isn't there any more;
 * ERROR_UNSUPPORTED: a later version wrote it; ERROR_SYSTEM: it can't be read
 * now. */
static enum error_code
read_mail(const struct spool *spool, const char *name,
    struct spool_mail *mail_r, struct error *err)
{
	int fd = openat(spool->directory, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum error_code code;

	if (fd < 0)
		return cause(errno, err);
	code = read_record(fd, name, mail_r, err);
	close(fd);
	if (code == ERROR_NONE)
		code = check_bytes(spool, mail_r, err);
	return code;
}

static bool
ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len >= end && strcmp(name + len - end, suffix) == 0;
}

static bool
rename_bad(const struct spool *spool, const char *name)
{
	char bad[NAME_MAX + sizeof SUFFIX_EML SUFFIX_BAD];

	snprintf(bad, sizeof bad, "%s" SUFFIX_BAD, name);
	return renameat(spool->directory, name, spool->directory, bad) == 0;
}

static void
set_aside(const struct spool *spool, const char *name)
{
	char eml[NAME_MAX + sizeof SUFFIX_EML], safe[NAME_MAX + 1];
	bool renamed;

	snprintf(eml, sizeof eml, "%s" SUFFIX_EML, name);
	renamed = rename_bad(spool, name);
	rename_bad(spool, eml);
	log_msg(LOG_LEVEL_ERROR,
	    "held mail %s/%s is damaged%s; the MTA still "
	    "holds the mail",
	    spool->path, text_line(safe, sizeof safe, name),
	    renamed ? ", it is " SUFFIX_BAD " now" : "");
}

/* True for the bytes of a mail that has no record, and so was never held. */
static bool
is_orphan(const struct spool *spool, const char *eml)
{
	char name[NAME_MAX + 1];

	snprintf(name, sizeof name, "%.*s",
	    (int)(strlen(eml) - strlen(SUFFIX_EML)), eml);
	return faccessat(spool->directory, name, F_OK, 0) < 0 &&
	    errno == ENOENT;
}

static void
say_unread(const struct spool *spool, const char *name, enum error_code code,
    const struct error *err)
{
	char safe[NAME_MAX + 1];

	text_line(safe, sizeof safe, name);
	if (code == ERROR_UNSUPPORTED)
		log_msg(LOG_LEVEL_ERROR,
		    "held mail %s/%s: a later version wrote this file, and "
		    "this version can't read it; the MTA still holds the mail",
		    spool->path, safe);
	else
		log_msg(LOG_LEVEL_ERROR,
		    "held mail %s/%s: %s; the file is tried again every "
		    "minute, and until then the MTA still holds the mail",
		    spool->path, safe, err->text);
}

/* False if it has to be read again later. */
static bool
read_entry(const struct spool *spool, const char *name, bool again,
    spool_mail_function *each, void *context)
{
	struct spool_mail mail;
	struct error err;
	enum error_code code = read_mail(spool, name, &mail, &err);

	if (code == ERROR_NONE)
		each(context, &mail);
	else if (code == ERROR_INPUT)
		set_aside(spool, name);
	else if (code != ERROR_GONE && !again)
		say_unread(spool, name, code, &err);
	return code != ERROR_SYSTEM;
}

/* Removes what is left of a mail that was not written to its end; true for a
 * name that may be a held mail's. */
static bool
is_to_be_read(const struct spool *spool, const char *name)
{
	if (name[0] == '.' || ends_with(name, SUFFIX_BAD))
		return false;
	if (ends_with(name, SUFFIX_EML)) {
		if (is_orphan(spool, name))
			unlinkat(spool->directory, name, 0);
		return false;
	}
	if (ends_with(name, SUFFIX_NEW)) {
		unlinkat(spool->directory, name, 0);
		return false;
	}
	return true;
}

static void
add_unread(struct spool *spool, const char *name)
{
	char *copy = strdup(name);

	spool->unread = reallocarray(spool->unread, spool->unread_count + 1,
	    sizeof *spool->unread);
	if (spool->unread == NULL || copy == NULL)
		abort();
	spool->unread[spool->unread_count++] = copy;
}

/* Lists what is to be read.  A directory that can be read only in part would
 * leave mail in quarantine without anybody knowing of it. */
static enum error_code
list_all(struct spool *spool, struct error *err)
{
	int fd = dup(spool->directory), failed;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (directory == NULL) {
		error_sys(err, errno, "%s", spool->path);
		fd_close(&fd);
		return ERROR_SYSTEM;
	}
	while ((errno = 0, entry = readdir(directory)) != NULL)
		if (is_to_be_read(spool, entry->d_name))
			add_unread(spool, entry->d_name);
	failed = errno;
	closedir(directory);
	if (failed)
		return error_sys(err, failed, "reading %s", spool->path);
	return ERROR_NONE;
}

/* again: the log has been told what can't be read. */
static void
read_all(struct spool *spool, bool again, spool_mail_function *each,
    void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < spool->unread_count; i++) {
		char *name = spool->unread[i];

		if (!read_entry(spool, name, again, each, context))
			spool->unread[kept++] = name;
		else
			free(name);
	}
	spool->unread_count = kept;
}

size_t
spool_unread(const struct spool *spool)
{
	return spool->unread_count;
}

void
spool_read_again(struct spool *spool, spool_mail_function *each, void *context)
{
	read_all(spool, true, each, context);
}

enum error_code
spool_open(const char *directory, spool_mail_function *each, void *context,
    struct spool **spool_r, struct error *err)
{
	struct spool *spool = calloc(1, sizeof *spool);
	enum error_code code;

	if (spool == NULL || (spool->path = strdup(directory)) == NULL)
		abort();
	*spool_r = NULL;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		code = error_sys(err, errno, "making %s", directory);
	else
		code = ERROR_NONE;
	spool->directory = open(directory,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (code == ERROR_NONE && spool->directory < 0)
		code = error_sys(err, errno, "%s", directory);
	if (code == ERROR_NONE)
		code = list_all(spool, err);
	if (code == ERROR_NONE)
		read_all(spool, false, each, context);
	else
		spool_close(&spool);
	*spool_r = spool;
	return code;
}

void
spool_close(struct spool **spool)
{
	if (*spool == NULL)
		return;
	for (size_t i = 0; i < (*spool)->unread_count; i++)
		free((*spool)->unread[i]);
	free((*spool)->unread);
	fd_close(&(*spool)->directory);
	free((*spool)->path);
	free(*spool);
	*spool = NULL;
}

/* Reads size bytes from one descriptor, writes them to the other unless that is
 * -1, and computes their digest. */
static enum error_code
copy_bytes(int from, int to, uint64_t size, unsigned char digest_r[DIGEST_SIZE],
    struct error *err)
{
	enum error_code code = ERROR_NONE;
	crypto_generichash_state state;
	unsigned char room[STEP];
	uint64_t at = 0;
	ssize_t n;

	crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
	while (at < size && code == ERROR_NONE) {
		n = pread(from, room, size - at < STEP ? size - at : STEP,
		    (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "reading held mail");
		if (n == 0)
			return error_set(err, ERROR_INPUT,
			    "held mail is shorter than it was");
		crypto_generichash_update(&state, room, (size_t)n);
		if (to >= 0)
			code = fd_write_at(to, room, (size_t)n, at, err);
		at += (uint64_t)n;
	}
	crypto_generichash_final(&state, digest_r, DIGEST_SIZE);
	return code;
}

static enum error_code
begin_file(const struct spool *spool, const char *name, int *fd_r,
    struct error *err)
{
	*fd_r = openat(spool->directory, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd_r < 0)
		return error_sys(err, errno, "%s/%s", spool->path, name);
	return ERROR_NONE;
}

static enum error_code
end_file(const struct spool *spool, const char *name, int *fd,
    struct error *err)
{
	enum error_code code = ERROR_NONE;

	if (fsync(*fd) < 0)
		code = error_sys(err, errno, "fsync of %s/%s", spool->path,
		    name);
	fd_close(fd);
	return code;
}

static enum error_code
write_bytes(const struct spool *spool, struct spool_mail *mail, int from,
    struct error *err)
{
	char eml[NAME_SIZE];
	enum error_code code;
	int fd;

	name_of(mail, SUFFIX_EML, eml);
	code = begin_file(spool, eml, &fd, err);
	if (code != ERROR_NONE)
		return code;
	code = copy_bytes(from, fd, mail->size, mail->digest, err);
	if (code != ERROR_NONE)
		fd_close(&fd);
	else
		code = end_file(spool, eml, &fd, err);
	return code;
}

static enum error_code
write_record(const struct spool *spool, const struct spool_mail *mail,
    struct error *err)
{
	char new[NAME_SIZE], record[SPOOL_RECORD_MAX];
	size_t len = spool_record_write(mail, record);
	enum error_code code;
	int fd;

	name_of(mail, SUFFIX_NEW, new);
	code = begin_file(spool, new, &fd, err);
	if (code != ERROR_NONE)
		return code;
	code = fd_write_at(fd, record, len, 0, err);
	if (code != ERROR_NONE)
		fd_close(&fd);
	else
		code = end_file(spool, new, &fd, err);
	return code;
}

/* Gives the record its final name: from here on the mail is held. */
static enum error_code
publish(const struct spool *spool, const struct spool_mail *mail,
    struct error *err)
{
	char new[NAME_SIZE];

	name_of(mail, SUFFIX_NEW, new);
	if (renameat(spool->directory, new, spool->directory,
		mail->at_mta.mark) < 0)
		return error_sys(err, errno, "%s/%s", spool->path, new);
	if (fsync(spool->directory) < 0)
		return error_sys(err, errno, "fsync of %s", spool->path);
	return ERROR_NONE;
}

static void
remove_file(const struct spool *spool, const struct spool_mail *mail,
    const char *suffix)
{
	char name[NAME_SIZE];

	name_of(mail, suffix, name);
	unlinkat(spool->directory, name, 0);
}

enum error_code
spool_put(struct spool *spool, struct spool_mail *mail, int fd,
    struct error *err)
{
	enum error_code code;

	if (!spool_record_makes_sense(mail))
		return error_set(err, ERROR_INPUT,
		    "what is known of the mail makes no sense");
	code = write_bytes(spool, mail, fd, err);
	if (code == ERROR_NONE)
		code = write_record(spool, mail, err);
	if (code == ERROR_NONE)
		code = publish(spool, mail, err);
	if (code == ERROR_NONE)
		return code;
	remove_file(spool, mail, "");
	remove_file(spool, mail, SUFFIX_NEW);
	remove_file(spool, mail, SUFFIX_EML);
	return code;
}

enum error_code
spool_get(struct spool *spool, const struct spool_mail *mail, int *fd_r,
    struct error *err)
{
	unsigned char digest[DIGEST_SIZE];
	enum error_code code;
	char eml[NAME_SIZE];

	name_of(mail, SUFFIX_EML, eml);
	/* Not to wait for the other end, should it be a FIFO by now. */
	*fd_r = openat(spool->directory, eml,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd_r < 0)
		return error_sys(err, errno, "%s/%s", spool->path, eml);
	code = copy_bytes(*fd_r, -1, mail->size, digest, err);
	if (code == ERROR_NONE &&
	    memcmp(digest, mail->digest, sizeof digest) != 0)
		code = error_set(err, ERROR_INPUT,
		    "%s/%s is not what was "
		    "written",
		    spool->path, eml);
	if (code != ERROR_NONE)
		fd_close(fd_r);
	return code;
}

void
spool_set_aside(struct spool *spool, const struct spool_mail *mail)
{
	set_aside(spool, mail->at_mta.mark);
}

/* The record goes first.  A crash in between leaves the bytes alone, which the
 * next start removes. */
enum error_code
spool_remove(struct spool *spool, const struct spool_mail *mail,
    struct error *err)
{
	if (unlinkat(spool->directory, mail->at_mta.mark, 0) < 0 &&
	    errno != ENOENT)
		return error_sys(err, errno, "removing %s/%s", spool->path,
		    mail->at_mta.mark);
	remove_file(spool, mail, SUFFIX_EML);
	return ERROR_NONE;
}
