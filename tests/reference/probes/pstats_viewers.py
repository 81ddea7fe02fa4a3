"""What each pstats viewer does with each case of pstats_cases.py: pstats_viewers.py [CASE...] prints a Markdown list.

pstats of every CPython here is asked; versions that answer alike share a line.
"""

import pathlib
import sys
import tempfile

import pstats_cases
import readers

SHORT = 110


def short(value):
    """One line, not too long, control characters spelled out."""
    value = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))
    return value if len(value) <= SHORT else value[: SHORT // 2] + "…" + value[-SHORT // 2 :]


def shown(number):
    """A number, or one of canon.py's words for those that are none."""
    return number if isinstance(number, str) else "%g" % number


def functions(rows):
    """name self/total/calls of each row, sorted; what a viewer does not give is left out."""
    parts = []
    for row in rows:
        numbers = [row[key] for key in ("self", "total", "calls", "primitive_calls") if key in row]
        parts.append("%s %s" % (short(row["name"])[-24:], "/".join(map(shown, numbers))))
    return ", ".join(sorted(parts))


def edges(rows, key):
    out = []
    for row in rows:
        for edge in row[key]:
            calls = edge.get("calls", edge.get("count"))
            other = edge.get("callee", edge.get("name"))
            ends = (other, row["name"]) if key == "callers" else (row["name"], other)
            out.append("%s→%s×%s" % (*ends, calls))
    return "; ".join(sorted(map(short, out)))


def by_pstats(path):
    """Answer -> the versions that gave it."""
    answers = {}
    for version, python in readers.interpreters().items():
        try:
            document = readers.read("pstats_stats.py", path, python=python)
            lines = document["printed"]["print_stats"]
            answer = "total %s s, %s calls; %s; edges %s%s" % (
                shown(document["total_tt"]),
                document["total_calls"],
                functions(document["functions"]),
                edges(document["functions"], "callers") or "none",
                "" if lines["utf8"] else "; PRINTS WHAT UTF-8 CANNOT HOLD",
            )
        except readers.Refused as error:
            answer = "✗ " + short(error)
        answers.setdefault(answer, []).append(version)
    return {"pstats " + " ".join(versions): answer for answer, versions in answers.items()}


def snakeviz(path):
    document = readers.read("snakeviz_table.py", path)
    return "table %d rows, drawn: %s" % (len(document["rows"]), functions(document["functions"]) or "nothing")


def gprof2dot(path):
    document = readers.read("gprof2dot_functions.py", "pstats", path)
    return "%s; edges %s" % (
        functions(document["functions"]) or "nothing",
        edges(document["functions"], "callees") or "none",
    )


def tuna(path):
    document = readers.read("tuna_tree.py", path)
    return "read as %s profile, %d nodes, draws %s s" % (
        document["reader"],
        document["nodes"],
        shown(document["drawn"]),
    )


def flameprof(path):
    document = readers.read("flameprof_svg.py", path)
    return "whole %s s, forward self %s s, folded %s µs (%s unreadable), %d svg elements" % (
        document["whole"],
        document["forward_self"],
        document["folded"]["microseconds"],
        document["folded"]["unreadable"],
        document["svg_elements"],
    )


def pyprof2calltree(path):
    document = readers.read("pyprof2calltree_run.py", path)
    return "%s; edges %s; unreadable lines %d" % (
        functions(document["functions"]) or "nothing",
        edges(document["functions"], "callees") or "none",
        document["unreadable"],
    )


VIEWERS = (snakeviz, gprof2dot, tuna, flameprof, pyprof2calltree)


def main(names):
    readers.require(readers.VENV)
    with tempfile.TemporaryDirectory() as folder:
        for name in names or pstats_cases.CASES:
            path = pathlib.Path(folder) / "case.pstats"
            pstats_cases.write(name, path)
            print("\n**%s**" % name)
            for versions, answer in by_pstats(path).items():
                print("- %s: %s" % (versions, answer))
            for viewer in VIEWERS:
                try:
                    print("- %s: %s" % (viewer.__name__, viewer(path)))
                except readers.Refused as error:
                    print("- %s: ✗ %s" % (viewer.__name__, short(error)))


if __name__ == "__main__":
    main(sys.argv[1:])
