/* survey_engine - whether an engine can load the signatures
 *
 * Starts one as a start of the service would, and ends it once it has said
 * READY or why it isn't.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "supervisor/survey_engine.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/priv.h"
#include "config/config.h"
#include "supervisor/child.h"
#include "supervisor/findings.h"
#include "wire/wire.h"

/* As supervisor/generations.c has it. */
#define LOAD_MAX (900 * MONOTIME_S)

static void
hear(struct findings *findings, int sock)
{
	struct wire_message message;
	enum error_code code;
	struct error err;

	code = wire_recv(sock,
	    WIRE_ACCEPT(WIRE_READY) | WIRE_ACCEPT(WIRE_FAILED), &message, NULL,
	    monotime_after(LOAD_MAX), &err);
	if (code != ERROR_NONE)
		findings_add(findings, LOG_LEVEL_ERROR,
		    "an engine was started, and ended before it had loaded "
		    "the signatures: %s",
		    err.text);
	else if (message.type == WIRE_FAILED)
		findings_add(findings, LOG_LEVEL_ERROR,
		    "no engine can be started: %s", message.text);
}

static void
try_engine(struct findings *findings, struct child_kit *kit)
{
	struct error err;
	pid_t pid;
	int sock;

	if (child_start_engine(kit, &pid, &sock, &err) != ERROR_NONE) {
		findings_add(findings, LOG_LEVEL_ERROR,
		    "no engine can be started: %s", err.text);
		return;
	}
	hear(findings, sock);
	fd_close(&sock);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* An engine wants a state directory; until a start makes it, an empty one of
 * the account's stands in for it.  False if there is none to be had. */
static bool
stand_in(struct config *config, const struct priv_account *account)
{
	char path[] = "/tmp/vscan-milter.XXXXXX", *copy;

	if (mkdtemp(path) == NULL)
		return false;
	copy = strdup(path);
	if (copy == NULL ||
	    (geteuid() == 0 && chown(path, account->uid, account->gid) < 0)) {
		rmdir(path);
		free(copy);
		return false;
	}
	free(config->state_directory);
	config->state_directory = copy;
	return true;
}

void
survey_engine(struct findings *findings, struct config *config)
{
	bool missing = access(config->state_directory, F_OK) < 0;
	struct priv_account account;
	struct child_kit kit;
	struct error err;

	if (priv_find(config->user, &account, &err) != ERROR_NONE ||
	    (missing && !stand_in(config, &account)))
		return; /* what is the matter has been said */
	if (child_kit_open(&kit, config, &err) == ERROR_NONE) {
		/* It tells us; nobody needs to read it twice. */
		kit.in_background = true;
		try_engine(findings, &kit);
		child_kit_close(&kit);
	} else {
		findings_add(findings, LOG_LEVEL_ERROR, "%s", err.text);
	}
	if (missing)
		rmdir(config->state_directory);
}
