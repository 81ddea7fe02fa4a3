"""What yappi makes of each case of yappi_cases.py: yappi_reader.py [CASE...] prints a Markdown list.

Run by an interpreter that has yappi.
"""

import pathlib
import sys
import tempfile

import readers
import yappi_cases


def shown(document):
    rows = []
    for row in document["functions"]:
        children = [
            "→%s×%d %g s" % (ascii(child["name"])[1:-1], child["ncall"], child["ttot"]) for child in row["children"]
        ]
        calls = "%d/%d calls" % (row["ncall"], row["nactualcall"])
        rows.append("%s %s %g/%g s%s" % (ascii(row["name"])[1:-1], calls, row["tsub"], row["ttot"], "".join(children)))
    utf8 = "" if document["printed"]["utf8"] else "; PRINTS WHAT UTF-8 CANNOT HOLD"
    return "clock %s: %s%s" % (document["clock"], ", ".join(rows) or "nothing", utf8)


def main(names):
    with tempfile.TemporaryDirectory() as folder:
        for name in names or yappi_cases.CASES:
            paths = []
            for index, data in enumerate(yappi_cases.CASES[name]):
                paths.append(pathlib.Path(folder) / ("case%d.ystat" % index))
                paths[-1].write_bytes(data)
            try:
                answer = shown(readers.read("yappi_load.py", *paths))
            except readers.Refused as error:
                answer = "✗ %s" % error
            print("- **%s**: %s" % (name, answer))


if __name__ == "__main__":
    main(sys.argv[1:])
