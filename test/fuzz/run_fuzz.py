#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""Runs one harness for VSCAN_FUZZ_SECONDS (default: 10), from its corpus.

    run_fuzz.py HARNESS CORPORA

The corpus of HARNESS is the directory of its name in CORPORA, and is not
changed; NAME.dict beside it is its dictionary.  Fails on a finding (which is
left in the current directory), on an input that takes too much memory or
time, and where hardly an input was run.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SECONDS = int(os.environ.get("VSCAN_FUZZ_SECONDS", "10"))

# For one input, on a machine that has other things to do.
INPUT_SECONDS = 20
INPUT_MEGABYTES = 1024

# The slowest harness, on a slow machine, does a multiple of this.
RUNS_PER_SECOND = 20

# What libFuzzer says of itself.
STATS = {
    "runs": r"^stat::number_of_executed_units: *(\d+)",
    "seeds": r"^INFO: seed corpus: files: (\d+)",
}

BASE = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def command(harness, corpora, grown):
    """libFuzzer's arguments; what it finds new goes to grown."""
    corpus = corpora / harness.name
    dictionary = corpora / f"{harness.name}.dict"
    options = {
        "max_total_time": SECONDS,
        "timeout": INPUT_SECONDS,
        "rss_limit_mb": INPUT_MEGABYTES,
        "print_final_stats": 1,
        "close_fd_mask": 1,
        "artifact_prefix": f"{os.getcwd()}/{harness.name}-",
    }
    if dictionary.exists():
        options["dict"] = dictionary
    return [harness, *(f"-{name}={value}" for name, value in options.items()),
            grown, corpus]


def read_stats(log):
    found = {name: re.search(pattern, log, re.M)
             for name, pattern in STATS.items()}
    return {name: int(match.group(1)) if match else 0
            for name, match in found.items()}


def run(harness, corpora):
    """The log, and why it is a failure, or None."""
    with tempfile.TemporaryDirectory(prefix="vscan-fuzz-", dir=BASE) as temp:
        grown = pathlib.Path(temp, "grown")
        grown.mkdir()
        done = subprocess.run(
            command(harness, corpora, grown), env={**os.environ,
            "TMPDIR": temp}, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    stats = read_stats(done.stderr)
    seeds = sum(1 for _ in (corpora / harness.name).iterdir())
    if done.returncode != 0:
        return done.stderr, f"exit status {done.returncode}"
    if stats["seeds"] != seeds:
        return done.stderr, f"{stats['seeds']} of {seeds} seeds were read"
    if stats["runs"] < RUNS_PER_SECOND * SECONDS:
        return done.stderr, f"only {stats['runs']} inputs were run"
    return done.stderr, None


def main():
    harness, corpora = (pathlib.Path(arg).resolve() for arg in sys.argv[1:])
    log, failure = run(harness, corpora)
    print(log if failure else "\n".join(log.splitlines()[-12:]))
    if failure:
        sys.exit(f"{harness.name}: {failure}")


if __name__ == "__main__":
    main()
