"""What gprof2dot reads: gprof2dot_functions.py pstats|callgrind|collapse FILE...

The numbers come from its parser classes, called as modules; then its command line draws the whole graph (nothing pruned)
to prove that it gets that far. What a number means depends on the format:
* pstats: self and total in seconds, `calls` of a function = all calls, `calls` of an edge = PRIMITIVE calls (its slip);
* callgrind: self in the first event's unit, edge `inclusive`; `total` is a share of the whole that gprof2dot integrates
  over call ratios, so it is an estimate as soon as there are cycles;
* collapse: self and total in samples, total once a stack however often the function is on it, edge `inclusive` once an
  occurrence (so recursion counts each time). Only integer counts are taken. Its own drawing uses an estimate instead of
  that total: `--total=callstacks`, which would use it, ends in a NameError in 2025.4.14.

Run by an interpreter that has gprof2dot.
"""

import importlib.metadata
import os
import subprocess
import sys

import canon
import gprof2dot

PARSERS = {
    "pstats": gprof2dot.PstatsParser,
    "callgrind": gprof2dot.CallgrindParser,
    "collapse": gprof2dot.CollapseParser,
}
# Event objects are compared by identity; SAMPLES and SAMPLES2 share their printed name.
FUNCTION_EVENTS = {
    "self": (gprof2dot.TIME, gprof2dot.SAMPLES),
    "total": (gprof2dot.TOTAL_TIME, gprof2dot.TOTAL_SAMPLES),
    "self_ratio": (gprof2dot.TIME_RATIO,),
    "total_ratio": (gprof2dot.TOTAL_TIME_RATIO,),
}
CALL_EVENTS = {
    "calls": (gprof2dot.CALLS,),
    "inclusive": (gprof2dot.TOTAL_TIME, gprof2dot.SAMPLES2),
    "ratio": (gprof2dot.TOTAL_TIME_RATIO,),
}


def values(thing, events):
    """The events that gprof2dot gave this function, call or profile."""
    return {
        name: canon.number(thing[event])
        for name, alternatives in events.items()
        for event in alternatives
        if event in thing
    }


def call_row(call, profile):
    row = values(call, CALL_EVENTS)
    row["callee"] = canon.text(profile.functions[call.callee_id].name)
    row["callee_id"] = identity(call.callee_id)
    return row


def identity(value):
    """gprof2dot keys functions by integer (pstats) or by name (callgrind, collapse)."""
    return canon.text(value) if isinstance(value, str) else value


def function_row(function, profile):
    row = values(function, FUNCTION_EVENTS)
    row["id"] = identity(function.id)
    row["name"] = canon.text(function.name)
    row["file"] = None if function.filename is None else canon.text(function.filename)
    row["module"] = None if function.module is None else canon.text(function.module)
    row["calls"] = function.called
    row["in_cycle"] = function.cycle is not None
    row["callees"] = sorted(
        (call_row(call, profile) for call in function.calls.values()),
        key=lambda call: (call["callee"], str(call["callee_id"])),
    )
    return row


def parse(form, files):
    if form == "pstats":
        return PARSERS[form](*files).parse()
    # The command line opens text inputs this way.
    with open(files[0], "rt", encoding="UTF-8") as lines:
        return PARSERS[form](lines).parse()


def draw(form, files):
    """Run the real command; its error goes to our stderr and its status becomes ours."""
    command = [sys.executable, "-m", "gprof2dot", "-f", form, "-n0", "-e0", "-o", os.devnull, *files]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in PARSERS:
        sys.exit("usage: gprof2dot_functions.py pstats|callgrind|collapse FILE...")
    form, files = arguments[0], arguments[1:]
    profile = parse(form, files)
    draw(form, files)
    rows = (function_row(function, profile) for function in profile.functions.values())
    canon.emit(
        {
            "tool": {"name": "gprof2dot", "version": importlib.metadata.version("gprof2dot")},
            "profile": values(profile, FUNCTION_EVENTS),
            "functions": sorted(rows, key=lambda row: (row["name"], str(row["id"]))),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
