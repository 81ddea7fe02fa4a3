"""Leaves a daemon behind: the command has ended before that runs."""

import os
import time


def work():
    end = time.time() + 0.2
    while time.time() < end:
        pass


if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
work()
