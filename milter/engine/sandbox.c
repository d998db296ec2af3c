/* sandbox - what a worker can still reach once a message has taken it over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/sandbox.h"

#include "base/log.h"
#include "config/config.h"
#include "engine/scratch.h"
#include "sandbox_internal.h"

/* If there are no namespaces, the supervisor has logged that, and why. */
static const char *
namespaces_missing(const struct scratch *scratch)
{
	return scratch->kind == SCRATCH_TMPFS ? "" : "namespaces";
}

/* Logs what is missing, or fails if engine.sandbox requires it. */
static enum error_code
judge(const struct config *config, const char *namespaces, const char *why,
    struct error *err)
{
	const char *comma = *namespaces != '\0' && *why != '\0' ? ", " : "";

	if (config->engine_sandbox == SANDBOX_REQUIRE &&
	    (*namespaces != '\0' || *why != '\0'))
		return error_set(err, ERROR_UNSUPPORTED,
		    "engine.sandbox = "
		    "\"require\", but the kernel refuses %s%s%.300s",
		    namespaces, comma, why);
	if (*why != '\0')
		log_msg(LOG_LEVEL_WARNING,
		    "the kernel refuses a part of the sandbox, and workers "
		    "run without that part: %s",
		    why);
	return ERROR_NONE;
}

enum error_code
sandbox_prepare(struct sandbox *sandbox, const struct config *config,
    const struct scratch *scratch, struct error *err)
{
	struct error why = { .text = "" };
	enum error_code code;

	sandbox->parts = 0;
	if (config->engine_sandbox == SANDBOX_OFF) {
		log_msg(LOG_LEVEL_WARNING,
		    "engine.sandbox is off: a worker "
		    "that a message takes over can do what the account can");
		return ERROR_NONE;
	}
	sandbox->parts = SANDBOX_PART_LANDLOCK | SANDBOX_PART_SECCOMP;
	if (scratch->kind == SCRATCH_TMPFS)
		sandbox->parts |= SANDBOX_PART_ROOT;
	/* libseccomp asks the kernel what it knows. */
	code = callfilter_compile(&sandbox_calls, &sandbox->calls, err);
	if (code == ERROR_UNSUPPORTED) {
		sandbox_refused(sandbox, SANDBOX_PART_SECCOMP, err, &why);
		code = ERROR_NONE;
	}
	if (code == ERROR_NONE)
		code = sandbox_probe(sandbox, scratch, &why, err);
	if (code == ERROR_NONE)
		code = judge(config, namespaces_missing(scratch), why.text,
		    err);
	return code;
}

enum error_code
sandbox_enter(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	enum error_code code = ERROR_NONE;
	size_t i;

	for (i = 0; i < SANDBOX_STEPS && code == ERROR_NONE; i++)
		code = sandbox_steps[i].enter(sandbox, scratch, err);
	return code;
}

void
sandbox_fini(struct sandbox *sandbox)
{
	callfilter_fini(&sandbox->calls);
}
