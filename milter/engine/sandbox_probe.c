/* sandbox_probe - what this kernel lets a worker have
 *
 * Tried and not asked: a container's own filters and security modules answer
 * for the kernel, and each in its own way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "base/ns.h"
#include "base/process.h"
#include "base/seqpacket.h"
#include "engine/sandbox.h"
#include "engine/scratch.h"
#include "sandbox_internal.h"

/* For one step: a few system calls. */
#define PATIENCE (10 * MONOTIME_S)

struct outcome {
	enum error_code code;
	struct error err;
};

static enum error_code
fork_like_a_worker(const struct scratch *scratch, pid_t *pid_r,
    struct error *err)
{
	if (scratch->kind == SCRATCH_TMPFS)
		return ns_fork_worker(pid_r, err);
	*pid_r = fork();
	return *pid_r < 0 ? error_sys(err, errno, "fork") : ERROR_NONE;
}

static void
tell(int sock, const struct outcome *outcome)
{
	if (seqpacket_send(sock, outcome, sizeof *outcome, -1, NULL) !=
	    ERROR_NONE)
		_exit(1);
}

/* The child takes all steps, and tells the outcome of each at once. */
static void __attribute__((noreturn))
try_all(const struct sandbox *sandbox, const struct scratch *model, int sock)
{
	struct scratch scratch = *model;
	struct outcome outcome;
	size_t i;

	process_die_with_parent();
	memset(&outcome, 0, sizeof outcome);
	outcome.code = scratch_make(&scratch, &outcome.err);
	tell(sock, &outcome);
	for (i = 0; i < SANDBOX_STEPS && outcome.code == ERROR_NONE; i++) {
		memset(&outcome, 0, sizeof outcome);
		outcome.code = sandbox_steps[i].enter(sandbox, &scratch,
		    &outcome.err);
		tell(sock, &outcome);
		if (sandbox_steps[i].part != 0)
			outcome.code = ERROR_NONE;
	}
	_exit(0);
}

static enum error_code
hear(int sock, struct error *err)
{
	struct outcome outcome;
	enum error_code code;

	code = seqpacket_recv(sock, &outcome, sizeof outcome, NULL,
	    monotime_after(PATIENCE), err);
	if (code == ERROR_NONE && outcome.code != ERROR_NONE) {
		*err = outcome.err;
		code = outcome.code;
	}
	return code;
}

/* The parent leaves out a part whose step failed, or fails itself if that step
 * must not fail. */
static enum error_code
hear_all(struct sandbox *sandbox, int sock, struct error *why,
    struct error *err)
{
	enum error_code code;
	size_t i;

	code = hear(sock, err);
	for (i = 0; i < SANDBOX_STEPS && code == ERROR_NONE; i++) {
		code = hear(sock, err);
		if (code == ERROR_NONE || sandbox_steps[i].part == 0)
			continue;
		sandbox_refused(sandbox, sandbox_steps[i].part, err, why);
		code = ERROR_NONE;
	}
	return code;
}

enum error_code
sandbox_probe(struct sandbox *sandbox, const struct scratch *scratch,
    struct error *why, struct error *err)
{
	enum error_code code;
	int pair[2];
	pid_t pid;

	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	code = fork_like_a_worker(scratch, &pid, err);
	if (code == ERROR_NONE && pid == 0)
		try_all(sandbox, scratch, pair[1]);
	fd_close(&pair[1]);
	if (code == ERROR_NONE) {
		code = hear_all(sandbox, pair[0], why, err);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	fd_close(&pair[0]);
	return code;
}
