"""What a traced call costs, by several tracers in one process: they take turns, and CPU time is what counts.

trace.py TRACER EMPTY_HOOK FOLDER ROUNDS: prints `tracer workload ns` for the least of the rounds, per call and less what
the program takes by itself. Tracers: empty, cprofile, yappi, yappi_cpu (where yappi can be imported), ours, ours_cpu,
ours_python (without functions in C). Also `start`, `path_bytes` and `two_threads` of ours.
"""

import cProfile
import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
import time

try:
    import yappi
except ImportError:
    yappi = None


def load(name, path):
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


tracer = load("profkit_tracer", sys.argv[1])
empty = load("empty_hook", sys.argv[2])
folder, rounds = sys.argv[3], int(sys.argv[4])


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def c_calls():
    values = []
    for _ in range(10000):
        len(values)
        abs(-1)


class Number:
    def __init__(self, value):
        self.value = value

    def get(self):
        return self.value

    def add(self, other):
        return Number(self.get() + other.get())


def objects():
    number, one = Number(0), Number(1)
    for _ in range(5000):
        number = number.add(one)


WORK = {"fib": (lambda: fib(20), 21891), "c": (c_calls, 20000), "objects": (objects, 20000)}


class Ours:
    def __init__(self, **options):
        self.options = "".join("%s\t%s\n" % option for option in options.items())

    def start(self):
        self.folder = tempfile.mkdtemp(dir=folder)
        tracer.start("folder\t%s\n%s" % (self.folder, self.options))

    def stop(self):
        tracer.stop()
        shutil.rmtree(self.folder)


class Empty:
    def start(self):
        empty.start(True)

    def stop(self):
        empty.stop()


class CProfile:
    def start(self):
        self.profile = cProfile.Profile()
        self.profile.enable()

    def stop(self):
        self.profile.disable()


class Yappi:
    def __init__(self, clock):
        self.clock = clock

    def start(self):
        yappi.set_clock_type(self.clock)
        yappi.start(builtins=True)

    def stop(self):
        yappi.stop()
        yappi.clear_stats()


class Nothing:
    def start(self):
        pass

    def stop(self):
        pass


def cost(tracer_of, work):
    tracer_of.start()
    work()
    begin = time.thread_time_ns()
    work()
    took = time.thread_time_ns() - begin
    tracer_of.stop()
    return took


def compare():
    tracers = {"none": Nothing(), "empty": Empty(), "cprofile": CProfile(), "ours": Ours()}
    tracers["ours_cpu"] = Ours(clock="cpu")
    tracers["ours_python"] = Ours(builtins=0)
    if yappi:
        tracers["yappi"], tracers["yappi_cpu"] = Yappi("wall"), Yappi("cpu")
    for name, (work, calls) in WORK.items():
        least = dict.fromkeys(tracers, 1 << 62)
        for _ in range(rounds):
            for which, tracer_of in tracers.items():
                least[which] = min(least[which], cost(tracer_of, work))
        bare = least.pop("none")
        for which, took in least.items():
            print(which, name, (took - bare) / calls)


def two_threads():
    """CPU time of two threads that call at once, by that of one which does the work of both."""

    def run(threads, times):
        def body():
            for _ in range(times):
                fib(20)

        started = [threading.Thread(target=body) for _ in range(threads)]
        begin = time.process_time_ns()
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        return time.process_time_ns() - begin

    least = {}
    ours = Ours()
    for _ in range(2 * rounds):
        for threads in [1, 2]:
            for traced in [False, True]:
                if traced:
                    ours.start()
                took = run(threads, 8 // threads)
                if traced:
                    ours.stop()
                key = threads, traced
                least[key] = min(least.get(key, 1 << 62), took)
    one, two = (least[threads, True] - least[threads, False] for threads in [1, 2])
    print("ours", "two_threads", two / one)


def path_bytes():
    """Bytes of memory and file for each distinct path: functions that call each other along random ways."""
    functions = 16
    space = {}
    source = "\n".join("def f%d(way):\n    if way: all_of[way & 15](way >> 4)" % at for at in range(functions))
    exec(source, space)
    space["all_of"] = [space["f%d" % at] for at in range(functions)]
    first = space["f0"]

    def resident():
        # The mapped file is shared memory; what is on the heap is not.
        with open("/proc/self/statm") as file:
            return (int(file.read().split()[1])) * os.sysconf("SC_PAGE_SIZE")

    ours = Ours(builtins=0)
    ours.start()
    first(0x1234)
    before = resident()
    ways = 1 << 16
    for way in range(ways):
        # Each way ends in a function that is not below its caller yet.
        first(1 << 20 | way)
    grown = resident() - before
    ours.stop()
    # The way's five digits below f0: those of 0 to 0xffff, each with its prefixes (read from its end).
    paths = sum(16 ** digits for digits in range(1, 5)) + ways
    print("ours", "path_bytes", grown / paths)


def start():
    """In processes that have not traced before."""
    least = 1 << 62
    for _ in range(rounds):
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            ours = Ours(tsc_hz=2e9)
            begin = time.perf_counter_ns()
            ours.start()
            os.write(writes, b"%d" % (time.perf_counter_ns() - begin))
            ours.stop()
            os._exit(0)
        os.waitpid(child, 0)
        least = min(least, int(os.read(reads, 100)))
    print("ours", "start", least)


start()
compare()
two_threads()
path_bytes()
