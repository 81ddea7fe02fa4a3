"""Deep stacks: `chunks` of which two kinds go on in another chunk of the data stack, `generators` of many generators."""

import sys
import time


def named(name, variables, rest):
    lines = [f"def {name}(argument):", *(f"  v{i} = 0" for i in range(variables)), rest]
    exec("\n".join(lines), globals())


# A chunk has 16 KiB: with one of these in it, the other goes to the next.
named("pad", 1100, "  return argument()")
named("large", 900, "  while time.time() < argument: pass")


def near():
    near_1(time.time() + 0.05)


def near_1(end):
    large(end)


def far():
    far_1(time.time() + 0.05)


def far_1(end):
    far_2(end)


def far_2(end):
    far_3(end)


def far_3(end):
    large(end)


def chunks(end):
    while time.time() < end:
        pad(near)
        pad(far)


def generator(depth, end):
    if depth:
        yield from generator(depth - 1, end)
    else:
        innermost(end)
        yield


def innermost(end):
    while time.time() < end:
        time.sleep(0.01)


def generators(end):
    list(generator(300, end))


globals()[sys.argv[1]](time.time() + 1)
