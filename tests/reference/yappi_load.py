"""What yappi reads out of its own saved statistics: yappi_load.py FILE...

`YFuncStats().add(FILE)` for each, so several files are merged by yappi itself; then `print_all()`, which only some
broken inputs fail in. Every attribute is printed under yappi's own name: `ncall` is all calls, `nactualcall` the
non-recursive ones; times are seconds; a child's `tavg` is the callee's overall average, not the edge's.
yappi identifies a function by `full_name`: what shares one is added together while loading.

`add` UNPICKLES the file: feed it only files that we wrote. It compares each function with each (quadratic).
Runs under CPython 2.7 and 3.6+ with any yappi from 1.0 on; put another version first on PYTHONPATH to judge with that.
"""

from __future__ import print_function

import io
import sys

import canon
import yappi

NUMBERS = ("index", "ncall", "nactualcall", "ttot", "tsub", "tavg", "lineno")
STRINGS = ("name", "module", "full_name", "ctx_name")


def version():
    try:
        from importlib.metadata import version as installed
    except ImportError:
        import pkg_resources

        return pkg_resources.get_distribution("yappi").version
    return installed("yappi")


def stat_row(stat):
    """A function or child row. Releases differ in which attributes exist (1.0 has no ctx_name and no tag)."""
    row = {}
    for name in NUMBERS:
        row[name] = canon.number(getattr(stat, name))
    for name in STRINGS:
        value = getattr(stat, name, None)
        row[name] = None if value is None else canon.text(value)
    row["builtin"] = bool(stat.builtin)
    for name in ("ctx_id", "tag"):
        value = getattr(stat, name, None)
        row[name] = value if value is None else canon.number(value)
    return row


def by_name(row):
    return (row["full_name"], row["index"])


def function_row(stat):
    row = stat_row(stat)
    row["children"] = sorted((stat_row(child) for child in stat.children), key=by_name)
    return row


def printed(stats):
    """`print_all` into a stream of the interpreter's own string type, and into one that a UTF-8 terminal would be."""
    if sys.version_info[0] == 2:
        from StringIO import StringIO

        out = StringIO()
    else:
        out = io.StringIO()
    stats.print_all(out=out)
    shown = out.getvalue()
    try:
        (shown.decode if isinstance(shown, bytes) else shown.encode)("utf-8")
        encodable = True
    except UnicodeError:
        encodable = False
    return {"lines": shown.count("\n"), "utf8": encodable, "text": canon.text(shown)}


def main(files):
    if not files:
        sys.exit("usage: yappi_load.py FILE...")
    stats = yappi.YFuncStats()
    for path in files:
        stats.add(path)
    rows = sorted((function_row(stat) for stat in stats), key=by_name)
    canon.emit(
        {
            "tool": {"name": "yappi", "version": version()},
            "clock": stats._clock_type,
            "functions": rows,
            "printed": printed(stats),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
