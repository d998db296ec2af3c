# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The faults of a chaos run: which, when, and how they are made.

A fault is a few steps, each at a moment after its beginning: the disk hangs,
and a few seconds later it is thawed.  The whole schedule is made beforehand.
"""

import contextlib
import dataclasses
import os
import signal
import threading
import time

import mails
import milterclient
import procs
import signatures
import wallclock

# Between the beginnings of two faults.
_GAP = (0.6, 1.8)
# How long a disk is full or hangs.
LASTING = (3.0, 6.0)
# No filter is killed in this last part of the run: what it leaks would go
# with it.
_CALM = 1 / 3
# Before what a fault had for itself is another's: time to come back.
_REST = 1.5
# A fault that can't have what it needs for longer than this is left out.
_QUEUE = 3.0
# For a process that is to be hit to be there.
_PATIENCE = 5.0
# Without a filter for longer than this it is not coming.
_NEVER_BACK = 60.0
_BROKEN = "this is no signature\n"


@dataclasses.dataclass(frozen=True)
class Step:
    """At `at` seconds the method `do` of Faults is called; with the last step
    that does harm the fault has been made."""
    at: float
    fault: str
    do: str
    arguments: tuple = ()

    def makes_it(self):
        """True for that step."""
        return (self.do not in ("repair", "go_on", "mend_signatures") and
                (self.do == "kill_filter" or
                 not self.fault.startswith("filter")))

    def is_whole(self):
        """True where this step alone is the fault: it needs a process, or the
        store's file, which may not be there just then."""
        return (self.do in ("kill", "stop", "stop_for_good", "spoil_store") or
                self.fault == "filter-killed")


# What a fault needs for itself while it lasts.
_STATE, _SPILL, _SIGNATURES, _FILTER = "state", "spill", "signatures", "filter"
_NEEDS = {
    "store-overwritten": (_STATE,), "store-truncated": (_STATE,),
    "store-rubbish": (_STATE,), "state-full": (_STATE,),
    "state-hangs": (_STATE,), "spill-full": (_SPILL,),
    "spill-hangs": (_SPILL,), "filter-killed": (_FILTER, _STATE, _SPILL),
    "filter-killed-while-state-hangs": (_FILTER, _STATE),
    "filter-killed-while-spill-hangs": (_FILTER, _SPILL),
    "filter-killed-while-state-full": (_FILTER, _STATE),
    "filter-killed-while-spill-full": (_FILTER, _SPILL),
    "signatures-broken": (_SIGNATURES,), "signatures-new": (_SIGNATURES,),
}

KINDS = tuple(_NEEDS) + (
    "worker-killed", "busy-killed", "worker-stopped", "worker-stopped-for-good",
    "engine-killed", "engine-stopped", "engine-stopped-for-good")
CLOCK_KINDS = ("clock-forward", "clock-back")


def _on_disk(fault, rng):
    """The steps of what a disk does, with the filter killed meanwhile or
    not."""
    which = fault.removeprefix("filter-killed-while-")
    disk, _, trouble = which.partition("-")
    lasting = rng.uniform(*LASTING)
    steps = [(0, "hang" if trouble == "hangs" else "fill", (disk,)),
             (lasting, "repair", (disk,))]
    if which != fault:
        steps.insert(1, (rng.uniform(0.5, 1.5), "kill_filter", (fault,)))
    return steps


def _steps(fault, rng):
    """The steps of one fault: (seconds from its beginning, method,
    arguments)."""
    if fault.endswith(("-hangs", "-full")):
        return _on_disk(fault, rng)
    subject, _, what = fault.partition("-")
    number = rng.randrange(1 << 30)
    match subject, what:
        case "store", _:
            return [(0, "spoil_store", (what, number))]
        case "filter", _:
            return [(0, "kill_filter", (fault,))]
        case "signatures", "broken":
            return [(0, "break_signatures", (number,)),
                    (rng.uniform(3, 8), "mend_signatures", ())]
        case "signatures", _:
            return [(0, "change_signatures", ())]
        case "clock", _:
            return [(0, "step_clock", (1 if what == "forward" else -1,))]
        case "busy", _:
            # A mail that takes long is hit more than once.
            return [(after, "kill", (subject, 0)) for after in range(0, 10, 2)]
        case _, "killed":
            return [(0, "kill", (subject, number))]
        case _, "stopped":
            return [(0, "stop", (subject, number)),
                    (rng.uniform(1, 5), "go_on", ())]
    return [(0, "stop_for_good", (subject, number))]


def schedule(rng, seconds, kinds):
    """All steps of a run, in order of time.  The kinds come in a random
    order, each once before any comes again, and each once at least."""
    steps, free, deck, at = [], {}, [], 1.0
    missing = set(kinds)
    while missing or at < seconds - 2:
        if not deck:
            deck = rng.sample(kinds, len(kinds))
        fault = deck.pop()
        wanted = _NEEDS.get(fault, ())
        begins = max([at, *(free.get(what, 0) for what in wanted)])
        calm = _FILTER in wanted and begins > seconds * (1 - _CALM)
        if fault not in missing and (calm or begins > at + _QUEUE):
            continue
        missing.discard(fault)
        mine = [Step(begins + after, fault, do, arguments)
                for after, do, arguments in _steps(fault, rng)]
        steps += mine
        free.update((what, mine[-1].at + _REST) for what in wanted)
        at += rng.uniform(*_GAP)
    return sorted(steps, key=lambda step: step.at)


