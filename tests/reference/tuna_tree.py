"""What tuna shows of a pstats dump: tuna_tree.py FILE.

tuna's own `read`, then its own page rendering. `reader` says which of its two readers took the file: `read` first tries
the text of `python -X importtime`, and any dump whose bytes happen to be valid UTF-8 is "read" as an empty import
profile. `tree` is what the page draws: a node has either children or a value in seconds, `::self` leaves carry
a function's own time, and a node below which tuna cannot go ("Possible calls of") carries the total of that edge.
`self` sums the `::self` values by name; it is the whole self time only of functions that have at most one caller.

Run by an interpreter that has tuna.
"""

import collections
import importlib.metadata
import sys

import canon
import tuna._runtime_profile
import tuna.main

SELF = "::self"


def tree_of(node):
    row = {"text": [canon.text(part) for part in node["text"]]}
    if "value" in node:
        row["value"] = canon.number(node["value"])
    if "children" in node:
        row["children"] = [tree_of(child) for child in node["children"]]
    return row


def walk(node):
    yield node
    for child in node.get("children", ()):
        yield from walk(child)


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: tuna_tree.py FILE")
    took = []
    runtime = tuna._runtime_profile.read_runtime_profile
    tuna.main.read_runtime_profile = lambda path: took.append("runtime") or runtime(path)
    data = tuna.main.read(arguments[0])
    page = tuna.main.render(data, arguments[0]).encode()

    own = collections.defaultdict(float)
    for node in walk(data):
        if node["text"][0].endswith(SELF):
            own[node["text"][0][: -len(SELF)]] += node["value"]
    canon.emit(
        {
            "tool": {"name": "tuna", "version": importlib.metadata.version("tuna")},
            "reader": took[0] if took else "import",
            "self": {canon.text(name): canon.number(value) for name, value in own.items()},
            "drawn": canon.number(float(sum(node.get("value", 0.0) for node in walk(data)))),
            "nodes": sum(1 for _ in walk(data)),
            "page_bytes": len(page),
            "tree": tree_of(data),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
