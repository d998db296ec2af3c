# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""How long an answer may take in a test.

The product promises half a second after a deadline, and next to nothing where
there is nothing to wait for.  A machine for tests does other things meanwhile,
and a sanitizer makes everything slower.  So a test only tells an answer that
comes by itself from one that waits for what it shouldn't, which takes seconds
in each of them; how fast the product is, a benchmark says.
"""

import needs


def after_deadline():
    """Seconds after its deadline within which there is a reply."""
    return 6.0 if needs.has_sanitizer() else 1.5


def at_once():
    """Seconds that something takes which waits for nothing."""
    return 2.5 if needs.has_sanitizer() else 1.0
