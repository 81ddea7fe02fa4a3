"""Stands still in many ways: a thread that is busy, one that waits, one deep in recursion, one that
leaves a function but for its last object, children with and without Python.

The first line that it prints is `ready` and its process id."""
import os
import subprocess
import sys
import threading

sys.setrecursionlimit(5000)
forever = threading.Event()


def wait_here():
    forever.wait()


def deep(levels):
    if levels == 1:
        wait_here()
    else:
        deep(levels - 1)


def even(levels):
    odd(levels)


def odd(levels):
    if levels:
        even(levels - 1)
    else:
        wait_here()


class Last:
    def __del__(self):
        wait_here()


def leave():
    last = Last()
    return id(last)


def finish():
    leave()


def burn():
    number = 0
    while True:
        number += 1


def main():
    child = "import os, time\ndef rest():\n    print(os.getpid(), flush=True)\n    time.sleep(600)\nrest()"
    python = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
    python.stdout.readline()
    subprocess.Popen(["sleep", "600"])
    for name, target, arguments in [
        ("waiter", wait_here, ()),
        ("diver", deep, (1000,)),
        ("swinger", even, (20,)),
        ("finisher", finish, ()),
    ]:
        threading.Thread(target=target, args=arguments, name=name, daemon=True).start()
    while threading.active_count() < 5:
        pass
    print("ready", os.getpid(), flush=True)
    burn()


main()
