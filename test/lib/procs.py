# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Starting, stopping and looking at processes.

Whatever a test starts is ended by its process id and dies with the test, also
if that is killed: so nothing is left behind and nothing else is hit.
"""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess

from waiting import PATIENCE, wait_until

PROC = pathlib.Path("/proc")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(argv, **options):
    """Popen() of a process that is killed when the test ends."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(arg) for arg in argv],
                            preexec_fn=_die_with_parent, **options)


def system_call(number, *arguments):
    """A system call by its number; -1 if it fails."""
    return _libc.syscall(number, *arguments)


def run(argv, check=True, timeout=60, **options):
    """Runs a command to its end; its output is kept as text."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(arg) for arg in argv], timeout=timeout,
                          capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{argv} ended with {done.returncode}: "
                             f"{done.stdout}{done.stderr}")
    return done


def stop(process, timeout=20):
    """SIGTERM, and SIGKILL if that does not help; returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _stat(pid):
    """The fields of /proc/PID/stat after the name; None if it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def children(pid):
    """The process ids of the children, oldest first."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            stat = _stat(entry.name)
            if stat and int(stat[1]) == pid and stat[0] != "Z":
                found.append((int(stat[19]), int(entry.name)))
    return [child for _, child in sorted(found)]


def descendants(pid):
    """All that it has started, and what they have started."""
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def with_argument(argument):
    """The processes that were started with this argument."""
    wanted = str(argument).encode()
    found = []
    for entry in PROC.iterdir():
        try:
            if (entry.name.isdigit() and wanted in
                    (entry / "cmdline").read_bytes().split(b"\0")):
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def alive(pid):
    """True while the process runs; a zombie does not."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def is_stopped(pid):
    """By SIGSTOP."""
    stat = _stat(pid)
    return stat is not None and stat[0] == "T"


def name(pid):
    """The name that the kernel knows it by (at most 15 characters)."""
    try:
        return (PROC / str(pid) / "comm").read_text().rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def parent(pid):
    """The process id of the parent; 0 if it is gone."""
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def status(pid):
    """The lines of /proc/PID/status as a dictionary."""
    text = (PROC / str(pid) / "status").read_text()
    return {field: value.strip() for field, _, value in
            (line.partition(":") for line in text.splitlines())}


def cpu_seconds(pid):
    """The CPU time that it has used itself; 0 if it is gone."""
    stat = _stat(pid)
    if stat is None:
        return 0.0
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    """Its share of memory, in KiB: pages in common are counted in parts."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError(f"no Pss for process {pid}")


def fd_targets(pid):
    """What its descriptors refer to; without those that close meanwhile."""
    targets = []
    for link in (PROC / str(pid) / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(link))
    return targets


def signal_if_alive(pid, signum=signal.SIGTERM):
    """Sends a signal to a process that may have ended already."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def wait_gone(pids, timeout=PATIENCE):
    """Waits until none of the processes runs any more."""
    wait_until(f"the end of processes {pids}",
               lambda: not any(alive(pid) for pid in pids), timeout)
