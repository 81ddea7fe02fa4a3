"""Frames that begin, end and go on in every way, each a known number of times."""

import sys
import weakref


def leaf():
    pass


def numbers(count):
    for number in range(count):
        leaf()
        yield number


def generators():
    list(numbers(10))
    left = numbers(10)
    next(left)
    left.close()
    thrown = numbers(10)
    next(thrown)
    try:
        thrown.throw(KeyError)
    except KeyError:
        pass
    dropped = numbers(10)
    next(dropped)
    del dropped


def fails(depth):
    if depth == 0:
        raise ValueError
    fails(depth - 1)


def errors():
    for _ in range(7):
        try:
            fails(5)
        except ValueError:
            leaf()
    try:
        sorted([1, 2], key=lambda _: fails(0))
    except ValueError:
        pass


def to_the_limit():
    to_the_limit()


def limit():
    for _ in range(3):
        try:
            to_the_limit()
        except RecursionError:
            leaf()


class Dying:
    def __del__(self):
        leaf()


def finalizers():
    for _ in range(11):
        Dying()
    cycle = [Dying()]
    cycle.append(cycle)
    weakref.ref(cycle[0], lambda _: leaf())


def addresses():
    """Code objects that die, so that later ones have their addresses."""
    for number in range(300):
        space = {}
        exec("def made_%d():\n    pass\nmade_%d()" % (number % 60, number % 60), space)


def traced():
    """A program with a trace function of its own."""
    lines = []
    sys.settrace(lambda frame, event, argument: lines.append(event))
    for _ in range(5):
        leaf()
    sys.settrace(None)
    assert lines.count("call") == 5, lines


def profiled():
    """A program that profiles itself: its own profiler sees its calls, and we see those after it."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    for _ in range(5):
        seen_by_both()
    profile.disable()
    for _ in range(9):
        after_the_profiler()
    calls = [row[0] for key, row in pstats.Stats(profile).stats.items() if key[2] == "seen_by_both"]
    assert calls == [5], calls


def profiled_in_python():
    """The standard library's other profiler, which ends in an AssertionError if it sees a return without a call."""
    import profile
    import pstats
    import warnings

    warnings.simplefilter("ignore")
    of_python = profile.Profile(bias=0)
    of_python.runctx("after_the_profiler()", globals(), {})
    calls = [row[0] for key, row in pstats.Stats(of_python).stats.items() if key[2] == "after_the_profiler"]
    assert calls == [1], calls


def outlives(leaf=leaf):
    try:
        yield
    finally:
        leaf()


def kept():
    """Generators that are closed when the interpreter is cleared: no module is there any more."""
    import codecs

    for generator in [outlives(), (number for number in [1, 2])]:
        next(generator)
        codecs.register(lambda name, generator=generator: None)


def seen_by_both():
    pass


def after_the_profiler():
    pass


generators()
errors()
limit()
finalizers()
addresses()
traced()
profiled()
profiled_in_python()
kept()
