"""Eighty threads, four at a time, that use 10 ms of a processor each; prints what they used together by their own clocks."""

import threading
import time

used = []


def work():
    while (now := time.thread_time()) < 0.01:
        pass
    used.append(now)


for _ in range(20):
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(sum(used))
