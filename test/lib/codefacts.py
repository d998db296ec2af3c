# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""What the sources say, in words that somebody reads: in the log, in a mail's
headers, as an exit status.  The manuals are held against it."""

import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The sources that each program's exit status comes from.
_MAINS = {
    "vscan-milter": ("supervisor/main.c", "supervisor/order.c"),
    "vscan-release": ("release/main.c",),
    "vscanctl": ("ctl/main.c", "ctl/check_mta.c", "ctl/deferred.c"),
}

# A reason is a quoted word in a call that makes a verdict of it or says why
# something failed.
_REASON = re.compile(
    r"""(?x)(?:VERDICT_(?:ERROR|LATE|UNSCANNABLE|INCOMPLETE),
    | failed \s = | ERROR_(?:LIMIT|ENGINE|TIMEOUT),
    | (?:fail|end_scan|scanner_fail_job)\([^;]*? ,) \s*
    (?:WEXITSTATUS[^;]*?)? "([A-Za-z]+(?:-[a-zA-Z]+)*)\"""")

# Others stand by themselves: what was not read, and how a worker ended.
_BARE_REASON = re.compile(
    r"""(?:return|unread(?:_r)? =|[?:]) "([a-zA-Z]+(?:-[a-z]+)+)\"""")

# The other ones: libclamav's errors, and what a heuristic has no name for.
_ENGINE_REASON = re.compile(
    r'\{ CL_E\w+, "([\w-]+)" \}|VERDICT_INCOMPLETE, "([\w-]+)"')


def _read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def _sources(*parts):
    for part in parts:
        for path in sorted((ROOT / "milter" / part).glob("*.c")):
            yield path.read_text(encoding="utf-8")


def reasons():
    """Each reason that the log can give."""
    found = set()
    for text in _sources("engine", "filter", "hold", "scan"):
        found.update(_REASON.findall(text))
    for path in ("engine/classify.c", "engine/inspect.c", "coverage/layers.c",
                 "coverage/members.c", "coverage/opaque.c",
                 "scan/worker_end.c"):
        found.update(_BARE_REASON.findall(_read(f"milter/{path}")))
    for names in _ENGINE_REASON.findall(_read("milter/engine/classify.c")):
        found.update(name for name in names if name)
    return found


def log_fields():
    """Each key of a key=value field in the log."""
    return {name for text in _sources("filter", "hold", "ledger", "release",
                                      "scan")
            for name in re.findall(r"[ \",]([a-z][a-z_-]*)=(?:%|tempfail)",
                                   text)}


def literals():
    """All text that the sources have in quotes, each on a line."""
    found = []
    for path in sorted((ROOT / "milter").rglob("*.c")):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text(encoding="utf-8"))
        found += re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)
    return "\n".join(found).replace('\\"', '"')


def own_headers():
    """The headers that we add."""
    return set(re.findall(r'\[HEADER_\w+\] = "([\w-]+)"',
                          _read("milter/filter/header.c")))


def changing_headers():
    """The headers that the engine isn't shown."""
    return set(re.findall(r'\{ "([\w*-]+)", NULL \}',
                          _read("milter/filter/header.c")))


def _names(path, prefix):
    return set(re.findall(rf'\[{prefix}\w+\] = "([\w -]+)"', _read(path)))


def verdicts():
    return _names("milter/wire/verdict.c", "VERDICT_")


def labels():
    """How X-Virus-Status can begin."""
    return _names("milter/filter/eom_label.c", "VERDICT_") | {"Held"}


def release_words():
    """Verbs and results in the log of vscan-release."""
    return _names("milter/release/answer.c", "RELEASE_")


def sources_of_verdicts():
    """The values of source=."""
    for text in _sources("scan"):
        names = set(re.findall(r'\[SCAN_SOURCE_\w+\] = "(\w+)"', text))
        if names:
            return names
    return set()


def actions():
    table = _read("milter/config/table.c")
    return set(re.findall(r'\{ "(\w+)", ACTION_', table))


def effects():
    """For each setting, what puts a change in force (enum config_effect)."""
    rows = re.findall(r'(?s)\{ "(\w*)", "(\w+)", SETTING_.*?(CONFIG_\w+) \},',
                      _read("milter/config/table.c"))
    return {f"{section}.{name}".lstrip("."): effect
            for section, name, effect in rows}


def exit_statuses(program):
    """The numbers that the program can end with."""
    names = set()
    for path in _MAINS[program]:
        names.update(re.findall(r"\bEX_[A-Z]+\b", _read(f"milter/{path}")))
    return {getattr(os, name) for name in names}
