"""What valgrind's `callgrind_annotate` reads: callgrind_annotate.py FILE.

It is run twice, for exclusive (`self`) and for inclusive (`total`) costs, with `--tree=both` and a threshold of 100 %, and
its text is parsed. `name` is its own `file:function` (function names may hold colons, so it is not split), `object` the
bracket behind it; costs are one integer per event, 0 where it prints a dot. An edge's costs are those of the call,
callee included. `total` of a recursive function adds up every nested activation. `self` is null for a phantom: a callee
whose file or object was spelled otherwise at the call than at its own lines appears a second time, in the inclusive
table only (valgrind 3.19's own files do that to `main`).

Names are printed as they are: a newline in one breaks the table, and then `unreadable` counts lines.
"""

import os
import re
import subprocess
import sys

import canon

COMMAND = os.environ.get("CALLGRIND_ANNOTATE", "callgrind_annotate")
COST = r"(?:-?[\d,]+|\.)"
NAME = re.compile(r"^(?P<name>.*?)(?: \((?P<calls>-?[\d,]+)x\))?(?: \[(?P<object>[^\[\]]*)\])?$", re.S)
TOOL_NAME = "callgrind_annotate"


def run(path, inclusive):
    command = [
        COMMAND,
        "--threshold=100",
        "--tree=both",
        "--auto=no",
        "--show-percs=no",
        "--inclusive=" + ("yes" if inclusive else "no"),
        path,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        # Perl's `die` status can be any value up to 255; its message is on stderr already.
        sys.exit(done.returncode)
    return done.stdout


def number(cost):
    return 0 if cost == "." else int(cost.replace(",", ""))


def string(latin):
    return canon.text(latin.encode("latin-1"))


def named(text, costs):
    match = NAME.match(text)
    row = {"name": string(match["name"]), "object": None if match["object"] is None else string(match["object"])}
    if match["calls"] is not None:
        row["calls"] = number(match["calls"])
    row["cost"] = costs
    return row


class Table:
    """The text of one run: events, the totals line, and blocks of caller, function and callee lines."""

    def __init__(self, raw):
        self.functions = []
        self.totals = None
        self.unreadable = 0
        # Latin-1 keeps each byte apart; `named` hands the bytes themselves on.
        lines = raw.decode("latin-1").split("\n")
        shown = [line for line in lines if line.startswith("Events shown: ")]
        if not shown:
            sys.exit("callgrind_annotate printed no table")
        self.events = shown[0].split(":", 1)[1].split()
        costs = r"\s*(" + r"\s+".join([COST] * len(self.events)) + r")"
        self.row = re.compile("^" + costs + r"\s\s?\s?([<*>])\s\s?\s?(.*)$", re.S)
        total_row = re.compile("^" + costs + r"\s+PROGRAM TOTALS(?: \(calculated\))?$")
        body = False
        callers = []
        for line in lines:
            total = total_row.match(line)
            if total:
                self.totals = [number(cost) for cost in total[1].split()]
            elif not body:
                body = line.rstrip().endswith("file:function")
            elif line and not line.startswith("-----"):
                callers = self.take(line, callers)

    def take(self, line, callers):
        match = self.row.match(line)
        if not match:
            self.unreadable += 1
            return callers
        row = named(match[3], [number(cost) for cost in match[1].split()])
        if match[2] == "<":
            return [*callers, row]
        if match[2] == "*":
            self.functions.append(dict(row, callers=callers, callees=[]))
        else:
            self.functions[-1]["callees"].append(row)
        return []


def identity(row):
    return (row["name"], row["object"] or "")


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: callgrind_annotate.py FILE")
    exclusive, inclusive = (Table(run(arguments[0], inclusive)) for inclusive in (False, True))
    rows = {}
    for row in exclusive.functions:
        for side in ("callers", "callees"):
            row[side].sort(key=identity)
        row["self"] = row.pop("cost")
        rows[identity(row)] = row
    for row in inclusive.functions:
        if identity(row) in rows:
            rows[identity(row)]["total"] = row["cost"]
        else:
            rows[identity(row)] = dict(row, self=None, total=row.pop("cost"))
    # It answers on stderr.
    version = subprocess.run([COMMAND, "--version"], stderr=subprocess.PIPE, check=False).stderr.decode().strip()
    canon.emit(
        {
            "tool": {"name": TOOL_NAME, "version": version.rpartition("-")[2]},
            "events": exclusive.events,
            "totals": exclusive.totals,
            "unreadable": exclusive.unreadable + inclusive.unreadable,
            "functions": sorted(rows.values(), key=identity),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
