# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""systemd as process 1 of namespaces of its own, with this machine's programs
and none of its units, files or processes."""

import os
import pathlib
import shutil
import signal

import needs
import procs
from running import Running
from waiting import wait_until

SYSTEMD = "/lib/systemd/systemd"

# Of systemd's own units, those that a service depends on by default.
_UNITS = ("basic.target", "sysinit.target", "shutdown.target", "network.target",
          "sockets.target", "paths.target", "timers.target", "slices.target",
          "umount.target", "final.target", "multi-user.target")

# What is only there for it to start with.
_TARGET = "[Unit]\nDescription=Nothing\nDefaultDependencies=no\n"

# $1: the root directory; $2: where the product was built.
_ENTER = """
set -e
root=$1 build=$2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /usr "$root/usr"
mount -t tmpfs tmpfs "$root/usr/local"
mkdir "$root/usr/local/sbin" "$root/usr/local/libexec"
mount --bind "$build/sbin" "$root/usr/local/sbin"
mount --bind "$build/libexec" "$root/usr/local/libexec"
mount --bind "$root/units" "$root/usr/lib/systemd/system"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue" "$root/dev/hugepages"
mount -t devpts devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for device in null zero full random urandom tty; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs tmpfs "$root/sys/fs"
mkdir "$root/sys/fs/cgroup"
mount -t cgroup2 none "$root/sys/fs/cgroup"
cd "$root"
pivot_root . mnt
umount -l mnt
exec env -i container=test PATH=/usr/sbin:/usr/bin \\
    /lib/systemd/systemd --system --unit=nothing.target --log-target=console
"""


def needed():
    """That it can be run at all."""
    needs.daemon()
    needs.file(SYSTEMD)
    if needs.has_sanitizer():
        raise needs.Missing("a sanitizer's runtime wants what the units deny")
    if "cgroup2" not in pathlib.Path("/proc/filesystems").read_text():
        raise needs.Missing("the kernel has no cgroup2")


class SystemdRoot(Running):
    """One systemd; root is its root directory, which the test may change."""

    def __init__(self, directory, accounts):
        self._directory = directory
        self._accounts = accounts
        self.root = directory / "root"
        self._cgroups = directory / "cgroups"
        self._group = self._cgroups / f"vscan-test-{os.getpid()}"
        self._process = None
        self._make_root()

    def _make_root(self):
        for name in ("usr", "etc/systemd/system", "var/tmp", "var/lib",
                     "var/log", "run", "tmp", "proc", "sys", "dev", "mnt",
                     "units"):
            (self.root / name).mkdir(parents=True)
        for name in ("tmp", "var/tmp"):
            (self.root / name).chmod(0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        for name in ("ld.so.cache", "nsswitch.conf"):
            shutil.copy(f"/etc/{name}", self.root / "etc")
        (self.root / "etc/passwd").write_text(
            "root:x:0:0:root:/:/bin/sh\n" + "".join(
                f"{name}:x:{uid}:{uid}::/:/usr/sbin/nologin\n"
                for name, uid in self._accounts.items()))
        (self.root / "etc/group").write_text("root:x:0:\n" + "".join(
            f"{name}:x:{uid}:\n" for name, uid in self._accounts.items()))
        for name in _UNITS:
            shutil.copy(f"/lib/systemd/system/{name}", self.root / "units")
        (self.root / "units/nothing.target").write_text(_TARGET)

    def start(self):
        self._cgroups.mkdir()
        procs.run(["mount", "-t", "cgroup2", "none", self._cgroups])
        self._group.mkdir()
        enter = (f'echo $$ >"{self._group}/cgroup.procs"; exec unshare '
                 '--cgroup --mount --pid --uts --ipc --net --fork '
                 '--kill-child "$@"')
        with (self._directory / "systemd.log").open("wb") as log:
            self._process = procs.start(
                ["sh", "-c", enter, "enter", "sh", "-c", _ENTER, "enter",
                 self.root, needs.build()], stdout=log, stderr=log)
        wait_until("systemd", lambda: self.systemctl(
            "is-active", "nothing.target", check=False).returncode == 0, 30)

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._group.exists():
            wait_until("the end of its processes", lambda: "populated 0" in
                       (self._group / "cgroup.events").read_text())
            for path, _, _ in os.walk(self._group, topdown=False):
                os.rmdir(path)
        if os.path.ismount(self._cgroups):
            procs.run(["umount", self._cgroups])

    @property
    def _pid_1(self):
        """Its process id, as this machine has it."""
        return wait_until("process 1",
                          lambda: procs.children(self._process.pid))[0]

    def systemctl(self, *arguments, check=True):
        """Runs systemctl there."""
        return procs.run(
            ["nsenter", "-t", str(self._pid_1), "--mount", "--pid", "--cgroup",
             "--root", "--wd", "/bin/systemctl", *arguments], check=check)

    def show(self, unit, name):
        """A property of a unit."""
        return self.systemctl("show", "--value", "-p", name,
                              unit).stdout.strip()

    def processes(self, name):
        """The process ids of all of this name, as this machine has them."""
        return [pid for pid in procs.descendants(self._pid_1)
                if procs.name(pid) == name]

    def freeze(self, name):
        """SIGSTOP for each of this name."""
        for pid in self.processes(name):
            os.kill(pid, signal.SIGSTOP)
