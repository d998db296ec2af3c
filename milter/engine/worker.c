/* worker - the process that scans one message at a time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/ns.h"
#include "base/process.h"
#include "base/seqpacket.h"
#include "base/text.h"
#include "base/title.h"
#include "config/config.h"
#include "engine/canary.h"
#include "engine/inspect.h"
#include "engine/library.h"
#include "engine/limits.h"
#include "engine/sandbox.h"
#include "wire/wire.h"

#define SOCKET 3

struct worker {
	const struct worker_plan *plan;
	struct scratch scratch;
	int64_t born;
	unsigned jobs;
	int nice;     /* at birth */
	bool odd;     /* must show its canary, and retire */
	uint64_t job; /* the filter's number of the current one */
	bool whole;   /* the parts it asked about are clean */
};

/* What the engine has blocked for itself. */
static enum error_code
unblock_signals(struct error *err)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return error_sys(err, errno, "sigprocmask");
	return ERROR_NONE;
}

/* When memory is short, the kernel kills workers first.  The engine is not
 * dumpable, and its children's files in /proc belong to root until the children
 * are. */
static void
go_first(void)
{
	prctl(PR_SET_DUMPABLE, 1);
	process_set_oom_score(1000);
	process_set_nondumpable();
}

static enum error_code
enter_scratch(const struct worker *worker, struct error *err)
{
	const struct scratch *scratch = &worker->scratch;
	enum error_code code;

	code = scratch_make(scratch, err);
	if (code == ERROR_NONE && chdir(scratch->path) < 0)
		code = error_sys(err, errno, "%s", scratch->path);
	if (code == ERROR_NONE && worker->plan->blind)
		code = scratch_break(scratch, err);
	return code;
}

static enum error_code
keep_socket_only(int sock, struct error *err)
{
	enum error_code code;
	int null, fd;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return error_sys(err, errno, "/dev/null");
	code = fd_move_to(sock, SOCKET, err);
	for (fd = 0; fd < SOCKET && code == ERROR_NONE; fd++)
		code = fd_move_to(null, fd, err);
	fd_close_from(SOCKET + 1);
	return code;
}

/* The order leaves each step what it needs: the limits need /proc, the mounts
 * need capabilities. */
static enum error_code
give_up(struct worker *worker, struct error *err)
{
	const struct worker_plan *plan = worker->plan;
	enum error_code code;

	process_die_with_parent();
	go_first();
	code = unblock_signals(err);
	if (code == ERROR_NONE)
		code = limits_set(plan->config, err);
	if (code == ERROR_NONE)
		code = limits_catch_signals(err);
	if (code == ERROR_NONE)
		code = enter_scratch(worker, err);
	if (code == ERROR_NONE)
		code = sandbox_enter(plan->sandbox, &worker->scratch, err);
	if (code == ERROR_NONE)
		code = library_set_scratch(plan->library, worker->scratch.path,
		    err);
	return code;
}

/* Tells the filter why there will be no HELLO: the log is closed by now. */
static void __attribute__((noreturn)) give_in(const struct error *err)
{
	struct wire_message failed = wire_make(WIRE_FAILED);
	enum error_code unheard;

	wire_set_text(&failed, err->text);
	unheard = wire_send(SOCKET, &failed, -1, NULL);
	(void)unheard;
	_exit(WIRE_EXIT_SETUP);
}

static void
require_canary(const struct worker *worker)
{
	const struct worker_plan *plan = worker->plan;
	struct finding finding;

	inspect(plan->library, &worker->scratch, plan->canary->mail,
	    plan->canary->size, &finding);
	if (!canary_is(plan->canary, finding.names[VERDICT_INFECTED]))
		_exit(WIRE_EXIT_CANARY);
}

/* A message whose descriptor and size don't agree would be read past its end,
 * or in part. */
static bool
job_is_sound(const struct wire_message *job, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
	    (uint64_t)st.st_size == job->value;
}

