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
#include "config/config.h"

#define SUFFIX_EML ".eml" /* the mail's bytes */
#define SUFFIX_NEW ".new" /* not yet written to its end */
#define SUFFIX_BAD ".bad" /* damaged, set aside */
#define NAME_SIZE (RELEASE_MARK_SIZE + 4)
#define MAGIC "VSHELD1\n"
#define DIGEST_SIZE SPOOL_DIGEST_SIZE
#define STEP 65536

struct spool {
	char *path;
	int directory;
};

/* The file MARK. */
struct record {
	char magic[sizeof MAGIC - 1];
	struct spool_mail mail;
	unsigned char digest[DIGEST_SIZE]; /* of mail */
};

static void
digest_of(const struct spool_mail *mail, unsigned char out[DIGEST_SIZE])
{
	crypto_generichash(out, DIGEST_SIZE, (const unsigned char *)mail,
	    sizeof *mail, NULL, 0);
}

static bool
is_action_for_held(uint8_t action)
{
	return action <= ACTION_REJECT;
}

/* Read from a file, it may be any byte. */
static bool
is_truth(const bool *value)
{
	unsigned char byte;

	memcpy(&byte, value, sizeof byte);
	return byte <= 1;
}

/* "" or as a verdict's name: it stands in the log. */
static bool
is_reason(const char *reason, size_t size)
{
	return memchr(reason, '\0', size) != NULL &&
	    (reason[0] == '\0' || text_is_signature_name(reason));
}

/* What was read may be anything. */
static bool
makes_sense(const struct record *record, const char *name)
{
	const struct spool_mail *mail = &record->mail;
	unsigned char digest[DIGEST_SIZE];

	digest_of(mail, digest);
	if (memcmp(record->magic, MAGIC, sizeof record->magic) != 0 ||
	    memcmp(record->digest, digest, sizeof digest) != 0 ||
	    !release_mail_is_valid(&mail->at_mta) ||
	    strcmp(mail->at_mta.mark, name) != 0 ||
	    mail->structure >= COST_STRUCTURES || !is_truth(&mail->cut))
		return false;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		if (!is_action_for_held(mail->actions[kind]))
			return false;
	return is_reason(mail->reason, sizeof mail->reason);
}

static void
name_of(const struct spool_mail *mail, const char *suffix, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%s%s", mail->at_mta.mark, suffix);
}

/* All of its bytes are there, and no more. */
static bool
is_whole(const struct spool *spool, const struct spool_mail *mail)
{
	char eml[NAME_SIZE];
	struct stat st;

	name_of(mail, SUFFIX_EML, eml);
	return fstatat(spool->directory, eml, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && (uint64_t)st.st_size == mail->size;
}

static bool
read_mail(const struct spool *spool, const char *name,
    struct spool_mail *mail_r)
{
	int fd = openat(spool->directory, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct record record;
	struct stat st;
	bool good;

	if (fd < 0)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == (off_t)sizeof record &&
	    pread(fd, &record, sizeof record, 0) == sizeof record &&
	    makes_sense(&record, name) && is_whole(spool, &record.mail);
	close(fd);
	if (good)
		*mail_r = record.mail;
	return good;
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

/* Bytes that were written for a mail which was never held. */
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
read_entry(const struct spool *spool, const char *name,
    spool_mail_function *each, void *context)
{
	struct spool_mail mail;

	if (name[0] == '.' || ends_with(name, SUFFIX_BAD))
		return;
	if (ends_with(name, SUFFIX_EML)) {
		if (is_orphan(spool, name))
			unlinkat(spool->directory, name, 0);
	} else if (ends_with(name, SUFFIX_NEW)) {
		unlinkat(spool->directory, name, 0);
	} else if (read_mail(spool, name, &mail)) {
		each(context, &mail);
	} else {
		set_aside(spool, name);
	}
}

static enum error_code
read_all(const struct spool *spool, spool_mail_function *each, void *context,
    struct error *err)
{
	int fd = dup(spool->directory);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (directory == NULL) {
		error_sys(err, errno, "%s", spool->path);
		fd_close(&fd);
		return ERROR_SYSTEM;
	}
	while ((entry = readdir(directory)) != NULL)
		read_entry(spool, entry->d_name, each, context);
	closedir(directory);
	return ERROR_NONE;
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
		code = read_all(spool, each, context, err);
	if (code != ERROR_NONE)
		spool_close(&spool);
	*spool_r = spool;
	return code;
}

void
spool_close(struct spool **spool)
{
	if (*spool == NULL)
		return;
	fd_close(&(*spool)->directory);
	free((*spool)->path);
	free(*spool);
	*spool = NULL;
}

/* Reads size bytes of from, writes them to to unless that is -1, and tells
 * their digest. */
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
	char new[NAME_SIZE];
	struct record record;
	enum error_code code;
	int fd;

	memset(&record, 0, sizeof record);
	memcpy(record.magic, MAGIC, sizeof record.magic);
	memcpy(&record.mail, mail, sizeof record.mail);
	digest_of(&record.mail, record.digest);
	name_of(mail, SUFFIX_NEW, new);
	code = begin_file(spool, new, &fd, err);
	if (code != ERROR_NONE)
		return code;
	code = fd_write_at(fd, &record, sizeof record, 0, err);
	if (code != ERROR_NONE)
		fd_close(&fd);
	else
		code = end_file(spool, new, &fd, err);
	return code;
}

/* From here on it is held. */
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
	enum error_code code = write_bytes(spool, mail, fd, err);

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

/* The other way round: what is left by a crash in between is an orphan. */
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