class Faults:
    """Makes the faults of one daemon; disks are its FaultDisks by name, clock
    its WallClock or None."""

    def __init__(self, run, life, daemon, disks, clock):
        self._run = run
        self._life = life
        self._daemon = daemon
        self._disks = disks
        self._clock = clock
        self._stopped = []
        self._good = {path: path.read_text()
                      for path in daemon.database.iterdir()}
        self._watchers = []
        self.downs = []     # (fault, seconds without a filter)

    def make(self, step):
        """One step."""
        self._run.note(f"{step.fault}: {step.do} {step.arguments}")
        if getattr(self, step.do)(*step.arguments) is not False:
            self._run.count("step", step.do)
            if step.makes_it():
                self._run.count("fault", step.fault)

    def repair_all(self):
        """The end of all faults, but that what was stopped for good stays
        so.  Also after a failure, and harmless then."""
        for name in self._disks:
            self.repair(name)
        while self._stopped:
            self.go_on()
        self.mend_signatures()
        for watcher in self._watchers:
            watcher.join()

    # Processes

    def _processes(self, subject, loaded):
        """The workers, or the one that has worked most, or the engines, or
        those that have loaded."""
        if subject == "busy":
            return sorted(self._daemon.workers(),
                          key=procs.cpu_seconds)[-1:]
        if subject == "worker":
            return self._daemon.workers()
        return [engine for engine in self._daemon.engines()
                if not loaded or procs.children(engine)]

    def _pick(self, subject, number, loaded):
        """A pidfd of some worker or engine, or None if there is none for
        long."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            pids = self._processes(subject, loaded)
            with contextlib.suppress(ProcessLookupError, ZeroDivisionError):
                return os.pidfd_open(pids[number % len(pids)])
            time.sleep(0.05)
        return None

    def _send(self, subject, number, signum, loaded=False):
        """Returns the pidfd of the process that got the signal, or None."""
        target = self._pick(subject, number, loaded)
        if target is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(target, signum)
        return target

    def kill(self, subject, number):
        """kill -9."""
        target = self._send(subject, number, signal.SIGKILL)
        if target is None:
            return False
        os.close(target)
        return True

    def stop(self, subject, number):
        """SIGSTOP, until go_on()."""
        target = self._send(subject, number, signal.SIGSTOP)
        self._stopped.append(target)
        return target is not None

    def stop_for_good(self, subject, number):
        """SIGSTOP: the service has to notice.  An engine is given so much
        time to load (15 min) that one is better not stopped while it does."""
        target = self._send(subject, number, signal.SIGSTOP, loaded=True)
        if target is None:
            return False
        os.close(target)
        return True

    def go_on(self):
        """The one that was stopped first continues, if it still lives."""
        target = self._stopped.pop(0)
        if target is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(target, signal.SIGCONT)
        os.close(target)
        return True

    def kill_filter(self, fault):
        """kill -9; a thread of ours waits until another answers."""
        if self._life.is_down():
            return False
        self._life.killed()
        os.kill(self._daemon.filter(), signal.SIGKILL)
        watcher = threading.Thread(target=self._watch_filter, args=(fault,),
                                   daemon=True)
        self._watchers.append(watcher)
        watcher.start()
        return True

    def _watch_filter(self, fault):
        until = time.monotonic() + _NEVER_BACK
        while not self._answers():
            time.sleep(0.05)
            if time.monotonic() > until:
                self._run.fail(f"{fault}: no filter comes back")
                return
        down = self._life.back()
        self.downs.append((fault, down))
        self._run.note(f"{fault}: it is back after {down:.1f} s")

    def _answers(self):
        try:
            milterclient.MilterClient(self._daemon.socket, timeout=1).close()
        except (milterclient.MilterClosed, OSError):
            return False
        return True

    # Disks and files

    def hang(self, name):
        """Until repair()."""
        self._disks[name].hang()

    def fill(self, name):
        """Until repair()."""
        self._disks[name].fill()

    def repair(self, name):
        """The disk is well again."""
        self._disks[name].repair()

    def spoil_store(self, how, number):
        """Damages the file while the service has it open."""
        rng = self._run.random(f"store/{number}")
        path = self._disks["state"].directory / "ledger.sqlite"
        if not path.exists() or path.stat().st_size == 0:
            return False
        size = path.stat().st_size
        with path.open("r+b") as file:
            if how == "truncated":
                file.truncate(rng.randrange(size))
            elif how == "rubbish":
                file.write(rng.randbytes(size))
            else:
                for _ in range(rng.randrange(1, 64)):
                    file.seek(rng.randrange(size))
                    file.write(rng.randbytes(rng.randrange(1, 64)))
        return True

    # Signatures

    def _write_set(self, files):
        """Each file at once, so that no load sees half of it."""
        for path, text in files.items():
            new = path.with_suffix(".new")
            new.write_text(text)
            new.rename(path)

    def break_signatures(self, number):
        """No engine can load the set any more."""
        victims = sorted(self._good)
        victim = victims[number % len(victims)]
        self._write_set({victim: self._good[victim] + _BROKEN})
        self._daemon.reload()

    def mend_signatures(self):
        """It can again."""
        self._write_set(self._good)
        self._daemon.reload()

    def change_signatures(self):
        """A good update."""
        name = f"Vscan.Test.{mails.token()}"
        path = self._daemon.database / "changing.ndb"
        self._good[path] = signatures.body_signature(
            name, mails.token().encode())
        self._write_set({path: self._good[path]})
        self._daemon.reload()

    # The clock

    def step_clock(self, direction):
        """By a day."""
        self._clock.step(direction * wallclock.DAY)
