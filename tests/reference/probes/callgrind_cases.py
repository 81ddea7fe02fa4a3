"""Callgrind texts, each the smallest that shows one point, with the truth by the format's own description.

The truth is (self by function, inclusive cost and calls by edge), of the first event.
"""

HEAD = "# callgrind format\nversion: 1\ncreator: hand\npositions: line\nevents: Ir\n\n"
CALLER = "fl=m.c\nfn=main\n1 10\ncfn=work\ncalls=2 5\n2 30\n\nfl=m.c\nfn=work\n5 30\n"
PLAIN = ({"main": 10, "work": 30}, {"main→work": (30, 2)})

CASES = {
    "plain": (HEAD + CALLER, PLAIN),
    "no first line": ((HEAD + CALLER).partition("\n")[2], PLAIN),
    "name ids": (
        HEAD + "fl=(1) m.c\nfn=(1) main\n1 10\ncfn=(2) work\ncalls=2 5\n2 30\n\nfl=(1)\nfn=(2)\n5 30\n",
        PLAIN,
    ),
    "relative positions": (
        HEAD + "fl=m.c\nfn=main\n7 4\n+2 3\n-1 2\n* 1\ncfn=work\ncalls=2 +4\n* 30\n\nfl=m.c\nfn=work\n5 30\n",
        PLAIN,
    ),
    "hex positions": (
        HEAD + "fl=m.c\nfn=main\n0x1 10\ncfn=work\ncalls=2 0x5\n0x2 30\n\nfl=m.c\nfn=work\n0x5 30\n",
        PLAIN,
    ),
    "instr line": (
        HEAD.replace("positions: line", "positions: instr line")
        + "fl=m.c\nfn=main\n0x10 1 10\ncfn=work\ncalls=2 0x20 5\n0x11 2 30\n\nfl=m.c\nfn=work\n0x20 5 30\n",
        PLAIN,
    ),
    "instr line, relative (Go)": (
        "positions: instr line\nevents: cpu(ms)\n\nob=(1) a\nfl=(1) m.c\nfn=(1) main\n0x10 1 10\ncfl=(1)\ncfn=(2) work\n"
        "calls=2 +16 5\n* * 30\n\nob=(1)\nfl=(1)\nfn=(2)\n+16 5 30\n",
        PLAIN,
    ),
    "two parts": (
        HEAD
        + CALLER
        + "\ntotals: 40\n\npart: 2\ndesc: Trigger: dump\npositions: line\nevents: Ir\nsummary: 7\n\n"
        + "fl=m.c\nfn=main\n1 7\n\ntotals: 7\n",
        ({"main": 17, "work": 30}, {"main→work": (30, 2)}),
    ),
    "second event absent": (HEAD.replace("events: Ir", "events: Ir Dr") + CALLER, PLAIN),
    "definition repeated": (
        HEAD
        + "fl=(1) m.c\nfn=(1) main\n1 10\ncfl=(1) m.c\ncfn=(2) work\ncalls=2 5\n2 30\n\nfl=(1) m.c\nfn=(2) work\n5 30\n",
        PLAIN,
    ),
    "one name, two files": (
        HEAD + "fl=a.c\nfn=work\n1 10\n\nfl=b.c\nfn=work\n5 30\n",
        ({"a.c:work": 10, "b.c:work": 30}, {}),
    ),
    "cfn in another file": (
        HEAD + "fl=a.c\nfn=main\n1 10\ncfi=b.c\ncfn=work\ncalls=2 5\n2 30\n\nfl=b.c\nfn=work\n5 30\n",
        PLAIN,
    ),
    "recursion": (
        HEAD + "fl=m.c\nfn=main\n1 10\ncfn=work\ncalls=1 5\n2 30\n\nfl=m.c\nfn=work\n5 30\ncfn=work\ncalls=3 5\n6 60\n",
        ({"main": 10, "work": 30}, {"main→work": (30, 1), "work→work": (60, 3)}),
    ),
    "cycle without a root": (
        HEAD + "fl=m.c\nfn=main\n1 10\ncfn=work\ncalls=1 5\n2 40\n\nfl=m.c\nfn=work\n5 30\ncfn=main\ncalls=1 1\n6 40\n",
        ({"main": 10, "work": 30}, {"main→work": (40, 1), "work→main": (40, 1)}),
    ),
    "inclusive below self of the callee": (
        HEAD + "fl=m.c\nfn=main\n1 10\ncfn=work\ncalls=2 5\n2 3\n\nfl=m.c\nfn=work\n5 30\n",
        ({"main": 10, "work": 30}, {"main→work": (3, 2)}),
    ),
    "no call edges": (HEAD + "fl=m.c\nfn=main\n1 10\n\nfl=m.c\nfn=work\n5 30\n", ({"main": 10, "work": 30}, {})),
    "inlined file (fi, fe)": (
        HEAD + "fl=m.c\nfn=main\n1 4\nfi=h.h\n9 5\nfe=m.c\n2 1\ncfn=work\ncalls=2 5\n2 30\n\nfl=m.c\nfn=work\n5 30\n",
        PLAIN,
    ),
    "jumps": (
        HEAD
        + "fl=m.c\nfn=main\n1 10\njump=3 7\n1\njcnd=1/2 +3\n1\ncfn=work\ncalls=2 5\n2 30\n\nfl=m.c\nfn=work\n5 30\n",
        PLAIN,
    ),
    "zero self": (
        HEAD + "fl=m.c\nfn=main\n1 0\ncfn=work\ncalls=2 5\n2 30\n\nfl=m.c\nfn=work\n5 30\n",
        ({"main": 0, "work": 30}, {"main→work": (30, 2)}),
    ),
    "no self line": (
        HEAD + "fl=m.c\nfn=main\ncfn=work\ncalls=2 5\n2 30\n\nfl=m.c\nfn=work\n5 30\n",
        ({"main": 0, "work": 30}, {"main→work": (30, 2)}),
    ),
    "zero calls": (HEAD + CALLER.replace("calls=2", "calls=0"), ({"main": 10, "work": 30}, {"main→work": (30, 0)})),
    "above 2^53": (
        HEAD + "fl=m.c\nfn=main\n1 9007199254740993\n",
        ({"main": 9007199254740993}, {}),
    ),
    "headers only": (HEAD, ({}, {})),
}
