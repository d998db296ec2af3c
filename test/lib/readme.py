# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""README, taken apart: each of its indented blocks is a picture, a text for a
configuration, or commands.  Commands are run as they stand there."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README").read_text(encoding="utf-8")

# How the blocks begin that aren't commands.
_PICTURE = "MTA <-->"
_CONFIGURATION = ("socket = ", "hold {")
_SENDMAIL = "INPUT_MAIL_FILTER("

# Commands that need no more than the sources; all others are for a system of
# which the package, or its making, is a part.
_FOR_SOURCES = ("contrib/quickstart", "cmake ")


def _blocks():
    """The text of each indented block."""
    for block in re.findall(r"(?m)^\n((?:    .*\n)+)", TEXT):
        yield re.sub(r"(?m)^    ", "", block)


def configurations():
    """What README has for vscan-milter.conf."""
    return [block for block in _blocks() if block.startswith(_CONFIGURATION)]


def sendmail():
    """What it has for sendmail.mc."""
    block, = [block for block in _blocks() if block.startswith(_SENDMAIL)]
    return block


def commands(for_sources):
    """Those for the sources, or all others, in their order."""
    found = []
    for block in _blocks():
        if not block.startswith((_PICTURE, _SENDMAIL, *_CONFIGURATION)):
            found += block.replace("\\\n", "").splitlines()
    return [command for command in found
            if command.startswith(_FOR_SOURCES) == for_sources]


def copy_sources(source, target):
    """A tree in which nothing has been built, to run commands in."""
    target.mkdir()
    with subprocess.Popen(
            ["tar", "-C", source, "-c", "--exclude=./.git",
             "--exclude=./build*", "--exclude=./test/build*",
             "--exclude=__pycache__", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-C", target, "-x", "--no-same-owner"],
                       stdin=tar.stdout, check=True)
    assert tar.returncode == 0
