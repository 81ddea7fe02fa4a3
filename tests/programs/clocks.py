"""Two threads in Python, one in C without the interpreter's lock, one that sleeps; prints how long that took, and what each
used of a processor by its own clock."""

import hashlib
import threading
import time

BLOCK = b"x" * (1 << 20)


def timed(function):
    function(time.perf_counter() + 1.5)
    used[function.__name__] = time.thread_time()


def first(end):
    while time.perf_counter() < end:
        sum(range(100))


def second(end):
    while time.perf_counter() < end:
        sum(range(100))


def hashing(end):
    while time.perf_counter() < end:
        hashlib.sha256(BLOCK).digest()


def sleeping(end):
    while time.perf_counter() < end:
        time.sleep(0.02)


FUNCTIONS = first, second, hashing, sleeping
used = {}
begin = time.perf_counter()
threads = [threading.Thread(target=timed, args=(function,)) for function in FUNCTIONS]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(time.perf_counter() - begin, *(used[function.__name__] for function in FUNCTIONS))
