"""Forks in a thread, in a child, and with other threads running; 10 calls of work() in each child."""

import os
import threading


def work():
    pass


def child_work():
    for _ in range(10):
        work()


def fork(run):
    child = os.fork()
    if child == 0:
        run()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def in_a_child():
    child_work()
    fork(child_work)


def does_nothing():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


stop = threading.Event()
busy = threading.Thread(target=stop.wait, name="busy")
busy.start()
forking = threading.Thread(target=fork, args=(in_a_child,), name="forking")
forking.start()
forking.join()
does_nothing()
stop.set()
busy.join()
