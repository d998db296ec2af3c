#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The container image: buildah makes it of the Containerfile, and the milter
runs in it as process 1, with what a runtime leaves it and no more.

No registry is asked: the base image is a Debian that mmdebstrap makes, and
what the image is run by is unshare(1), with the capabilities that Docker and
Podman give and without user namespaces.
"""

import functools
import json
import os
import pathlib
import re
import signal
import sys
import unittest

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEST / "lib"))

import mails
import milterclient
import needs
import procs
import signatures
import testmain
from scratchdir import scratch_dir
from waiting import wait_until

TOP = TEST.parent
BASE, IMAGE = "localhost/base:1", "localhost/vscan-milter:1"

# What Docker gives by default; Podman gives less.
CAPABILITIES = ("chown", "dac_override", "fowner", "fsetid", "kill", "mknod",
                "net_bind_service", "net_raw", "setfcap", "setgid", "setpcap",
                "setuid", "sys_chroot", "audit_write")

# $1: the image's files; $2: the volume with the socket; the rest is what becomes
# process 1.
ENTER = """
set -e
root=$1; volume=$2; shift 2
mount --bind "$root" "$root"
mount --bind "$volume" "$root/run/vscan-milter"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
exec "$@"
"""


class Buildah:
    """Images in a directory of their own."""

    def __init__(self, directory):
        self._argv = [needs.program("buildah"), "--storage-driver", "vfs",
                      "--root", directory / "storage",
                      "--runroot", directory / "run"]

    def __call__(self, *arguments):
        return procs.run([*self._argv, *arguments], timeout=900).stdout.strip()

    def build(self, tag, *arguments):
        """An image, whose steps have this machine's network."""
        self("bud", "--isolation", "chroot", "--network", "host", "--format",
             "docker", "-t", tag, *arguments)


