"""Judges dumps for the fuzz target pstats_cpython: what `marshal.loads` and `pstats` make of bytes.

A request is a length (4 bytes, little endian) and the bytes; an answer a length and a text of lines: `refused` and
why; `odd` and why (CPython takes it, but it is no table of five numbers a function, or not the whole input); or `dump`, then

    f FILE LINE NAME CALLS PRIMITIVE OWN TOTAL      a function; the rows of its callers follow
    c FILE LINE NAME CALLS PRIMITIVE OWN TOTAL

Texts are hexadecimal, times nanoseconds rounded as profkit rounds them. Hostile marshal data may crash CPython: whoever asks
starts another one. A limit on memory and an alarm keep one question from costing too much.
"""

import io
import marshal
import math
import pstats
import resource
import signal
import struct
import sys

MEMORY = 256 << 20
SECONDS = 1


class Odd(Exception):
    pass


def is_count(value):
    return type(value) is int and -(2**63) <= value < 2**63


def is_time(value):
    # A whole number of seconds so large that it is no double, or nanoseconds that do not fit 64 bits.
    return type(value) in (int, float) and -9.2e9 < value < 9.2e9


def row(kind, key, counts):
    if type(key) is not tuple or [type(part) for part in key] != [str, int, str] or not is_count(key[1]):
        raise Odd("key")
    if type(counts) is not tuple or len(counts) != 4:
        raise Odd("counts")
    calls, primitive, own, total = counts
    if not (is_count(calls) and is_count(primitive) and is_time(own) and is_time(total)):
        raise Odd("numbers")
    texts = [key[at].encode("utf-8", "surrogatepass").hex() or "-" for at in (0, 2)]
    times = [round(time * 1e9) if math.isfinite(time) else None for time in (own, total)]
    return "%s %s %d %s %d %d %d %d" % (kind, texts[0], key[1], texts[1], calls, primitive, *times)


class Holder:
    def __init__(self, stats):
        self.stats = stats

    def create_stats(self):
        pass


def judge(data):
    try:
        stats = marshal.loads(data)
    except Exception as error:
        return "refused\n%s: %s" % (type(error).__name__, error)
    if type(stats) is not dict:
        return "refused\nnot a dict"
    try:
        rows = []
        for key, value in stats.items():
            if type(value) is not tuple or len(value) != 5 or type(value[4]) is not dict:
                raise Odd("value")
            primitive, calls, own, total, callers = value
            rows.append(row("f", key, (calls, primitive, own, total)))
            for caller, counts in callers.items():
                rows.append(row("c", caller, counts))
        if stats:
            pstats.Stats(Holder(stats))
    except Odd as error:
        return "odd\n%s" % error
    except Exception as error:
        return "odd\n%s: %s" % (type(error).__name__, error)
    stream = io.BytesIO(data)
    marshal.load(stream)
    if stream.tell() != len(data):
        return "odd\nmore follows"
    return "\n".join(["dump", *rows])


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.read(4):
        data = requests.read(struct.unpack("<I", head)[0])
        # Without a handler, the alarm ends the process also in the middle of marshal's own code.
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        answer = judge(data).encode("utf-8", "backslashreplace")
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(struct.pack("<I", len(answer)) + answer)
        answers.flush()


main()
