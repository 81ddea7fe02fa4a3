"""Compares a dump with cProfile's of the same program: who called whom how often.

compare_cprofile.py THEIRS OURS FILE...: only callers in files that end with one of FILE count, since what starts a
program differs. Prints each difference as a line; nothing if there is none.
"""

import os
import pstats
import sys


def edges(dump, files):
    found = {}
    # cProfile compiles the program under the name that it is given, Python itself under the absolute one.
    base = os.path.basename
    for (file, line, name), (_, _, _, _, callers) in pstats.Stats(dump).stats.items():
        # profkit has qualified names.
        callee = (base(file), line, name.rsplit(".", 1)[-1] if line else name)
        for (caller_file, caller_line, caller_name), (calls, primitive, _, _) in callers.items():
            if caller_file.endswith(tuple(files)):
                edge = (base(caller_file), caller_line, caller_name.rsplit(".", 1)[-1]), callee
                before = found.get(edge, (0, 0))
                found[edge] = before[0] + calls, before[1] + primitive
    return found


theirs, ours = edges(sys.argv[1], sys.argv[3:]), edges(sys.argv[2], sys.argv[3:])
# Generators count once, however often they are resumed; what cProfile itself has imported is not imported again.
others = {"<genexpr>"}
for edge in sorted(set(theirs) | set(ours)):
    if edge[0][2] in others or edge[1][2] in others or edge[1][0] == "<frozen importlib._bootstrap>":
        continue
    if theirs.get(edge) != ours.get(edge):
        print(edge, "cProfile", theirs.get(edge), "profkit", ours.get(edge))
print(len(theirs), "edges", file=sys.stderr)
