"""What CPython's own `pstats` reads out of profile dumps: pstats_stats.py FILE...

Several files are added up by pstats itself (`pstats.Stats(a, b, ...)`), which makes this the merge oracle too. The three
print methods are run as well, because a dump can load and then fail in them (a missing caller key does).
A caller row has either `count` (the pure-Python profiler stores a bare integer) or the four numbers, and the caller's
tuple is (calls, primitive calls, ...), the opposite order of the function's own.

Runs unchanged under CPython 2.7 and 3.6 to 3.15. The interpreter decides what it can take: no Python 3 loads a Python 2
dump (interned `t`/`R` strings), and Python 2 takes no marshal version above 2.
"""

from __future__ import print_function

import io
import pstats
import sys

import canon


def caller_row(key, value):
    """One caller: pstats hands tuples and bare integers through as it found them."""
    row = canon.location(key)
    if isinstance(value, tuple):
        if len(value) != 4:
            raise ValueError("caller tuple of %d items" % len(value))
        row.update(zip(("calls", "primitive_calls", "self", "total"), map(canon.number, value)))
    else:
        row["count"] = canon.number(value)
    return row


def function_row(key, value):
    row = canon.location(key)
    primitive, calls, own, total, callers = value
    row.update(
        {
            "primitive_calls": canon.number(primitive),
            "calls": canon.number(calls),
            "self": canon.number(own),
            "total": canon.number(total),
            "callers": sorted((caller_row(k, v) for k, v in callers.items()), key=canon.order),
        }
    )
    return row


def stream():
    """A text stream of the interpreter's own string type (Python 2's pstats prints byte strings)."""
    if sys.version_info[0] == 2:
        from StringIO import StringIO

        return StringIO()
    return io.StringIO()


def printed(stats, method):
    """Run a print method; say how much it printed and whether a UTF-8 terminal could show it (surrogates: no)."""
    stats.stream = stream()
    getattr(stats, method)()
    out = stats.stream.getvalue()
    try:
        (out.decode if isinstance(out, bytes) else out.encode)("utf-8")
        encodable = True
    except UnicodeError:
        encodable = False
    return {"lines": out.count("\n"), "utf8": encodable}


def main(files):
    if not files:
        sys.exit("usage: pstats_stats.py FILE...")
    # pstats prints on the stream it is given, also from its constructor when a later file is missing.
    stats = pstats.Stats(*files, stream=stream())
    document = {
        "tool": {"name": "pstats", "version": "%d.%d.%d" % sys.version_info[:3]},
        "class": stats.__class__.__name__,
        "total_calls": canon.number(stats.total_calls),
        "prim_calls": canon.number(stats.prim_calls),
        "total_tt": canon.number(stats.total_tt),
        "functions": sorted((function_row(k, v) for k, v in stats.stats.items()), key=canon.order),
    }
    document["printed"] = dict(
        (method, printed(stats, method)) for method in ("print_stats", "print_callers", "print_callees")
    )
    canon.emit(document)


if __name__ == "__main__":
    main(sys.argv[1:])
