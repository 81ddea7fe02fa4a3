"""Recurses 100,000 deep, in a thread whose stack is large enough for it on every version."""

import sys
import threading


def deep(depth):
    return 0 if depth == 0 else 1 + deep(depth - 1)


def deep_in_a_thread():
    sys.setrecursionlimit(1000000)
    threading.stack_size(256 << 20)
    depth = 100000
    results = []
    thread = threading.Thread(target=lambda: results.append(deep(depth)))
    thread.start()
    thread.join()
    assert results == [depth], results


deep_in_a_thread()
