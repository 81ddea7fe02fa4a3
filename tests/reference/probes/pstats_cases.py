"""Dumps that a writer of pstats might want to produce, each the smallest that shows one point.

Every case but those about marshal itself is written as marshal version 2, which every Python reads. Times are seconds.
"""

import marshal

ROOT = ("m.py", 1, "root")
LEAF = ("m.py", 5, "leaf")
OTHER = ("m.py", 9, "other")


def pair(root=ROOT, leaf=LEAF, counts=(1, 1), own=0.25, leaf_own=0.75):
    """root calls leaf; counts are (primitive calls, calls) of the function tuples, reversed in the caller's."""
    primitive, calls = counts
    return {
        root: (primitive, calls, own, own + leaf_own, {}),
        leaf: (primitive, calls, leaf_own, leaf_own, {root: (calls, primitive, leaf_own, leaf_own)}),
    }


CASES = {
    "plain": pair(),
    "calls 0": pair(counts=(0, 0)),
    "calls -1": pair(counts=(-1, -1)),
    "unknown caller": {ROOT: (1, 1, 0.25, 1.0, {}), LEAF: (1, 1, 0.75, 0.75, {OTHER: (1, 1, 0.75, 0.75)})},
    "lone surrogate": pair(leaf=("m\udcff.py", 5, "le\udcffaf")),
    "non-ASCII name": pair(leaf=("m.py", 5, "größe")),
    "NUL in name": pair(leaf=("m\0.py", 5, "le\0af")),
    "newline in name": pair(leaf=("m.py", 5, "le\naf")),
    "5 kB name": pair(leaf=("m.py", 5, "leaf" * 1280)),
    "integer times": pair(own=1, leaf_own=3),
    "negative time": pair(own=-0.25),
    "NaN": pair(own=float("nan")),
    "all times 0": pair(own=0.0, leaf_own=0.0),
    "times 2.0 (UTF-8)": pair(own=2.0, leaf_own=32.0),
    "empty": {},
    "only roots": {ROOT: (1, 1, 0.25, 0.25, {}), LEAF: (1, 1, 0.75, 0.75, {})},
    "no root (cycle)": {
        ROOT: (1, 1, 0.25, 1.0, {LEAF: (1, 1, 0.25, 1.0)}),
        LEAF: (1, 1, 0.75, 1.0, {ROOT: (1, 1, 0.75, 1.0)}),
    },
    "recursive leaf": {
        ROOT: (1, 1, 0.25, 1.0, {}),
        LEAF: (1, 3, 0.75, 0.75, {ROOT: (1, 1, 0.25, 0.75), LEAF: (2, 1, 0.5, 0.5)}),
    },
    "two callers": {
        ROOT: (1, 1, 0.25, 1.0, {}),
        OTHER: (1, 1, 0.25, 0.5, {ROOT: (1, 1, 0.25, 0.5)}),
        LEAF: (3, 3, 0.5, 0.5, {ROOT: (1, 1, 0.25, 0.25), OTHER: (2, 2, 0.25, 0.25)}),
    },
    "integer caller": {ROOT: (1, 1, 0.25, 1.0, {}), LEAF: (2, 2, 0.75, 0.75, {ROOT: 2})},
    "sampled marker": pair() | {("__sampled__",): True},
    "yappi order (nc, cc)": {
        ROOT: (1, 1, 0.25, 1.0, {}),
        LEAF: (3, 1, 0.75, 0.75, {ROOT: (1, 1, 0.25, 0.75), LEAF: (2, 0, 0.5, 0.5)}),
    },
    "calls above 2^31": pair(counts=(1 << 33, 1 << 33)),
    "trailing bytes": None,
    "two dumps in a row": None,
    "marshal 0": None,
    "marshal 1": None,
    "marshal 4": None,
    "marshal 3": None,
}


def write(name, path):
    """Write one case to a file."""
    content = CASES[name]
    if name.startswith("marshal "):
        data = marshal.dumps(pair(), int(name.split()[1]))
    elif name == "trailing bytes":
        data = marshal.dumps(pair(), 2) + b"\0\0"
    elif name == "two dumps in a row":
        data = marshal.dumps(pair(), 2) * 2
    else:
        data = marshal.dumps(content, 2)
    path.write_bytes(data)
