# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What all servers of the tests have in common: up in a with block."""


class Running:
    """start() and stop() as a context manager.

    stop() is also called after a start() that failed half way, and must be
    harmless then.
    """

    def start(self):
        """Returns when the server answers."""
        raise NotImplementedError

    def stop(self):
        """Leaves no process and no thread behind."""
        raise NotImplementedError

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception):
        self.stop()
