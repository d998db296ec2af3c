#!/usr/bin/python3
"""The architecture as the tree shows it.

An include is an architectural fact: a part includes only what stands above
it in PARTS, and the engine nothing of the filter.  Only engine/ may know
libclamav, only filter/ libmilter.  And the sizes that keep files readable.

SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Each part, and the parts it may include besides itself.
PARTS = {
    "base": [],
    "config": ["base"],
    "wire": ["base", "config"],
    "ledger": ["base", "config", "wire"],
    "scan": ["base", "config", "wire", "ledger"],
    "hold": ["base", "config", "wire", "ledger", "scan"],
    "coverage": ["base", "config", "wire"],
    "engine": ["base", "config", "wire", "coverage"],
    "filter": ["base", "config", "wire", "ledger", "scan", "hold"],
    "release": ["base", "config", "wire"],
    "supervisor": ["base", "config", "wire", "engine"],
    "ctl": ["base", "config", "wire", "ledger"],
}

OWNED = {"clamav.h": "engine", "libmilter/mfapi.h": "filter"}

TOP_LEVEL = {"milter", "include", "test", "contrib", "CMakeLists.txt",
             "README", "COPYING"}

FILE_LINES = 800
FUNCTION_LINES = 80
LINE_WIDTH = 80

SPDX = ("SPDX-License-Identifier: GPL-2.0-or-later WITH "
        "AdditionRef-vscan-milter-linking-exception")


def sources():
    """Every C file of the product."""
    for top in ("include", "milter"):
        yield from sorted((ROOT / top).rglob("*.[ch]"))


def all_c_files():
    yield from sources()
    yield from sorted((ROOT / "test").glob("*/*.[ch]"))


def part_of(path):
    return path.relative_to(ROOT).parts[1]


def includes(path):
    return re.findall(r'^#include [<"]([^>"]+)[>"]', path.read_text(), re.M)


def functions(path):
    """(name, lines) of each function: in this style a definition begins with
    a name in the first column and ends with a brace there."""
    name, start = None, 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r"(\w+)\(", line)
        if match:
            name, start = match.group(1), number
        elif line == "}" and name:
            yield name, number - start + 1
            name = None


def code(path):
    """A file without its comments and strings."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return re.sub(r'"(\\.|[^"\\])*"', '""', text)


def call_graph():
    """{file: {file that defines a function which the first one uses: name of
    one}}, of functions that a header declares."""
    names = {path: set(re.findall(r"\w+", code(path)))
             for path in sources() if path.suffix == ".c"}
    declared = set(re.findall(r"\b(\w+)\(", "\n".join(
        code(path) for path in sources() if path.suffix == ".h")))
    defined = re.compile(r"(?m)^(?!static|[#\s/}]).*\n(\w+)\(")
    owner = {name: path for path in names
             for name in defined.findall(path.read_text())
             if name in declared}
    return {path: {owner[name]: name for name in sorted(used & set(owner))
                   if owner[name] != path}
            for path, used in names.items()}


def circle(graph):
    """The files of a circle in a graph as above, or none."""
    ended = set()

    def visit(node, way):
        if node in way:
            return way[way.index(node):] + [node]
        if node in ended:
            return []
        for other in graph[node]:
            found = visit(other, way + [node])
            if found:
                return found
        ended.add(node)
        return []

    for node in graph:
        found = visit(node, [])
        if found:
            return found
    return []


def width(line):
    return len(line.expandtabs(8))


class Layout(unittest.TestCase):
    def test_attachments_include_only_what_stands_above_them(self):
        for path in sources():
            part = part_of(path)
            self.assertIn(part, PARTS, path)
            for name in includes(path):
                other = name.split("/")[0]
                if other in PARTS and other != part:
                    self.assertIn(other, PARTS[part], f"{path}: {name}")

    def test_no_files_call_each_other(self):
        """By whatever way round; what two of them share is a third."""
        graph = call_graph()
        self.assertGreater(sum(map(len, graph.values())), 300)
        found = circle(graph)
        self.assertEqual([], [
            f"{one.relative_to(ROOT)} uses {graph[one][other]}()"
            for one, other in zip(found, found[1:])])

    def test_only_the_owning_part_includes_its_library(self):
        for path in sources():
            for name in includes(path):
                if name in OWNED:
                    self.assertEqual(part_of(path), OWNED[name], path)

    def test_the_supervisor_takes_only_the_sigset_from_the_engine(self):
        for path in sources():
            if part_of(path) == "supervisor":
                taken = [n for n in includes(path) if n.startswith("engine/")]
                self.assertLessEqual(set(taken), {"engine/sigset.h"}, path)

    def test_nothing_else_stands_at_the_top(self):
        found = {path.name for path in ROOT.iterdir()
                 if not path.name.startswith(".")
                 and not path.name.startswith("build")}
        self.assertEqual(found, TOP_LEVEL)

    def test_files_and_functions_are_short(self):
        for path in all_c_files():
            lines = len(path.read_text().splitlines())
            self.assertLessEqual(lines, FILE_LINES, path)
            for name, size in functions(path):
                self.assertLessEqual(size, FUNCTION_LINES, f"{path}: {name}")

    def test_lines_fit_eighty_columns(self):
        for path in all_c_files():
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if "SPDX" not in line:
                    self.assertLessEqual(width(line), LINE_WIDTH,
                                         f"{path}:{number}")

    def test_files_begin_by_saying_what_they_are(self):
        for path in sources():
            text = path.read_text()
            name = r"(main|vscan-\w+)" if path.stem == "main" else path.stem
            self.assertRegex(text, rf"\A/\* {name} - ", path)
            self.assertIn(SPDX, text, path)

    def test_files_are_as_clang_format_makes_them(self):
        files = [str(path) for path in all_c_files()]
        done = subprocess.run(["clang-format", "--dry-run", "-Werror",
                               *files], cwd=ROOT, stderr=subprocess.PIPE,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])


if __name__ == "__main__":
    unittest.main()
