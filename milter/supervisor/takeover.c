/* takeover - how a restarted supervisor gets what the one before had
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "VSCAN_MILTER_TAKEOVER"

/* Version 2.  The socket stands last, since it may have blanks in it. */
#define ENGINE "engine=%d,%d,%llu,%16s "
#define FORMAT_2 \
	"2 lock=%d restarts=%u background=%d filter=%d,%d log=%d " ENGINE \
	    ENGINE "room=%llu,%llu,%d listener=%d,%d,%llu,%llu socket="
#define FIELDS_2 21

#define NO_NAME "-" /* of an engine that isn't there */

/* All descriptors that are handed over. */
static void
set_inherited(const struct takeover *takeover, bool inherited)
{
	const struct former *former = &takeover->former;
	const int fds[] = { takeover->lock, takeover->listener.fd, former->sock,
		former->log, former->engines[0].sock, former->engines[1].sock };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

/* What isn't in takeover as it stands in the text. */
struct fields {
	int background, lent, overcommitted;
	unsigned long long device, inode, serials[GENERATIONS_MAX], peak, files;
};

static void
take_fields(const struct fields *fields, struct takeover *t)
{
	t->in_background = fields->background != 0;
	t->listener.handed_over = fields->lent != 0;
	t->listener.device = (dev_t)fields->device;
	t->listener.inode = (ino_t)fields->inode;
	t->room.peak = fields->peak;
	t->room.peak_files = fields->files;
	t->room.overcommitted = fields->overcommitted != 0;
	for (int i = 0; i < GENERATIONS_MAX; i++)
		t->former.engines[i].serial = fields->serials[i];
	t->former.state = t->former.filter > 0 ? FORMER_ACCEPTING : FORMER_GONE;
}

static bool
parse(const char *text, struct takeover *t)
{
	struct former_engine *engines = t->former.engines;
	struct former *former = &t->former;
	struct fields f;
	int used = 0;

	if (sscanf(text, FORMAT_2 "%n", &t->lock, &t->restarts, &f.background,
		&former->filter, &former->sock, &former->log, &engines[0].pid,
		&engines[0].sock, &f.serials[0], engines[0].name,
		&engines[1].pid, &engines[1].sock, &f.serials[1],
		engines[1].name, &f.peak, &f.files, &f.overcommitted,
		&t->listener.fd, &f.lent, &f.device, &f.inode,
		&used) != FIELDS_2 ||
	    used == 0)
		return false;
	take_fields(&f, t);
	snprintf(t->socket, sizeof t->socket, "%s", text + used);
	return true;
}

bool
takeover_read(struct takeover *takeover)
{
	const char *text = getenv(VARIABLE);
	bool read;

	memset(takeover, 0, sizeof *takeover);
	former_init(&takeover->former);
	takeover->lock = takeover->listener.fd = -1;
	if (text == NULL)
		return false;
	read = parse(text, takeover);
	unsetenv(VARIABLE);
	set_inherited(takeover, false);
	return read;
}

static const char *
name_of(const struct former_engine *engine)
{
	return engine->name[0] != '\0' ? engine->name : NO_NAME;
}

static void
format(const struct takeover *t, char *text, size_t size)
{
	const struct former *former = &t->former;
	const struct former_engine *a = &former->engines[0];
	const struct former_engine *b = &former->engines[1];

	snprintf(text, size, FORMAT_2 "%s", t->lock, t->restarts,
	    t->in_background, former->filter, former->sock, former->log, a->pid,
	    a->sock, (unsigned long long)a->serial, name_of(a), b->pid, b->sock,
	    (unsigned long long)b->serial, name_of(b),
	    (unsigned long long)t->room.peak,
	    (unsigned long long)t->room.peak_files, t->room.overcommitted,
	    t->listener.fd, t->listener.handed_over,
	    (unsigned long long)t->listener.device,
	    (unsigned long long)t->listener.inode, t->socket);
}

void
takeover_run(const struct takeover *t, const char *program, char **arguments,
    struct error *err)
{
	char text[1024];

	format(t, text, sizeof text);
	setenv(VARIABLE, text, 1);
	set_inherited(t, true);
	execv(program, arguments);
	(void)error_sys(err, errno, "running %s", program);
	set_inherited(t, false);
	unsetenv(VARIABLE);
}
