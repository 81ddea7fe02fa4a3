"""Ends while threads run, objects die and functions that were registered are called."""

import atexit
import threading
import time


def registered():
    time.sleep(0.01)


class Last:
    def __del__(self):
        pass


def busy():
    while True:
        ticks()


def ticks():
    pass


atexit.register(registered)
kept = Last()
for number in range(3):
    threading.Thread(target=busy, name="daemon %d" % number, daemon=True).start()
time.sleep(0.05)