class ImageCase(unittest.TestCase):
    """One container for all."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(scratch_dir())
        cls.buildah = Buildah(cls.scratch)
        cls.build()
        cls.root = pathlib.Path(cls.mount())
        signatures.make_set(cls.scratch / "signatures")
        procs.run(["cp", "-r", f"{cls.scratch}/signatures/.",
                   cls.root / "var/lib/clamav"])
        cls.start()

    @classmethod
    def build(cls):
        """The base image, and ours."""
        context = cls.scratch / "context"
        context.mkdir()
        procs.run(["mmdebstrap", "--variant=minbase", "--mode=root",
                   "bookworm", context / "base.tar"], timeout=900)
        (context / "Containerfile").write_text(
            "FROM scratch\nADD base.tar /\n")
        cls.buildah.build(BASE, context)
        cls.buildah.build(IMAGE, "--build-arg", f"BASE={BASE}", "-f",
                          TOP / "contrib/container/Containerfile", TOP)

    @classmethod
    def mount(cls):
        """A container's files."""
        name = cls.buildah("from", "--pull-never", IMAGE)
        cls.addClassCleanup(cls.buildah, "rm", name)
        root = cls.buildah("mount", name)
        cls.addClassCleanup(cls.buildah, "umount", name)
        return root

    @classmethod
    def config(cls):
        """What the image says of how to run it."""
        return json.loads(cls.buildah(
            "inspect", "--type", "image", IMAGE))["Docker"]["config"]

    @classmethod
    def start(cls):
        cls.log_file = cls.scratch / "container.log"
        cls.volume = cls.scratch / "run-milter"
        cls.volume.mkdir(mode=0o755)
        bounded = ",".join(["-all", *(f"+{cap}" for cap in CAPABILITIES)])
        config = cls.config()
        with cls.log_file.open("wb") as log:
            cls.container = procs.start(
                ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork",
                 "--kill-child", "--propagation", "private",
                 "sh", "-c", ENTER, "enter", cls.root, cls.volume,
                 needs.build() / "component/without", "namespaces", "--",
                 needs.program("setpriv"), f"--bounding-set={bounded}",
                 needs.program("chroot"), cls.root, *config["Entrypoint"], *config["Cmd"]],
                stdout=log, stderr=log)
        cls.addClassCleanup(procs.stop, cls.container)
        cls.wait_log("engine [0-9a-f]{16} in service")

    @classmethod
    def log(cls):
        """What the runtime would keep."""
        return cls.log_file.read_text(errors="replace")

    @classmethod
    def wait_log(cls, pattern):
        """Waits for a line that matches."""
        def found():
            assert cls.container.poll() is None, cls.log()
            return re.search(pattern, cls.log())
        return wait_until(f"{pattern} in the container's log", found, 30)

    @property
    def supervisor(self):
        """Its process id, as this machine has it."""
        return procs.children(self.container.pid)[0]

    def inside(self, *argv, check=True):
        """Runs a command in the container, as "podman exec" does."""
        return procs.run(
            ["nsenter", "-t", str(self.supervisor), "--pid", "--mount",
             "--root", "--wd", *argv], check=check)

    def deliver(self, mail):
        """One mail by the socket in the volume."""
        return milterclient.deliver(
            f"unix:{self.volume}/milter.sock", mail)

    def child(self, name):
        """The process id of the newest of this name."""
        return wait_until(f"a process {name}", lambda: [
            pid for pid in procs.children(self.supervisor)
            if procs.name(pid) == name])[-1]

    def test_mail_is_scanned(self):
        self.assertEqual(self.deliver(mails.plain()).action, "accept")
        self.assertEqual(self.deliver(mails.plain(
            signatures.EICAR + b"\r\n")).action, "reject")

    def test_supervisor_is_process_1(self):
        self.assertEqual(procs.status(self.supervisor)["NSpid"].split()[-1],
                         "1")
        self.assertEqual(procs.name(self.supervisor), "vscan-milter")

    def test_lack_of_namespaces_is_warned_of_and_nothing_is_an_error(self):
        self.assertIn("the kernel gives no namespaces", self.log())
        self.assertNotIn("error: ", self.log())

    def test_health_check_is_the_image_s_and_passes(self):
        check = self.config()["Healthcheck"]["Test"]
        self.assertEqual(check[0], "CMD")
        self.inside(*check[1:])

    def test_health_check_fails_while_the_milter_does_not_answer(self):
        check = self.config()["Healthcheck"]["Test"][1:]
        pid = self.child("vscan-filter")
        os.kill(pid, signal.SIGSTOP)
        try:
            done = self.inside(*check, check=False)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("doesn't answer", done.stdout)
        self.inside(*check)

    def strangers(self, name="sleep"):
        """Children of process 1 that it has not started; zombies too."""
        return [int(entry.name) for entry in pathlib.Path("/proc").iterdir()
                if entry.name.isdigit()
                and procs.name(entry.name) == name
                and procs.parent(entry.name) == self.supervisor]

    def test_orphans_of_others_are_reaped_and_no_matter(self):
        before = self.log().count("error: ")
        self.inside("sh", "-c", "(sleep 1000 >/dev/null 2>&1 &)")
        for pid in wait_until("an orphan", self.strangers):
            os.kill(pid, signal.SIGKILL)
        wait_until("the end of the orphan", lambda: not self.strangers())
        self.assertEqual(self.log().count("error: "), before)
        self.assertEqual(self.deliver(mails.plain()).action, "accept")

    def test_restart_keeps_process_1(self):
        pid, first = self.supervisor, self.child("vscan-filter")
        self.inside("vscan-milter", "--restart")
        self.assertEqual(self.supervisor, pid)
        self.assertNotEqual(self.child("vscan-filter"), first)
        self.assertEqual(self.deliver(mails.plain()).action, "accept")

    def test_z_the_runtime_s_signal_ends_it(self):
        """The last one: nothing runs afterwards."""
        config = self.config()
        self.assertEqual(config.get("StopSignal", "SIGTERM"), "SIGTERM")
        os.kill(self.supervisor, signal.SIGTERM)
        self.assertEqual(self.container.wait(30), 0)
        self.assertIn("draining", self.log())
        self.assertFalse((self.volume / "milter.sock").exists())


if __name__ == "__main__":
    testmain.main(needs.daemon,
                  functools.partial(needs.program, "buildah"),
                  functools.partial(needs.program, "mmdebstrap"))
