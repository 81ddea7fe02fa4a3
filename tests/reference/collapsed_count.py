"""What a flame graph tool takes from collapsed stacks: collapsed_count.py inferno|flamegraph FILE.

`ignored` is the tool's own count of lines that it could not use, `total` the width of its root, `frames` its rectangles
(inferno only: name, depth from the root, first sample, samples; a complete tree). The two tools differ:
* inferno skips lines that start with `#` without counting them, truncates each fraction (`1.5` is 1), takes CRLF;
* flamegraph.pl takes a comment that ends in a number as a stack, keeps fractions, and ignores CRLF lines (`\r` is not
  part of the number); its titles are rounded to whole samples.
Both take `stack 2 3` as a differential line and count its SECOND number.

Tools: $PROFKIT_REFERENCE/inferno/bin/inferno-flamegraph (cargo), $PROFKIT_REFERENCE/flamegraph (PyPI's pyflamegraph
0.0.2 ships Brendan Gregg's script).
"""

import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree

import canon

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = os.environ.get("PROFKIT_REFERENCE", os.path.join(ROOT, ".reference"))
INFERNO = os.path.join(REFERENCE, "inferno", "bin", "inferno-flamegraph")
PERL_SCRIPT = os.path.join(REFERENCE, "flamegraph", "pyflamegraph", "flamegraph", "flamegraph.pl")
COMMANDS = {
    "inferno": [INFERNO, "--minwidth", "0"],
    "flamegraph": ["perl", PERL_SCRIPT, "--minwidth", "0"],
}
IGNORED = re.compile(rb"Ignored (\d+) lines with invalid format")
SVG = "{http://www.w3.org/2000/svg}"
INFERNO_ATTRIBUTE = "{http://github.com/jonhoo/inferno}"
FRAME_HEIGHT = 16
TITLE = re.compile(r"^(?P<name>.*) \((?P<samples>[\d,.]+) samples?, [^()]*\)$", re.S)


def draw(tool, path):
    done = subprocess.run([*COMMANDS[tool], path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    sys.stderr.buffer.write(done.stderr)
    if done.returncode != 0:
        sys.exit(done.returncode)
    ignored = IGNORED.search(done.stderr)
    return xml.etree.ElementTree.fromstring(done.stdout), int(ignored[1]) if ignored else 0


def version(tool):
    if tool == "flamegraph":
        return "2015 (pyflamegraph 0.0.2)"
    # It has no --version; cargo's own record of the installation has.
    with open(os.path.join(REFERENCE, "inferno", ".crates.toml"), "rb") as file:
        return next(key.split()[1] for key in tomllib.load(file)["v1"] if key.startswith("inferno "))


def inferno_frames(svg):
    """Every rectangle; y grows downwards, so the root is the lowest."""
    rows = []
    for group in svg.iter(SVG + "g"):
        title, rect = group.find(SVG + "title"), group.find(SVG + "rect")
        if title is None or rect is None:
            continue
        name = TITLE.match(title.text)["name"]
        start, samples = (int(rect.get(INFERNO_ATTRIBUTE + key)) for key in ("x", "w"))
        rows.append((int(rect.get("y")), start, samples, name))
    floor = max(row[0] for row in rows)
    return [
        {"depth": (floor - y) // FRAME_HEIGHT, "start": start, "samples": samples, "name": canon.text(name)}
        for y, start, samples, name in sorted(rows, key=lambda row: (-row[0], row[1]))
    ]


def perl_total(svg):
    for title in svg.iter(SVG + "title"):
        match = TITLE.match(title.text or "")
        if match and match["name"] == "all":
            return int(match["samples"].replace(",", ""))
    return None


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        sys.exit("usage: collapsed_count.py inferno|flamegraph FILE")
    tool, path = arguments
    svg, ignored = draw(tool, path)
    with open(path, "rb") as lines:
        total_lines = sum(1 for line in lines if line.strip())
    document = {"tool": {"name": tool, "version": version(tool)}, "lines": total_lines, "ignored": ignored}
    if tool == "inferno":
        frames = inferno_frames(svg)
        document.update(total=frames[0]["samples"], frames=frames)
    else:
        document["total"] = perl_total(svg)
    canon.emit(document)


if __name__ == "__main__":
    main(sys.argv[1:])
