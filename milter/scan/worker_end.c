/* worker_end - what the end of a worker says of the mail that it held
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "worker_end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* The signal that ended the worker, or 0 (wire.h: WIRE_EXIT_SIGNAL). */
static int
ending_signal(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	if (WIFEXITED(status) && WEXITSTATUS(status) > WIRE_EXIT_SIGNAL)
		return WEXITSTATUS(status) - WIRE_EXIT_SIGNAL;
	return 0;
}

static const char *
signal_name(int signo)
{
	const char *name = sigabbrev_np(signo);

	return name != NULL ? name : "unknown";
}

/* A signal that the message itself caused counts; a kill from outside does
 * not. */
static void
judge_signal(int signo, struct lane_result *result)
{
	char name[32];

	snprintf(name, sizeof name, "SIG%s", signal_name(signo));
	snprintf(result->ended, sizeof result->ended, "%s", name);
	switch (signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGABRT:
	case SIGILL:
		result->verdict = verdict_make(VERDICT_ERROR, name);
		result->counts = true;
		break;
	case SIGXCPU:
		result->verdict = verdict_make(VERDICT_ERROR, "scan-cpu");
		result->counts = true;
		break;
	case SIGXFSZ:
		result->verdict = verdict_make(VERDICT_INCOMPLETE,
		    "scratch-file-size");
		break;
	default:
		result->verdict = verdict_make(VERDICT_ERROR, name);
		break;
	}
}

void
worker_end_judge(const struct wire_message *ended, struct lane_result *result)
{
	int signo = ending_signal(ended->status);

	result->cpu_time = (int64_t)ended->value;
	if (signo != 0) {
		judge_signal(signo, result);
		return;
	}
	snprintf(result->ended, sizeof result->ended, "exit-%d",
	    WEXITSTATUS(ended->status));
	result->verdict = verdict_make(VERDICT_ERROR,
	    WEXITSTATUS(ended->status) == WIRE_EXIT_CANARY ? "canary-missed"
							   : "worker-ended");
}
