"""Runs for a second below as many frames as it is told."""

import sys
import threading
import time

sys.setrecursionlimit(10**6)
threading.stack_size(1 << 29)


def leaf():
    end = time.time() + 1
    while time.time() < end:
        pass


def deeper(left):
    if left:
        deeper(left - 1)
    else:
        leaf()


thread = threading.Thread(target=deeper, args=[int(sys.argv[1])])
thread.start()
thread.join()
