# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The daemon under test: its configuration, its processes and its log."""

import contextlib
import dataclasses
import os
import pathlib
import pwd
import re
import signal

import needs
import procs
from logcheck import ExpectedLog
from running import Running
from scratchdir import owned_dir
from waiting import PATIENCE, wait_until

USER = "nobody"

# As by default, but short where a test would wait.
_DEFAULTS = {
    "user": USER,
    "socket_mode": "0666",
    "drain_timeout": "5s",
    "log": {"target": "stderr", "level": "debug"},
    "engine": {"workers": 2, "check_interval": "1h"},
}

_IN_SERVICE = r"engine ([0-9a-f]{16}) in service"


def config_text(settings):
    """The settings, nested by section, in the file's syntax."""
    def value(item):
        if isinstance(item, (list, tuple)):
            return "{" + ", ".join(f'"{entry}"' for entry in item) + "}"
        return str(item) if isinstance(item, int) else f'"{item}"'

    def rows(section):
        return "".join(f"{name} = {value(item)}\n"
                       for name, item in section.items()
                       if not isinstance(item, dict))
    return rows(settings) + "".join(
        f"{name} {{\n{rows(item)}}}\n"
        for name, item in settings.items() if isinstance(item, dict))


def merged(*layers):
    """Settings over settings, section by section."""
    result = {}
    for layer in layers:
        for name, item in layer.items():
            if isinstance(item, dict):
                item = result.get(name, {}) | item
            result[name] = item
    return result


