"""Does one thing for two seconds, and prints how long it took by its own clocks: truth.py begins|brief|mixed|naps|nested|waits"""

import sys
import threading
import time

END = time.perf_counter() + 2


def first():
    time.sleep(0.1)


def second():
    time.sleep(0.1)


def begins():
    """Threads that sleep from their beginning on."""
    took = []

    def run():
        begin = time.perf_counter()
        first()
        took.append(time.perf_counter() - begin)
        second()

    while time.perf_counter() < END:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    return sum(took)


def spin():
    begin = time.perf_counter()
    while time.perf_counter() < begin + 0.02:
        pass
    took.append(time.perf_counter() - begin)


took = []


def brief():
    """Threads of 20 ms, one after the other."""
    while time.perf_counter() < END:
        thread = threading.Thread(target=spin)
        thread.start()
        thread.join()
    return sum(took)


def doze():
    time.sleep(0.03)


def mixed():
    """Threads that sleep, beside others that work for 4 ms one after the other."""
    while time.perf_counter() < END:
        threads = [threading.Thread(target=doze) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(6):
            worker = threading.Thread(target=twice)
            worker.start()
            worker.join()
        for thread in threads:
            thread.join()
    return time.process_time()


def work():
    end = time.thread_time() + 0.002
    while time.thread_time() < end:
        pass


def twice():
    work()
    work()


def nap():
    time.sleep(0.004)


def naps():
    """Twice as much sleep as work."""
    while time.perf_counter() < END:
        work()
        nap()
    return time.thread_time()


def inside(interpreters):
    interpreters.run_string(interpreters.create(), "import time\ndef burns():\n    end = time.time() + 1\n    while time.time() < end:\n        pass\nburns()")


def nested():
    """Threads that run other interpreters, one after the other."""
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    for _ in range(2):
        thread = threading.Thread(target=inside, args=[interpreters])
        thread.start()
        thread.join()
    return time.process_time()


def burn():
    while time.perf_counter() < END:
        pass


def waits():
    """A thread that sleeps 1 ms, and then waits for another one to give up the lock."""
    burner = threading.Thread(target=burn)
    burner.start()
    rounds, begin = 0, time.perf_counter()
    while time.perf_counter() < END:
        time.sleep(0.001)
        rounds += 1
    return time.perf_counter() - begin - rounds * 0.0011


print(globals()[sys.argv[1]]())
