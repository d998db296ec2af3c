/* process_dump - closed to core files and to ptrace by the same account
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <sys/prctl.h>

#include "base/process.h"

void
process_set_nondumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
}
