"""What Go's pprof 1.19 and 1.27 and speedscope make of each case of pprof_cases.py: pprof_readers.py [CASE...].

Prints a Markdown list; the two releases share a line where they answer alike.
"""

import json
import pathlib
import sys
import tempfile

import pprof_cases
import readers

RELEASES = ("go1.19", "go1.27")


def structure(release, path):
    document = json.loads(readers.run([str(readers.REFERENCE / "pprof" / ("pprof-dump-" + release)), str(path)]))
    parts = ["labels %s" % json.dumps([s["labels"] for s in document["samples"] if s["labels"]], sort_keys=True)]
    parts += ["%s %r" % (key, document[key]) for key in ("comments", "doc_url", "default_sample_type") if document[key]]
    columns = {line["column"] for location in document["locations"] for line in location["lines"]}
    return "; ".join([*parts, "columns %s" % sorted(columns, key=str)])


def listed(rows):
    return ", ".join("%s %s/%s" % (ascii(row["name"])[1:-1], row["self"], row["total"]) for row in rows)


def tables(release, path):
    document = readers.read("pprof_tables.py", release, path)
    shown = []
    for table in document["tables"]:
        broken = " (+%d unreadable lines)" % table["unreadable"] if table["unreadable"] else ""
        shown.append("%(type)s/%(unit)s total %(total)s: " % table + (listed(table["rows"]) or "nothing") + broken)
    head = [
        line for line in document["tables"][0]["head"] if line and not line.startswith(("Type:", "Showing", "File:"))
    ]
    raw = [
        line.strip()
        for line in document["raw"]
        if ":[" in line or line.startswith(("Comment", "Doc", "Time", "Duration"))
    ]
    return "shows %s; %s; head %s; raw %s" % (document["shown_by_default"], "; ".join(shown), head, raw)


def alike(reader, path):
    answers = {}
    for release in RELEASES:
        try:
            answer = reader(release, path)
        except readers.Refused as error:
            answer = "✗ %s" % str(error).replace(str(path), "FILE")
        answers.setdefault(answer, []).append(release)
    for answer, releases in answers.items():
        print("- %s %s: %s" % (reader.__name__, " ".join(releases), answer))


def speedscope(path):
    answer = json.loads(readers.speedscope([{"file": str(path)}])[0])
    if not answer["ok"]:
        return "✗ %s" % answer["error"]
    shown = []
    for profile in answer["profiles"]:
        shown.append("unit %(unit)s total %(total)s: " % profile + (listed(profile["functions"]) or "nothing"))
    return "; ".join(shown)


def main(names):
    readers.require(readers.VENV)
    with tempfile.TemporaryDirectory() as folder:
        for name in names or pprof_cases.CASES:
            path = pathlib.Path(folder) / "case.pb"
            path.write_bytes(pprof_cases.CASES[name])
            print("\n**%s**" % name)
            alike(structure, path)
            alike(tables, path)
            print("- speedscope: %s" % speedscope(path))


if __name__ == "__main__":
    main(sys.argv[1:])
