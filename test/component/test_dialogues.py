#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Plays every dialogue of test/dialogue with the daemon, by miltertest."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import procs
import signatures
import testmain
from daemoncase import DaemonCase

DIALOGUES = pathlib.Path(__file__).resolve().parents[1] / "dialogue"


class DialogueCase(DaemonCase):
    """Each dialogue asserts what it expects and ends miltertest with it."""

    settings = {"reply": {"infected": "100%% %v in %i"}}

    def test_every_dialogue(self):
        # miltertest takes a colon-less path for no socket at all.
        globals_ = {"socket": self.daemon.socket,
                    "eicar": signatures.EICAR.decode(),
                    "virus": signatures.EICAR_FOUND}
        defines = [word for name, value in globals_.items()
                   for word in ("-D", f"{name}={value}")]
        dialogues = sorted(DIALOGUES.glob("*.lua"))
        self.assertGreater(len(dialogues), 0)
        for dialogue in dialogues:
            with self.subTest(dialogue=dialogue.name):
                done = procs.run([needs.program("miltertest"), *defines,
                                  "-s", dialogue], check=False)
                self.assertEqual(done.returncode, 0,
                                 done.stdout + done.stderr)


if __name__ == "__main__":
    testmain.main(needs.daemon, lambda: needs.program("miltertest"))
