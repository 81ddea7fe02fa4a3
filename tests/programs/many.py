"""many.py COUNT MILLISECONDS: so many children one after the other, each of which lives about so long and calls work() once."""

import os
import sys
import time


def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def main(count, seconds):
    for _ in range(count):
        child = os.fork()
        if child == 0:
            work(seconds)
            os._exit(0)
        os.waitpid(child, 0)


main(int(sys.argv[1]), int(sys.argv[2]) / 1000)
