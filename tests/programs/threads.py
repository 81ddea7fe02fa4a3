"""Every kind of thread, each of which calls work() 100 times."""

import _thread
import ctypes
import threading
import time


def work():
    pass


def body(*_):
    for _ in range(100):
        work()
    return 0


started = threading.Thread(target=body, name="from threading")
started.start()
started.join()

lock = _thread.allocate_lock()
lock.acquire()


def low():
    body()
    lock.release()


_thread.start_new_thread(low, ())
lock.acquire()

# A thread that C makes, and that Python never heard of before it calls.
callback = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(body)
libc = ctypes.CDLL(None)
handle = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(handle), None, callback, None)
libc.pthread_join(handle, None)

timer = threading.Timer(0.001, body)
timer.start()
timer.join()

daemon = threading.Thread(target=lambda: (body(), time.sleep(60)), daemon=True)
daemon.start()
time.sleep(0.2)
body()
