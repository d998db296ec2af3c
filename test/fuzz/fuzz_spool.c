/* fuzz_spool - a directory of held mail in which anything may lie
 *
 * The input is a list of files.  What describes a mail is made here, so that
 * its digest is right, but for files that are only bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "config/config.h"
#include "fuzz.h"
#include "hold/spool.h"
#include "spool_record.h"

/* A mail's, for which its digest is right. */
#define BYTES "hello"

#define FILES 6
#define NAME_ROOM 256
#define MARK "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"

struct found {
	size_t count;
	struct spool_mail mails[FILES];
};

static int directory;

void
fuzz_begin(void)
{
	if (sodium_init() < 0)
		abort();
	directory = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(directory >= 0);
}

/* --- what lies there --- */

/* A mail as it could have been put, then a byte of it changed. */
static void
make_mail(struct fuzz_input *in, const char *name, struct spool_mail *mail)
{
	unsigned at = (unsigned)fuzz_number(in) % sizeof *mail;
	char *reason = fuzz_string(in);
	unsigned char flip;

	memset(mail, 0, sizeof *mail);
	strcpy(mail->at_mta.queue_id, "4F2C1A0B");
	strncpy(mail->at_mta.mark, name, sizeof mail->at_mta.mark - 1);
	mail->at_mta.size = fuzz_number(in);
	mail->size = fuzz_number(in);
	mail->structure = (enum cost_structure)fuzz_choice(in,
	    COST_STRUCTURES + 1);
	fuzz_bytes(in, mail->actions, sizeof mail->actions);
	crypto_generichash(mail->digest, sizeof mail->digest,
	    (const unsigned char *)BYTES, strlen(BYTES), NULL, 0);
	strncpy(mail->reason, reason, sizeof mail->reason);
	fuzz_bytes(in, &flip, 1);
	((unsigned char *)mail)[at] ^= flip;
	free(reason);
}

/* The structure that version 1 wrote, of any bytes. */
static size_t
make_version_1(struct fuzz_input *in, char *out)
{
	char *mail = out + 8;

	memcpy(out, "VSHELD1\n", 8);
	fuzz_bytes(in, mail, 376);
	strcpy(mail, "4F2C1A0B");
	strcpy(mail + 64, MARK);
	crypto_generichash((unsigned char *)mail + 376, 32,
	    (const unsigned char *)mail, 376, NULL, 0);
	return 8 + 376 + 32;
}

/* A file of the version that is written, with any lines before its sum. */
static size_t
make_version_2(struct fuzz_input *in, const char *name, char *out)
{
	struct spool_mail mail;
	unsigned char sum[32];
	char *more, hex[65];
	size_t len;

	make_mail(in, name, &mail);
	if (!spool_record_makes_sense(&mail))
		return 0;
	len = spool_record_write(&mail, out);
	more = fuzz_string(in);
	if (len + strlen(more) < SPOOL_RECORD_MAX && more[0] != '\0') {
		len -= 69;
		memcpy(out + len, more, strlen(more));
		len += strlen(more);
		crypto_generichash(sum, sizeof sum, (unsigned char *)out, len,
		    NULL, 0);
		len += (size_t)sprintf(out + len, "sum %s\n",
		    text_hex(hex, sum, sizeof sum));
	}
	free(more);
	return len;
}

static void
write_record(struct fuzz_input *in, int fd, const char *name)
{
	char record[SPOOL_RECORD_MAX + 100];
	size_t len = fuzz_yes(in) ? make_version_2(in, name, record)
				  : make_version_1(in, record);
	ssize_t n = write(fd, record, len);

	assert(n >= 0 && (size_t)n == len);
}

static void
write_bytes(struct fuzz_input *in, int fd)
{
	char *bytes = fuzz_string(in);
	ssize_t n = write(fd, bytes, strlen(bytes));

	assert(n >= 0);
	free(bytes);
}

static void
make_name(struct fuzz_input *in, char name[NAME_ROOM])
{
	static const char *const names[] = {
		MARK,
		MARK ".eml",
		OTHER,
		OTHER ".eml",
		MARK ".new",
		MARK ".bad",
		".hidden",
	};
	unsigned which = fuzz_choice(in, LENGTH(names) + 1);
	char *own;

	if (which < LENGTH(names)) {
		strcpy(name, names[which]);
		return;
	}
	own = fuzz_string(in);
	name[NAME_ROOM - 1] = '\0';
	strncpy(name, own, NAME_ROOM - 1);
	free(own);
	for (char *slash = name; (slash = strchr(slash, '/')) != NULL;)
		*slash = '_';
}

/* One that can't be made isn't. */
static void
make_entry(struct fuzz_input *in)
{
	char name[NAME_ROOM];
	int fd;

	make_name(in, name);
	switch (fuzz_choice(in, 5)) {
	case 0:
	case 1:
		fd = openat(directory, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 && fuzz_yes(in))
			write_record(in, fd, name);
		else if (fd >= 0)
			write_bytes(in, fd);
		fd_close(&fd);
		return;
	case 2:
		fd = mkdirat(directory, name, 0700);
		return;
	case 3:
		fd = mkfifoat(directory, name, 0600);
		return;
	case 4:
		fd = symlinkat(MARK, directory, name);
		return;
	}
	(void)fd;
}

