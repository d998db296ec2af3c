# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""A daemon whose filter was taken over: component/wicked_filter.c."""

import contextlib
import shutil

import needs
import signatures
from daemon import Daemon
from scratchdir import scratch_dir


def make_program(directory):
    """The product with a wicked filter; the supervisor looks for the others
    where it lies itself."""
    build = needs.build()
    children = directory / "libexec" / "vscan-milter"
    children.mkdir(parents=True)
    (directory / "sbin").mkdir()
    shutil.copy(build / "libexec/vscan-milter/vscan-engine", children)
    shutil.copy(build / "component/wicked-filter", children / "vscan-filter")
    return shutil.copy(build / "sbin/vscan-milter", directory / "sbin")


@contextlib.contextmanager
def wicked(deed, **environment):
    """A daemon with such a filter, which may not be ready yet."""
    with scratch_dir() as path:
        database = signatures.make_set(path / "signatures")
        daemon = Daemon(path / "daemon", database, program=make_program(path),
                        expected_log=["."],     # of all that it may do
                        drain_timeout="60s")
        daemon.environment |= {"VSCAN_WICKED": deed} | environment
        with contextlib.ExitStack() as stack:
            stack.callback(daemon.stop)
            daemon.launch()
            yield daemon
