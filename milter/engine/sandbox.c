/* sandbox - what a worker can still reach once a message has taken it over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "engine/sandbox.h"

#include "base/landlock.h"
#include "base/priv.h"
#include "engine/scratch.h"
#include "sandbox_internal.h"

enum error_code
sandbox_prepare(struct sandbox *sandbox, struct error *err)
{
	return callfilter_compile(&sandbox_calls, &sandbox->calls, err);
}

enum error_code
sandbox_enter(const struct sandbox *sandbox, struct scratch *scratch,
    struct error *err)
{
	enum error_code code = ERROR_NONE;

	if (scratch->kind == SCRATCH_TMPFS)
		code = sandbox_root_enter(scratch, err);
	if (code == ERROR_NONE)
		code = priv_drop_capabilities(err);
	if (code == ERROR_NONE && landlock_version() > 0)
		code = sandbox_landlock_enter(scratch, err);
	if (code == ERROR_NONE)
		code = callfilter_keep_signals(err);
	/* The last, for it leaves no call that could load another. */
	if (code == ERROR_NONE)
		code = callfilter_load(&sandbox->calls, err);
	return code;
}

void
sandbox_fini(struct sandbox *sandbox)
{
	callfilter_fini(&sandbox->calls);
}
