"""yappi statistics, each the smallest that shows one point, pickled with yappi's own classes (1.7.6 is assumed).

Each case is a list of files; yappi adds them in that order.
"""

import pickle

import yappi


def function(name, ncall=1, own=0.25, total=1.0, children=(), nonrecursive=None, index=1, module="m.py", line=1):
    full_name = "%s:%d %s" % (module, line, name)
    tavg = total / ncall if ncall else 0.0
    calls = (ncall, ncall if nonrecursive is None else nonrecursive)
    stat = yappi.YFuncStat(
        (name, module, line, *calls, False, total, own, index, [], 0, "_MainThread", 0, None, tavg, full_name)
    )
    stat.children = yappi.YChildFuncStats()
    for child, calls, total in children:
        row = (
            child.index,
            calls,
            calls,
            total,
            total,
            child.tavg,
            False,
            child.full_name,
            child.module,
            child.lineno,
            child.name,
        )
        stat.children.append(yappi.YChildFuncStat(row))
    return stat


def saved(*functions, clock="wall"):
    stats = yappi.YFuncStats()
    for stat in functions:
        stats.append(stat)
    return pickle.dumps((stats, clock), 2)


def pair(calls=1, clock="wall", name="leaf"):
    leaf = function(name, ncall=calls, own=0.75, total=0.75, index=2, line=5)
    return saved(function("root", ncall=calls, children=[(leaf, calls, 0.75)]), leaf, clock=clock)


CASES = {
    "plain": [pair()],
    "two files": [pair(), pair(calls=3)],
    "calls 0": [pair(calls=0)],
    "calls 0, two files": [pair(calls=0), pair(calls=0)],
    "wall and cpu": [pair(), pair(clock="cpu")],
    "clock None": [pair(clock=None)],
    "clock None and wall": [pair(clock=None), pair()],
    "child without a row of its own": [
        saved(function("root", children=[(function("leaf", index=2, line=5), 1, 0.75)]))
    ],
    "recursion": [saved(function("f", ncall=5, nonrecursive=1, own=1.0, total=1.0))],
    "lone surrogate": [pair(name="le\udcffaf")],
    "newline in name": [pair(name="le\naf")],
    "empty": [saved()],
}
