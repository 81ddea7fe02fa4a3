"""What four readers make of collapsed stacks that show one point each: collapsed_readers.py [CASE...].

Prints a Markdown list: the total each tool sees, and the lines it admits to have ignored.
"""

import json
import pathlib
import sys
import tempfile

import readers

CASES = {
    "plain": b"a;b 1\na;c 2\n",
    "last line without newline": b"a;b 1\na;c 2",
    "same stack twice": b"a;b 1\na;b 2\n",
    "CRLF": b"a;b 1\r\na;c 2\r\n",
    "UTF-8 BOM": b"\xef\xbb\xbfa;b 1\na;c 2\n",
    "UTF-16LE with BOM": "\ufeffa;b 1\na;c 2\n".encode("utf-16-le"),
    "fraction": b"a;b 1.5\na;c 2\n",
    "all fractions": b"a;b 1.5\na;c 2.5\n",
    "two counts": b"a;b 5 1\na;c 5 2\n",
    "comment": b"# header\na;b 1\n# made 2026\na;c 2\n",
    "line without count": b"a;b 1\nnothing\na;c 2\n",
    "space in a frame": b"a (m.py:1);b c 1\na;d 2\n",
    "tab before count": b"a;b\t1\na;c 2\n",
    "empty frame": b"a;;b 1\n;c 2\n",
    "recursion": b"a;a;a 1\na;b;a 2\n",
    "frame that ends in a number": b"a;gen 7 1\na;c 2\n",
    "count 0": b"a;b 0\na;c 2\n",
    "count above 2^53": b"a;b 9007199254740993\n",
    "count above 2^64": b"a;b 18446744073709551616\na;c 2\n",
    "not UTF-8": b"a;\xff 1\na;c 2\n",
    "control character": b"a;b\x01c 1\na;c 2\n",
    "negative count": b"a;b -1\na;c 2\n",
    "no ; at all": b"main 1\nmain 2\n",
    "empty": b"",
}


def speedscope(path):
    answer = json.loads(readers.speedscope([{"file": str(path)}])[0])
    if not answer["ok"]:
        raise readers.Refused(answer["error"])
    return "total %s" % answer["profiles"][0]["total"]


def gprof2dot(path):
    document = readers.read("gprof2dot_functions.py", "collapse", path)
    return "total %s" % document["profile"]["self"]


def graph(tool):
    def read(path):
        document = readers.read("collapsed_count.py", tool, path)
        frames = " (%s)" % " ".join(ascii(row["name"]) for row in document["frames"]) if "frames" in document else ""
        return "total %s, ignored %s%s" % (document["total"], document["ignored"], frames)

    read.__name__ = tool
    return read


READERS = (graph("inferno"), graph("flamegraph"), gprof2dot, speedscope)


def main(names):
    readers.require(readers.VENV)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "case.txt"
        for name in names or CASES:
            path.write_bytes(CASES[name])
            answers = []
            for reader in READERS:
                try:
                    answer = reader(path)
                except readers.Refused as error:
                    answer = "✗ %s" % error
                answers.append("%s %s" % (reader.__name__, answer))
            print("- **%s**: %s" % (name, "; ".join(answers)))


if __name__ == "__main__":
    main(sys.argv[1:])
