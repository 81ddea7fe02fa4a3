"""What `go tool pprof` prints for a profile: pprof_tables.py go1.19|go1.27 FILE...

For each sample type the rows of `-top` (self is its "flat", total its "cum": a function once a sample however often it
is on the stack), nothing dropped, in the sample type's own unit; the type that it shows when not told which
(`shown_by_default`); and the text of `-raw`, whose head has comments and documentation address. The structure behind the
tables is pprof_dump's. Several files are merged by pprof.

`-top` goes by function name: inlined and ordinary frames of one function are one row with the marker in `inline`.
Values pass through float64 in pprof and are printed with two decimals: exact below 2^53. Names are printed raw:
`unreadable` counts the lines that newlines in names left behind.

Programs: $PROFKIT_REFERENCE/pprof/pprof-<release> and pprof-dump-<release>.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

import canon

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = os.environ.get("PROFKIT_REFERENCE", os.path.join(ROOT, ".reference"))
RELEASES = ("go1.19", "go1.27")
VALUE = re.compile(rb"^(-?[\d.]+(?:e[+-]?\d+)?)(.*)$")
ROW = re.compile(rb"^ *(\S+) +\S+ +\S+ +(\S+) +\S+ {2}(.*)$", re.S)
INLINE = re.compile(rb"^(.*) \((inline|partial-inline)\)$", re.S)
SHOWING = re.compile(rb"^Showing nodes accounting for (\S+), (\S+)% of (\S+) total$")


def run(program, arguments):
    """Run a program; its own message and status become ours when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        # pprof keeps a copy of every profile it fetches, in $HOME/pprof unless told otherwise.
        environment = dict(os.environ, PPROF_TMPDIR=folder, HOME=folder)
        done = subprocess.run(
            [os.path.join(REFERENCE, "pprof", program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stderr)
        sys.exit(done.returncode)
    return done.stdout


def value(cell):
    """A printed value without its unit; pprof prints a plain 0 without one."""
    number = VALUE.match(cell)[1].decode()
    return canon.number(float(number) if "." in number or "e" in number else int(number))


def table(raw):
    head, rows, total, unreadable = [], [], None, 0
    # Not splitlines(): a carriage return in a name does not end pprof's line.
    lines = iter(raw.split(b"\n"))
    for line in lines:
        showing = SHOWING.match(line)
        if showing:
            total = value(showing[3])
        if line.split() == [b"flat", b"flat%", b"sum%", b"cum", b"cum%"]:
            break
        head.append(canon.text(line))
    for line in lines:
        row = ROW.match(line)
        if not row:
            unreadable += bool(line)
            continue
        own, cumulative, name = row.groups()
        inline = INLINE.match(name)
        rows.append(
            {
                "name": canon.text(inline[1] if inline else name),
                "inline": inline[2].decode() if inline else None,
                "self": value(own),
                "total": value(cumulative),
            }
        )
    rows.sort(key=lambda row: (row["name"], row["total"]))
    return {"head": head, "total": total, "rows": rows, "unreadable": unreadable}


def shown_type(head):
    return next((line[len("Type: ") :] for line in head if line.startswith("Type: ")), None)


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in RELEASES:
        sys.exit("usage: pprof_tables.py go1.19|go1.27 FILE...")
    release, files = arguments[0], arguments[1:]
    dump = json.loads(run("pprof-dump-" + release, files))
    top = ["-top", "-symbolize=none", "-nodecount=0", "-nodefraction=0", "-edgefraction=0"]
    tables = []
    for index, kind in enumerate(dump["sample_types"]):
        unit = ["-unit=" + kind["unit"]] if kind["unit"] else []
        out = run("pprof-" + release, [*top, *unit, "-sample_index=%d" % index, *files])
        tables.append(dict(table(out), type=kind["type"], unit=kind["unit"]))
    default = table(run("pprof-" + release, [*top, *files]))
    raw = run("pprof-" + release, ["-raw", "-symbolize=none", *files])
    canon.emit(
        {
            "tool": {"name": "go tool pprof", "version": release},
            "shown_by_default": shown_type(default["head"]),
            "tables": tables,
            "raw": [canon.text(line) for line in raw.split(b"\n")],
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
