/* sandbox_landlock - the scratch is all that may be opened
 *
 * Where the scratch is the root directory this is a second lock on the same
 * door; where there are no namespaces it is the only one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/landlock.h"
#include "engine/scratch.h"
#include "sandbox_internal.h"

enum error_code
sandbox_landlock_enter(const struct scratch *scratch, struct error *err)
{
	/* The blind worker of the self-test has none any more. */
	const struct landlock_place place = {
		.path = scratch->path,
		.write = true,
	};
	const struct landlock_fence fence = { .places = &place, .count = 1 };

	return landlock_enter(&fence, landlock_version(), err);
}
