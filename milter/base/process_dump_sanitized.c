/* process_dump_sanitized - left open, for LeakSanitizer attaches to us
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include "base/process.h"

void
process_set_nondumpable(void)
{
}
