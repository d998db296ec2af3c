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
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"

#define SUFFIX_NEW ".new"
#define SUFFIX_BAD ".bad"
#define NAME_SIZE (RELEASE_MARK_SIZE + 4)
#define MAGIC "VSHELD1\n"
#define DIGEST_SIZE 32

struct spool {
	char *path;
	int directory;
};

/* Stands at the end of the file. */
struct trailer {
	char magic[sizeof MAGIC - 1];
	struct spool_mail mail;
	unsigned char digest[DIGEST_SIZE];	/* of mail */
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

/* What was read may be anything. */
static bool
makes_sense(const struct trailer *trailer, const char *name, uint64_t size)
{
	const struct spool_mail *mail = &trailer->mail;
	unsigned char digest[DIGEST_SIZE];

	digest_of(mail, digest);
	if (memcmp(trailer->magic, MAGIC, sizeof trailer->magic) != 0 ||
	    memcmp(trailer->digest, digest, sizeof digest) != 0 ||
	    !release_mail_is_valid(&mail->at_mta) ||
	    strcmp(mail->at_mta.mark, name) != 0 ||
	    mail->size + sizeof *trailer != size ||
	    mail->structure >= COST_STRUCTURES)
		return false;
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		if (!is_action_for_held(mail->actions[kind]))
			return false;
	return memchr(mail->reason, '\0', sizeof mail->reason) != NULL;
}

static bool
read_mail(const struct spool *spool, const char *name,
    struct spool_mail *mail_r)
{
	int fd = openat(spool->directory, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct trailer trailer;
	struct stat st;
	bool good;

	if (fd < 0)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)sizeof trailer &&
	    pread(fd, &trailer, sizeof trailer,
	    st.st_size - (off_t)sizeof trailer) == sizeof trailer &&
	    makes_sense(&trailer, name, (uint64_t)st.st_size);
	close(fd);
	if (good)
		*mail_r = trailer.mail;
	return good;
}

static bool
ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len >= end && strcmp(name + len - end, suffix) == 0;
}

static void
set_aside(const struct spool *spool, const char *name)
{
	char bad[NAME_MAX + sizeof SUFFIX_BAD];

	snprintf(bad, sizeof bad, "%s" SUFFIX_BAD, name);
	log_msg(LOG_LEVEL_ERROR, "held mail %s/%s is damaged, it is %s%s now; "
	    "the MTA still holds the mail", spool->path, name, bad,
	    renameat(spool->directory, name, spool->directory, bad) < 0
	    ? " (not renamed)" : "");
}

static void
read_entry(const struct spool *spool, const char *name,
    spool_mail_function *each, void *context)
{
	struct spool_mail mail;

	if (name[0] == '.' || ends_with(name, SUFFIX_BAD))
		return;
	if (ends_with(name, SUFFIX_NEW))
		unlinkat(spool->directory, name, 0);
	else if (read_mail(spool, name, &mail))
		each(context, &mail);
	else
		set_aside(spool, name);
}

static enum error_code
read_all(const struct spool *spool, spool_mail_function *each,
    void *context, struct error *err)
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

static enum error_code
copy_bytes(int from, int to, uint64_t size, struct error *err)
{
	off_t at = 0;
	ssize_t n;

	while ((uint64_t)at < size) {
		n = sendfile(to, from, &at, (size_t)(size - (uint64_t)at));
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "writing held mail");
		if (n == 0)
			return error_set(err, ERROR_SYSTEM,
			    "held mail is shorter than it was");
	}
	return ERROR_NONE;
}

static enum error_code
write_file(int fd, const struct spool_mail *mail, int from,
    struct error *err)
{
	struct trailer trailer;
	enum error_code code;

	memset(&trailer, 0, sizeof trailer);
	memcpy(trailer.magic, MAGIC, sizeof trailer.magic);
	trailer.mail = *mail;
	digest_of(&trailer.mail, trailer.digest);
	code = copy_bytes(from, fd, mail->size, err);
	if (code == ERROR_NONE)
		code = fd_write_at(fd, &trailer, sizeof trailer, mail->size,
		    err);
	if (code == ERROR_NONE && fsync(fd) < 0)
		code = error_sys(err, errno, "fsync of held mail");
	return code;
}

enum error_code
spool_put(struct spool *spool, const struct spool_mail *mail, int fd,
    struct error *err)
{
	const char *name = mail->at_mta.mark;
	char new[NAME_SIZE];
	enum error_code code;
	int to;

	snprintf(new, sizeof new, "%s" SUFFIX_NEW, name);
	to = openat(spool->directory, new, O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	if (to < 0)
		return error_sys(err, errno, "%s/%s", spool->path, new);
	code = write_file(to, mail, fd, err);
	close(to);
	if (code == ERROR_NONE && renameat(spool->directory, new,
	    spool->directory, name) < 0)
		code = error_sys(err, errno, "%s/%s", spool->path, name);
	if (code == ERROR_NONE && fsync(spool->directory) < 0) {
		code = error_sys(err, errno, "fsync of %s", spool->path);
		unlinkat(spool->directory, name, 0);
	}
	if (code != ERROR_NONE)
		unlinkat(spool->directory, new, 0);
	return code;
}

enum error_code
spool_get(struct spool *spool, const struct spool_mail *mail, int *fd_r,
    struct error *err)
{
	*fd_r = openat(spool->directory, mail->at_mta.mark,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd_r < 0)
		return error_sys(err, errno, "%s/%s", spool->path,
		    mail->at_mta.mark);
	return ERROR_NONE;
}

enum error_code
spool_remove(struct spool *spool, const struct spool_mail *mail,
    struct error *err)
{
	if (unlinkat(spool->directory, mail->at_mta.mark, 0) < 0 &&
	    errno != ENOENT)
		return error_sys(err, errno, "removing %s/%s", spool->path,
		    mail->at_mta.mark);
	return ERROR_NONE;
}