/* True if the scan left files behind, which would fill the scratch in time.
 * They are removed. */
static bool
left_over(const struct worker *worker)
{
	struct error err;
	bool found;

	return scratch_clean(&worker->scratch, &found, &err) != ERROR_NONE ||
	    found;
}

/* For libclamav's callbacks (attachments.h). */
static bool
ask_filter(void *context, const struct key *key, uint64_t size)
{
	struct wire_message question = wire_make(WIRE_ATTACHMENT), answer;
	const struct worker *worker = context;
	enum error_code code;
	struct error err;

	question.id = worker->job;
	question.value = size;
	text_hex(question.text, key->bytes, sizeof key->bytes);
	code = wire_send(SOCKET, &question, -1, &err);
	if (code == ERROR_NONE)
		do
			code = wire_recv(SOCKET,
			    WIRE_ACCEPT(WIRE_ATTACHMENT_ANSWER), &answer, NULL,
			    MONOTIME_NEVER, &err);
		while (code == ERROR_TIMEOUT);
	if (code == ERROR_GONE)
		_exit(0);
	if (code != ERROR_NONE || answer.id != worker->job)
		_exit(WIRE_EXIT_PROTOCOL);
	return answer.status == 1;
}

static struct verdict
scan_mapped(struct worker *worker, const void *data, size_t size)
{
	struct finding finding;
	struct verdict verdict;

	inspect(worker->plan->library, &worker->scratch, data, size, &finding);
	if (left_over(worker) || classify_is_odd(&finding))
		worker->odd = true;
	verdict = classify(&finding, worker->plan->config);
	worker->whole = finding.whole && !worker->odd &&
	    verdict.kind == VERDICT_CLEAN &&
	    worker->plan->library->parts.known != NULL;
	return verdict;
}

static struct verdict
scan(struct worker *worker, int fd, size_t size)
{
	struct verdict verdict;
	void *data;

	if (!scratch_has_room(&worker->scratch)) {
		worker->odd = true;
		return verdict_make(VERDICT_ERROR, "scratch-full");
	}
	/* The filter always sends something: a header of its own. */
	if (size == 0)
		return verdict_make(VERDICT_INCOMPLETE, "empty");
	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return verdict_make(VERDICT_INCOMPLETE, "memory");
	verdict = scan_mapped(worker, data, size);
	munmap(data, size);
	return verdict;
}

/* A worker whose priority was lowered can't raise it again, and would be slow
 * with the next message too. */
static bool
is_due_to_retire(const struct worker *worker)
{
	return worker->odd || worker->jobs >= WIRE_WORKER_JOBS ||
	    monotime_now() - worker->born >= WIRE_WORKER_AGE ||
	    getpriority(PRIO_PROCESS, 0) != worker->nice;
}

/* Takes one job; leaves the process if the filter has gone or if it breaks
 * the protocol.  The CPU limit begins with the job, not with the wait. */
static void
receive_job(const struct worker *worker, struct wire_message *job, int *fd_r)
{
	enum error_code code;
	struct error err;

	do
		code = wire_recv(SOCKET, WIRE_ACCEPT(WIRE_JOB), job, fd_r,
		    MONOTIME_NEVER, &err);
	while (code == ERROR_TIMEOUT);
	if (code == ERROR_GONE)
		_exit(0);
	if (code != ERROR_NONE || !job_is_sound(job, *fd_r))
		_exit(WIRE_EXIT_PROTOCOL);
	if (limits_allow_cpu(worker->plan->config->deadline_scan_cpu, &err) !=
	    ERROR_NONE)
		_exit(WIRE_EXIT_SETUP);
}

