"""Prints what CPython says of the lines of some of its own modules' code objects, as JSON lines: the running version's table as
hexadecimal digits, the first line, and [start, end, line] with offsets in bytes; a line of null has none."""
import dis
import json
import sys
import types


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def ranges(code):
    if sys.version_info >= (3, 10):
        return [list(r) for r in code.co_lines()]
    starts = list(dis.findlinestarts(code))
    ends = [start for start, _ in starts[1:]] + [len(code.co_code)]
    return [[start, end, line] for (start, line), end in zip(starts, ends)]


def table(code):
    return (code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab).hex()


for name in ("argparse", "dataclasses", "inspect", "asyncio.base_events", "typing", "json.decoder"):
    module = __import__(name, fromlist=["x"])
    with open(module.__file__, encoding="utf-8") as file:
        source = file.read()
    for code in codes(compile(source, module.__file__, "exec")):
        print(json.dumps({"name": code.co_name, "first": code.co_firstlineno, "table": table(code), "ranges": ranges(code)}))
