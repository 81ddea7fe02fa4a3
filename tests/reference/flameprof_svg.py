"""What flameprof draws from a pstats dump: flameprof_svg.py FILE [THRESHOLD].

Its public functions, then its own SVG and folded text of the same blocks. THRESHOLD is its share of the whole below
which nothing is drawn (default 0: everything, the command's own default is 0.001). flameprof expands the call graph top
down and scales what has several callers, so `forward` numbers are an estimate; `backward` row 0 is every function's own
time, exactly as the dump has it.

Run by an interpreter that has flameprof.
"""

import collections
import importlib.metadata
import io
import pstats
import sys
import xml.etree.ElementTree

import canon
import flameprof


def drawn(stats, form, threshold):
    out = io.StringIO()
    flameprof.render(stats, out, form, threshold=threshold)
    # The command writes to a UTF-8 file or terminal: a lone surrogate fails here, as it does there.
    return out.getvalue().encode("utf-8")


def folded(text):
    """Sum of its folded text, and how many lines a newline in a name left without a count."""
    counts = [line.rpartition(b" ")[2] for line in text.split(b"\n") if line]
    numbers = [int(count) for count in counts if count.lstrip(b"-").isdigit()]
    return {"microseconds": sum(numbers), "unreadable": len(counts) - len(numbers)}


def elements(svg):
    """How many elements the SVG has; names go in raw, so a control character makes a file that no browser opens."""
    try:
        return sum(1 for _ in xml.etree.ElementTree.fromstring(svg).iter())
    except xml.etree.ElementTree.ParseError as error:
        sys.exit("flameprof drew an SVG that is not well-formed: %s" % error)


def main(arguments):
    if len(arguments) not in (1, 2):
        sys.exit("usage: flameprof_svg.py FILE [THRESHOLD]")
    threshold = float(arguments[1]) if len(arguments) == 2 else 0.0
    stats = pstats.Stats(arguments[0]).stats
    funcs, calls = flameprof.calc_callers(stats)
    forward, backward, whole = flameprof.prepare(funcs, calls, threshold=threshold)

    placed = collections.defaultdict(lambda: [0.0, 0.0])
    for block in forward:
        sums = placed[block["trace"][-1]]
        sums[0] += block["ww"]
        sums[1] += block["w"]
    rows = [
        dict(canon.location(key), self=canon.number(own), total=canon.number(total))
        for key, (own, total) in placed.items()
    ]
    svg = drawn(stats, "svg", threshold)
    canon.emit(
        {
            "tool": {"name": "flameprof", "version": importlib.metadata.version("flameprof")},
            "whole": canon.number(whole),
            "roots": sorted((canon.location(key) for key in funcs["root"]["calls"]), key=canon.order),
            "forward": sorted(rows, key=canon.order),
            "forward_self": canon.number(float(sum(own for own, _ in placed.values()))),
            # Its blocks carry only the bare name and a hash name; `hash_name` is file:line:name.
            "backward": sorted(
                [canon.text(block["hash_name"]), canon.number(block["w"])] for block in backward if block["level"] == 0
            ),
            "folded": folded(drawn(stats, "log", threshold)),
            "svg_bytes": len(svg),
            "svg_elements": elements(svg),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
