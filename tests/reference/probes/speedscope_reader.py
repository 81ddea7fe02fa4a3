"""What speedscope makes of each case of speedscope_cases.py: speedscope_reader.py [CASE...] prints a Markdown list.

Each file is imported, opened in the app as a person would, and exported by Ctrl+S; beside it what the schema says.
"""

import json
import pathlib
import sys
import tempfile

import readers
import speedscope_cases


def valid(path):
    try:
        readers.read("speedscope_schema.py", path)
    except readers.Refused:
        return "schema: invalid"
    return "schema: valid"


def imported(answer):
    if not answer["ok"]:
        return "app: ✗ %s" % answer["error"]
    shown = []
    for profile in answer["profiles"]:
        rows = ", ".join(
            "%s %s/%s" % (ascii(row["name"])[1:-1], row["self"], row["total"]) for row in profile["functions"]
        )
        shown.append("%s, total %s %s: %s" % (profile["name"], profile["total"], profile["unit"], rows or "nothing"))
    return "app: " + "; ".join(shown)


def exported(path):
    if not path.exists():
        return "no export"
    parts = []
    for profile in json.loads(path.read_text())["profiles"]:
        events = " ".join("%s%d@%s" % (event["type"], event["frame"], event["at"]) for event in profile["events"])
        parts.append("%s..%s %s" % (profile["startValue"], profile["endValue"], events or "no events"))
    return "export: " + "; ".join(parts)


def main(names):
    readers.require(readers.VENV)
    names = names or list(speedscope_cases.CASES)
    with tempfile.TemporaryDirectory() as folder:
        requests = []
        for index, name in enumerate(names):
            path = pathlib.Path(folder) / ("case%d.speedscope.json" % index)
            path.write_text(json.dumps(speedscope_cases.CASES[name]))
            requests.append({"file": str(path), "open": True, "export": str(path) + ".out"})
        for name, request, line in zip(names, requests, readers.speedscope(requests)):
            answer = json.loads(line)
            export = exported(pathlib.Path(request["export"]))
            print("\n**%s**\n- %s\n- %s\n- %s" % (name, valid(request["file"]), imported(answer), export))


if __name__ == "__main__":
    main(sys.argv[1:])
