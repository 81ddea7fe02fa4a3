"""What pyprof2calltree makes of a pstats dump: pyprof2calltree_run.py FILE.

Its `convert` writes a callgrind text, which is read back here just far enough for the numbers: blocks of `fl=`, `fn=`,
one line `LINE SELF`, and per callee `cfl=`, `cfn=`, `calls=N LINE`, `LINE INCLUSIVE`; costs are nanoseconds, truncated.
`calls` of an edge are ALL calls, as callgrind wants them: the code names a caller's two counts the wrong way round, but
then uses the first, which is the right one. Names are written raw: `unreadable` counts the lines that a newline in a
name left behind.

Run by an interpreter that has pyprof2calltree.
"""

import importlib.metadata
import os
import sys
import tempfile

import canon
import pyprof2calltree


def convert(path):
    """The converted text, by way of a file as the command does it: the encoding is the locale's."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.callgrind")
        pyprof2calltree.convert(path, out)
        with open(out, newline="\n") as lines:
            return lines.read()


class Reader:
    """Reads what `CalltreeConverter` writes, line by line; not a callgrind reader (no ids, one position, one event)."""

    def __init__(self):
        self.summary = None
        self.functions = []
        self.unreadable = 0
        self.file = None
        self.callee = {}
        self.expect = None

    def line(self, line):
        key, equals, value = line.partition("=")
        if line.startswith(("event: ", "events: ")) or not line:
            return
        if line.startswith("summary: "):
            self.summary = int(line[len("summary: ") :])
        elif key == "fl" and equals:
            self.file = value
        elif key == "fn" and equals:
            row = {"file": canon.text(self.file), "name": canon.text(value), "callees": []}
            self.functions.append(row)
            self.expect = "self"
        elif key in ("cfl", "cfn") and equals:
            self.callee[{"cfl": "file", "cfn": "name"}[key]] = canon.text(value)
        elif key == "calls" and equals:
            calls, line_number = value.split()
            self.callee.update(calls=int(calls), line=int(line_number))
            self.expect = "inclusive"
        else:
            self.cost(line)

    def cost(self, line):
        numbers = line.split(" ")
        if len(numbers) != 2 or self.expect is None or not all(n.lstrip("-").isdigit() for n in numbers):
            self.unreadable += 1
            return
        function = self.functions[-1]
        if self.expect == "self":
            function.update(line=int(numbers[0]), self=int(numbers[1]))
        else:
            function["callees"].append(dict(self.callee, inclusive=int(numbers[1])))
            self.callee = {}
        self.expect = None


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: pyprof2calltree_run.py FILE")
    reader = Reader()
    for line in convert(arguments[0]).split("\n"):
        reader.line(line)
    for row in reader.functions:
        row["callees"].sort(key=canon.order)
    canon.emit(
        {
            "tool": {"name": "pyprof2calltree", "version": importlib.metadata.version("pyprof2calltree")},
            "summary": reader.summary,
            "unreadable": reader.unreadable,
            "functions": sorted(reader.functions, key=canon.order),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
