"""What three readers make of each case of callgrind_cases.py: callgrind_readers.py [CASE...] prints a Markdown list.

`=` in front of an answer: it is the truth, self times and edges alike (speedscope keeps no edges: self times alone).
"""

import json
import pathlib
import sys
import tempfile

import callgrind_cases
import readers


def bare(name):
    """Function name without the file that callgrind_annotate prints in front."""
    return name.rpartition(":")[2]


def sums(pairs):
    """callgrind_annotate has a row for each file that a function's code came from, speedscope one for each file and name."""
    total = {}
    for name, value in pairs:
        total[name] = total.get(name, 0) + value
    return total


def annotate(path):
    document = readers.read("callgrind_annotate.py", path)
    rows = [row for row in document["functions"] if row["self"] is not None]
    own = {row["name"]: row["self"][0] for row in rows}
    edges = {(row["name"], edge["name"]): (edge["cost"][0], edge["calls"]) for row in rows for edge in row["callees"]}
    if (document["totals"] or [0])[0] != sum(own.values()):
        own["PROGRAM TOTALS"] = document["totals"][0]
    return own, edges


def gprof2dot(path):
    rows = readers.read("gprof2dot_functions.py", "callgrind", path)["functions"]
    own = {row["name"]: row["self"] for row in rows}
    edges = {
        (row["name"], edge["callee"]): (edge["inclusive"], edge["calls"]) for row in rows for edge in row["callees"]
    }
    return own, edges


def speedscope(path):
    answer = json.loads(readers.speedscope([{"file": str(path)}])[0])
    if not answer["ok"]:
        raise readers.Refused(answer["error"])
    # A missing cost becomes NaN there, which the reader prints as a word.
    return sums((row["name"], float(row["self"])) for row in answer["profiles"][0]["functions"]), None


def compare(answer, truth):
    own, edges = answer
    if not any(":" in name for name in truth[0]):
        own = sums((bare(name), value) for name, value in own.items())
    shown = {"%s→%s" % (bare(a), bare(b)): value for (a, b), value in edges.items()} if edges is not None else None
    right = own == truth[0] and (shown is None or {k: tuple(v) for k, v in shown.items()} == truth[1])
    return "%s self %s%s" % ("=" if right else "≠", own, "" if shown is None else ", edges %s" % shown)


def main(names):
    readers.require(readers.VENV)
    with tempfile.TemporaryDirectory() as folder:
        for name in names or callgrind_cases.CASES:
            text, truth = callgrind_cases.CASES[name]
            path = pathlib.Path(folder) / "callgrind.out.1"
            path.write_text(text)
            print("\n**%s** truth: self %s, edges %s" % (name, *truth))
            for reader in (annotate, gprof2dot, speedscope):
                try:
                    print("- %s: %s" % (reader.__name__, compare(reader(path), truth)))
                except readers.Refused as error:
                    print("- %s: ✗ %s" % (reader.__name__, error))


if __name__ == "__main__":
    main(sys.argv[1:])
