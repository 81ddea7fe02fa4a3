"""Takes 0.2 s of CPU time in each of two threads, and waits for 0.2 s; prints what the whole process took."""

import threading
import time


def spin():
    end = time.thread_time() + 0.2
    while time.thread_time() < end:
        pass


def wait():
    time.sleep(0.2)


thread = threading.Thread(target=spin)
thread.start()
spin()
thread.join()
wait()
print(time.process_time())