def no_mta(directory):
    """The settings of hold for no MTA, and no release service.  The defaults
    are those of the machine, which is not ours to ask."""
    return {"mta": [f"postfix:{directory}/no-postfix"],
            "sendmail": f"{directory}/no-sendmail",
            "release_socket": f"{directory}/no-release.sock"}


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the log that has key=value fields."""
    text: str
    fields: dict

    def __getattr__(self, name):
        return self.fields[name]

    @property
    def name(self):
        """What was found, or why it is no other verdict."""
        return self.virus if self.virus != "-" else self.reason

    def ms(self, name):
        """A time in it, in milliseconds."""
        return float(self.fields[f"{name}_ms"])


def _fields(text):
    return dict(re.findall(r"(?:^|[ ,])([a-z-]+(?:_ms)?)=(<[^>]*>|[^, ]*)",
                           text))


class Daemon(Running):
    """One daemon; settings are those of the configuration file.

    run_with is a command that starts the program that follows it, so that it
    can change the world for it; program is another build of the daemon.

    Its socket is directory/socket/milter.sock unless settings say otherwise,
    and its state, spill files and control socket lie in directory too.

    An error or warning in its log fails the test when it stops, unless one of
    expected_log, which are regular expressions, matches the line.
    """

    def __init__(self, directory, database, *, run_with=(), program=None,
                 expected_log=(), **settings):
        account = pwd.getpwnam(USER)
        self.directory = pathlib.Path(directory)
        self.database = database
        self.directory.mkdir(mode=0o755, exist_ok=True)
        self.log_file = self.directory / "daemon.log"
        self.config_file = self.directory / "vscan-milter.conf"
        self.buffers, self.state, control = (
            owned_dir(self.directory / name, account.pw_uid, account.pw_gid,
                      0o755)
            for name in ("buffers", "state", "control"))
        sockets = owned_dir(self.directory / "socket", 0, 0, 0o755)
        self.settings = merged(_DEFAULTS, {
            "socket": f"unix:{sockets}/milter.sock",
            "state_directory": self.state,
            "control_socket": f"{control}/control.sock",
            "engine": {"database": [database]},
            "hold": no_mta(self.directory),
            "buffer": {"directory": self.buffers},
        }, settings)
        self.config_file.write_text(config_text(self.settings))
        self.environment = {}   # beside the test's own
        self.stderr = None      # a file in the place of the log
        self.inherited = ()     # descriptors that it is given
        self.run_with = run_with
        self._argv = [program or needs.daemon(), "-c", self.config_file, "-f"]
        self._process = None
        self._expected = ExpectedLog(expected_log)
        self._log_begins = None

    @property
    def socket(self):
        """The milter socket as the configuration has it."""
        return self.settings["socket"]

    @property
    def pid(self):
        """The supervisor's process id."""
        return self._process.pid

    def start(self):
        self.wait_in_service(self.launch())

    def launch(self):
        """Starts it and waits for nothing; returns where its log begins."""
        with self.log_file.open("ab") as log:
            since = log.tell()
            if self._log_begins is None:
                self._log_begins = since
            self._process = procs.start(
                [*self.run_with, *self._argv],
                env=os.environ | self.environment,
                pass_fds=self.inherited,
                stdout=log, stderr=self.stderr or log)
        return since

    def stop(self):
        if self._process is not None:
            family = procs.descendants(self.pid)
            procs.stop(self._process, 30)
            for pid in family:
                procs.signal_if_alive(pid, signal.SIGKILL)
            procs.wait_gone(family)
            self._assert_sanitizers_silent()
            self.assert_log_expected(self._log_begins)

    def assert_log_expected(self, since=0):
        """No error and no warning is in the log that the test didn't ask
        for."""
        found = self._expected.unexpected(self.log_file.read_bytes(), since)
        assert not found, "\n".join(
            ["errors or warnings that no test has asked for:", *found])

    @contextlib.contextmanager
    def expecting(self, *patterns):
        """What happens in it makes a line of each pattern, whose level may be
        an error or a warning."""
        since = self.mark()
        yield
        for pattern in patterns:
            self.wait_log(pattern, since)
        for pattern in patterns:
            self._expected.allow(pattern, since, self.mark())

    def _assert_sanitizers_silent(self):
        """A sanitizer ends the process that it finds fault with; but if that
        is a child, only its report says so."""
        report = re.search(r"(?s)\w+Sanitizer: .*|runtime error: .*",
                           self.log())
        assert report is None, report.group()

    def kill_all(self):
        """kill -9 of every process of it at once: none sees another die."""
        family = [self.pid, *procs.descendants(self.pid)]
        for signum in signal.SIGSTOP, signal.SIGKILL:
            for pid in family:
                procs.signal_if_alive(pid, signum)
        self._process.wait()
        procs.wait_gone(family)

    def ask_to_end(self):
        """SIGTERM, as an init system would."""
        self._process.terminate()

    def wait_end(self, timeout=30):
        """Waits until it has ended; returns the exit code."""
        return self._process.wait(timeout)

    def terminate(self, timeout=30):
        """SIGTERM, and the exit code that comes of it."""
        self.ask_to_end()
        return self.wait_end(timeout)

    def configure(self, **settings):
        """Changes settings in the file; nothing reads it yet."""
        self.settings = merged(self.settings, settings)
        self.config_file.write_text(config_text(self.settings))

    def reload(self):
        """SIGHUP: read the file, and look for new signatures."""
        os.kill(self.pid, signal.SIGHUP)

    def running(self):
        """True until the supervisor has ended."""
        return self._process.poll() is None

    # Its processes

    def filter(self):
        """The process id of the newest filter."""
        return self._one_child("vscan-filter")

    def filters(self):
        """The process ids of the filters, oldest first."""
        return [pid for pid in procs.children(self.pid)
                if procs.name(pid) == "vscan-filter"]

    def engines(self):
        """The process ids of the engines, oldest first."""
        return [pid for pid in procs.children(self.pid)
                if procs.name(pid) == "vscan-engine"]

    def engine(self):
        """The process id of the newest engine."""
        return self._one_child("vscan-engine")

    def _one_child(self, name):
        return wait_until(f"a process {name}", lambda: [
            pid for pid in procs.children(self.pid)
            if procs.name(pid) == name])[-1]

    def workers(self):
        """The process ids of all workers."""
        return [worker for engine in self.engines()
                for worker in procs.children(engine)]

    def busy_worker(self, timeout=PATIENCE):
        """Waits until a worker works hard, as a slow scan makes it."""
        seen = {}

        def busy():
            before = dict(seen)
            seen.update((pid, procs.cpu_seconds(pid))
                        for pid in self.workers())
            return [pid for pid, used in seen.items()
                    if pid in before and used > before[pid] + 0.05]
        return wait_until("a busy worker", busy, timeout, 0.2)[0]

    # Its log

    def log(self, since=0):
        """Its log from a mark() on."""
        return self.log_file.read_bytes()[since:].decode(errors="replace")

    def mark(self):
        """A point in the log: now."""
        return self.log_file.stat().st_size

    def wait_log(self, pattern, since=0, timeout=PATIENCE):
        """Waits for a line after since that matches; returns the match."""
        def found():
            assert self.running(), f"the daemon has ended: {self.log()}"
            return re.search(pattern, self.log(since))
        return wait_until(f"{pattern} in the daemon's log", found, timeout)

    def wait_in_service(self, since=0, timeout=PATIENCE):
        """Waits until a generation that loaded after since takes mail;
        returns its name."""
        return self.wait_log(_IN_SERVICE, since, timeout).group(1)

    def _lines(self, pattern, since):
        return [Line(line, _fields(line))
                for line in self.log(since).splitlines()
                if re.search(pattern, line)]

    def messages(self, text="", since=0):
        """The lines of messages with text in them, as Line."""
        return [line for line in self._lines(r" nrcpt=\d+.* verdict=", since)
                if text in line.text]

    def wait_message(self, text="", since=0, timeout=PATIENCE):
        """Waits for the first of messages()."""
        return wait_until(f"the line of a message with {text!r}",
                          lambda: self.messages(text, since), timeout)[0]

    def wait_messages(self, count, text, since=0, timeout=PATIENCE):
        """Waits for so many of messages(): a reply does not wait for the
        log."""
        return wait_until(
            f"{count} lines of messages with {text!r}", lambda: (
                lines if len(lines := self.messages(text, since)) >= count
                else None), timeout)

    def scans(self, key="", since=0):
        """The lines of ended scans, all or those of one key, as Line."""
        return self._lines(rf"scan: key={key}", since)
