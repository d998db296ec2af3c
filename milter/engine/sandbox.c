/* sandbox - what a worker can still reach once a message has taken it over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/sandbox.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/ns.h"
#include "base/priv.h"
#include "config/config.h"
#include "engine/scratch.h"
#include "sandbox_internal.h"

static bool
has(const struct sandbox *sandbox, enum sandbox_part part)
{
	return (sandbox->parts & part) != 0;
}

static enum error_code
enter_root(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	if (has(sandbox, SANDBOX_PART_ROOT))
		return sandbox_root_enter(scratch, err);
	if (scratch->kind != SCRATCH_TMPFS)
		return ERROR_NONE;
	/* The host's /proc shows every process to whoever is in a new
	 * namespace. */
	return ns_mount_scratch("/proc", 4096, 1, err);
}

static enum error_code
drop_capabilities(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	(void)sandbox;
	(void)scratch;
	return priv_drop_capabilities(err);
}

static enum error_code
enter_landlock(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	if (!has(sandbox, SANDBOX_PART_LANDLOCK))
		return ERROR_NONE;
	return sandbox_landlock_enter(scratch, err);
}

static enum error_code
enter_seccomp(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	enum error_code code;

	(void)scratch;
	if (!has(sandbox, SANDBOX_PART_SECCOMP))
		return ERROR_NONE;
	code = callfilter_keep_signals(err);
	if (code == ERROR_NONE)
		code = callfilter_load(&sandbox->calls, err);
	return code;
}

/* In an order that leaves each what it needs: mounts take a capability, and
 * the last leaves no call to load another with. */
const struct sandbox_step sandbox_steps[SANDBOX_STEPS] = {
	{ SANDBOX_PART_ROOT, "a root directory of their own", enter_root },
	{ 0, "giving up capabilities", drop_capabilities },
	{ SANDBOX_PART_LANDLOCK, "Landlock", enter_landlock },
	{ SANDBOX_PART_SECCOMP, "seccomp", enter_seccomp },
};

void
sandbox_refused(struct sandbox *sandbox, unsigned part, const struct error *err,
    struct error *why)
{
	size_t i, used = strlen(why->text);

	sandbox->parts &= ~part;
	for (i = 0; i < SANDBOX_STEPS; i++)
		if (sandbox_steps[i].part == part)
			snprintf(why->text + used, sizeof why->text - used,
			    "%s%s (%.100s)", used > 0 ? ", " : "",
			    sandbox_steps[i].name, err->text);
}

/* Where there are none the supervisor has said so, and why. */
static const char *
namespaces_missing(const struct scratch *scratch)
{
	return scratch->kind == SCRATCH_TMPFS ? "" : "namespaces";
}

/* What is missing is told, or is too much. */
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
		    "the kernel refuses a part of the "
		    "sandbox, and workers run without: %s",
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
