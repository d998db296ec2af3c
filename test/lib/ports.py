# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Free ports on loopback, for servers that can't choose one themselves."""

import random
import socket

# Below the range that the kernel takes the ports of outgoing connections
# from: else one of those could take the port before its server does.
_RANGE = range(20000, 32000)
_random = random.SystemRandom()


def _is_free(port, address, family):
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_port(address="127.0.0.1", family=socket.AF_INET):
    """A port that nobody listens on."""
    while True:
        port = _random.choice(_RANGE)
        if _is_free(port, address, family):
            return port
