/* selftest - a new engine proves that it can tell bad from good
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/selftest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/monotime.h"
#include "engine/canary.h"
#include "engine/worker.h"
#include "wire/verdict.h"
#include "wire/wire.h"

#define PATIENCE (20 * MONOTIME_S)

static const char clean_mail[] =
    "Received: from localhost by localhost; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    "Subject: self-test\r\n"
    "\r\n"
    "Nothing to be found here.\r\n";

static enum error_code
send_mail(int sock, const char *mail, size_t size, struct error *err)
{
	struct wire_message job = wire_make(WIRE_JOB);
	enum error_code code;
	int fd;

	code = fd_memory("self-test", &fd, err);
	if (code != ERROR_NONE)
		return code;
	code = fd_write_at(fd, mail, size, 0, err);
	if (code == ERROR_NONE)
		code = fd_seal(fd, err);
	job.value = size;
	if (code == ERROR_NONE)
		code = wire_send(sock, &job, fd, err);
	fd_close(&fd);
	return code;
}

static enum error_code
scan_mail(int sock, const char *mail, size_t size,
    struct wire_message *result_r, struct error *err)
{
	enum error_code code;

	code = send_mail(sock, mail, size, err);
	if (code == ERROR_NONE)
		code = wire_recv(sock, WIRE_ACCEPT(WIRE_RESULT), result_r, NULL,
		    monotime_after(PATIENCE), err);
	return code;
}

static enum error_code
expect_canary(int sock, const struct canary *canary, struct error *err)
{
	struct wire_message result;
	enum error_code code;

	code = scan_mail(sock, canary->mail, canary->size, &result, err);
	if (code == ERROR_NONE &&
	    (result.status != VERDICT_INFECTED ||
		!canary_is(canary, result.text)))
		code = error_set(err, ERROR_ENGINE,
		    "the canary was not found (status %d, \"%s\")",
		    (int)result.status, result.text);
	return code;
}

static enum error_code
expect_clean(int sock, struct error *err)
{
	struct wire_message result;
	enum error_code code;

	code = scan_mail(sock, clean_mail, sizeof clean_mail - 1, &result, err);
	if (code == ERROR_NONE && result.status != VERDICT_CLEAN)
		code = error_set(err, ERROR_ENGINE,
		    "a clean mail was called \"%s\" (status %d)", result.text,
		    (int)result.status);
	return code;
}

static enum error_code
talk(int sock, const struct canary *canary, struct error *err)
{
	struct wire_message hello;
	enum error_code code;

	code = wire_recv(sock,
	    WIRE_ACCEPT(WIRE_HELLO) | WIRE_ACCEPT(WIRE_FAILED), &hello, NULL,
	    monotime_after(PATIENCE), err);
	if (code == ERROR_NONE && hello.type == WIRE_FAILED)
		code = error_set(err, ERROR_GONE, "%s", hello.text);
	if (code == ERROR_NONE)
		code = expect_canary(sock, canary, err);
	if (code == ERROR_NONE)
		code = expect_clean(sock, err);
	return code;
}

/* Ends the worker if it hasn't ended, and returns its wait status. */
static int
reap(pid_t pid, bool kill_it)
{
	int status = 0;

	if (kill_it)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

static enum error_code
test_sound(const struct worker_plan *plan, struct error *err)
{
	enum error_code code;
	struct error why;
	int sock, status;
	pid_t pid;

	code = worker_fork(plan, &pid, &sock, err);
	if (code != ERROR_NONE)
		return code;
	code = talk(sock, plan->canary, &why);
	fd_close(&sock);
	/* If the worker closed its socket by itself, its status says why. */
	status = reap(pid, code != ERROR_NONE && code != ERROR_GONE);
	if (code == ERROR_NONE)
		return ERROR_NONE;
	return error_set(err, ERROR_ENGINE, "self-test: %.200s (worker: %s %d)",
	    why.text, WIFEXITED(status) ? "exit status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static enum error_code
test_blind(const struct worker_plan *plan, struct error *err)
{
	struct worker_plan blind = *plan;
	struct wire_message hello;
	enum error_code code;
	int sock, status;
	struct error why;
	pid_t pid;

	blind.blind = true;
	code = worker_fork(&blind, &pid, &sock, err);
	if (code != ERROR_NONE)
		return code;
	code = wire_recv(sock, WIRE_ACCEPT(WIRE_HELLO), &hello, NULL,
	    monotime_after(PATIENCE), &why);
	fd_close(&sock);
	status = reap(pid, code != ERROR_GONE);
	if (code == ERROR_GONE && WIFEXITED(status) &&
	    WEXITSTATUS(status) == WIRE_EXIT_CANARY)
		return ERROR_NONE;
	return error_set(err, ERROR_ENGINE,
	    "self-test: a worker without scratch did not notice (%s %d)",
	    WIFEXITED(status) ? "exit status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

enum error_code
selftest_run(const struct worker_plan *plan, struct error *err)
{
	enum error_code code;

	code = test_sound(plan, err);
	if (code == ERROR_NONE)
		code = test_blind(plan, err);
	return code;
}