/* --- what is taken --- */

static void
take(void *context, const struct spool_mail *mail)
{
	struct found *found = context;

	assert(found->count < FILES);
	found->mails[found->count++] = *mail;
}

static bool
is_mark(const char *name)
{
	return strlen(name) == RELEASE_MARK_SIZE - 1 &&
	    strspn(name, "0123456789abcdef") == RELEASE_MARK_SIZE - 1;
}

/* All that hold.c goes by. */
static void
check_mail(const struct spool_mail *mail)
{
	assert(is_mark(mail->at_mta.mark));
	assert(release_mail_is_valid(&mail->at_mta));
	assert(mail->structure < COST_STRUCTURES);
	assert(!mail->cut || mail->cut); /* is a truth value at all */
	for (int kind = 0; kind < VERDICT_KINDS; kind++)
		assert(
		    strcmp(config_action_name((enum action)mail->actions[kind]),
			"unknown") != 0);
	assert(mail->reason[0] == '\0' || text_is_signature_name(mail->reason));
}

static bool
has_digest(const struct spool_mail *mail, int fd)
{
	unsigned char *bytes = malloc(mail->size + 1);
	unsigned char digest[sizeof mail->digest];
	ssize_t n;

	assert(bytes != NULL);
	n = pread(fd, bytes, mail->size, 0);
	assert(n >= 0 && (uint64_t)n == mail->size);
	crypto_generichash(digest, sizeof digest, bytes, mail->size, NULL, 0);
	free(bytes);
	return memcmp(digest, mail->digest, sizeof digest) == 0;
}

/* Its bytes are handed over only as they were written. */
static void
check_content(struct spool *spool, const struct spool_mail *mail)
{
	enum error_code code;
	struct error err;
	struct stat st;
	int fd, failed;

	code = spool_get(spool, mail, &fd, &err);
	if (code != ERROR_NONE) {
		assert(code == ERROR_INPUT && fd < 0);
		fuzz_check_error(&err, code);
		return;
	}
	failed = fstat(fd, &st);
	assert(!failed && S_ISREG(st.st_mode));
	assert((uint64_t)st.st_size == mail->size);
	assert(has_digest(mail, fd));
	fd_close(&fd);
}

static bool
is_of(const struct spool_mail *mail, const char *name)
{
	return strncmp(name, mail->at_mta.mark, strlen(mail->at_mta.mark)) ==
	    0 &&
	    (strlen(name) == strlen(mail->at_mta.mark) ||
		strcmp(name + strlen(mail->at_mta.mark), ".eml") == 0);
}

/* A name that has no room for its suffix, or another file in its way, or that
 * is a directory's which is called as if it were being written, stays.  So do
 * bytes of bytes, which nobody looks for. */
static bool
has_to_stay(const struct dirent *entry)
{
	char bad[NAME_ROOM + sizeof ".bad"];

	snprintf(bad, sizeof bad, "%s.bad", entry->d_name);
	return strlen(bad) > NAME_MAX || entry->d_type == DT_DIR ||
	    strstr(bad, ".eml.eml") != NULL ||
	    faccessat(directory, bad, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is left are mails, what was set aside, and what hides. */
static void
check_names(const struct found *found)
{
	int fd = dup(directory);
	DIR *entries = fdopendir(fd);
	struct dirent *entry;

	assert(entries != NULL);
	rewinddir(entries);
	while ((entry = readdir(entries)) != NULL) {
		const char *name = entry->d_name;
		size_t len = strlen(name);
		bool known = name[0] == '.' ||
		    (len >= 4 && strcmp(name + len - 4, ".bad") == 0);

		for (size_t i = 0; i < found->count; i++)
			known |= is_of(&found->mails[i], name);
		assert(known || has_to_stay(entry));
	}
	closedir(entries);
}

static void
open_spool(struct found *found, struct spool **spool_r)
{
	enum error_code code;
	struct error err;

	memset(found, 0, sizeof *found);
	code = spool_open(fuzz_directory(), take, found, spool_r, &err);
	assert(code == ERROR_NONE);
	for (size_t i = 0; i < found->count; i++) {
		check_mail(&found->mails[i]);
		check_content(*spool_r, &found->mails[i]);
	}
}

/* What was taken is taken again, until it is removed. */
static void
check_again(const struct found *found)
{
	struct spool *spool;
	struct found again;
	enum error_code code;

	open_spool(&again, &spool);
	assert(again.count == found->count);
	for (size_t i = 0; i < again.count; i++) {
		code = spool_remove(spool, &again.mails[i], NULL);
		assert(code == ERROR_NONE);
	}
	spool_close(&spool);
	open_spool(&again, &spool);
	assert(again.count == 0);
	spool_close(&spool);
}

void
fuzz_one(struct fuzz_input *in)
{
	struct spool *spool;
	struct found found;

	for (int i = 0; i < FILES && in->left > 0; i++)
		make_entry(in);
	open_spool(&found, &spool);
	check_names(&found);
	spool_close(&spool);
	check_again(&found);
	fuzz_empty_directory();
}
