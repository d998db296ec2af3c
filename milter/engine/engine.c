/* engine - one generation: load, prove, serve
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/log.h"
#include "base/monotime.h"
#include "base/process.h"
#include "base/title.h"
#include "config/config.h"
#include "engine/age.h"
#include "engine/canary.h"
#include "engine/charsets.h"
#include "engine/inspect.h"
#include "engine/library.h"
#include "engine/sandbox.h"
#include "engine/selftest.h"
#include "engine/server.h"
#include "engine/worker.h"
#include "wire/wire.h"

struct engine_process {
	const struct config *config;
	struct library library;
	struct canary canary;
	struct scratch_base base;
	struct scratch scratch; /* the engine's own */
	struct sandbox sandbox;
	struct worker_plan plan;
	struct age age;
};

/* A mail of ours, with a character set and HTML, which the engine scans before
 * its first fork: what libclamav and libc open when they first need it is then
 * in memory.  A worker could not open it. */
static const char warm_up_mail[] =
    "Received: from localhost by localhost; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    "Subject: warm-up\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/html; charset=\"iso-8859-15\"\r\n"
    "\r\n"
    "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; "
    "charset=koi8-r\"></head><body><p>warm</p></body></html>\r\n";

static enum error_code
prepare_signals(struct error *err)
{
	sigset_t mask;

	/* The supervisor owns the signals; a service manager that sends TERM
	 * to every process must not end scans that a drain waits for. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return error_sys(err, errno, "sigprocmask");
	return ERROR_NONE;
}

/* The signature files first: they may lie where the scratch, a tmpfs over
 * the state directory, will hide them. */
static enum error_code
load(struct engine_process *engine, enum scratch_kind kind, struct error *err)
{
	enum error_code code;

	code = library_load(&engine->library, engine->config, err);
	if (code == ERROR_NONE)
		code = scratch_base_open(&engine->base, kind, engine->config,
		    err);
	if (code == ERROR_NONE)
		code = scratch_init(&engine->scratch, &engine->base,
		    SCRATCH_ENGINE, err);
	if (code == ERROR_NONE)
		code = scratch_make(&engine->scratch, err);
	if (code != ERROR_NONE)
		return code;
	canary_make(&engine->canary);
	inspect_install(&engine->library);
	return library_compile(&engine->library, &engine->canary,
	    engine->scratch.path, err);
}

static void
warm_up(struct engine_process *engine)
{
	struct finding finding;

	process_keep_timezone();
	charsets_load();
	inspect(&engine->library, &engine->scratch, warm_up_mail,
	    sizeof warm_up_mail - 1, &finding);
}

static enum error_code
prove(struct engine_process *engine, struct error *err)
{
	struct worker_plan *plan = &engine->plan;
	enum error_code code;

	plan->config = engine->config;
	plan->library = &engine->library;
	plan->canary = &engine->canary;
	plan->base = &engine->base;
	plan->sandbox = &engine->sandbox;
	code = scratch_init(&plan->scratch, &engine->base, 0, err);
	if (code == ERROR_NONE)
		code = sandbox_prepare(&engine->sandbox, engine->config,
		    &plan->scratch, err);
	if (code == ERROR_NONE)
		code = selftest_run(plan, err);
	return code;
}

/* The most memory that this process has had, in MB. */
static int32_t
peak_memory(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return 0;
	return (int32_t)(usage.ru_maxrss / 1024 + 1);
}

static enum error_code
announce(struct engine_process *engine, int supervisor, struct error *err)
{
	struct wire_message ready = wire_make(WIRE_READY);

	ready.id = engine->library.sigset.fingerprint;
	ready.value = engine->library.signatures;
	ready.status = peak_memory();
	ready.flags = (uint32_t)engine->library.contents.built;
	wire_set_text(&ready, engine->library.name);
	log_msg(LOG_LEVEL_INFO,
	    "engine %s has loaded %u signatures from %u files, with "
	    "libclamav %s",
	    engine->library.name, engine->library.signatures,
	    engine->library.sigset.files, library_version());
	age_begin(&engine->age, &engine->library.contents, engine->config,
	    monotime_wall() / MONOTIME_S);
	title_set("vscan-engine", "generation %s", engine->library.name);
	return wire_send(supervisor, &ready, -1, err);
}

static enum error_code
start(struct engine_process *engine, enum scratch_kind kind, int supervisor,
    struct error *err)
{
	enum error_code code;

	code = prepare_signals(err);
	if (code == ERROR_NONE)
		code = load(engine, kind, err);
	if (code != ERROR_NONE)
		return code;
	warm_up(engine);
	code = prove(engine, err);
	if (code == ERROR_NONE)
		code = announce(engine, supervisor, err);
	return code;
}

static void
report_failure(int supervisor, const struct error *err)
{
	struct wire_message failed = wire_make(WIRE_FAILED);
	struct error ignored;

	if (err->code == ERROR_GONE)
		return; /* the supervisor has gone: the service ends */
	/* The supervisor logs it as an error, but not again and again. */
	log_error(LOG_LEVEL_INFO, "the engine can't start", err);
	wire_set_text(&failed, err->text);
	if (wire_send(supervisor, &failed, -1, &ignored) != ERROR_NONE)
		log_error(LOG_LEVEL_ERROR, "the engine can't go into service",
		    err);
}

static int
exit_status(const struct engine_process *engine, enum error_code code)
{
	if (code == ERROR_NONE)
		return EX_OK;
	if (engine->library.sigset.files == 0)
		return EX_NOINPUT;
	return code == ERROR_INPUT ? EX_DATAERR : EX_SOFTWARE;
}

int
engine_run(const struct config *config, enum scratch_kind kind, int supervisor)
{
	struct engine_process engine = { .config = config,
		.base = { .lock = -1 } };
	enum error_code code;
	struct error err;

	code = start(&engine, kind, supervisor, &err);
	if (code == ERROR_NONE) {
		code = server_run(supervisor, &engine.plan, &engine.age, &err);
		if (code != ERROR_NONE)
			log_error(LOG_LEVEL_ERROR,
			    "the engine ends because of a fault, and "
			    "the supervisor starts another one",
			    &err);
	} else {
		report_failure(supervisor, &err);
	}
	sandbox_fini(&engine.sandbox);
	scratch_base_close(&engine.base);
	library_fini(&engine.library);
	return exit_status(&engine, code);
}