static void
send_result(const struct wire_message *job, const struct verdict *verdict,
    int64_t cpu_time, uint32_t flags)
{
	struct wire_message result = wire_make(WIRE_RESULT);
	struct error err;

	result.id = job->id;
	result.status = (int32_t)verdict->kind;
	result.value = (uint64_t)cpu_time;
	result.flags = flags;
	wire_set_text(&result, verdict->name);
	if (wire_send(SOCKET, &result, -1, &err) != ERROR_NONE)
		_exit(0);
}

/* The message's parts are asked about only while it is scanned: the canary
 * has to be found by a scan. */
static struct verdict
do_job(struct worker *worker, const struct wire_message *job, int fd)
{
	struct attachments_plan *parts = &worker->plan->library->parts;
	struct verdict verdict;

	worker->job = job->id;
	worker->whole = false;
	parts->known = (job->flags & WIRE_ASK) != 0 ? ask_filter : NULL;
	parts->context = worker;
	verdict = scan(worker, fd, (size_t)job->value);
	parts->known = NULL;
	worker->jobs++;
	return verdict;
}

static void
serve(struct worker *worker)
{
	struct wire_message job;
	struct verdict verdict;
	int64_t cpu_before;
	bool retiring;
	int fd;

	do {
		receive_job(worker, &job, &fd);
		cpu_before = limits_cpu_used();
		verdict = do_job(worker, &job, fd);
		fd_close(&fd);
		/* A fault may have left the worker blind; then its verdict
		 * doesn't count. */
		if (worker->odd && verdict.kind != VERDICT_ERROR)
			require_canary(worker);
		/* This is decided once: the filter is told, and then it is
		 * done. */
		retiring = is_due_to_retire(worker);
		send_result(&job, &verdict, limits_cpu_used() - cpu_before,
		    (retiring ? WIRE_RETIRING : 0) |
			(worker->whole ? WIRE_WHOLE : 0));
	} while (!retiring);
}

static void __attribute__((noreturn))
run(const struct worker_plan *plan, int sock)
{
	struct worker worker = { .plan = plan,
		.scratch = plan->scratch,
		.born = monotime_now(),
		.nice = getpriority(PRIO_PROCESS, 0) };
	struct wire_message hello = wire_make(WIRE_HELLO);
	struct error err;

	title_set("vscan-worker", "worker %u of generation %s",
	    plan->number + 1, plan->library->name);
	if (keep_socket_only(sock, &err) != ERROR_NONE) {
		log_error(LOG_LEVEL_ERROR, "a worker can't be set up, and ends",
		    &err);
		_exit(WIRE_EXIT_SETUP);
	}
	log_leave();
	if (give_up(&worker, &err) != ERROR_NONE)
		give_in(&err);
	/* libclamav names its files by rand(), whose state siblings share. */
	srand(randombytes_random());
	if (limits_allow_cpu(plan->config->deadline_scan_cpu, &err) !=
	    ERROR_NONE)
		_exit(WIRE_EXIT_SETUP);
	require_canary(&worker);
	if (wire_send(SOCKET, &hello, -1, &err) == ERROR_NONE)
		serve(&worker);
	_exit(0);
}

static enum error_code
fork_plain(pid_t *pid_r, struct error *err)
{
	*pid_r = fork();
	if (*pid_r < 0)
		return error_sys(err, errno, "forking a worker");
	return ERROR_NONE;
}

enum error_code
worker_fork(const struct worker_plan *plan, pid_t *pid_r, int *sock_r,
    struct error *err)
{
	enum error_code code;
	int pair[2];

	code = seqpacket_pair(pair, err);
	if (code != ERROR_NONE)
		return code;
	if (plan->scratch.kind == SCRATCH_TMPFS)
		code = ns_fork_worker(pid_r, err);
	else
		code = fork_plain(pid_r, err);
	if (code == ERROR_NONE && *pid_r == 0)
		run(plan, pair[1]);
	fd_close(&pair[1]);
	*sock_r = pair[0];
	if (code != ERROR_NONE)
		fd_close(sock_r);
	return code;
}
