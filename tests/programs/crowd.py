"""Sixty threads that use a processor now and then for so many seconds; prints its pid and what they used by their own clocks."""

import os
import sys
import threading
import time

used = []


def work():
    while time.time() < end:
        for _ in range(10000):
            pass
        time.sleep(0.01)
    used.append(time.thread_time())


end = time.time() + float(sys.argv[1])
threads = [threading.Thread(target=work) for _ in range(60)]
for thread in threads:
    thread.start()
print(os.getpid(), flush=True)
for thread in threads:
    thread.join()
print(sum(used))
