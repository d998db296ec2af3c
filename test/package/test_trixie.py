#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The packages on Debian 13."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import packagecases
import testmain


class Package(packagecases.PackageCase):
    """All of them."""

    suite = "trixie"


if __name__ == "__main__":
    testmain.main(packagecases.needed)
